//! Opens the source and the target of a transfer.

use shop_core::error::BoxError;
use shop_core::transfer::{TransferSource, TransferTarget};
use shop_store_sql::PostgresRows;
use shop_store_sqlite::SqliteRows;

use crate::config::Database;
use crate::storage::explain;

/// An error of one end, named by its argument.
#[derive(Debug, thiserror::Error)]
#[error("{end}")]
struct EndError {
    end: &'static str,
    #[source]
    why: BoxError,
}

fn of<E: Into<BoxError>>(end: &'static str) -> impl Fn(E) -> BoxError {
    move |why| EndError { end, why: why.into() }.into()
}

/// Opens the shop to transfer.
pub(super) async fn source(database: &Database) -> Result<Box<dyn TransferSource>, BoxError> {
    let end = "--from";
    Ok(match database {
        Database::Sqlite(path) => Box::new(SqliteRows::source(path).map_err(of(end))?),
        Database::Postgres(postgres) => {
            Box::new(PostgresRows::source(&postgres.options()?).await.map_err(explain).map_err(of(end))?)
        }
    })
}

/// Opens the storage to fill.
pub(super) async fn target(database: &Database) -> Result<Box<dyn TransferTarget>, BoxError> {
    let end = "--to";
    Ok(match database {
        Database::Sqlite(path) => Box::new(SqliteRows::target(path).map_err(of(end))?),
        Database::Postgres(postgres) => {
            Box::new(PostgresRows::target(&postgres.options()?).await.map_err(explain).map_err(of(end))?)
        }
    })
}
