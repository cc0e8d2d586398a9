//! The mails that accounts send, and the templates they are made from.

use std::borrow::Cow;
use std::collections::BTreeMap;

use minijinja::{Environment, UndefinedBehavior, context};

use super::mailer::Message;
use crate::details::ShopDetailsView;
use crate::error::{Error, Result};
use crate::id::DeliveryId;
use crate::secret::Secret;

/// A mail, before it is put into words.
///
/// A `name` is greeted when it is one: see [`Templates::render`].
#[derive(Debug, Clone)]
pub enum Mail {
    /// The one-time password that confirms an address.
    VerifyEmail {
        /// Who is greeted; may be empty.
        name: String,
        /// Six digits.
        code: Secret,
        /// The address was registered more than once, so the code may be for what somebody else registered.
        contested: bool,
    },
    /// Somebody tried to register an address that has an account.
    AlreadyRegistered {
        /// Who is greeted; may be empty.
        name: String,
        /// Where to sign in.
        login_url: String,
    },
    /// The link that resets a password.
    PasswordReset {
        /// Who is greeted; may be empty.
        name: String,
        /// The link, with its token.
        link: Secret,
    },
    /// The password was changed.
    PasswordChanged {
        /// Who is greeted; may be empty.
        name: String,
    },
    /// The link to an order that somebody looked for.
    OrderLookup {
        /// Who is greeted; may be empty.
        name: String,
        /// The number of the order.
        number: String,
        /// The link, with the order's token where that opens the order.
        link: Secret,
        /// Whether it does; else the customer signs in.
        has_token: bool,
    },
    /// The receipt for a withdrawal.
    WithdrawalReceived {
        /// Who is greeted; may be empty.
        name: String,
        /// The number of the order.
        number: String,
        /// The date and the time, with its zone.
        received_at: String,
        /// What is withdrawn, a line each.
        items: Vec<String>,
        /// The buyer's words; may be empty.
        note: String,
        /// Whether some of it is to be sent back.
        comes_back: bool,
    },
}

impl Mail {
    /// The first part of the names of this mail's three templates.
    #[must_use]
    pub fn template(&self) -> &'static str {
        match self {
            Self::VerifyEmail { .. } => "verify_email",
            Self::AlreadyRegistered { .. } => "already_registered",
            Self::PasswordReset { .. } => "password_reset",
            Self::PasswordChanged { .. } => "password_changed",
            Self::OrderLookup { .. } => "order_lookup",
            Self::WithdrawalReceived { .. } => "withdrawal_received",
        }
    }

    /// One of each, for trying out templates.
    fn samples() -> [Self; 6] {
        let (name, url) = (String::from("Ada Lovelace"), "https://example.com/");
        [
            Self::VerifyEmail { name: name.clone(), code: "123456".into(), contested: true },
            Self::AlreadyRegistered { name: name.clone(), login_url: url.into() },
            Self::PasswordReset { name: name.clone(), link: url.into() },
            Self::PasswordChanged { name: name.clone() },
            Self::OrderLookup { name: name.clone(), number: "ABCDE-FGHJK".into(), link: url.into(), has_token: true },
            Self::WithdrawalReceived {
                name,
                number: "ABCDE-FGHJK".into(),
                received_at: "2026-06-19 12:00:00 UTC".into(),
                items: vec!["2 × Lamp (White), LAMP-W".into()],
                note: "Too bright".into(),
                comes_back: true,
            },
        ]
    }

    /// What a template can use, besides what it can use of the shop.
    fn context(&self) -> minijinja::Value {
        match self {
            Self::VerifyEmail { name, code, contested } => {
                context! { name => greetable(name), code => code.expose(), contested }
            }
            Self::AlreadyRegistered { name, login_url } => context! { name => greetable(name), login_url },
            Self::PasswordReset { name, link } => context! { name => greetable(name), link => link.expose() },
            Self::PasswordChanged { name } => context! { name => greetable(name) },
            Self::OrderLookup { name, number, link, has_token } => {
                context! { name => greetable(name), number, link => link.expose(), has_token }
            }
            Self::WithdrawalReceived { name, number, received_at, items, note, comes_back } => {
                context! { name => greetable(name), number, received_at, items, note, comes_back }
            }
        }
    }
}

/// The templates of all mails, in the language of Jinja: for each mail `<mail>.subject.txt`, `<mail>.txt`
/// and `<mail>.html`, where `<mail>` is one of `verify_email`, `already_registered`, `password_reset`,
/// `password_changed`, `order_lookup` and `withdrawal_received`. What is put into an HTML template is escaped.
///
/// Every template can use `shop` (its name), `details` (the shop's legal data: `legal_name`, `address`, `vat_id`,
/// `contact_email`, `phone`, `terms_url`, `privacy_url`, `returns_url`, each empty when there is none) and `name` (empty
/// when there is none); in `verify_email` there is also
/// `code` and `contested`, in `already_registered` `login_url`, in `password_reset` `link`, in `order_lookup` `number`, `link`
/// and `has_token` (whether the link opens the order; else its customer signs in), and in `withdrawal_received` `number`,
/// `received_at`, `items` (texts), `note` and `comes_back` (whether some of it is to be sent back).
///
/// ```
/// use shop_core::accounts::mails::Templates;
/// let templates = Templates::new("Tea & Co").with("verify_email.subject.txt", "{{ code }} is your code")?;
/// assert!(Templates::new("Tea & Co").with("verify_email.txt", "{{ cod }}").is_err());
/// # Ok::<(), shop_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Templates {
    shop: Option<String>,
    sources: BTreeMap<&'static str, Cow<'static, str>>,
}

macro_rules! defaults {
    ($($name:literal),+ $(,)?) => { [$(($name, Cow::Borrowed(include_str!($name)))),+] };
}

impl Default for Templates {
    fn default() -> Self {
        Self::with_shop(None)
    }
}

impl Templates {
    /// The templates that come with the shop, in English, for a shop of this name. The name that staff give it
    /// ([`ShopDetails::name`](crate::details::ShopDetails::name)) goes before.
    #[must_use]
    pub fn new(shop: impl Into<String>) -> Self {
        Self::with_shop(Some(shop.into()))
    }

    fn with_shop(shop: Option<String>) -> Self {
        let sources = defaults![
            "verify_email.subject.txt",
            "verify_email.txt",
            "verify_email.html",
            "already_registered.subject.txt",
            "already_registered.txt",
            "already_registered.html",
            "password_reset.subject.txt",
            "password_reset.txt",
            "password_reset.html",
            "password_changed.subject.txt",
            "password_changed.txt",
            "password_changed.html",
            "order_lookup.subject.txt",
            "order_lookup.txt",
            "order_lookup.html",
            "withdrawal_received.subject.txt",
            "withdrawal_received.txt",
            "withdrawal_received.html",
        ];
        Self { shop, sources: sources.into() }
    }

    /// The shop's name where staff gave it none.
    pub(crate) fn shop(&self) -> Option<&str> {
        self.shop.as_deref()
    }

    /// The names of all templates.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.sources.keys().copied()
    }

    /// Replaces one template, and tries the new one out.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the template, when there is none of this name or the new one cannot be
    /// rendered (it is malformed, or uses what its mail does not offer).
    pub fn with(mut self, name: &str, source: impl Into<String>) -> Result<Self> {
        let Some((_, slot)) = self.sources.iter_mut().find(|(known, _)| **known == name) else {
            let names: Vec<_> = self.names().collect();
            return Err(Error::invalid(name, format!("Must be one of: {}.", names.join(", "))));
        };
        *slot = Cow::Owned(source.into());
        let mail = name.split('.').next().unwrap_or_default();
        for sample in Mail::samples().iter().filter(|sample| sample.template() == mail) {
            self.fill(name, &with_shop(&ShopDetailsView::sample(), sample.context()))
                .map_err(|why| Error::invalid(name, why.to_string()))?;
        }
        Ok(self)
    }

    /// Puts a mail into words.
    ///
    /// The subject becomes one line, whatever the template and its values hold, so no header can be
    /// smuggled in. A name that could be taken for an address or a link is left out: anybody can register
    /// anybody's address under any name, and must not be able to send advertisements this way.
    ///
    /// # Errors
    /// A fault when a template cannot be rendered, or the address holds control characters.
    pub fn render(&self, shop: &ShopDetailsView, id: DeliveryId, to: &str, mail: &Mail) -> Result<Message> {
        if to.chars().any(char::is_control) {
            return Err(Error::fault("an address of a mail holds control characters"));
        }
        let context = with_shop(shop, mail.context());
        let part = |kind: &str| {
            let name = format!("{}.{kind}", mail.template());
            self.fill(&name, &context).map_err(|why| Error::Fault(Box::new(why)))
        };
        let (subject, text, html) = (part("subject.txt")?, part("txt")?, part("html")?);
        Ok(Message { id, to: to.to_owned(), subject: one_line(&subject), text, html })
    }

    fn fill(&self, name: &str, context: &minijinja::Value) -> Result<String, minijinja::Error> {
        // Mails are rare: parsing the few lines each time is cheaper than keeping them parsed.
        let source = self.sources.get(name).map_or("", Cow::as_ref);
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // By the ending of the name: `.html` is escaped, `.txt` is not.
        environment.template_from_named_str(name, source)?.render(context)
    }
}

/// What every template can use of the shop, and what its mail adds to it.
fn with_shop(shop: &ShopDetailsView, mail: minijinja::Value) -> minijinja::Value {
    let details = &shop.details;
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    context! {
        shop => shop.name.clone(),
        details => context! {
            legal_name => text(&details.legal_name),
            address => text(&details.address),
            vat_id => text(&details.vat_id),
            contact_email => text(&details.contact_email),
            phone => text(&details.phone),
            terms_url => text(&details.terms_url),
            privacy_url => text(&details.privacy_url),
            returns_url => text(&details.returns_url),
        },
        ..mail
    }
}

fn one_line(text: &str) -> String {
    let words: Vec<_> =
        text.split(|letter: char| letter.is_whitespace() || letter.is_control()).filter(|w| !w.is_empty()).collect();
    words.join(" ")
}

/// The name when it looks like one, else nothing.
fn greetable(name: &str) -> String {
    let name = one_line(name);
    let mut letters = name.chars().peekable();
    let mut linkable = name.chars().count() > 60;
    while let Some(letter) = letters.next() {
        // "evil.example" becomes a link in many mail programs; "J. R. Smith" does not.
        let dot_within = letter == '.' && letters.peek().is_some_and(|next| !next.is_whitespace());
        linkable |= dot_within || matches!(letter, '/' | ':' | '@' | '<' | '>');
    }
    if linkable { String::new() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(templates: &Templates, mail: &Mail) -> Message {
        let shop = ShopDetailsView::named("Tea & Co");
        templates.render(&shop, DeliveryId(uuid::Uuid::from_u128(1)), "Ada@Example.com", mail).unwrap()
    }

    #[test]
    fn every_mail_renders_and_says_what_it_must() {
        let templates = Templates::default();
        for (mail, needle) in Mail::samples().iter().zip([
            "123456",
            "example.com",
            "example.com",
            "was just changed",
            "ABCDE-FGHJK",
            "2026-06-19 12:00:00 UTC",
        ]) {
            let message = render(&templates, mail);
            assert_eq!(message.to, "Ada@Example.com");
            assert!(message.subject.contains("Tea & Co"), "{message:?}");
            assert!(
                message.text.contains("Hello Ada Lovelace,")
                    && message.text.contains("at Tea & Co") | message.text.contains("for Tea & Co")
            );
            assert!(message.text.contains(needle) && message.html.contains(needle), "{}", message.text);
            assert!(message.html.contains("Tea &amp; Co") && !message.html.contains("Tea & Co"));
            assert!(!format!("{mail:?}").contains("123456"));
        }
    }

    #[test]
    fn the_link_is_whole_in_the_text() {
        let link = "https://shop.example/reset-password/abc/def-123?x=1&y=2";
        let message = render(&Templates::default(), &Mail::PasswordReset { name: String::new(), link: link.into() });
        assert!(message.text.contains(&format!("\n{link}\n")), "{}", message.text);
        assert!(message.text.starts_with("Hello,\n"));
        assert!(message.html.contains("x=1&amp;y=2"));
    }

    #[test]
    fn html_is_escaped_and_text_is_not() {
        let mail = Mail::PasswordChanged { name: "O'Hara & \"Sons\"".into() };
        let message = render(&Templates::default(), &mail);
        assert!(message.text.contains("O'Hara & \"Sons\""));
        assert!(!message.html.contains("O'Hara") && message.html.contains("O&#x27;Hara &amp; &quot;Sons&quot;"));
    }

    #[test]
    fn a_subject_is_one_line() {
        let templates = Templates::default().with("password_changed.subject.txt", "Hi\r\nBcc: {{ name }}\n").unwrap();
        let message = render(&templates, &Mail::PasswordChanged { name: "a\r\nX-Evil\u{2028}1\0".into() });
        assert_eq!(message.subject, "Hi Bcc: a X-Evil 1");
    }

    #[test]
    fn an_address_with_a_line_break_is_refused() {
        let mail = Mail::PasswordChanged { name: String::new() };
        let id = DeliveryId(uuid::Uuid::from_u128(1));
        let shop = ShopDetailsView::sample();
        assert!(Templates::default().render(&shop, id, "a@example.com\nBcc: b@example.com", &mail).is_err());
    }

    #[test]
    fn names_that_advertise_are_not_greeted() {
        for name in ["Ada", "J. R. Smith", "Dr. Müller", "李小龍", "O'Hara-Smith, Jr."] {
            assert_eq!(greetable(name), name);
        }
        for name in ["win at evil.example now", "https://evil", "a@b", "<b>x</b>", &"x".repeat(61)] {
            assert_eq!(greetable(name), "", "{name}");
        }
    }

    #[test]
    fn a_replaced_template_is_tried_out_at_once() {
        for (name, source) in [
            ("verify_email.txt", "{{ nothing }}"),
            ("verify_email.html", "{% if %}"),
            ("password_changed.txt", "{{ code }}"),
            ("verify_email.md", "x"),
            ("", ""),
        ] {
            assert!(matches!(Templates::default().with(name, source), Err(Error::Invalid(_))), "{name}");
        }
        let templates = Templates::default().with("verify_email.html", "<b>{{ name }}: {{ code }}</b>").unwrap();
        let message =
            render(&templates, &Mail::VerifyEmail { name: "A & B".into(), code: "000001".into(), contested: false });
        assert_eq!(message.html, "<b>A &amp; B: 000001</b>");
        assert_eq!(templates.names().count(), 18);
    }
}
