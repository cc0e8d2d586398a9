//! The key that signs tokens: configured, or created once and stored next to the database.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use shop_core::clock::Random;
use shop_core::secret::MIN_KEY_LENGTH as MIN_BYTES;

use super::variables::Variables;
use super::{Config, ConfigError, Database, Result};

/// A value that `Debug` output does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigSecret(String);

impl ConfigSecret {
    /// Wraps a value so that it is not shown.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Returns the value itself, for the code that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for ConfigSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Rejects a short key unless debugging (the original Django shop's `.env` template has a short one).
pub(super) fn check_length(key: &ConfigSecret, debug: bool) -> Result<()> {
    if key.expose().len() >= MIN_BYTES || debug {
        return Ok(());
    }
    Err(ConfigError::new("SECRET_KEY", format!("must hold at least {MIN_BYTES} bytes")))
}

/// Reads `SECRET_KEY_FALLBACKS`. Earlier keys must be as long as the key itself: whoever guesses one can sign in as
/// anyone.
pub(super) fn fallbacks(variables: &Variables<'_>, debug: bool) -> Result<Vec<ConfigSecret>> {
    const NAME: &str = "SECRET_KEY_FALLBACKS";
    let keys = variables.text(NAME).unwrap_or_default().split(',').map(str::trim).filter(|key| !key.is_empty());
    let keys: Vec<_> = keys.map(ConfigSecret::new).collect();
    if !debug && keys.iter().any(|key| key.expose().len() < MIN_BYTES) {
        return Err(ConfigError::new(
            NAME,
            format!("must be a comma-separated list of keys of {MIN_BYTES} bytes or more"),
        ));
    }
    Ok(keys)
}

/// Servers that share a Postgres database cannot create a common key.
pub(super) fn needed() -> ConfigError {
    ConfigError::new("SECRET_KEY", "must be set on Postgres, to the same value for every server")
}

/// Returns the signing key: `SECRET_KEY`, or the one stored next to an SQLite file, which the first start creates.
/// Servers that share a Postgres database have no common file, so they need `SECRET_KEY`.
///
/// The file is `<database>.secret-key` with mode 0600. If several first starts race, one creates the key and all use
/// it: each writes its key to a draft file and links that to the final name, which only one can do.
///
/// # Errors
/// [`ConfigError`] naming `SECRET_KEY` when the file cannot be read or created, or when there is no key.
pub fn secret_key(config: &Config, random: &dyn Random) -> Result<ConfigSecret> {
    if let Some(key) = &config.secret_key {
        if key.expose().len() < MIN_BYTES {
            tracing::warn!(
                "SECRET_KEY IS SHORTER THAN {MIN_BYTES} BYTES: anybody may be able to sign in as anybody. \
                 It is accepted only because DEBUG=True."
            );
        }
        return Ok(key.clone());
    }
    match &config.database {
        Database::Sqlite(database) => kept_key(&key_file(database), random),
        Database::Postgres(_) => Err(needed()),
    }
}

/// Returns the existing key: `SECRET_KEY`, or the one stored next to an SQLite file. Creates none.
///
/// # Errors
/// [`ConfigError`] naming `SECRET_KEY` when the file cannot be read.
pub(crate) fn existing_key(config: &Config) -> Result<Option<ConfigSecret>> {
    match (&config.secret_key, &config.database) {
        (Some(key), _) => Ok(Some(key.clone())),
        (None, Database::Postgres(_)) => Ok(None),
        (None, Database::Sqlite(database)) => {
            let path = key_file(database);
            let failed = |why| ConfigError::new("SECRET_KEY", format!("is unset, and {}: {why}", path.display()));
            read(&path).map_err(failed)?.map(|key| checked(&path, key)).transpose()
        }
    }
}

/// Returns a random key for a shop that signs nothing.
pub(crate) fn any_key(random: &dyn Random) -> ConfigSecret {
    ConfigSecret::new(hex(&random.seed()))
}

/// The error when the key that signed the shop's data is absent.
pub(crate) fn missing(config: &Config) -> ConfigError {
    match &config.database {
        Database::Postgres(_) => needed(),
        Database::Sqlite(database) => ConfigError::new(
            "SECRET_KEY",
            format!(
                "is unset, and the key that this database belongs to is not at {}: put it back, or set SECRET_KEY to it. If \
                 it is lost, `shop-server adopt-key` goes on with a new one",
                key_file(database).display()
            ),
        ),
    }
}

/// The path of the key file next to an SQLite file.
pub(crate) fn key_file(database: &Path) -> PathBuf {
    with_suffix(database, ".secret-key")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn kept_key(path: &Path, random: &dyn Random) -> Result<ConfigSecret> {
    let failed =
        |why: std::io::Error| ConfigError::new("SECRET_KEY", format!("is unset, and {}: {why}", path.display()));
    if let Some(key) = read(path).map_err(failed)? {
        return checked(path, key);
    }
    let draft = with_suffix(path, &format!(".{}", hex(random.seed().get(..8).unwrap_or_default())));
    let made = write(&draft, &hex(&random.seed())).and_then(|()| match fs::hard_link(&draft, path) {
        Err(why) if why.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    // Always remove the draft: a leftover would hold a key.
    let removed = fs::remove_file(&draft);
    made.and(removed).map_err(failed)?;
    let key = read(path).and_then(|key| key.ok_or_else(|| ErrorKind::NotFound.into())).map_err(failed)?;
    checked(path, key)
}

fn checked(path: &Path, key: ConfigSecret) -> Result<ConfigSecret> {
    if key.expose().len() < MIN_BYTES {
        return Err(ConfigError::new(
            "SECRET_KEY",
            format!("is unset, and {} holds less than {MIN_BYTES} bytes", path.display()),
        ));
    }
    Ok(key)
}

fn read(path: &Path) -> std::io::Result<Option<ConfigSecret>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(ConfigSecret::new(text.trim()))),
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(None),
        Err(why) => Err(why),
    }
}

fn write(path: &Path, key: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(key.as_bytes())?;
    file.sync_all()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use shop_core::clock::SystemRandom;

    #[test]
    fn a_key_is_made_once_and_kept_private() {
        let folder = std::env::temp_dir().join(format!("shop-secret-{}", hex(&SystemRandom.seed())));
        fs::create_dir(&folder).unwrap();
        let path = folder.join("db.sqlite3.secret-key");
        let keys: Vec<ConfigSecret> = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..8).map(|_| scope.spawn(|| kept_key(&path, &SystemRandom).unwrap())).collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| key == &keys[0] && key.expose().len() == 64));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no draft is left behind");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::write(&path, "short").unwrap();
        assert_eq!(kept_key(&path, &SystemRandom).unwrap_err().variable, "SECRET_KEY");
        fs::remove_dir_all(&folder).unwrap();
    }
}
