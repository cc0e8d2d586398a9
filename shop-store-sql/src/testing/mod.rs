//! A real Postgres for tests: a temporary cluster, created with the system's own programs.
//!
//! [`Cluster::shared`] is one server for all tests of a process. Each test takes its own database from it with
//! [`Cluster::database`] or, with a shop's tables, [`Cluster::migrated`]. Tests that stop, restart or lose their server
//! start their own with [`Cluster::start`].
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use shop_store_sql::testing::{self, Cluster};
//!
//! let url = Cluster::shared()?.database()?;
//! testing::execute(&url, "CREATE TABLE notes (text text); INSERT INTO notes VALUES ('a'), ('b')")?;
//! assert_eq!(testing::texts(&url, "SELECT text FROM notes ORDER BY text")?, ["a", "b"]);
//! # Ok(())
//! # }
//! ```
//!
//! # What is needed
//! `initdb`, `pg_ctl` and `postgres`, on the `PATH` or where Debian and the usual builds install them (Debian: `apt-get
//! install postgresql`); `pgbouncer` for [`Bouncer`]. Postgres refuses to run as root: if root starts the cluster, it
//! runs as the system user `postgres`, or else `nobody`.
//!
//! If `TEST_DATABASE_URL` is set, [`Cluster::shared`] uses that server instead. Its user must be allowed to create
//! databases; they are named `shop_test_…` and are not removed.
//!
//! # Cleanup
//! Every cluster is in its own folder in the system's temporary directory. A small shell process waits for the end of a
//! pipe that the test process holds. When that process drops the cluster, ends, panics or is killed, the pipe ends, and
//! the shell stops the server and removes the folder.
//!
//! # Blocking
//! Everything here blocks the calling thread, from milliseconds (a database) to seconds (a cluster), inside or outside
//! a runtime.

mod bouncer;
mod cluster;
mod guarded;
mod programs;
mod proxy;
mod rival;
mod sql;
#[cfg(test)]
mod tests;

pub use bouncer::Bouncer;
pub use cluster::{Cluster, ClusterOptions};
pub use programs::find as program;
pub use proxy::{Direction, Message, Proxy, Verdict};
pub use rival::Rival;
use sql::migrate;
pub use sql::{Held, execute, hold, texts, wait_until};

/// Why an operation of this module failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct TestingError(String);

impl TestingError {
    fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }

    fn because(what: impl std::fmt::Display, why: impl std::fmt::Display) -> Self {
        Self(format!("{what}: {why}"))
    }
}

/// The result of every operation of this module.
pub type Result<T = ()> = std::result::Result<T, TestingError>;
