//! A real Postgres for tests: a throw-away cluster, made from the system's own programs.
//!
//! [`Cluster::shared`] is one server for all tests of a process; each test takes a database of its own from it with
//! [`Cluster::database`], or, with the tables of a shop, [`Cluster::migrated`]. Tests that stop, restart or lose their server take one with [`Cluster::start`].
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
//! `initdb`, `pg_ctl` and `postgres`, on the `PATH` or where Debian and the usual builds put them (Debian:
//! `apt-get install postgresql`); `pgbouncer` for [`Bouncer`]. Postgres refuses to run as root: started by root, the
//! cluster runs as the system's user `postgres`, or else `nobody`.
//!
//! With `TEST_DATABASE_URL` set, [`Cluster::shared`] uses that server instead, whose user must be allowed to create
//! databases; they are named `shop_test_…` and stay there.
//!
//! # Nothing stays behind
//! Every cluster lies in a folder of its own among the system's temporary ones. A small shell beside it waits for the
//! end of a pipe that the test process holds; when that process drops the cluster, ends, panics or is killed, the pipe
//! ends, and the shell stops the server and removes the folder.
//!
//! # Blocking
//! Everything here blocks the calling thread, for milliseconds (a database) to seconds (a cluster), inside a runtime
//! or outside of one.

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

/// Why something of this module could not be done.
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

/// What everything here returns.
pub type Result<T = ()> = std::result::Result<T, TestingError>;
