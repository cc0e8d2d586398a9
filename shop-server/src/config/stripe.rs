//! Reads the `STRIPE_*` variables: whether cards are accepted, and through which Stripe account.

use std::net::IpAddr;

use super::variables::Variables;
use super::{ConfigError, ConfigSecret, Result};
use crate::stripe::{API_BASE, Capture};

/// A Stripe account and how to use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stripe {
    /// The secret key (`sk_…`) or a restricted key (`rk_…`).
    pub secret_key: ConfigSecret,
    /// The signing secrets of the webhook endpoint; several during a rotation.
    pub webhook_secrets: Vec<ConfigSecret>,
    /// The base URL of the API, without a trailing slash.
    pub api_base: String,
    /// Whether money is captured automatically or manually.
    pub capture: Capture,
}

impl Stripe {
    /// Returns the account, if a key is set.
    pub(super) fn from_variables(variables: &Variables<'_>) -> Result<Option<Self>> {
        // Check the other variables even without a key, so that mistakes show before the key is set.
        let webhook_secrets = webhook_secrets(variables)?;
        let api_base = api_base(variables)?;
        let capture = match variables.text("STRIPE_CAPTURE") {
            None | Some("automatic") => Capture::Automatic,
            Some("manual") => Capture::Manual,
            Some(_) => return Err(ConfigError::new("STRIPE_CAPTURE", "must be automatic or manual")),
        };
        let Some(key) = variables.text("STRIPE_SECRET_KEY") else { return Ok(None) };
        let is_secret = ["sk_", "rk_"].iter().any(|prefix| key.strip_prefix(prefix).is_some_and(is_word));
        if !is_secret {
            return Err(ConfigError::new(
                "STRIPE_SECRET_KEY",
                "must be a secret key (sk_…) or a restricted one (rk_…)",
            ));
        }
        Ok(Some(Self { secret_key: ConfigSecret::new(key), webhook_secrets, api_base, capture }))
    }
}

fn webhook_secrets(variables: &Variables<'_>) -> Result<Vec<ConfigSecret>> {
    let list = variables.text("STRIPE_WEBHOOK_SECRET").unwrap_or_default();
    let secrets = list.split(',').map(str::trim).filter(|secret| !secret.is_empty());
    // Keep the whole text including the prefix: that is the key of the signatures.
    let secret = |text: &str| match text.strip_prefix("whsec_") {
        Some(rest) if is_word(rest) => Ok(ConfigSecret::new(text)),
        _ => Err(ConfigError::new(
            "STRIPE_WEBHOOK_SECRET",
            "must be the signing secret of a webhook endpoint (whsec_…), or several with commas between",
        )),
    };
    secrets.map(secret).collect()
}

/// Requires TLS or a loopback address, because the secret key is sent there.
fn api_base(variables: &Variables<'_>) -> Result<String> {
    let text = variables.text("STRIPE_API_BASE").unwrap_or(API_BASE).trim_end_matches('/');
    let wrong = || ConfigError::new("STRIPE_API_BASE", format!("must be an address such as {API_BASE}"));
    let url = reqwest::Url::parse(text).map_err(|_| wrong())?;
    let host = url.host_str().unwrap_or_default();
    // A URL encloses an IPv6 address in brackets.
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let is_here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    let is_plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if host.is_empty() || !is_plain || !url.username().is_empty() || url.password().is_some() {
        return Err(wrong());
    }
    match url.scheme() {
        "https" => Ok(text.to_owned()),
        "http" if is_here => Ok(text.to_owned()),
        "http" => Err(ConfigError::new("STRIPE_API_BASE", "must begin with https:// unless it is on this machine")),
        _ => Err(wrong()),
    }
}

/// Whether a text consists of at least four ASCII letters, digits and underscores.
fn is_word(text: &str) -> bool {
    text.len() >= 4 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
