//! One call: how it is drawn, and what it answers.

use std::fmt::Debug;

use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;

use super::known::{Known, News};
use super::{goods, people, reads, trade, webhooks};
use crate::error::{Error, Result};
use crate::shop::Shop;

/// A call with everything it is given.
pub(super) struct Call {
    /// In words.
    pub(super) name: String,
    /// How much time passes before.
    pub(super) seconds: i64,
    /// Makes it.
    pub(super) run: Box<dyn Fn(Shop) -> BoxFuture<'static, Answer> + Send + Sync>,
}

/// What a call answered.
pub(super) struct Answer {
    /// All of it.
    pub(super) text: String,
    /// Ids for the calls to come.
    pub(super) news: Vec<News>,
    /// The store failed.
    pub(super) is_fault: bool,
}

impl Answer {
    pub(super) fn of<T: Debug>(result: &Result<T>, news: impl FnOnce(&T) -> Vec<News>) -> Self {
        Self {
            text: format!("{result:?}"),
            is_fault: matches!(result, Err(Error::Fault(_) | Error::Unavailable { .. })),
            news: result.as_ref().map(news).unwrap_or_default(),
        }
    }
}

/// Makes a call of clones of what it is given, once per store.
macro_rules! call {
    ($name:expr, [$($given:ident),*], |$shop:ident| $body:expr) => {
        call!($name, [$($given),*], |$shop| $body, |_| Vec::new())
    };
    ($name:expr, [$($given:ident),*], |$shop:ident| $body:expr, $news:expr) => {{
        let name = format!(concat!("{}", $(" ", stringify!($given), "={:?}"),*), $name, $($given),*);
        (name, Box::new(move |$shop: $crate::shop::Shop| {
            $(let $given = $given.clone();)*
            futures_util::FutureExt::boxed(async move {
                $crate::conformance::differential::call::Answer::of(&$body.await, $news)
            })
        }) as $crate::conformance::differential::call::Run)
    }};
}
pub(super) use call;

/// How a call is made.
pub(super) type Run = Box<dyn Fn(Shop) -> BoxFuture<'static, Answer> + Send + Sync>;

impl Call {
    /// Draws the next one: buyers do most, staff some, and everybody looks.
    pub(super) fn draw(known: &mut Known) -> Self {
        let (name, run) = match known.below(10) {
            0 => people::draw(known),
            1 | 2 => goods::draw(known),
            3 | 4 => reads::draw(known),
            5 if known.once_in(3) => webhooks::draw(known),
            _ => trade::draw(known),
        };
        // Now and then so long that holds, codes and tokens end.
        let seconds = match known.below(150) {
            0 => 3_600,
            pause => i64::from(pause / 10),
        };
        Self { name, seconds, run }
    }
}

/// What a client would send.
pub(super) fn input<T: DeserializeOwned + Default>(json: serde_json::Value) -> T {
    // Every input takes anything: what is wrong in it is kept for the answer.
    serde_json::from_value(json).unwrap_or_default()
}
