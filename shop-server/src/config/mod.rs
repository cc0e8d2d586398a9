//! The configuration: environment variables and a `.env` file, read once at start.
//!
//! [`Config::from_variables`] is a pure function of a map, so that every rule can be unit-tested; [`Config::load`]
//! fills the map. An empty value counts as unset for every variable. A wrong value stops the start with one line that
//! names the variable.

mod database;
mod email;
mod log_format;
mod public;
mod secret;
mod stripe;
mod variables;
mod warnings;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use shop_core::money::Currency;
use shop_core::pricing::TaxRounding;

use crate::client::Proxies;

pub use database::{Database, Postgres};
pub use email::{Email, EmailBackend, Smtp, Tls};
pub use log_format::LogFormat;
pub use secret::{ConfigSecret, secret_key};
pub(crate) use secret::{any_key, existing_key, key_file, missing};
pub use stripe::Stripe;
use variables::Variables;
pub(crate) use warnings::warnings;

/// The complete configuration, with all rules already applied.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate variable, on or off")]
pub struct Config {
    /// Human-readable logs, cookies without `Secure`, short secret keys. Never changes a response body.
    pub debug: bool,
    /// The format of log lines.
    pub log_format: LogFormat,
    /// The database that holds the shop's data.
    pub database: Database,
    /// The time limit of one statement; on SQLite, of one list or search.
    pub statement_timeout: Duration,
    /// The SQLite store checkpoints its write-ahead log; turn it off when a replicator such as Litestream does so.
    pub checkpoints: bool,
    /// `SECRET_KEY` when it is set; [`secret_key`] says which key signs when it is not.
    pub secret_key: Option<ConfigSecret>,
    /// Earlier keys, which still verify but no longer sign.
    pub secret_key_fallbacks: Vec<ConfigSecret>,
    /// How the shop sends mail, and the sender's address.
    pub email: Email,
    /// Buyers get mail about their orders.
    pub order_emails: bool,
    /// The folder with mail templates that replace the built-in ones.
    pub mail_templates: Option<PathBuf>,
    /// The address to listen on, `host:port`.
    pub bind: String,
    /// Browser origins that may read responses, each `scheme://host[:port]`.
    pub cors_allowed_origins: Vec<String>,
    /// The base URL of links in mail, without a trailing slash.
    pub frontend_url: String,
    /// The currency of every price and order.
    pub currency: Currency,
    /// How long an access token is valid.
    pub access_token_lifetime: Duration,
    /// How long a refresh token is valid.
    pub refresh_token_lifetime: Duration,
    /// The maximum length of a session, however often it is refreshed.
    pub session_lifetime: Duration,
    /// The issuer of tokens, when it is not [`Config::frontend_url`].
    pub token_issuer: Option<String>,
    /// The maximum number of mails per account and day that anyone can request; `None`: no limit.
    pub max_mails_per_day: Option<u32>,
    /// The maximum number of one-time password attempts per account and day; `None`: no limit.
    pub max_otp_tries_per_day: Option<u32>,
    /// How long an account with an unverified address is kept; `None`: forever.
    pub unverified_account_ttl: Option<Duration>,
    /// How long an order that awaits an online payment holds its stock.
    pub reservation_ttl: Duration,
    /// How long an order that awaits a payment outside the shop holds its stock; `None`: forever.
    pub manual_payment_ttl: Option<Duration>,
    /// How long a guest's cart is kept after its last change; `None`: forever.
    pub guest_cart_ttl: Option<Duration>,
    /// Prices include taxes.
    pub prices_include_tax: bool,
    /// Whether taxes are rounded per line or per order.
    pub tax_rounding: TaxRounding,
    /// Rate limits on sign-in, OTP, password reset, coupon, cart creation and order routes.
    pub rate_limit: bool,
    /// The maximum number of unpaid orders per buyer; `None`: no limit.
    pub max_unpaid_orders: Option<u32>,
    /// How many days after the day of the last delivery buyers may withdraw; 0: not at all.
    pub withdrawal_days: u32,
    /// Sign-in sets HttpOnly cookies instead of returning tokens.
    pub auth_cookies: bool,
    /// The trusted proxies, and the shop's own public address.
    pub proxies: Proxies,
    /// The server serves `/docs/`.
    pub docs: bool,
    /// The server serves `/metrics`.
    pub metrics: bool,
    /// Webhook receivers may be in private networks and need no encryption.
    pub webhooks_allow_private: bool,
    /// Orders can be paid outside the shop, and staff record the payments.
    pub manual_payments: bool,
    /// The Stripe account that takes card payments; `None`: no card payments.
    pub stripe: Option<Stripe>,
}

/// Why the start fails: one line that names the variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {reason}")]
pub struct ConfigError {
    /// The variable (or file) that is wrong.
    pub variable: String,
    /// What is wrong with it; never contains a secret.
    pub reason: String,
}

impl ConfigError {
    pub(crate) fn new(variable: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { variable: variable.into(), reason: reason.into() }
    }
}

type Result<T> = std::result::Result<T, ConfigError>;

/// The maximum of every duration, ten years: far beyond any use, and safe in every sum of times.
const MAX_SECONDS: u64 = 10 * 365 * 24 * 60 * 60;

impl Config {
    /// Reads the environment of the process and, for unset variables, a `.env` file in the current folder.
    ///
    /// # Errors
    /// [`ConfigError`] naming the variable, or `.env` when that file cannot be read.
    pub fn load() -> Result<Self> {
        Self::from_variables(&read_variables(Path::new(".env"), std::env::vars_os())?)
    }

    /// Parses a database address given to a command as the argument `name` (`--from`). Other settings come from
    /// variables.
    ///
    /// # Errors
    /// [`ConfigError`] naming the argument or a variable.
    pub fn database_at(name: &str, url: &str) -> Result<Database> {
        let variables = read_variables(Path::new(".env"), std::env::vars_os())?;
        Database::from_url(name, url, &Variables::new(&variables))
    }

    /// Applies every rule to a map of variables. Unknown variables are ignored.
    ///
    /// # Errors
    /// [`ConfigError`] naming the first variable that is wrong.
    pub fn from_variables(variables: &HashMap<String, String>) -> Result<Self> {
        let variables = Variables::new(variables);
        let debug = variables.boolean("DEBUG", false)?;
        let secret_key = variables.text("SECRET_KEY").map(ConfigSecret::new);
        if let Some(key) = &secret_key {
            secret::check_length(key, debug)?;
        }
        let secret_key_fallbacks = secret::fallbacks(&variables, debug)?;
        let stripe = Stripe::from_variables(&variables)?;
        let manual_payments = variables.boolean("MANUAL_PAYMENTS", stripe.is_none())?;
        if !manual_payments && stripe.is_none() {
            return Err(ConfigError::new("MANUAL_PAYMENTS", "can be False only where STRIPE_SECRET_KEY is set"));
        }
        let auth_cookies = variables.boolean("AUTH_COOKIES", false)?;
        let database = Database::from_variables(&variables)?;
        if secret_key.is_none() && matches!(database, Database::Postgres(_)) {
            return Err(secret::needed());
        }
        Ok(Self {
            debug,
            log_format: variables.parsed("LOG_FORMAT", LogFormat::Auto)?,
            database,
            statement_timeout: database::statement_timeout(&variables)?,
            checkpoints: variables.boolean("DB_CHECKPOINTS", true)?,
            secret_key,
            secret_key_fallbacks,
            email: Email::from_variables(&variables)?,
            order_emails: variables.boolean("ORDER_EMAILS", true)?,
            mail_templates: variables.text("MAIL_TEMPLATES").map(PathBuf::from),
            bind: bind(&variables)?,
            cors_allowed_origins: origins(&variables, auth_cookies && !debug)?,
            frontend_url: frontend_url(&variables)?,
            currency: variables.parsed("CURRENCY", Currency::USD)?,
            access_token_lifetime: variables.seconds("ACCESS_TOKEN_LIFETIME", 300, MAX_SECONDS)?,
            refresh_token_lifetime: variables.seconds("REFRESH_TOKEN_LIFETIME", 86_400, MAX_SECONDS)?,
            session_lifetime: variables.seconds("SESSION_LIFETIME", 2_592_000, MAX_SECONDS)?,
            token_issuer: token_issuer(&variables)?,
            max_mails_per_day: variables.limit("MAX_MAILS_PER_DAY", 20)?,
            max_otp_tries_per_day: variables.limit("MAX_OTP_TRIES_PER_DAY", 20)?,
            unverified_account_ttl: variables.seconds_or_never("UNVERIFIED_ACCOUNT_TTL", 604_800, MAX_SECONDS)?,
            reservation_ttl: variables.seconds("RESERVATION_TTL", 1800, MAX_SECONDS)?,
            manual_payment_ttl: variables.seconds_or_never("MANUAL_PAYMENT_TTL", 604_800, MAX_SECONDS)?,
            guest_cart_ttl: variables.seconds_or_never("GUEST_CART_TTL", 2_592_000, MAX_SECONDS)?,
            prices_include_tax: variables.boolean("PRICES_INCLUDE_TAX", false)?,
            tax_rounding: tax_rounding(&variables)?,
            rate_limit: rate_limit(&variables)?,
            max_unpaid_orders: max_unpaid_orders(&variables)?,
            withdrawal_days: withdrawal_days(&variables)?,
            auth_cookies,
            proxies: public::proxies(&variables)?,
            docs: variables.boolean("DOCS", true)?,
            metrics: variables.boolean("METRICS", true)?,
            webhooks_allow_private: variables.boolean("WEBHOOKS_ALLOW_PRIVATE", false)?,
            manual_payments,
            stripe,
        })
    }
}

fn read_variables(
    file: &Path,
    environment: impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
) -> Result<HashMap<String, String>> {
    let unreadable = |why: &dyn std::fmt::Display| ConfigError::new(file.display().to_string(), why.to_string());
    let mut variables = HashMap::new();
    if file.exists() {
        // Name the entry by its number: dotenvy's own message would show the line, which may hold a password.
        for (index, entry) in dotenvy::from_path_iter(file).map_err(|why| unreadable(&why))?.enumerate() {
            let (name, value) = entry.map_err(|_| unreadable(&format!("entry {} cannot be read", index + 1)))?;
            variables.insert(name, value);
        }
    }
    for (name, value) in environment {
        if let (Ok(name), Ok(value)) = (name.into_string(), value.into_string()) {
            // Empty counts as unset, so it must not override the file.
            if !value.trim().is_empty() {
                variables.insert(name, value);
            }
        }
    }
    Ok(variables)
}

fn bind(variables: &Variables<'_>) -> Result<String> {
    let bind = variables.text("BIND").unwrap_or("127.0.0.1:8000");
    match bind.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(bind.to_owned()),
        _ => Err(ConfigError::new("BIND", "must be an address and a port such as 127.0.0.1:8000")),
    }
}

/// With cookies, origins must be named: whatever runs on a port of the visitor's own machine must not be trusted by
/// default.
fn origins(variables: &Variables<'_>, must_be_named: bool) -> Result<Vec<String>> {
    let default = if must_be_named { "" } else { "http://localhost:3000" };
    let list = variables.text("CORS_ALLOWED_ORIGINS").unwrap_or(default);
    let origin = |text: &str| {
        let text = text.trim_end_matches('/');
        let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        match host {
            Some(host) if !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b'*') => {
                Ok(text.to_ascii_lowercase())
            }
            _ => Err(ConfigError::new(
                "CORS_ALLOWED_ORIGINS",
                "must be a comma-separated list of origins such as https://shop.example",
            )),
        }
    };
    list.split(',').map(str::trim).filter(|text| !text.is_empty()).map(origin).collect()
}

fn frontend_url(variables: &Variables<'_>) -> Result<String> {
    let url = variables.text("FRONTEND_URL").unwrap_or("http://localhost:3000").trim_end_matches('/');
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    match rest {
        Some(rest) if !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'<') => {
            Ok(url.to_owned())
        }
        _ => Err(ConfigError::new("FRONTEND_URL", "must be an address such as https://shop.example")),
    }
}

/// Limits the issuer to 255 bytes, so that it fits into every token.
fn token_issuer(variables: &Variables<'_>) -> Result<Option<String>> {
    match variables.text("TOKEN_ISSUER") {
        Some(name) if name.len() > 255 => Err(ConfigError::new("TOKEN_ISSUER", "must hold at most 255 bytes")),
        name => Ok(name.map(str::to_owned)),
    }
}

fn tax_rounding(variables: &Variables<'_>) -> Result<TaxRounding> {
    match variables.text("TAX_ROUNDING").map(str::to_ascii_lowercase).as_deref() {
        None | Some("line") => Ok(TaxRounding::Line),
        Some("order") => Ok(TaxRounding::Order),
        Some(_) => Err(ConfigError::new("TAX_ROUNDING", "must be line or order")),
    }
}

fn rate_limit(variables: &Variables<'_>) -> Result<bool> {
    match variables.text("RATE_LIMIT").map(str::to_ascii_lowercase).as_deref() {
        None | Some("on" | "true" | "1") => Ok(true),
        Some("off" | "false" | "0") => Ok(false),
        Some(_) => Err(ConfigError::new("RATE_LIMIT", "must be on or off")),
    }
}

/// The withdrawal period after delivery for consumers in the European Union (Directive 2011/83/EU, article 9).
const WITHDRAWAL_DAYS: u32 = 14;
/// Ten years: a longer period is a mistake.
const MAX_WITHDRAWAL_DAYS: u32 = 3_650;
/// The default limit of unpaid orders per buyer.
const MAX_UNPAID_ORDERS: u32 = 10;

fn withdrawal_days(variables: &Variables<'_>) -> Result<u32> {
    match variables.text("WITHDRAWAL_DAYS").map(str::parse) {
        None => Ok(WITHDRAWAL_DAYS),
        Some(Ok(days @ 0..=MAX_WITHDRAWAL_DAYS)) => Ok(days),
        Some(_) => {
            let why = format!("must be a whole number of days from 0 (no withdrawals) to {MAX_WITHDRAWAL_DAYS}");
            Err(ConfigError::new("WITHDRAWAL_DAYS", why))
        }
    }
}

/// With rate limits off, the default is no limit.
fn max_unpaid_orders(variables: &Variables<'_>) -> Result<Option<u32>> {
    let default = if rate_limit(variables)? { MAX_UNPAID_ORDERS } else { 0 };
    variables.limit("MAX_UNPAID_ORDERS", default)
}

#[cfg(test)]
mod tests;
