//! The mails that the shop sends, and their templates.

pub mod mailer;
mod orders;
mod templates;

use std::sync::LazyLock;

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, context};

use crate::error::{Error, Result, with_causes};
use crate::id::DeliveryId;
use crate::model::details::ShopDetailsView;
use crate::secret::Secret;
use crate::text::{is_domain_dot, is_invisible};

pub use mailer::{MailRefused, Mailer, MemoryMailer, Message};
pub(crate) use orders::Mailed;
pub use orders::OrderMailContent;

use templates::{ACCOUNT_MAILS, ORDER_MAILS, SHARED};

/// The content of a mail, before it is rendered.
///
/// The mail greets `name` only if it looks like one: see [`Templates::render`].
#[derive(Debug, Clone)]
pub enum Mail {
    /// The one-time password that verifies an address.
    VerifyEmail {
        /// The name for the greeting; may be empty.
        name: String,
        /// The code, six digits.
        code: Secret,
        /// Whether the address was registered more than once, so that the code may be for someone else's registration.
        contested: bool,
    },
    /// Tells the owner of an account that someone tried to register its address.
    AlreadyRegistered {
        /// The name for the greeting; may be empty.
        name: String,
        /// The URL of the sign-in page.
        login_url: String,
    },
    /// The link that resets a password.
    PasswordReset {
        /// The name for the greeting; may be empty.
        name: String,
        /// The link, with its token.
        link: Secret,
    },
    /// Tells the user that the password was changed.
    PasswordChanged {
        /// The name for the greeting; may be empty.
        name: String,
    },
    /// The link to an order that someone requested.
    OrderLookup {
        /// The name for the greeting; may be empty.
        name: String,
        /// The order number.
        number: String,
        /// The link, with the order's token if that opens the order.
        link: Secret,
        /// Whether the link contains the token; otherwise the customer has to sign in.
        has_token: bool,
    },
    /// News about an order.
    Order(Box<OrderMailContent>),
}

impl Mail {
    /// The common prefix of the names of this mail's three templates.
    #[must_use]
    pub fn template(&self) -> &'static str {
        match self {
            Self::VerifyEmail { .. } => "verify_email",
            Self::AlreadyRegistered { .. } => "already_registered",
            Self::PasswordReset { .. } => "password_reset",
            Self::PasswordChanged { .. } => "password_changed",
            Self::OrderLookup { .. } => "order_lookup",
            Self::Order(content) => content.template,
        }
    }

    /// Samples of every mail, for trial renderings of templates.
    fn samples() -> Vec<Self> {
        let (name, url) = (String::from("Ada Lovelace"), "https://example.com/");
        let number = "ABCDE-FGHJK".to_owned();
        let verify_email = |contested| Self::VerifyEmail { name: name.clone(), code: "123456".into(), contested };
        let order_lookup = |has_token| {
            let (name, number) = (name.clone(), number.clone());
            Self::OrderLookup { name, number, link: url.into(), has_token }
        };
        let fixed = [
            verify_email(true),
            verify_email(false),
            Self::AlreadyRegistered { name: name.clone(), login_url: url.into() },
            Self::PasswordReset { name: name.clone(), link: url.into() },
            Self::PasswordChanged { name: name.clone() },
            order_lookup(true),
            order_lookup(false),
        ];
        let of_orders = OrderMailContent::samples().into_iter().map(|content| Self::Order(Box::new(content)));
        fixed.into_iter().chain(of_orders).collect()
    }

    /// The variables of a template, besides those of the shop.
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
            Self::Order(content) => {
                context! { name => greetable(&content.name), ..minijinja::Value::from(Serde(&**content)) }
            }
        }
    }
}

/// The templates of all mails, in the Jinja language. Each mail has `<mail>.subject.txt`, `<mail>.txt` and
/// `<mail>.html`; they include or extend `layout.html`, `legal.html` and `legal.txt`, and mails about orders also
/// `order.html`, `order.txt`, `goods.html` and `goods.txt`. Values in HTML templates are escaped.
///
/// The mails are `verify_email`, `already_registered`, `password_reset`, `password_changed` and `order_lookup`; mails
/// about orders are `order_placed`, `payment_received`, `order_shipped`, `order_canceled`, `refund_made`,
/// `return_approved`, `return_rejected`, `return_received` and `withdrawal_received`.
///
/// Every template can use `shop` (the shop's name), `details` (the shop's legal data: `legal_name`, `address`,
/// `vat_id`, `contact_email`, `phone`, `terms_url`, `privacy_url`, `returns_url`, each empty if not set) and `name`
/// (may be empty). In addition, `verify_email` has `code` and `contested`, `already_registered` has `login_url`,
/// `password_reset` has `link`, and `order_lookup` has `number`, `link` and `has_token` (whether the link opens the
/// order; otherwise the customer has to sign in). Mails about orders have the fields of [`OrderMailContent`].
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
    /// Compiled once, because a busy shop sends several mails per order.
    environment: Environment<'static>,
}

fn built_in() -> impl Iterator<Item = (&'static str, &'static str)> {
    ACCOUNT_MAILS.into_iter().chain(ORDER_MAILS).chain(SHARED)
}

static BUILT_IN: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, source) in built_in() {
        // The suffix decides: `.html` is escaped, `.txt` is not. A test compiles and renders each template.
        if let Err(error) = environment.add_template(name, source) {
            tracing::error!(name, %error, "a template that came with the program is broken");
        }
    }
    environment
});

impl Default for Templates {
    fn default() -> Self {
        Self::with_shop(None)
    }
}

impl Templates {
    /// The built-in English templates, for a shop of this name. A name set by staff
    /// ([`ShopDetails::name`](crate::details::ShopDetails::name)) takes precedence.
    #[must_use]
    pub fn new(shop: impl Into<String>) -> Self {
        Self::with_shop(Some(shop.into()))
    }

    fn with_shop(shop: Option<String>) -> Self {
        Self { shop, environment: BUILT_IN.clone() }
    }

    /// The shop's name to use when staff have set none.
    pub(crate) fn shop(&self) -> Option<&str> {
        self.shop.as_deref()
    }

    /// The names of all templates.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        built_in().map(|(name, _)| name)
    }

    /// Replaces one template, and tests it by rendering.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the template, if no template has this name, it cannot be rendered (it is malformed, or
    /// uses a variable that its mail does not have), or it is a blank subject. All mails about orders have the same
    /// variables.
    pub fn with(self, name: &str, source: impl Into<String>) -> Result<Self> {
        self.with_all([(name.to_owned(), source.into())])
    }

    /// Replaces several templates, which may depend on each other, and tests them by rendering. A leading byte order
    /// mark is removed.
    ///
    /// # Errors
    /// As [`Templates::with`], for the first template that is wrong.
    pub fn with_all(mut self, templates: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        let mut replaced = Vec::new();
        for (name, source) in templates {
            let Some(known) = self.names().find(|known| *known == name) else {
                let names: Vec<_> = self.names().collect();
                return Err(Error::invalid(&name, format!("Must be one of: {}.", names.join(", "))));
            };
            // Some editors put a byte order mark at the start of a file; it would end up in the mail.
            let source = source.trim_start_matches('\u{feff}').to_owned();
            // Leaked: templates live as long as the program, as the built-in ones do.
            let added = self.environment.add_template(known, source.leak());
            added.map_err(|why| Error::invalid(known, one_line(&with_causes(&why))))?;
            replaced.push(known);
        }
        replaced.into_iter().try_for_each(|name| self.try_out(name))?;
        Ok(self)
    }

    /// Renders every sample mail that the template is part of.
    fn try_out(&self, name: &'static str) -> Result<()> {
        let mail = name.split('.').next().unwrap_or_default();
        let is_shared = SHARED.iter().any(|(shared, _)| *shared == name);
        let of_orders = matches!(mail, "order" | "goods");
        let is_tried =
            |sample: &Mail| sample.template() == mail || is_shared && (!of_orders || matches!(sample, Mail::Order(_)));
        let refused = |why: minijinja::Error| Error::invalid(name, one_line(&with_causes(&why)));
        for sample in Mail::samples().iter().filter(|sample| is_tried(sample)) {
            let context = with_shop(&ShopDetailsView::sample(), sample.context());
            let template = self.environment.get_template(name).map_err(refused)?;
            // This also covers branches that no sample takes.
            if let Some(unknown) = template.undeclared_variables(true).iter().find(|path| !self.knows(&context, path)) {
                return Err(Error::invalid(
                    name,
                    format!("There is no `{unknown}` in the mail {}.", sample.template()),
                ));
            }
            for kind in PARTS.into_iter().filter(|kind| is_shared || name == format!("{mail}.{kind}")) {
                let text = self.fill(&format!("{}.{kind}", sample.template()), &context).map_err(refused)?;
                // A shared template is not the cause of a blank subject; the subject's own test reports that.
                if kind == "subject.txt" && !is_shared && one_line(&text).is_empty() {
                    return Err(Error::invalid(name, "The subject is blank."));
                }
            }
        }
        Ok(())
    }

    /// Whether a template can use this path (such as `details.phone`).
    fn knows(&self, context: &minijinja::Value, path: &str) -> bool {
        let mut names = path.split('.');
        let first = names.next().unwrap_or_default();
        let is_global = self.environment.globals().any(|(name, _)| name == first);
        let within =
            |value: &minijinja::Value, name: &str| value.get_attr(name).ok().filter(|found| !found.is_undefined());
        let mut found = within(context, first);
        for name in names {
            found = found.and_then(|value| within(&value, name));
        }
        is_global || first == "loop" || found.is_some()
    }

    /// Renders a mail.
    ///
    /// The subject becomes a single line, whatever the template and its values contain, which prevents header
    /// injection. A name that could be read as an address or a link is omitted: anyone can register any address under
    /// any name, and must not be able to send advertisements this way.
    ///
    /// # Errors
    /// A fault when a template cannot be rendered, or the address contains control characters.
    pub fn render(&self, shop: &ShopDetailsView, id: DeliveryId, to: &str, mail: &Mail) -> Result<Message> {
        if to.chars().any(char::is_control) {
            return Err(Error::fault("an address of a mail holds control characters"));
        }
        let context = with_shop(shop, mail.context());
        let part = |kind: &str| {
            let name = format!("{}.{kind}", mail.template());
            self.fill(&name, &context).map_err(|why| Error::Fault(Box::new(why)))
        };
        let [subject, text, html] = PARTS.map(part);
        Ok(Message {
            id,
            shop: one_line(&shop.name),
            reply_to: shop.details.contact_email.clone(),
            to: to.to_owned(),
            subject: one_line(&subject?),
            text: text?,
            html: html?,
        })
    }

    fn fill(&self, name: &str, context: &minijinja::Value) -> Result<String, minijinja::Error> {
        self.environment.get_template(name)?.render(context)
    }
}

/// The suffixes of the templates of each mail.
const PARTS: [&str; 3] = ["subject.txt", "txt", "html"];

/// The variables of a mail, with those of the shop that every template has.
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

/// Returns the name if it looks like one, else an empty string. Invisible characters are removed, because they could
/// hide a link.
fn greetable(name: &str) -> String {
    let name: String = name.chars().filter(|letter| !is_invisible(*letter)).collect();
    let name = one_line(&name);
    let mut letters = name.chars().peekable();
    let mut linkable = name.chars().count() > 60;
    while let Some(letter) = letters.next() {
        // Many mail programs turn "evil.example" into a link, but not "J. R. Smith".
        let dot_within = is_domain_dot(letter) && letters.peek().is_some_and(|next| !next.is_whitespace());
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
        let needles =
            ["123456", "123456", "example.com", "example.com", "was just changed", "ABCDE-FGHJK", "ABCDE-FGHJK"];
        for (mail, needle) in Mail::samples().iter().zip(needles.into_iter().chain(std::iter::repeat("K7M4-Q2XR"))) {
            let message = render(&templates, mail);
            assert_eq!(message.to, "Ada@Example.com");
            assert!(message.subject.contains("Tea & Co"), "{message:?}");
            assert!(message.text.contains("Hello Ada Lovelace,") && message.text.contains("Tea & Co"));
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
    fn the_link_to_an_order_is_not_taken_for_its_confirmation() {
        let subjects: Vec<_> = Mail::samples()
            .iter()
            .filter(|mail| matches!(mail.template(), "order_lookup" | "order_placed"))
            .map(|mail| render(&Templates::default(), mail).subject)
            .collect();
        assert!(subjects.contains(&"Link to your order ABCDE-FGHJK at Tea & Co".to_owned()), "{subjects:?}");
        assert!(subjects.contains(&"Your order K7M4-Q2XR at Tea & Co".to_owned()), "{subjects:?}");
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
    fn a_byte_order_mark_is_no_part_of_a_template() {
        let templates = Templates::default().with("password_changed.subject.txt", "\u{feff}Hi").unwrap();
        assert_eq!(render(&templates, &Mail::PasswordChanged { name: String::new() }).subject, "Hi");
        Templates::default().with("password_changed.subject.txt", "\u{feff}").unwrap_err();
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
        assert_eq!(greetable("\u{202e} A\u{200b}da \u{2069}"), "Ada");
        for name in [
            "win at evil.example now",
            "evil\u{ff0e}example",
            "evil\u{3002}example",
            "evil.\u{200b}example",
            "https://evil",
            "a@b",
            "<b>x</b>",
            &"x".repeat(61),
        ] {
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
            ("password_changed.subject.txt", " {# Nothing. #}\n"),
            ("order_lookup.subject.txt", "{% if has_token %}Your link{% endif %}"),
            // Variables of other order mails exist here, but are empty.
            ("order_placed.subject.txt", "{{ amount }}"),
            ("order_placed.subject.txt", "{{ goods[0].name }}"),
            ("order_shipped.subject.txt", "{{ tracking_number }}"),
        ] {
            assert!(matches!(Templates::default().with(name, source), Err(Error::Invalid(_))), "{name}");
        }
        Templates::default().with("refund_made.subject.txt", "{{ amount }}").unwrap();
        let templates = Templates::default().with("verify_email.html", "<b>{{ name }}: {{ code }}</b>").unwrap();
        let message =
            render(&templates, &Mail::VerifyEmail { name: "A & B".into(), code: "000001".into(), contested: false });
        assert_eq!(message.html, "<b>A &amp; B: 000001</b>");
        assert_eq!(templates.names().count(), 49);
    }
}
