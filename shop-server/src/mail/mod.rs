//! Mail transports: adapters of the core's [`Mailer`] port.
//!
//! The core's outbox worker calls them; after an error it retries later with the same message.

mod console;
mod file;
mod smtp;
mod templates;

use std::sync::Arc;

use lettre::Address;
use lettre::message::header::{ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};
use shop_core::accounts::{MailRefused, Mailer, Message};
use shop_core::error::BoxError;

use crate::config::{Email, EmailBackend};

pub use console::ConsoleMailer;
pub use file::FileMailer;
pub use smtp::SmtpMailer;
pub(crate) use templates::templates;

/// Creates the configured mailer.
///
/// # Errors
/// When the mail folder cannot be created, or the server's host name is invalid.
pub fn mailer(email: &Email) -> Result<Arc<dyn Mailer>, BoxError> {
    Ok(match &email.backend {
        EmailBackend::Console => Arc::new(ConsoleMailer),
        EmailBackend::File(folder) => Arc::new(FileMailer::new(folder.clone(), email.from.clone())?),
        EmailBackend::Smtp(smtp) => Arc::new(SmtpMailer::new(smtp, email.from.clone())?),
    })
}

/// Builds the MIME message, with the same content as text and as HTML (RFC 2046, 5.1.4).
fn compose(from: &Mailbox, message: &Message) -> Result<lettre::Message, BoxError> {
    let to = Mailbox::new(None, address(&message.to).map_err(|why| MailRefused(format!("{}: {why}", message.to)))?);
    let name = from.name.clone().or_else(|| Some(message.shop.clone()).filter(|name| !name.is_empty()));
    let from = Mailbox::new(name, with_ascii_domain(&from.email)?);
    let quoted = quoted(&from);
    // The same across retries, so that duplicates of a mail can be recognized.
    let id = format!("<{}@{}>", message.id, from.email.domain());
    // The shop's own address was validated when it was saved. Without it, replies go to the sender.
    let reply_to = message.reply_to.as_deref().and_then(|reply_to| address(reply_to).ok());
    let bodies = MultiPart::alternative()
        .singlepart(part(ContentType::TEXT_PLAIN, &message.text))
        .singlepart(part(ContentType::TEXT_HTML, &message.html));
    let builder = lettre::Message::builder()
        .from(from)
        .to(to)
        .subject(message.subject.clone())
        .message_id(Some(id))
        .header(AutoSubmitted)
        .header(Program);
    let builder = match reply_to {
        Some(reply_to) => builder.reply_to(Mailbox::new(None, reply_to)),
        None => builder,
    };
    let mut mail = builder.multipart(bodies)?;
    if let Some(from) = quoted {
        let name = HeaderName::new_from_ascii_str("From");
        mail.headers_mut().insert_raw(HeaderValue::dangerous_new_pre_encoded(name, from.clone(), from));
    }
    Ok(mail)
}

/// A sender with an ASCII name, as a quoted string (RFC 5322, 3.2.4). lettre 0.11 encodes names with `&` or an
/// apostrophe in base64, which SpamAssassin counts against a mail (`FROM_EXCESS_BASE64`).
fn quoted(from: &Mailbox) -> Option<String> {
    let name = from.name.as_ref().filter(|name| name.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()))?;
    Some(format!("\"{}\" <{}>", name.replace('\\', "\\\\").replace('"', "\\\""), from.email))
}

/// Marks the mail as generated (RFC 3834, 5), so that autoresponders do not reply to it.
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, BoxError> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Names the sending program (a common but not standardized header). Spam filters trust an order's amounts and
/// percentages more when a mail has it.
#[derive(Debug, Clone)]
struct Program;

impl Header for Program {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("X-Mailer")
    }

    fn parse(_: &str) -> Result<Self, BoxError> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "shop-server".to_owned())
    }
}

/// Parses an address for the envelope and headers. The whole text must be one address, without a display name or a
/// list.
fn address(text: &str) -> Result<Address, BoxError> {
    with_ascii_domain(&text.parse()?)
}

/// Converts the domain to ASCII (RFC 5891, 4.4): every mail server accepts that, but few accept UTF-8 (RFC 6531).
fn with_ascii_domain(address: &Address) -> Result<Address, BoxError> {
    if address.domain().is_ascii() {
        return Ok(address.clone());
    }
    let domain = idna::domain_to_ascii(address.domain()).map_err(|_| "the domain is none")?;
    Ok(Address::new(address.user(), domain)?)
}

/// Builds one body. Where the protocol allows it (RFC 5322, 2.1.1: ASCII, lines of at most 998 characters), the text is
/// sent unencoded, so that links and codes are readable in the raw mail.
fn part(kind: ContentType, text: &str) -> SinglePart {
    let sendable = text.is_ascii() && !text.contains(['\0', '\r']) && text.lines().all(|line| line.len() <= 998);
    let body = if sendable {
        let text = text.replace('\n', "\r\n");
        Body::dangerous_pre_encoded(text.into_bytes(), ContentTransferEncoding::SevenBit)
    } else {
        Body::new(text.to_owned())
    };
    SinglePart::builder().header(kind).body(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shop_core::id::DeliveryId;

    fn message(to: &str) -> Message {
        Message {
            id: DeliveryId(uuid::Uuid::nil()),
            shop: "Tea & Co".to_owned(),
            reply_to: None,
            to: to.to_owned(),
            subject: "Grüße\r\nBcc: eve@example.org".to_owned(),
            text: "Your code: 123456".to_owned(),
            html: "<p>Your code: <b>123456</b></p>".to_owned(),
        }
    }

    fn from() -> Mailbox {
        "Shop <shop@example.org>".parse().unwrap()
    }

    #[test]
    fn a_mail_has_both_bodies_and_a_stable_id() {
        let mail = String::from_utf8(compose(&from(), &message("ann@example.org")).unwrap().formatted()).unwrap();
        assert!(mail.contains("Message-ID: <00000000-0000-0000-0000-000000000000@example.org>"), "{mail}");
        assert!(mail.contains("text/plain") && mail.contains("text/html") && mail.contains("multipart/alternative"));
        assert!(mail.lines().all(|line| !line.starts_with("Bcc")), "{mail}");
    }

    fn headers_of(from: &str, message: &Message) -> String {
        let mail = compose(&from.parse().unwrap(), message).unwrap().formatted();
        let mail = String::from_utf8(mail).unwrap();
        mail.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ") + "\r\n"
    }

    #[test]
    fn programs_see_that_a_program_wrote_it() {
        let headers = headers_of("shop@example.org", &message("ann@example.org"));
        for line in ["Auto-Submitted: auto-generated", "X-Mailer: shop-server", "MIME-Version: 1.0"] {
            assert!(headers.contains(&format!("{line}\r\n")), "{headers}");
        }
        assert!(headers.contains("Date: ") && !headers.contains("Reply-To"), "{headers}");
        let answered = Message { reply_to: Some("hello@bücher.example".to_owned()), ..message("ann@example.org") };
        let headers = headers_of("shop@example.org", &answered);
        assert!(headers.contains("Reply-To: hello@xn--bcher-kva.example\r\n"), "{headers}");
    }

    #[test]
    fn a_sender_in_ascii_is_quoted() {
        let header = |name: &str| quoted(&Mailbox::new(Some(name.to_owned()), "a@example.org".parse().unwrap()));
        assert_eq!(header("Tea & Co").unwrap(), "\"Tea & Co\" <a@example.org>");
        assert_eq!(header("The \"\\\" shop").unwrap(), "\"The \\\"\\\\\\\" shop\" <a@example.org>");
        assert!(header("Grüße").is_none() && header("a\r\nBcc: b").is_none());
    }

    #[test]
    fn the_sender_is_called_as_configured_or_as_the_shop() {
        for (from, header) in [
            ("shop@example.org", "From: Tea & Co <shop@example.org>\r\n"),
            ("Ada's <shop@example.org>", "<shop@example.org>\r\n"),
        ] {
            let headers = headers_of(from, &message("ann@example.org")).replace('"', "");
            assert!(
                headers.contains(header) && headers.contains("Tea & Co") == (from == "shop@example.org"),
                "{headers}"
            );
        }
    }

    #[test]
    fn international_domains_are_ascii_on_the_wire() {
        for (to, header) in [
            ("ann@bücher.example", "To: ann@xn--bcher-kva.example\r\n"),
            ("ann@BÜCHER.example", "To: ann@xn--bcher-kva.example\r\n"),
            ("ann@例え.テスト", "To: ann@xn--r8jz45g.xn--zckzah\r\n"),
            ("ann@Example.org", "To: ann@Example.org\r\n"),
        ] {
            let mail = compose(&from(), &message(to)).unwrap();
            assert!(mail.envelope().to()[0].to_string().is_ascii(), "{to}");
            let headers = headers_of("shop@münchen.example", &message(to));
            assert!(headers.contains(header), "{headers}");
            assert!(
                headers.contains("<shop@xn--mnchen-3ya.example>") && headers.contains("@xn--mnchen-3ya.example>\r\n")
            );
        }
        // Such an address cannot exist, so the mail is not retried.
        let why = compose(&from(), &message("ann@xn--.example, eve@example.org")).unwrap_err();
        assert!(why.is::<MailRefused>(), "{why}");
    }

    #[test]
    fn a_long_link_stays_whole() {
        let link = format!("http://localhost:3000/reset-password/{}", "x".repeat(100));
        let message = Message { text: format!("Here:\n\n{link}\n"), ..message("ann@example.org") };
        let mail = String::from_utf8(compose(&from(), &message).unwrap().formatted()).unwrap();
        assert!(mail.contains(&link), "{mail}");
    }

    #[test]
    fn only_one_address_is_one() {
        for to in ["ann@example.org, eve@example.org", "Ann <ann@example.org>", "", "ann@example.org\r\nBcc: eve@x.org"]
        {
            assert!(compose(&from(), &message(to)).is_err(), "{to}");
        }
    }

    #[tokio::test]
    async fn the_file_mailer_writes_whole_files() {
        let folder = std::env::temp_dir().join(format!("shop-mail-{}", std::process::id()));
        let mailer = FileMailer::new(folder.clone(), from()).unwrap();
        // A draft left by a process that was killed.
        std::fs::write(folder.join("00000000-0000-0000-0000-000000000000.draft"), "half a m").unwrap();
        mailer.send(&message("ann@example.org")).await.unwrap();
        mailer.send(&message("ann@example.org")).await.unwrap();
        let mails: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(mails.len() == 1 && mails[0].extension().is_some_and(|name| name == "eml"), "{mails:?}");
        assert!(std::fs::read_to_string(&mails[0]).unwrap().contains("To: ann@example.org"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&mails[0]).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_an_error_without_the_body() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let smtp = crate::config::Smtp {
            host: "127.0.0.1".into(),
            port,
            tls: crate::config::Tls::None,
            authorities: None,
            user: None,
            password: crate::config::ConfigSecret::new(""),
        };
        let why = SmtpMailer::new(&smtp, from()).unwrap().send(&message("ann@example.org")).await.unwrap_err();
        assert!(!why.to_string().contains("123456"));
    }
}
