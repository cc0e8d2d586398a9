//! Parses what proxies report about requests: `Forwarded` (RFC 7239) and the older `X-Forwarded-*`.
//!
//! This module handles only the syntax. The parent module ([`super`]) decides which elements to trust.

use std::net::{IpAddr, SocketAddr};

use poem::http::{HeaderMap, HeaderName, header};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// What one proxy reports about the request that it received.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Hop {
    /// The sender's address; `None` if it cannot be parsed or is hidden (`unknown`, `_hidden`).
    pub(super) sender: Option<IpAddr>,
    /// Whether the request used https.
    pub(super) https: Option<bool>,
    /// The `Host` of the request.
    pub(super) host: Option<String>,
}

/// Parses the hops of `Forwarded`, the nearest proxy's last. `None` without the header. An unparsable element is a hop
/// without information.
pub(super) fn standard(headers: &HeaderMap) -> Option<Vec<Hop>> {
    let mut hops = Vec::new();
    let mut values = headers.get_all(header::FORWARDED).iter().peekable();
    values.peek()?;
    for value in values {
        match value.to_str().ok().and_then(elements) {
            Some(elements) => hops.extend(elements.into_iter().map(|element| hop(&element))),
            None => hops.push(Hop::default()),
        }
    }
    Some(hops)
}

/// Parses the hops of `X-Forwarded-For`, `-Proto` and `-Host`, the nearest proxy's last. `None` without any of them.
pub(super) fn common(headers: &HeaderMap) -> Option<Vec<Hop>> {
    if ![FOR, PROTO, HOST].iter().any(|name| headers.contains_key(name)) {
        return None;
    }
    let senders = list(headers, &FOR);
    let protos = list(headers, &PROTO);
    let hosts = list(headers, &HOST);
    // Even without an address, there is one proxy, the nearest, that reports something.
    let count = senders.len().max(1);
    Some(
        (0..count)
            .map(|index| Hop {
                sender: senders.get(index).and_then(|sender| node(sender)),
                https: aligned(&protos, index, count).and_then(scheme),
                host: aligned(&hosts, index, count).filter(|host| is_host(host)).map(str::to_owned),
            })
            .collect(),
    )
}

/// Whether `X-Forwarded-For` is present.
pub(super) fn names_clients(headers: &HeaderMap) -> bool {
    headers.contains_key(FOR)
}

/// Returns the member for a hop. Lists are aligned at their ends, since proxies append. A proxy may also replace a
/// whole list with one value, which then applies to every hop.
fn aligned<'a>(list: &[&'a str], index: usize, count: usize) -> Option<&'a str> {
    let from_the_end = count - index;
    let index = list.len().saturating_sub(from_the_end);
    list.get(index).copied()
}

/// The members of all lines of a header; an unreadable line is one member without meaning.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let lines = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or("?"));
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|member| !member.is_empty()).collect()
}

type Element = Vec<(String, String)>;

fn hop(element: &[(String, String)]) -> Hop {
    let mut hop = Hop::default();
    for (index, (name, value)) in element.iter().enumerate() {
        // A duplicate parameter makes the element invalid (RFC 7239, 4).
        if element.iter().skip(index + 1).any(|(other, _)| other == name) {
            return Hop::default();
        }
        match name.as_str() {
            "for" => hop.sender = node(value),
            "proto" => hop.https = scheme(value),
            "host" => hop.host = Some(value.clone()).filter(|host| is_host(host)),
            _ => {}
        }
    }
    hop
}

/// Parses one line of `Forwarded`: elements by comma, pairs by semicolon, values as tokens or quoted strings.
fn elements(line: &str) -> Option<Vec<Element>> {
    let mut elements = Vec::new();
    let mut element = Element::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(',') {
            if !element.is_empty() {
                elements.push(std::mem::take(&mut element));
            }
            rest = after.trim_start();
            continue;
        }
        if let Some(after) = rest.strip_prefix(';') {
            rest = after.trim_start();
            continue;
        }
        let (name, after) = rest.split_once('=')?;
        if name.is_empty() || !name.bytes().all(is_token) {
            return None;
        }
        let (value, after) = value(after)?;
        element.push((name.to_ascii_lowercase(), value));
        rest = after.trim_start();
        if !(rest.is_empty() || rest.starts_with([',', ';'])) {
            return None;
        }
    }
    if !element.is_empty() {
        elements.push(element);
    }
    Some(elements)
}

/// Parses a token or a quoted string, and returns it unescaped with the rest of the text.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ';', ' ', '\t']).unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end)?;
        // Colons and brackets need quotes (RFC 7239, 4), but accept proxies that omit them.
        let fine = !value.is_empty() && value.bytes().all(|byte| is_token(byte) || b":[]".contains(&byte));
        return fine.then(|| (value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((index, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, quoted.get(index + 1..)?)),
            '\\' => value.push(letters.next()?.1),
            _ => value.push(letter),
        }
    }
    None
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Parses the address in `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:80`.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = match bare {
        Some(bare) => bare.parse::<std::net::Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip())),
    };
    address.map(|address| address.to_canonical())
}

fn scheme(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("https") { Some(true) } else { text.eq_ignore_ascii_case("http").then_some(false) }
}

/// Whether a text is a valid `Host` header (RFC 9110, 7.2), so that it is safe to build links from.
pub(crate) fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        // The colons inside the brackets belong to the address.
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (text, ""),
    };
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&byte);
    let fine = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(named),
    };
    fine && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem::http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is compared with what may be there")]
    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn senders(line: &'static str) -> Vec<Option<IpAddr>> {
        standard(&headers(&[("forwarded", line)])).unwrap().into_iter().map(|hop| hop.sender).collect()
    }

    #[test]
    fn the_examples_of_the_standard_are_read() {
        assert_eq!(senders("For=\"[2001:db8:cafe::17]:4711\""), [address("2001:db8:cafe::17")]);
        assert_eq!(senders("for=192.0.2.43, for=198.51.100.17"), [address("192.0.2.43"), address("198.51.100.17")]);
        assert_eq!(senders("for=_hidden, for=unknown,,"), [None, None]);
        let whole = headers(&[("forwarded", "for=192.0.2.60;proto=https; by=203.0.113.43;host=\"shop.example:8443\"")]);
        let hop = Hop { sender: address("192.0.2.60"), https: Some(true), host: Some("shop.example:8443".into()) };
        assert_eq!(standard(&whole), Some(vec![hop]));
        assert_eq!(senders("for=\"192.0.2.1\\:80\""), [address("192.0.2.1")]);
        assert_eq!(senders("for=2001:db8::1"), [address("2001:db8::1")]);
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        for wrong in ["for=\"192.0.2.1", "for 192.0.2.1", "for=", "=x", "for=\"a\"b", "f or=192.0.2.1", "\"for\"=1"] {
            assert_eq!(senders(wrong), [None], "{wrong}");
        }
        assert_eq!(senders("for=192.0.2.1;for=192.0.2.2"), [None]);
        for wrong in
            ["for=example.org", "for=192.0.2.256", "for=192.0.2.1:999999", "for=\"[192.0.2.1]\"", "for=\"[::1\""]
        {
            assert_eq!(senders(wrong), [None], "{wrong}");
        }
        // A broken line invalidates only itself, not the line that the proxy appended.
        let lines = headers(&[("forwarded", "for=\"192.0.2.1"), ("forwarded", "for=192.0.2.2")]);
        let read: Vec<_> = standard(&lines).unwrap().into_iter().map(|hop| hop.sender).collect();
        assert_eq!(read, [None, address("192.0.2.2")]);
        assert_eq!(standard(&HeaderMap::new()), None);
    }

    #[test]
    fn lists_of_the_older_headers_are_aligned_at_their_ends() {
        let all = headers(&[
            ("x-forwarded-for", "203.0.113.9, 192.0.2.1:4711"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "forged.example, shop.example"),
        ]);
        let hops = common(&all).unwrap();
        let said: Vec<_> = hops.iter().map(|hop| (hop.sender, hop.https, hop.host.as_deref())).collect();
        let (forged, shop) = (Some("forged.example"), Some("shop.example"));
        let wanted = [
            (address("203.0.113.9"), Some(true), forged),
            (address("192.0.2.1"), Some(true), forged),
            (address("10.0.0.1"), Some(true), shop),
        ];
        assert_eq!(said, wanted);
        let only_host = common(&headers(&[("x-forwarded-host", "shop.example")])).unwrap();
        assert_eq!((only_host.len(), only_host[0].host.as_deref()), (1, shop));
        let garbage =
            headers(&[("x-forwarded-for", "nobody"), ("x-forwarded-proto", "ftp"), ("x-forwarded-host", "a/b")]);
        assert_eq!(common(&garbage), Some(vec![Hop::default()]));
    }

    #[test]
    fn hosts_are_names_and_addresses_with_a_port_or_without() {
        for fine in
            ["shop.example", "shop.example:8000", "192.0.2.1", "[2001:db8::1]:80", "[::1]", "a_b", "shop.example:"]
        {
            assert!(is_host(fine), "{fine}");
        }
        for wrong in
            ["", "a/b", "a b", "a@b", "a:b", "a:1:2", "[::1", "a\"b", "<a>", ":80", "a?b", "a#b", "a:123456", "[a]"]
        {
            assert!(!is_host(wrong), "{wrong}");
        }
    }
}
