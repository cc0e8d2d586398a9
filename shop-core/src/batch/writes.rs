//! The writes of each domain that are not changes of a row with a version.

use crate::clock::Timestamp;
use crate::id::{EventId, LocationId, OtpId, UserId, VariantId};
use crate::model::accounts::{DailyLimit, Otp};
use crate::model::catalog::PricePeriod;
use crate::model::inventory::{Movement, StockDelta, StockLevel};
use crate::model::orders::HistoryEntry;
use crate::model::outbox::Event;
use crate::model::promotions::UsesDelta;

/// Writes of accounts.
#[derive(Debug, Clone, PartialEq)]
pub enum AccountsWrite {
    /// A new one-time password of a user, which replaces the previous one, if any. No guard.
    PutOtp(Otp),
    /// Deletes the one-time password and the daily counts of a user, if any. No guard.
    ForgetOtp {
        /// The user.
        user_id: UserId,
    },
    /// Counts one more action of a user on the day of `at`. Guard:
    /// [`DailyCount::next`](crate::accounts::DailyCount::next) of the stored count allows it; otherwise
    /// [`Conflict::DailyLimit`](crate::batch::Conflict::DailyLimit).
    CountDaily {
        /// The user.
        user_id: UserId,
        /// The action to count.
        what: DailyLimit,
        /// When it occurs.
        at: Timestamp,
        /// The maximum count per day.
        limit: i64,
    },
    /// Spends one try of exactly this code. Guard: it is the user's current code, unused, with at least one try left;
    /// otherwise [`Conflict::Spent`](crate::batch::Conflict::Spent).
    SpendOtpTry {
        /// The user.
        user_id: UserId,
        /// The code.
        otp_id: OtpId,
    },
    /// Marks exactly this code as used. Guard: it is the user's current code and unused; otherwise
    /// [`Conflict::Spent`](crate::batch::Conflict::Spent).
    UseOtp {
        /// The user.
        user_id: UserId,
        /// The code.
        otp_id: OtpId,
        /// When it was used.
        at: Timestamp,
    },
}

/// Writes of the catalog.
#[derive(Debug, Clone, PartialEq)]
pub enum CatalogWrite {
    /// A price period, keyed by variant and version: a new one, or an ended one that overwrites the open one. No guard:
    /// it is written together with its product, whose version guards it.
    PricePeriod(PricePeriod),
    /// Deletes the price periods that ended before a time. No guard.
    ForgetPrices {
        /// The time, exclusive.
        ended_before: Timestamp,
    },
    /// A change of the tree's shape, from this version to the next. Guard: the tree has this version; otherwise
    /// [`Conflict::Stale`](crate::batch::Conflict::Stale) of
    /// [`Entity::CategoryTree`](crate::batch::Entity::CategoryTree) with the nil id.
    ReshapeTree {
        /// The version that the decision is based on.
        from: i64,
    },
    /// A count that changes by one order. Guard: [`UsesDelta::apply`]; otherwise
    /// [`Conflict::Uses`](crate::batch::Conflict::Uses). The first order creates the row.
    Uses(UsesDelta),
}

/// Writes of orders.
#[derive(Debug, Clone, PartialEq)]
pub enum OrdersWrite {
    /// A new timeline entry.
    History(HistoryEntry),
}

/// Writes of inventory.
#[derive(Debug, Clone, PartialEq)]
pub enum InventoryWrite {
    /// A new level; its counts are written as given. Guard: the level does not exist
    /// ([`Unique::StockLevel`](crate::batch::Unique::StockLevel)) and the location does, else
    /// [`Conflict::Stale`](crate::batch::Conflict::Stale) of the location.
    InsertLevel(StockLevel),
    /// A guarded change of a level's counts.
    Delta(StockDelta),
    /// Changes the settings of a level, or of all levels of the variant if `location_id` is `None`; keeps their counts.
    /// Guard: at least one level exists, and each changed level [is covered](StockLevel::is_covered), else
    /// [`Conflict::Stock`](crate::batch::Conflict::Stock) with the location of the settings.
    Settings(StockSettings),
    /// A new ledger entry.
    Movement(Movement),
}

/// New settings of stock levels; `None` keeps the current value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockSettings {
    /// The variant whose levels change.
    pub variant_id: VariantId,
    /// The location to change; `None` means all locations.
    pub location_id: Option<LocationId>,
    /// See [`StockLevel::low_stock_threshold`].
    pub low_stock_threshold: Option<i64>,
    /// See [`StockLevel::tracked`].
    pub tracked: Option<bool>,
    /// See [`StockLevel::backorder`].
    pub backorder: Option<bool>,
}

/// Writes of the outbox.
#[derive(Debug, Clone, PartialEq)]
pub enum OutboxWrite {
    /// Inserts a new event that is not relayed yet.
    Event(Event),
    /// Marks an event as relayed. Guard: the event exists and is not relayed yet, else
    /// [`Conflict::Stale`](crate::batch::Conflict::Stale).
    Relayed(EventId),
}
