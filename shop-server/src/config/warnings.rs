//! Warns at start about settings that are allowed but may harm the shop.

use std::collections::HashSet;
use std::path::Path;

use super::secret::{ConfigSecret, key_file};
use super::{Config, Database, EmailBackend, Tls};

/// The minimum number of guesses for a strong key, as a power of ten: 63 bits. zxcvbn does not count further.
const MIN_GUESSES_LOG10: f64 = 19.0;

/// Returns one sentence for each setting that should differ in production. None contains a secret.
pub(crate) fn warnings(config: &Config) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(mail(config));
    found.extend(key(config));
    found.extend(env_file(Path::new(".env")));
    found
}

fn mail(config: &Config) -> Option<String> {
    match &config.email.backend {
        EmailBackend::Console if !config.debug => Some(
            "EMAIL_BACKEND is console: mails, with the codes and links in them, are printed and reach nobody; set \
             EMAIL_HOST"
                .to_owned(),
        ),
        EmailBackend::Smtp(smtp) if smtp.tls == Tls::None => Some(format!(
            "EMAIL_USE_TLS and EMAIL_USE_SSL are off: mails, with the codes and links in them, and the password of \
             EMAIL_HOST_USER go to {} unencrypted, which is only right for a relay on this machine",
            smtp.host
        )),
        _ => None,
    }
}

/// Checks the signing key, wherever it is stored.
fn key(config: &Config) -> Vec<String> {
    if let Some(key) = &config.secret_key {
        return is_weak(key).then(|| weak("SECRET_KEY")).into_iter().collect();
    }
    let Database::Sqlite(database) = &config.database else { return Vec::new() };
    let file = key_file(database);
    let mut found: Vec<String> = readable(&file).into_iter().collect();
    let kept = std::fs::read_to_string(&file).map(|key| ConfigSecret::new(key.trim()));
    if kept.is_ok_and(|key| is_weak(&key)) {
        found.push(weak(&file.display().to_string()));
    }
    found
}

fn weak(source: &str) -> String {
    format!(
        "{source} holds a key that can be guessed: who guesses it can sign in as anybody. Make one with `openssl rand -hex 32`"
    )
}

/// Judges a key like a password: repetitions, sequences and words of any length take few guesses.
fn is_weak(key: &ConfigSecret) -> bool {
    !is_drawn(key.expose()) && zxcvbn::zxcvbn(key.expose(), &[]).guesses_log10() < MIN_GUESSES_LOG10
}

/// Whether a text looks like a key from `openssl rand -hex` or this server: hexadecimal digits without a pattern. Such
/// keys skip zxcvbn, whose dictionaries delay the start and keep 5 MiB in memory.
fn is_drawn(text: &str) -> bool {
    let digits = text.as_bytes();
    let far = |one: u8, other: u8| one.abs_diff(other) > 1;
    let leaps = digits.windows(3).filter(|three| match three {
        [a, b, c] => far(*a, *b) && far(*b, *c) && far(*a, *c),
        _ => false,
    });
    let different: HashSet<_> = digits.windows(3).collect();
    digits.len() >= 32
        && digits.iter().all(u8::is_ascii_hexdigit)
        && leaps.count() * 10 >= digits.len() * 3
        && different.len() * 20 >= digits.len() * 16
}

/// Warns of a `.env` file with secrets that other users can read.
fn env_file(file: &Path) -> Option<String> {
    const SECRETS: [&str; 6] = [
        "SECRET_KEY",
        "DATABASE_URL",
        "DB_PASSWORD",
        "EMAIL_HOST_PASSWORD",
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRET",
    ];
    let entries = dotenvy::from_path_iter(file).ok()?;
    let holds_secrets = entries
        .filter_map(Result::ok)
        .any(|(name, value)| !value.trim().is_empty() && SECRETS.contains(&name.as_str()));
    holds_secrets.then(|| readable(file)).flatten()
}

/// Warns if users other than the owner can read a file.
#[cfg(unix)]
fn readable(file: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(file).ok()?.permissions().mode() & 0o777;
    let file = file.display();
    (mode & 0o077 != 0).then(|| {
        format!("{file} holds secrets and other users of this machine may read or write it (mode {mode:03o}); run `chmod 600 {file}`")
    })
}

#[cfg(not(unix))]
fn readable(_file: &Path) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn told(pairs: &[(&str, &str)]) -> Vec<String> {
        // The database is elsewhere, so that no key file is found.
        let usual = [("DB_NAME", "/nowhere/shop.db"), ("EMAIL_HOST", "mail.example"), ("EMAIL_USE_TLS", "True")];
        let variables: HashMap<_, _> =
            usual.iter().chain(pairs).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        warnings(&Config::from_variables(&variables).unwrap())
    }

    #[test]
    fn a_sound_configuration_is_not_warned_of() {
        for key in [
            "6f1d2c9b8a7e4f5061728394a5b6c7d8e9fa0b1c2d3e4f5061728394a5b6c7d8",
            "9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d",
            "k#2v9!xQ7m$Lp0zRt5Wy8Bn3Hf6Jc1Gd",
        ] {
            assert_eq!(told(&[("SECRET_KEY", key)]), Vec::<String>::new());
        }
        assert_eq!(told(&[("DEBUG", "True"), ("EMAIL_BACKEND", "console")]), Vec::<String>::new());
    }

    #[test]
    fn a_key_that_can_be_guessed_is_warned_of_and_not_shown() {
        let repeated = "ab".repeat(20);
        for key in [
            "a".repeat(40).as_str(),
            &repeated,
            "abcdefghijklmnopqrstuvwxyz0123456789",
            &"password".repeat(5),
            "0".repeat(64).as_str(),
        ] {
            let told = told(&[("SECRET_KEY", key)]);
            assert!(told.len() == 1 && told[0].starts_with("SECRET_KEY ") && !told[0].contains(key), "{told:?}");
        }
    }

    #[test]
    fn a_key_that_was_drawn_needs_no_dictionary() {
        for key in
            ["06751fde5f35317d2297fb9a45f3bf7f0339ec9f9c8cc4dc6fdfba568448232e", "500b7a81568719e9819a12cbc00adfa3"]
        {
            assert!(is_drawn(key), "{key}");
        }
        // Too short, made of words, or with a pattern.
        for key in [
            "b7e3f09a51c86d24",
            "correct1horse2battery3staple4purple5monkey",
            "0123456789abcdeffedcba9876543210",
            "00112233445566778899aabbccddeeff",
            &"b7e3f09a51".repeat(4),
        ] {
            assert!(!is_drawn(key), "{key}");
        }
    }

    #[test]
    fn mail_that_anybody_can_read_is_warned_of() {
        assert!(told(&[("EMAIL_BACKEND", "console")])[0].starts_with("EMAIL_BACKEND "));
        let clear = told(&[("EMAIL_USE_TLS", "False"), ("EMAIL_HOST_PASSWORD", "hunter2")]);
        assert!(clear[0].contains("mail.example") && !clear[0].contains("hunter2"), "{clear:?}");
    }

    #[cfg(unix)]
    #[test]
    fn secrets_in_files_that_others_may_read_are_warned_of() {
        use std::os::unix::fs::PermissionsExt as _;
        let file = std::env::temp_dir().join(format!("shop-env-{}", std::process::id()));
        for (content, mode, warned) in [
            ("SECRET_KEY=x\n", 0o644, true),
            ("DB_PASSWORD=x\n", 0o640, true),
            ("SECRET_KEY=x\n", 0o600, false),
            ("SECRET_KEY=\nDEBUG=True\n", 0o644, false),
        ] {
            std::fs::write(&file, content).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(env_file(&file).is_some(), warned, "{content} {mode:o}");
        }
        std::fs::remove_file(&file).unwrap();
    }
}
