//! Reads `DATABASE_URL` and the `DB_*` variables, which have Django's names and defaults.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use shop_store_sql::PostgresOptions;

use super::variables::Variables;
use super::{ConfigError, ConfigSecret, Result};

/// The database that holds the shop's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// The path of an SQLite file.
    Sqlite(PathBuf),
    /// A Postgres server.
    Postgres(Postgres),
}

/// A Postgres server and its connection settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postgres {
    /// The address in libpq's format, including the password.
    pub url: ConfigSecret,
    /// The maximum number of connections of this process, from 2 to 1000; 16 by default.
    pub pool_size: u32,
    /// The time limit of one statement, from 1 to 3600 seconds; 10 by default.
    pub statement_timeout: Duration,
    /// Whether the address is that of a pgbouncer in transaction mode.
    pub pgbouncer: bool,
}

/// The limit of `DB_POOL_SIZE`: more connections than any Postgres serves well.
const MAX_POOL_SIZE: u32 = 1000;
/// The limit of `DB_STATEMENT_TIMEOUT` in seconds: one hour.
const MAX_STATEMENT_TIMEOUT: u64 = 3600;

const ADDRESS: &str = "must be an address such as postgres://user:password@host:5432/database";

impl Database {
    pub(super) fn from_variables(variables: &Variables<'_>) -> Result<Self> {
        if let Some(url) = variables.text("DATABASE_URL") {
            return Self::from_url("DATABASE_URL", url, variables);
        }
        match variables.text("DB_ENGINE").unwrap_or("sqlite") {
            "sqlite" | "sqlite3" | "django.db.backends.sqlite3" => {
                sqlite("DB_NAME", variables.text("DB_NAME").unwrap_or("db.sqlite3"))
            }
            "postgres" | "postgresql" | "django.db.backends.postgresql" | "django.db.backends.postgresql_psycopg2" => {
                postgres(variables, address(variables)?, "DB_HOST")
            }
            "mysql" | "django.db.backends.mysql" => {
                Err(ConfigError::new("DB_ENGINE", "MySQL is not supported; use postgres or sqlite"))
            }
            _ => Err(ConfigError::new("DB_ENGINE", "must be sqlite or postgres")),
        }
    }

    /// Parses the address given in the variable or argument `name`.
    pub(super) fn from_url(name: &str, url: &str, variables: &Variables<'_>) -> Result<Self> {
        let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
        match scheme {
            "sqlite" | "sqlite3" => sqlite(name, rest.strip_prefix("//").unwrap_or(rest)),
            "postgres" | "postgresql" => postgres(variables, ConfigSecret::new(url), name),
            _ => Err(ConfigError::new(name, "must begin with sqlite: or postgres://")),
        }
    }
}

impl Postgres {
    /// Converts the settings to the store's options.
    ///
    /// # Errors
    /// [`ConfigError`] naming `DATABASE_URL` when the address cannot be parsed. This does not happen for configurations
    /// made by [`Config::from_variables`](super::Config::from_variables).
    pub fn options(&self) -> Result<PostgresOptions> {
        // The parse error would show the address, and with it the password.
        let options =
            PostgresOptions::parse(self.url.expose()).map_err(|_| ConfigError::new("DATABASE_URL", ADDRESS))?;
        Ok(options.max_connections(self.pool_size).statement_timeout(self.statement_timeout).pgbouncer(self.pgbouncer))
    }
}

pub(super) fn statement_timeout(variables: &Variables<'_>) -> Result<Duration> {
    variables.seconds("DB_STATEMENT_TIMEOUT", 10, MAX_STATEMENT_TIMEOUT)
}

fn sqlite(variable: &str, path: &str) -> Result<Database> {
    match path {
        "" => Err(ConfigError::new(variable, "must name a file")),
        // The server opens several connections, and each would get an in-memory database of its own.
        ":memory:" => Err(ConfigError::new(variable, "must name a file, the server keeps nothing in memory only")),
        path => Ok(Database::Sqlite(PathBuf::from(path))),
    }
}

fn postgres(variables: &Variables<'_>, url: ConfigSecret, variable: &str) -> Result<Database> {
    let pool_size = match variables.text("DB_POOL_SIZE").map(str::parse::<u32>) {
        None => 16,
        // At least two: one connection writes while others read.
        Some(Ok(size)) if (2..=MAX_POOL_SIZE).contains(&size) => size,
        Some(_) => {
            return Err(ConfigError::new("DB_POOL_SIZE", format!("must be a whole number from 2 to {MAX_POOL_SIZE}")));
        }
    };
    let postgres = Postgres {
        url,
        pool_size,
        statement_timeout: statement_timeout(variables)?,
        pgbouncer: variables.boolean("DB_PGBOUNCER", false)?,
    };
    postgres.options().map_err(|why| ConfigError { variable: variable.to_owned(), ..why })?;
    Ok(Database::Postgres(postgres))
}

/// Builds the address that Django's variables describe. Unset parts take libpq's defaults (a local socket, port 5432,
/// the user of the process).
fn address(variables: &Variables<'_>) -> Result<ConfigSecret> {
    if variables.text("DB_NAME").is_none() {
        return Err(ConfigError::new("DB_NAME", "must name a database"));
    }
    if let Some(port) = variables.text("DB_PORT")
        && !port.parse::<u16>().is_ok_and(|port| port > 0)
    {
        return Err(ConfigError::new("DB_PORT", "must be a port number from 1 to 65535"));
    }
    // The port comes before the host: sqlx picks the socket for the port that it has read so far.
    let parts = [
        ("port", "DB_PORT"),
        ("host", "DB_HOST"),
        ("user", "DB_USER"),
        ("password", "DB_PASSWORD"),
        ("dbname", "DB_NAME"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter_map(|(key, variable)| Some(format!("{key}={}", escaped(variables.text(variable)?))))
        .collect();
    Ok(ConfigSecret::new(format!("postgres:?{}", parts.join("&"))))
}

/// Percent-encodes everything but ASCII letters and digits (RFC 3986, 2.1).
fn escaped(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}
