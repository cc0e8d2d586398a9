//! The periods during which a variant was offered at one price.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::VariantId;
use crate::money::{Amount, Currency};
use crate::row::Row;

/// The time before a reduction in which prices count.
pub const REDUCTION_WINDOW: TimeDelta = TimeDelta::days(30);

/// How long ended periods are kept: the window, plus a day for servers whose clocks differ.
pub(crate) const PRICE_MEMORY: TimeDelta = TimeDelta::days(31);

/// A period during which a variant was offered at one price, or was not offered. Each variant has exactly one period
/// that has not ended; it describes the current state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "price_history", key(variant_id, version))]
pub struct PricePeriod {
    /// The variant; part of the key together with `version`.
    pub variant_id: VariantId,
    /// The [`Product::version`](crate::catalog::Product::version) that started the period.
    pub version: i64,
    /// The price of one unit; `None` while the variant was not offered.
    pub price: Option<Amount>,
    /// The currency of the price.
    pub currency: Currency,
    /// The start of the period.
    pub starts_at: Timestamp,
    /// The end of the period; `None` for the current one.
    pub ends_at: Option<Timestamp>,
}
