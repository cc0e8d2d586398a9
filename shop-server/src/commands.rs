//! What the subcommands do, once the configuration is read.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use shop_core::error::BoxError;
use shop_core::{Actor, Shop};
use shop_store_sqlite::{Options, SqliteStore};

use crate::config::{Config, Database};
use crate::serve::stop_signal;
use crate::start;
use crate::superuser::{self, Answers};

type Result<T = ()> = std::result::Result<T, BoxError>;

/// Opens the storage of the configuration.
fn store(config: &Config, options: impl FnOnce(Options) -> Options) -> Result<Arc<SqliteStore>> {
    let Database::Sqlite(path) = &config.database;
    Ok(Arc::new(options(Options::new(path)).open()?))
}

/// Serves the shop until the process is asked to stop, then moves everything into the file.
pub(crate) async fn serve(config: &Config) -> Result {
    // Before the storage: a signal that comes while it opens is heard.
    let stop = stop_signal()?;
    let store = store(config, |options| options.server(true))?;
    let shop = start::open(config, Arc::clone(&store) as _).await?;
    let served = start::serve(config, &shop, stop).await;
    store.close().await?;
    served
}

/// Makes or migrates the database.
pub(crate) async fn migrate(config: &Config) -> Result {
    let store = store(config, |options| options)?;
    let _: Shop = start::open(config, Arc::clone(&store) as _).await?;
    Ok(store.close().await?)
}

/// Makes a superuser, beside a running server or without one.
pub(crate) async fn create_superuser(config: &Config, answers: Answers) -> Result {
    let store = store(config, |options| options)?;
    let shop = start::open(config, Arc::clone(&store) as _).await?;
    let made = shop.accounts().create_superuser(&Actor::system(), answers.into()).await;
    store.close().await?;
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
    let store = store(config, |options| options.create(false))?;
    let shop = start::open(config, Arc::clone(&store) as _).await?;
    let mut problems = store.integrity_check().await?;
    problems.extend(shop.check().await?);
    store.close().await?;
    let mut out = std::io::stdout();
    for problem in &problems {
        writeln!(out, "{problem}")?;
    }
    match problems.len() {
        0 => Ok(writeln!(out, "All is well.")?),
        count => Err(format!("{count} things are wrong").into()),
    }
}
