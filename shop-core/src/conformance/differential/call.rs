//! A call: how it is drawn, and its outcome.

use std::fmt::Debug;

use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;

use super::known::{Known, News};
use super::{products, reads, trade, users, webhooks};
use crate::error::{Error, Result};
use crate::shop::Shop;

/// A call with all its arguments.
pub(super) struct Call {
    /// A readable description.
    pub(super) name: String,
    /// Seconds that pass before the call.
    pub(super) seconds: i64,
    /// Makes the call on a shop.
    pub(super) run: Box<dyn Fn(Shop) -> BoxFuture<'static, CallOutcome> + Send + Sync>,
}

/// The outcome of a call.
pub(super) struct CallOutcome {
    /// The complete result, formatted.
    pub(super) text: String,
    /// Ids for later calls.
    pub(super) news: Vec<News>,
    /// Whether the store failed.
    pub(super) is_fault: bool,
}

impl CallOutcome {
    pub(super) fn of<T: Debug>(result: &Result<T>, news: impl FnOnce(&T) -> Vec<News>) -> Self {
        Self {
            text: format!("{result:?}"),
            is_fault: matches!(result, Err(Error::Fault(_) | Error::Unavailable { .. })),
            news: result.as_ref().map(news).unwrap_or_default(),
        }
    }
}

/// Defines a call that clones its arguments, once per store.
macro_rules! call {
    ($name:expr, [$($given:ident),*], |$shop:ident| $body:expr) => {
        call!($name, [$($given),*], |$shop| $body, |_| Vec::new())
    };
    ($name:expr, [$($given:ident),*], |$shop:ident| $body:expr, $news:expr) => {{
        let name = format!(concat!("{}", $(" ", stringify!($given), "={:?}"),*), $name, $($given),*);
        (name, Box::new(move |$shop: $crate::shop::Shop| {
            $(let $given = $given.clone();)*
            futures_util::FutureExt::boxed(async move {
                $crate::conformance::differential::call::CallOutcome::of(&$body.await, $news)
            })
        }) as $crate::conformance::differential::call::Run)
    }};
}
pub(super) use call;

/// Makes a call on a shop.
pub(super) type Run = Box<dyn Fn(Shop) -> BoxFuture<'static, CallOutcome> + Send + Sync>;

impl Call {
    /// Draws the next call: most are by buyers, some by staff, and all kinds of actors read.
    pub(super) fn draw(known: &mut Known) -> Self {
        let (name, run) = match known.below(10) {
            0 => users::draw(known),
            1 | 2 => products::draw(known),
            3 | 4 => reads::draw(known),
            5 if known.once_in(3) => webhooks::draw(known),
            _ => trade::draw(known),
        };
        // Sometimes enough time passes for holds, codes and tokens to expire.
        let seconds = match known.below(150) {
            0 => 3_600,
            pause => i64::from(pause / 10),
        };
        Self { name, seconds, run }
    }
}

/// An input, as a client would send it.
pub(super) fn input<T: DeserializeOwned + Default>(json: serde_json::Value) -> T {
    // Every input accepts anything; errors in it are reported in the outcome.
    serde_json::from_value(json).unwrap_or_default()
}
