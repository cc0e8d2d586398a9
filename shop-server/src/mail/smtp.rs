//! Mail to a server (RFC 5321), over kept connections.

use std::time::Duration;

use async_trait::async_trait;
use lettre::message::Mailbox;
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{self, Certificate, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use shop_core::accounts::{MailRefused, Mailer, Message};
use shop_core::error::{BoxError, with_causes};

use super::compose;
use crate::config::{Smtp, Tls};

/// How long each step of the conversation may take. The outbox tries again, so a slow server may be given up on.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Connections at most: mails are few, and servers limit them per client.
const CONNECTIONS: u32 = 4;
/// How long an unused connection is kept; servers close theirs after some minutes.
const IDLE: Duration = Duration::from_mins(1);

/// Sends through a mail server.
#[derive(Debug)]
pub struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl SmtpMailer {
    /// Sends through this server. Connects at the first mail, not now.
    ///
    /// # Errors
    /// When the server's name cannot be that of a certificate, or its authorities are none.
    pub fn new(smtp: &Smtp, from: Mailbox) -> Result<Self, BoxError> {
        let builder = match smtp.tls {
            Tls::None => AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host),
            Tls::StartTls => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(&smtp.host)?,
            Tls::Implicit => AsyncSmtpTransport::<Tokio1Executor>::relay(&smtp.host)?,
        };
        let builder = match &smtp.authorities {
            Some(pem) => builder.tls(vouched(smtp, pem)?),
            None => builder,
        };
        let mut builder = builder
            .port(smtp.port)
            .timeout(Some(TIMEOUT))
            .pool_config(PoolConfig::new().max_size(CONNECTIONS).idle_timeout(IDLE));
        if let Some(user) = &smtp.user {
            builder = builder.credentials(Credentials::new(user.clone(), smtp.password.expose().to_owned()));
        }
        Ok(Self { transport: builder.build(), from })
    }
}

/// The same protection, with authorities of one's own beside the public ones.
fn vouched(smtp: &Smtp, pem: &str) -> Result<client::Tls, BoxError> {
    let certificates = Certificate::from_pem(pem.as_bytes())?;
    let parameters = TlsParameters::builder(smtp.host.clone()).add_root_certificate(certificates).build()?;
    Ok(match smtp.tls {
        Tls::None => client::Tls::None,
        Tls::StartTls => client::Tls::Required(parameters),
        Tls::Implicit => client::Tls::Wrapper(parameters),
    })
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, message: &Message) -> Result<(), BoxError> {
        let mail = compose(&self.from, message)?;
        let needs_utf8 = mail.envelope().to().iter().any(|to| !AsRef::<str>::as_ref(to).is_ascii());
        match self.transport.send(mail).await {
            Ok(_) => Ok(()),
            Err(error) if is_refusal(error.status().map(u16::from)) => Err(MailRefused(with_causes(&error)).into()),
            // The server does not know SMTPUTF8 (RFC 6531).
            Err(error) if needs_utf8 && error.is_client() => Err(MailRefused(with_causes(&error)).into()),
            Err(error) => Err(with_causes(&error).into()),
        }
    }
}

/// Whether a reply says that this mail is never accepted (RFC 5321, 4.2.1). One that is about the shop's own account or
/// connection is not: once an operator has put that right, what waits is sent.
fn is_refusal(status: Option<u16>) -> bool {
    // Host takes no mail, authentication needed, mechanism too weak, credentials wrong, encryption needed.
    status.is_some_and(|status| status / 100 == 5 && !matches!(status, 521 | 530 | 534 | 535 | 538))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_the_mail_is_final() {
        for status in [500, 501, 550, 551, 552, 553, 554, 555] {
            assert!(is_refusal(Some(status)), "{status}");
        }
        for status in [None, Some(421), Some(450), Some(451), Some(521), Some(530), Some(534), Some(535), Some(538)] {
            assert!(!is_refusal(status), "{status:?}");
        }
    }
}
