//! Sends mail to a server (RFC 5321) through a connection pool.

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

/// The time limit of each SMTP command. The outbox retries, so giving up on a slow server loses nothing.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The maximum number of connections: mails are few, and servers limit connections per client.
const CONNECTIONS: u32 = 4;
/// How long an idle connection is kept; servers close theirs after some minutes.
const IDLE: Duration = Duration::from_mins(1);

/// Sends mail through an SMTP server.
#[derive(Debug)]
pub struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl SmtpMailer {
    /// Creates a mailer for this server. It connects at the first mail.
    ///
    /// # Errors
    /// When the host name is not valid in a certificate, or the configured authorities are not certificates.
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

/// The same TLS mode, with additional authorities besides the public ones.
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
            // The server does not support SMTPUTF8 (RFC 6531).
            Err(error) if needs_utf8 && error.is_client() => Err(MailRefused(with_causes(&error)).into()),
            Err(error) => Err(with_causes(&error).into()),
        }
    }
}

/// Whether a reply means that this mail will never be accepted (RFC 5321, 4.2.1). Replies about the shop's own account
/// or connection do not: waiting mail is sent once the operator has fixed the problem.
fn is_refusal(status: Option<u16>) -> bool {
    // Host accepts no mail, authentication required, mechanism too weak, invalid credentials, encryption required.
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
