//! A clock that tests control.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::TimeDelta;
use shop_core::clock::{Clock, SystemClock, Timestamp};

/// The system's clock, advanced by the test.
#[derive(Debug, Default)]
pub(crate) struct Forward(AtomicI64);

impl Forward {
    pub(crate) fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for Forward {
    fn now(&self) -> Timestamp {
        SystemClock.now() + TimeDelta::seconds(self.0.load(Ordering::SeqCst))
    }
}
