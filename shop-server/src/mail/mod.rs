//! The ways out for mail: adapters of the core's [`Mailer`] port.
//!
//! The outbox worker of the core calls them; an error is tried again later with the same message.

mod console;
mod file;
mod smtp;

use std::sync::Arc;

use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};
use shop_core::accounts::{Mailer, Message};
use shop_core::error::BoxError;

use crate::config::{Email, EmailBackend};

pub use console::ConsoleMailer;
pub use file::FileMailer;
pub use smtp::SmtpMailer;

/// The mailer that the configuration asks for.
///
/// # Errors
/// When the mail folder cannot be made, or the server's name is none.
pub fn mailer(email: &Email) -> Result<Arc<dyn Mailer>, BoxError> {
    Ok(match &email.backend {
        EmailBackend::Console => Arc::new(ConsoleMailer),
        EmailBackend::File(folder) => Arc::new(FileMailer::new(folder.clone(), email.from.clone())?),
        EmailBackend::Smtp(smtp) => Arc::new(SmtpMailer::new(smtp, email.from.clone())?),
    })
}

/// The mail as it goes over the wire: text, and the same as HTML (RFC 2046, 5.1.4).
fn compose(from: &Mailbox, message: &Message) -> Result<lettre::Message, BoxError> {
    // Not parsed as a list or with a name in it: the whole text must be one address.
    let to = Mailbox::new(None, message.to.parse()?);
    // The same over retries, so that a mail that arrives twice is seen to be one.
    let id = format!("<{}@{}>", message.id, from.email.domain());
    let bodies = MultiPart::alternative()
        .singlepart(part(ContentType::TEXT_PLAIN, &message.text))
        .singlepart(part(ContentType::TEXT_HTML, &message.html));
    Ok(lettre::Message::builder()
        .from(from.clone())
        .to(to)
        .subject(message.subject.clone())
        .message_id(Some(id))
        .multipart(bodies)?)
}

/// One body. As it stands where the wire allows (RFC 5322, 2.1.1: ASCII, lines of at most 998), so that whoever reads
/// the raw mail finds links and codes unbroken; else in the encoding that fits.
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
        // Left behind by a process that was killed.
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
            password: crate::config::Secret::new(""),
        };
        let why = SmtpMailer::new(&smtp, from()).unwrap().send(&message("ann@example.org")).await.unwrap_err();
        assert!(!why.to_string().contains("123456"));
    }
}
