//! Implements the subcommands, once the configuration is read.

use std::future::Future;
use std::io::Write as _;
use std::path::Path;

use shop_core::clock::SystemRandom;
use shop_core::error::BoxError;
use shop_core::{Actor, Shop};

use crate::config::{self, Config, Database, key_file};
use crate::serve::stop_signal;
use crate::storage::{self, Purpose, Storage};
use crate::superuser::{self, PromptAnswers};
use crate::welcome::Welcome;
use crate::{demo, logging, start};

type Result<T = ()> = std::result::Result<T, BoxError>;

/// Serves the shop until the process is asked to stop, then closes the storage. With `sample`, first fills an empty
/// shop and prints the staff password.
pub(crate) async fn serve(config: &Config, sample: bool) -> Result {
    // Before the storage opens, so that a signal that arrives meanwhile is not lost.
    let until = stop_signal()?;
    let storage = Storage::open(config, Purpose::Serve).await?;
    let shop = start::open(config, storage.store()).await?;
    // By now a missing key has been created.
    for warning in config::warnings(config) {
        tracing::warn!("{warning}");
    }
    if sample {
        fill(&shop).await?;
    }
    let served = listen_and_serve(config, &shop, &storage, sample, until).await;
    storage.close().await?;
    served
}

async fn listen_and_serve(
    config: &Config,
    shop: &Shop,
    storage: &Storage,
    sample: bool,
    until: impl Future<Output = ()>,
) -> Result {
    let listener = start::listen(config).await?;
    // A program that collects JSON lines may read both outputs as one, so print text only where the log is text.
    if sample || logging::is_text(config) {
        let welcome = Welcome {
            address: listener.local_addr()?,
            docs: config.docs,
            program: std::env::args().next().unwrap_or_else(|| "shop-server".to_owned()),
            is_empty: demo::is_empty(shop).await?,
            needs_staff: !sample,
        };
        let mut out = std::io::stdout();
        write!(out, "{welcome}")?;
        out.flush()?;
    }
    start::serve_on(listener, config, shop, storage.limits(config, shop), until).await;
    Ok(())
}

async fn fill(shop: &Shop) -> Result {
    let mut out = std::io::stdout();
    match demo::fill(shop, &SystemRandom).await? {
        Some(password) => {
            writeln!(
                out,
                "A sample shop was made. Its staff: {} with the password {}",
                demo::STAFF,
                password.expose()
            )?;
        }
        None => writeln!(out, "There are products already; nothing was added.")?,
    }
    Ok(out.flush()?)
}

/// Creates or migrates the database.
pub(crate) async fn migrate(config: &Config) -> Result {
    let storage = Storage::open(config, Purpose::Tool).await?;
    let _: Shop = start::open(config, storage.store()).await?;
    storage.close().await
}

/// Creates a superuser, whether or not a server is running.
pub(crate) async fn create_superuser(config: &Config, answers: PromptAnswers) -> Result {
    let storage = Storage::open(config, Purpose::Tool).await?;
    let shop = start::open(config, storage.store()).await?;
    let made = shop.accounts().create_superuser(&Actor::system(), answers.into()).await;
    storage.close().await?;
    let person = made.map_err(superuser::explained)?;
    writeln!(std::io::stdout(), "Superuser {} created.", person.email)?;
    Ok(())
}

/// Makes the configured key the key of the data.
pub(crate) async fn adopt_key(config: &Config) -> Result {
    // A running server would keep using the earlier key. For an SQLite file, `Purpose::Serve` detects one.
    let storage = Storage::open(config, Purpose::Serve).await?;
    let adopted = start::adopt_key(config, storage.store()).await;
    storage.close().await?;
    adopted?;
    let what = "The database belongs to this key now. Sessions, guests' tokens, links and the secrets of webhooks of an \
                earlier key are invalid.";
    Ok(writeln!(std::io::stdout(), "{what}")?)
}

/// Copies the storage to a new file, and prints what else a backup needs.
pub(crate) fn backup(config: &Config, target: &Path) -> Result {
    storage::backup(config, target)?;
    let key = match (&config.secret_key, &config.database) {
        (None, Database::Sqlite(path)) => format!("the key in {}", key_file(path).display()),
        _ => "the value of SECRET_KEY".to_owned(),
    };
    let mut out = std::io::stdout();
    writeln!(out, "Copied to {}.", target.display())?;
    Ok(writeln!(
        out,
        "It is of no use without its key: keep {key}, too, in another place. To restore, put both back, then run `check`."
    )?)
}

/// Verifies the storage and the invariants of its data.
pub(crate) async fn check(config: &Config) -> Result {
    let storage = Storage::open(config, Purpose::Look).await?;
    let (shop, key) = start::open_to_look(config, storage.store()).await?;
    let mut problems = storage.damage().await?;
    problems.extend(shop.check().await?);
    problems.extend(key.map(|wrong| wrong.to_string()));
    storage.close().await?;
    let mut out = std::io::stdout();
    for problem in &problems {
        writeln!(out, "{problem}")?;
    }
    match problems.len() {
        0 => Ok(writeln!(out, "All is well.")?),
        count => Err(format!("{count} things are wrong").into()),
    }
}
