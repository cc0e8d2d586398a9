//! Liveness and readiness of the server.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;
use shop_core::error::BoxError;

use crate::problem::Problem;

/// Checks that the storage responds.
pub type Ping = Box<dyn Fn() -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync>;

/// The path that tells whether the process is alive.
pub const LIVE: &str = "/healthz";
/// The path that tells whether the process should get requests.
pub const READY: &str = "/readyz";

/// The health of a server: alive if it responds at all, ready while the storage responds and the server is not
/// stopping.
pub struct Health {
    ping: Ping,
    draining: AtomicBool,
}

impl Health {
    /// Creates a health state that is ready while `ping` succeeds.
    pub fn new(ping: Ping) -> Self {
        Self { ping, draining: AtomicBool::new(false) }
    }

    /// Marks the server as stopping: it is no longer ready and refuses new requests.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether a request to this path must be refused because the server is stopping.
    pub(crate) fn refuses(&self, path: &str) -> bool {
        self.draining.load(Ordering::Relaxed) && !Self::is_live_path(path)
    }

    /// Whether this is the path that always responds.
    pub(crate) fn is_live_path(path: &str) -> bool {
        path.trim_end_matches('/') == LIVE
    }

    /// Checks whether this server should get requests.
    ///
    /// # Errors
    /// 503 `unavailable` with the storage's own error for the log.
    pub async fn ready(&self) -> Result<(), Problem> {
        (self.ping)().await.map_err(|why| shop_core::Error::Unavailable { retry_after: 1, source: Some(why) }.into())
    }
}
