//! What the subcommands do, once the configuration is read.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use shop_core::clock::SystemRandom;
use shop_core::error::BoxError;
use shop_core::{Actor, Shop};
use shop_store_sqlite::{Options, SqliteStore};

use crate::config::{Config, Database};
use crate::serve::stop_signal;
use crate::superuser::{self, Answers};
use crate::{demo, start};

type Result<T = ()> = std::result::Result<T, BoxError>;

/// Opens the storage of the configuration.
fn store(config: &Config, options: impl FnOnce(Options) -> Options) -> Result<Arc<SqliteStore>> {
    let Database::Sqlite(path) = &config.database;
    Ok(Arc::new(options(Options::new(path)).open()?))
}

/// Serves the shop until the process is asked to stop, then moves everything into the file. With `sample` an empty
/// one is filled first, and the staff's password printed.
pub(crate) async fn serve(config: &Config, sample: bool) -> Result {
    // Before the storage: a signal that comes while it opens is heard.
    let until = stop_signal()?;
    let file = store(config, |options| options.server(true))?;
    let shop = start::open(config, Arc::clone(&file) as _).await?;
    if sample {
        fill(&shop).await?;
    }
    let served = start::serve(config, &shop, until).await;
    file.close().await?;
    served
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

/// Makes or migrates the database.
pub(crate) async fn migrate(config: &Config) -> Result {
    let file = store(config, |options| options)?;
    let _: Shop = start::open(config, Arc::clone(&file) as _).await?;
    Ok(file.close().await?)
}

/// Makes a superuser, beside a running server or without one.
pub(crate) async fn create_superuser(config: &Config, answers: Answers) -> Result {
    let file = store(config, |options| options)?;
    let shop = start::open(config, Arc::clone(&file) as _).await?;
    let made = shop.accounts().create_superuser(&Actor::system(), answers.into()).await;
    file.close().await?;
    let person = made.map_err(superuser::explained)?;
    writeln!(std::io::stdout(), "Superuser {} created.", person.email)?;
    Ok(())
}

/// Copies the database, beside a running server or without one.
pub(crate) fn backup(config: &Config, target: &Path) -> Result {
    let Database::Sqlite(path) = &config.database;
    Ok(shop_store_sqlite::backup(path, target)?)
}

/// Verifies the file and the books in it.
pub(crate) async fn check(config: &Config) -> Result {
    let file = store(config, |options| options.create(false))?;
    let shop = start::open(config, Arc::clone(&file) as _).await?;
    let mut problems = file.integrity_check().await?;
    problems.extend(shop.check().await?);
    file.close().await?;
    let mut out = std::io::stdout();
    for problem in &problems {
        writeln!(out, "{problem}")?;
    }
    match problems.len() {
        0 => Ok(writeln!(out, "All is well.")?),
        count => Err(format!("{count} things are wrong").into()),
    }
}
