//! Reads the `EMAIL_*` variables, which have Django's names and defaults.

use std::path::PathBuf;

use lettre::message::Mailbox;
use lettre::transport::smtp::client::Certificate;

use super::variables::Variables;
use super::{ConfigError, ConfigSecret, Result};

/// How the shop sends mail, and the sender's address.
#[derive(Debug, Clone)]
pub struct Email {
    /// The `From` address of every mail.
    pub from: Mailbox,
    /// The transport that delivers mail.
    pub backend: EmailBackend,
}

/// The transport that delivers mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmailBackend {
    /// Writes mail to the log, for a first look.
    Console,
    /// Writes one file per mail to this folder.
    File(PathBuf),
    /// Sends mail to an SMTP server.
    Smtp(Smtp),
}

/// An SMTP server and the credentials for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    /// The host name; by default `localhost`, or `smtp.gmail.com` if only a user is set.
    pub host: String,
    /// The port; by default 25, 587 with `STARTTLS`, or 465 with implicit TLS.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: Tls,
    /// PEM certificates of additional authorities to trust besides the public ones.
    pub authorities: Option<String>,
    /// The user to sign in as, if any.
    pub user: Option<String>,
    /// The user's password; empty by default.
    pub password: ConfigSecret,
}

/// How the connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// No encryption: for a relay on the same machine.
    None,
    /// `STARTTLS`, required (RFC 3207).
    StartTls,
    /// TLS from the first byte, as on port 465 (RFC 8314).
    Implicit,
}

impl Email {
    pub(super) fn from_variables(variables: &Variables<'_>) -> Result<Self> {
        let user = variables.text("EMAIL_HOST_USER");
        let host = variables.text("EMAIL_HOST");
        let folder = variables.text("EMAIL_FILE_PATH");
        let fallback = if user.is_some() || host.is_some() { "smtp" } else { "console" };
        let backend = match variables.text("EMAIL_BACKEND").unwrap_or(fallback) {
            "console" | "django.core.mail.backends.console.EmailBackend" => EmailBackend::Console,
            "file" | "django.core.mail.backends.filebased.EmailBackend" => EmailBackend::File(
                folder.map(PathBuf::from).ok_or_else(|| ConfigError::new("EMAIL_FILE_PATH", "must name a folder"))?,
            ),
            "smtp" | "django.core.mail.backends.smtp.EmailBackend" => {
                EmailBackend::Smtp(Smtp::from_variables(variables, host, user)?)
            }
            _ => return Err(ConfigError::new("EMAIL_BACKEND", "must be smtp, console or file")),
        };
        let from = match (variables.text("DEFAULT_FROM_EMAIL"), user) {
            (Some(from), _) => mailbox("DEFAULT_FROM_EMAIL", from)?,
            // Mail servers expect the account's own address. A user name that is not an address falls through.
            (None, Some(user)) if user.contains('@') => mailbox("EMAIL_HOST_USER", user)?,
            (None, _) => mailbox("DEFAULT_FROM_EMAIL", "shop@localhost")?,
        };
        Ok(Self { from, backend })
    }
}

impl Smtp {
    fn from_variables(variables: &Variables<'_>, host: Option<&str>, user: Option<&str>) -> Result<Self> {
        // Compatible with the original Django shop, where a user alone meant a Gmail account.
        let gmail = host.is_none() && user.is_some();
        let default_host = if gmail { "smtp.gmail.com" } else { "localhost" };
        let port = match variables.text("EMAIL_PORT").map(str::parse::<u16>) {
            None => None,
            Some(Ok(port)) if port > 0 => Some(port),
            Some(_) => return Err(ConfigError::new("EMAIL_PORT", "must be a port number from 1 to 65535")),
        };
        let start_tls = variables.boolean("EMAIL_USE_TLS", gmail)?;
        let from_the_first_byte = variables.boolean("EMAIL_USE_SSL", port == Some(465))?;
        if from_the_first_byte && port != Some(465) && start_tls {
            return Err(ConfigError::new("EMAIL_USE_SSL", "and EMAIL_USE_TLS exclude each other"));
        }
        let (tls, usual_port) = match (from_the_first_byte, start_tls) {
            (true, _) => (Tls::Implicit, 465),
            (false, true) => (Tls::StartTls, 587),
            (false, false) => (Tls::None, 25),
        };
        Ok(Self {
            host: host.unwrap_or(default_host).to_owned(),
            port: port.unwrap_or(usual_port),
            tls,
            authorities: variables.text("EMAIL_CA_FILE").map(authorities).transpose()?,
            user: user.map(str::to_owned),
            password: ConfigSecret::new(variables.text("EMAIL_HOST_PASSWORD").unwrap_or_default()),
        })
    }
}

/// Reads the certificates at start, so that a bad file stops the start instead of every mail.
fn authorities(file: &str) -> Result<String> {
    let wrong = |why: &str| ConfigError::new("EMAIL_CA_FILE", format!("{file} {why}"));
    let pem = std::fs::read_to_string(file).map_err(|error| wrong(&format!("cannot be read: {error}")))?;
    match Certificate::from_pem(pem.as_bytes()) {
        Ok(_) if pem.contains("BEGIN CERTIFICATE") => Ok(pem),
        _ => Err(wrong("holds no certificates in PEM format")),
    }
}

fn mailbox(variable: &str, text: &str) -> Result<Mailbox> {
    text.parse().map_err(|_| ConfigError::new(variable, "must be an e-mail address such as Shop <shop@example.org>"))
}
