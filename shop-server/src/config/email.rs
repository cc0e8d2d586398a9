//! How mail leaves the shop: the rules of the `EMAIL_*` variables, Django's names and defaults.

use std::path::PathBuf;

use lettre::message::Mailbox;
use lettre::transport::smtp::client::Certificate;

use super::variables::Variables;
use super::{ConfigError, Result, Secret};

/// How mail leaves the shop, and from whom.
#[derive(Debug, Clone)]
pub struct Email {
    /// The sender of every mail.
    pub from: Mailbox,
    /// The way out.
    pub backend: EmailBackend,
}

/// The way out for mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmailBackend {
    /// Into the log, for a first look.
    Console,
    /// One file per mail in this folder.
    File(PathBuf),
    /// To a mail server.
    Smtp(Smtp),
}

/// A mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    /// Its host name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: Tls,
    /// Certificates (PEM) of authorities of one's own that may vouch for it beside the public ones.
    pub authorities: Option<String>,
    /// Who signs in there, if anybody.
    pub user: Option<String>,
    /// With which password.
    pub password: Secret,
}

/// How the connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Not at all: for a relay on the same machine.
    None,
    /// `STARTTLS`, required (RFC 3207).
    StartTls,
    /// From the first byte, as on port 465 (RFC 8314).
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
            // Mail servers expect the account's own address; a user name that is none falls through.
            (None, Some(user)) if user.contains('@') => mailbox("EMAIL_HOST_USER", user)?,
            (None, _) => mailbox("DEFAULT_FROM_EMAIL", "shop@localhost")?,
        };
        Ok(Self { from, backend })
    }
}

impl Smtp {
    fn from_variables(variables: &Variables<'_>, host: Option<&str>, user: Option<&str>) -> Result<Self> {
        // With only a user the seed meant its own mail account at Gmail.
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
            password: Secret::new(variables.text("EMAIL_HOST_PASSWORD").unwrap_or_default()),
        })
    }
}

/// Read at the start, so that a wrong file stops it instead of every mail.
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
