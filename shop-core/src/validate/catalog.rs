//! Validators of what staff write about products: slugs, SKUs, codes, quantities, image links.

#![expect(clippy::needless_pass_by_value, reason = "`Checks` hands over what was given")]

use uuid::Uuid;

use super::{BLANK, too_long};
use crate::text::fold;

/// The maximum length of a slug, in characters.
pub const MAX_SLUG_LENGTH: usize = 100;
/// The maximum quantity of one line.
pub const MAX_QUANTITY: i64 = 10_000;
const MAX_SKU_LENGTH: usize = 64;
const MAX_URL_LENGTH: usize = 2_000;
/// The path under which the shop serves its own images.
pub const MEDIA_PATH: &str = "/media/";

/// Accepts a slug: words of `a` to `z` and digits, joined by hyphens. A slug that parses as an id is refused, because a
/// path may contain either.
pub fn slug(given: String) -> Result<String, String> {
    let slug = given.trim();
    if slug.is_empty() {
        return Err(BLANK.into());
    }
    if slug.chars().nth(MAX_SLUG_LENGTH).is_some() {
        return Err(too_long(MAX_SLUG_LENGTH));
    }
    let word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !slug.split('-').all(word) {
        return Err("Enter a valid slug consisting of lowercase letters, numbers and single hyphens.".into());
    }
    if Uuid::try_parse(slug).is_ok() {
        return Err("A slug may not look like an id.".into());
    }
    Ok(slug.to_owned())
}

/// Makes a slug from any text. Uses `fallback` (itself a slug of at most 60 characters) when no usable character is
/// left.
///
/// ```
/// use shop_core::validate::slugify;
/// assert_eq!(slugify("Crème brûlée — 2 Stück", "product"), "creme-brulee-2-stuck");
/// assert_eq!(slugify("抹茶", "product"), "product");
/// ```
#[must_use]
pub fn slugify(text: &str, fallback: &str) -> String {
    let mut slug = String::new();
    for letter in fold(text).chars() {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter);
        } else if letter.is_ascii() && !slug.is_empty() && !slug.ends_with('-') && letter != '\'' {
            slug.push('-');
        } else if !letter.is_alphanumeric() && !letter.is_ascii() && !slug.is_empty() && !slug.ends_with('-') {
            // Typographic dashes and quotation marks separate words, too; letters of other scripts are dropped.
            slug.push('-');
        }
    }
    slug.truncate(MAX_SLUG_LENGTH);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() {
        fallback.to_owned()
    } else if Uuid::try_parse(slug).is_ok() {
        // A UUID has at most 36 characters, so the length limit holds.
        format!("{fallback}-{slug}")
    } else {
        slug.to_owned()
    }
}

/// Accepts a SKU: 1 to 64 visible ASCII characters.
pub fn sku(given: String) -> Result<String, String> {
    let sku = given.trim();
    if sku.is_empty() {
        return Err(BLANK.into());
    }
    if sku.chars().nth(MAX_SKU_LENGTH).is_some() {
        return Err(too_long(MAX_SKU_LENGTH));
    }
    if sku.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(sku.to_owned())
    } else {
        Err("Enter a valid sku consisting of visible ASCII characters without spaces.".into())
    }
}

/// Accepts a code that staff give, for example to a location: 1 to 100 ASCII letters, digits, hyphens, underscores and
/// dots (`WH-EAST.2`). Case matters.
pub fn code(given: String) -> Result<String, String> {
    let code = given.trim();
    if code.is_empty() {
        return Err(BLANK.into());
    }
    if code.chars().nth(MAX_SLUG_LENGTH).is_some() {
        return Err(too_long(MAX_SLUG_LENGTH));
    }
    if code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        Ok(code.to_owned())
    } else {
        Err("Enter a valid code consisting of letters, numbers, hyphens, underscores and dots.".into())
    }
}

/// Accepts a quantity: 1 to [`MAX_QUANTITY`].
pub fn quantity(given: i64) -> Result<i64, String> {
    match given {
        ..1 => Err("Ensure this value is greater than or equal to 1.".into()),
        1..=MAX_QUANTITY => Ok(given),
        _ => Err(format!("Ensure this value is less than or equal to {MAX_QUANTITY}.")),
    }
}

/// Accepts a link: `http` or `https` with a host, at most 2,000 characters, none of which needs escaping in a page.
pub fn http_url(given: String) -> Result<String, String> {
    let url = given.trim();
    if url.is_empty() {
        return Err(BLANK.into());
    }
    if url.chars().nth(MAX_URL_LENGTH).is_some() {
        return Err(too_long(MAX_URL_LENGTH));
    }
    let refused = |letter: char| letter.is_whitespace() || letter.is_control() || "\"'<>\\^`{|}".contains(letter);
    let scheme = url.split_once("://").map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    match scheme {
        Some((scheme, rest)) if (scheme == "http" || scheme == "https") && !url.contains(refused) && has_host(rest) => {
            Ok(url.to_owned())
        }
        _ => Err("Enter a valid URL.".into()),
    }
}

/// Accepts a link to an image: an [`http_url`], or a path under [`MEDIA_PATH`], where the shop serves its own images.
pub fn image_url(given: String) -> Result<String, String> {
    let Some(file) = given.trim().strip_prefix(MEDIA_PATH) else { return http_url(given) };
    if file.len() > MAX_URL_LENGTH {
        return Err(too_long(MAX_URL_LENGTH));
    }
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let name = |name: &str| !name.is_empty() && !name.starts_with('.') && name.chars().all(plain);
    if file.split('/').all(name) { Ok(given.trim().to_owned()) } else { Err("Enter a valid URL.".into()) }
}

/// Whether the path is preceded by `host[:port]` without user information.
fn has_host(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let letters = |label: &str| {
        !label.is_empty() && label.chars().all(|letter| letter.is_alphanumeric() || letter == '-' || letter == '_')
    };
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let named = host.strip_suffix('.').unwrap_or(host).split('.').all(letters);
    let good_host = literal.map_or(named, |address| address.parse::<std::net::Ipv6Addr>().is_ok());
    let good_port =
        port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number > 0) && !port.starts_with('+'));
    good_host && good_port
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slugs() {
        for good in ["a", "tea-2", "100", &"x".repeat(100)] {
            assert_eq!(slug(good.into()), Ok(good.into()));
        }
        let id = "0190a5c0-0000-7000-8000-000000000001";
        for wrong in ["", "Tea", "tea pot", "-tea", "tea-", "tea--pot", "té", "tea_pot", "a/b", id, &"x".repeat(101)] {
            assert!(slug(wrong.into()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn slugs_from_names() {
        for (name, expected) in [
            ("Earl Grey, 100 g", "earl-grey-100-g"),
            ("  --Ångström & Łódź--  ", "angstrom-lodz"),
            ("Größe “XL”—neu", "grosse-xl-neu"),
            ("Men's T-Shirt", "mens-t-shirt"),
            ("½ Liter", "1-2-liter"),
            ("", "product"),
            ("抹茶", "product"),
            ("抹茶 tea", "tea"),
            ("👍", "product"),
            ("\0", "product"),
            ("0190a5c0000070008000000000000001", "product-0190a5c0000070008000000000000001"),
        ] {
            assert_eq!(slugify(name, "product"), expected, "{name:?}");
        }
    }

    #[test]
    fn article_numbers() {
        for good in ["A", "TEA-100/b_#2", &"x".repeat(64)] {
            assert_eq!(sku(format!(" {good} ")), Ok(good.into()));
        }
        for wrong in ["", " ", "a b", "é", "a\tb", "a\u{7f}b", &"x".repeat(65)] {
            assert!(sku(wrong.into()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn codes() {
        for good in ["main", "WH-EAST.2", "a_b", &"x".repeat(100)] {
            assert_eq!(code(format!(" {good} ")), Ok(good.into()));
        }
        for wrong in ["", " ", "a b", "é", "a/b", &"x".repeat(101)] {
            assert!(code(wrong.into()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn quantities() {
        assert_eq!((quantity(1), quantity(10_000)), (Ok(1), Ok(10_000)));
        for wrong in [i64::MIN, -1, 0, 10_001, i64::MAX] {
            assert!(quantity(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn links() {
        for good in [
            "https://example.com",
            "HTTP://example.com:8080/a/b.jpg?w=1&h=2#x",
            "https://[::1]:443/x",
            "https://[::1]",
            "http://localhost/é.png",
            "https://bücher.example./x",
            "https://example.com/@user",
        ] {
            assert_eq!(http_url(good.into()), Ok(good.into()));
        }
        for wrong in [
            "",
            "example.com/x.jpg",
            "//example.com",
            "/x.jpg",
            "ftp://example.com",
            "javascript:alert(1)",
            "javascript://example.com/%0Aalert(1)",
            "data:image/png;base64,AAAA",
            "https://",
            "https:///x",
            "https://a b",
            "https://a..b/",
            "https://user:pass@example.com/",
            "https://example.com:0/",
            "https://example.com:99999/",
            "https://example.com:/",
            "https://[::g]/",
            "https://example.com/\"onload=",
            "https://example.com/<x>",
            "https://example.com/\nx",
            &format!("https://example.com/{}", "x".repeat(2_000)),
        ] {
            assert!(http_url(wrong.into()).is_err(), "{wrong:?}");
            assert!(image_url(wrong.into()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn links_to_images_of_the_shop() {
        for good in ["/media/a.png", "/media/demo/tea-front.svg", "https://example.com/a.png"] {
            assert_eq!(image_url(format!(" {good} ")), Ok(good.into()));
        }
        let long = format!("/media/{}", "x".repeat(2_001));
        for wrong in [
            "/media/",
            "/media",
            "/media//a",
            "/media/../a",
            "/media/.a",
            "/media/a b",
            "/media/a?x",
            "/other/a",
            &long,
        ] {
            assert!(image_url(wrong.into()).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_slugified_is_a_slug(text in "(?s).{0,150}|[a-zA-Z0-9' -]{0,150}|[0-9a-f]{32}") {
            let made = slugify(&text, "product");
            prop_assert_eq!(slug(made.clone()), Ok(made));
        }
    }
}
