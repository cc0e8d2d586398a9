//! Whether the process lives, and whether it should get requests.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;
use shop_core::error::BoxError;

use crate::problem::Problem;

/// Asks the storage for a sign of life.
pub type Ping = Box<dyn Fn() -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync>;

/// The path that says that the process lives.
pub const LIVE: &str = "/healthz";
/// The path that says whether the process should get requests.
pub const READY: &str = "/readyz";

/// The health of a server: alive by answering at all, ready while the storage answers and no stop was asked for.
pub struct Health {
    ping: Ping,
    draining: AtomicBool,
}

impl Health {
    /// Ready while `ping` succeeds.
    pub fn new(ping: Ping) -> Self {
        Self { ping, draining: AtomicBool::new(false) }
    }

    /// From now on the server is not ready, and refuses requests that were not already in work.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// True when a request to this path comes too late.
    pub(crate) fn refuses(&self, path: &str) -> bool {
        self.draining.load(Ordering::Relaxed) && !Self::is_live_path(path)
    }

    /// True for the path that is answered whatever happens.
    pub(crate) fn is_live_path(path: &str) -> bool {
        path.trim_end_matches('/') == LIVE
    }

    /// Whether requests should come here.
    ///
    /// # Errors
    /// 503 `unavailable` with the storage's own error for the log.
    pub async fn ready(&self) -> Result<(), Problem> {
        (self.ping)().await.map_err(|why| shop_core::Error::Unavailable { retry_after: 1, source: Some(why) }.into())
    }
}
