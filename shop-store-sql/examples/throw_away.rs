//! Runs a command next to a throw-away Postgres, whose empty database is in `DATABASE_URL`.
//!
//! ```sh
//! cargo run -p shop-store-sql --features testing --example throw_away -- sh -c 'psql $DATABASE_URL'
//! ```

use std::error::Error;
use std::process::{Command, ExitCode};

use shop_store_sql::testing::Cluster;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().ok_or("say which command to run")?;
    let cluster = Cluster::start()?;
    let status = Command::new(program).args(arguments).env("DATABASE_URL", cluster.database()?).status()?;
    // Only now: the command has had its database to the end.
    drop(cluster);
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
