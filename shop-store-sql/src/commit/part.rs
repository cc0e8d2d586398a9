//! What a transaction may do, in the order that every transaction follows.
//!
//! A [`Part`] locks or writes the rows of one table. The order of the variants *is* the global lock order: existing
//! rows are locked first, table by table, by key within a table, write locks before read locks; then they are changed;
//! then new rows are inserted. A transaction that follows this order may wait for others, but cannot deadlock.

use super::accounts::{OTPS, SESSIONS, USERS};
use super::cart::CARTS;
use super::catalog::{CATEGORIES, PRICE_HISTORY, PRODUCTS, VARIANTS};
use super::inventory::{LEVELS, MOVEMENTS, RESERVATIONS};
use super::orders::{DRAFTS, HISTORY, ITEMS, ORDERS, RETURNS};
use super::outbox::{ANSWERS, DELIVERIES, EVENTS, OPERATIONS, WEBHOOKS};
use super::payments::{PAYMENTS, REFUNDS};
use super::pricing::{PROMOTIONS, TAX_RATES};
use super::shipping::{METHODS, SHIPMENTS, ZONES};
use super::table::Table;
use super::value::Kind;

/// What is done to the rows of one table. The order of the variants is the order of execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Part {
    // Existing rows are locked.
    OwnUsers,
    LiveUsers,
    OwnSessions,
    LiveSessions,
    OwnOtps,
    ShareCategories,
    OwnProducts,
    ShareProducts,
    SharePromotions,
    ShareTaxRates,
    OwnCarts,
    OwnOrders,
    OwnDrafts,
    OwnReturns,
    OwnPayments,
    ShareZones,
    ShareMethods,
    OwnShipments,
    ShareLocations,
    OwnReservations,
    OwnEvents,
    ShareWebhooks,
    OwnDeliveries,
    OwnLevels,
    UntrackedLevels,
    // Existing rows are changed.
    UpdateUsers,
    UpdateSessions,
    PutOtps,
    UpdateProducts,
    PutVariants,
    PutPrices,
    UpdateCarts,
    UpdateOrders,
    UpdateDrafts,
    DeleteDrafts,
    UpdateReturns,
    UpdatePayments,
    UpdateShipments,
    UpdateReservations,
    RelayEvents,
    UpdateDeliveries,
    ChangeLevels,
    CountUses,
    // New rows are inserted.
    InsertUsers,
    InsertSessions,
    InsertProducts,
    InsertVariants,
    InsertCarts,
    InsertOrders,
    InsertItems,
    InsertDrafts,
    InsertReturns,
    InsertHistory,
    InsertPayments,
    PutRefunds,
    InsertShipments,
    InsertReservations,
    InsertLevels,
    InsertMovements,
    InsertEvents,
    InsertDeliveries,
    InsertAnswers,
    InsertOperations,
    // Counts come last.
    CountLists,
}

/// The kinds of parts, which share their SQL.
pub(super) enum Act {
    /// Locks rows at a version that the same batch updates.
    Own(&'static Table),
    /// Locks rows at a version that a batch relies on.
    Share(&'static Table),
    /// Writes the next version of rows.
    Update(&'static Table),
    /// Deletes rows that have a given version.
    Delete(&'static Table),
    /// Inserts rows whose keys are free.
    Insert(&'static Table),
    /// Inserts rows whose parents are new, so that their keys are certainly free.
    Append(&'static Table),
    /// A part with SQL of its own.
    Special,
}

impl Part {
    /// Every part, in order.
    pub(crate) const ALL: [Self; 64] = [
        Self::OwnUsers,
        Self::LiveUsers,
        Self::OwnSessions,
        Self::LiveSessions,
        Self::OwnOtps,
        Self::ShareCategories,
        Self::OwnProducts,
        Self::ShareProducts,
        Self::SharePromotions,
        Self::ShareTaxRates,
        Self::OwnCarts,
        Self::OwnOrders,
        Self::OwnDrafts,
        Self::OwnReturns,
        Self::OwnPayments,
        Self::ShareZones,
        Self::ShareMethods,
        Self::OwnShipments,
        Self::ShareLocations,
        Self::OwnReservations,
        Self::OwnEvents,
        Self::ShareWebhooks,
        Self::OwnDeliveries,
        Self::OwnLevels,
        Self::UntrackedLevels,
        Self::UpdateUsers,
        Self::UpdateSessions,
        Self::PutOtps,
        Self::UpdateProducts,
        Self::PutVariants,
        Self::PutPrices,
        Self::UpdateCarts,
        Self::UpdateOrders,
        Self::UpdateDrafts,
        Self::DeleteDrafts,
        Self::UpdateReturns,
        Self::UpdatePayments,
        Self::UpdateShipments,
        Self::UpdateReservations,
        Self::RelayEvents,
        Self::UpdateDeliveries,
        Self::ChangeLevels,
        Self::CountUses,
        Self::InsertUsers,
        Self::InsertSessions,
        Self::InsertProducts,
        Self::InsertVariants,
        Self::InsertCarts,
        Self::InsertOrders,
        Self::InsertItems,
        Self::InsertDrafts,
        Self::InsertReturns,
        Self::InsertHistory,
        Self::InsertPayments,
        Self::PutRefunds,
        Self::InsertShipments,
        Self::InsertReservations,
        Self::InsertLevels,
        Self::InsertMovements,
        Self::InsertEvents,
        Self::InsertDeliveries,
        Self::InsertAnswers,
        Self::InsertOperations,
        Self::CountLists,
    ];

    /// True for a part that only locks.
    pub(crate) fn locks(self) -> bool {
        self < Self::UpdateUsers
    }

    /// True if several batches may name the same row: relying on a row does not change it, and changes of one stock
    /// level, or of one use count, add up.
    pub(crate) fn is_shared(self) -> bool {
        matches!(
            self,
            Self::LiveUsers
                | Self::LiveSessions
                | Self::ShareCategories
                | Self::ShareProducts
                | Self::SharePromotions
                | Self::ShareTaxRates
                | Self::ShareZones
                | Self::ShareMethods
                | Self::ShareLocations
                | Self::ShareWebhooks
                | Self::OwnLevels
                | Self::UntrackedLevels
                | Self::ChangeLevels
                | Self::CountUses
        )
    }

    /// True if the part changes a list with stored counts; then the statement counts.
    pub(super) fn is_counted(self) -> bool {
        matches!(self.act(), Act::Update(table) | Act::Insert(table) if !table.counted.is_empty())
    }

    /// The kind of this part.
    pub(super) fn act(self) -> Act {
        match self {
            Self::OwnUsers => Act::Own(&USERS),
            Self::OwnSessions => Act::Own(&SESSIONS),
            Self::OwnProducts => Act::Own(&PRODUCTS),
            Self::OwnCarts => Act::Own(&CARTS),
            Self::OwnOrders => Act::Own(&ORDERS),
            Self::OwnDrafts => Act::Own(&DRAFTS),
            Self::OwnReturns => Act::Own(&RETURNS),
            Self::OwnPayments => Act::Own(&PAYMENTS),
            Self::OwnShipments => Act::Own(&SHIPMENTS),
            Self::OwnReservations => Act::Own(&RESERVATIONS),
            Self::OwnDeliveries => Act::Own(&DELIVERIES),
            Self::ShareCategories => Act::Share(&CATEGORIES),
            Self::ShareProducts => Act::Share(&PRODUCTS),
            Self::SharePromotions => Act::Share(&PROMOTIONS),
            Self::ShareTaxRates => Act::Share(&TAX_RATES),
            Self::ShareZones => Act::Share(&ZONES),
            Self::ShareMethods => Act::Share(&METHODS),
            Self::ShareWebhooks => Act::Share(&WEBHOOKS),
            Self::UpdateUsers => Act::Update(&USERS),
            Self::UpdateSessions => Act::Update(&SESSIONS),
            Self::UpdateProducts => Act::Update(&PRODUCTS),
            Self::UpdateCarts => Act::Update(&CARTS),
            Self::UpdateOrders => Act::Update(&ORDERS),
            Self::UpdateDrafts => Act::Update(&DRAFTS),
            Self::DeleteDrafts => Act::Delete(&DRAFTS),
            Self::UpdateReturns => Act::Update(&RETURNS),
            Self::UpdatePayments => Act::Update(&PAYMENTS),
            Self::UpdateShipments => Act::Update(&SHIPMENTS),
            Self::UpdateReservations => Act::Update(&RESERVATIONS),
            Self::UpdateDeliveries => Act::Update(&DELIVERIES),
            Self::InsertUsers => Act::Insert(&USERS),
            Self::InsertSessions => Act::Insert(&SESSIONS),
            Self::InsertProducts => Act::Insert(&PRODUCTS),
            Self::InsertVariants => Act::Insert(&VARIANTS),
            Self::InsertCarts => Act::Insert(&CARTS),
            Self::InsertOrders => Act::Insert(&ORDERS),
            Self::InsertItems => Act::Append(&ITEMS),
            Self::InsertDrafts => Act::Insert(&DRAFTS),
            Self::InsertReturns => Act::Insert(&RETURNS),
            Self::InsertHistory => Act::Insert(&HISTORY),
            Self::InsertPayments => Act::Insert(&PAYMENTS),
            Self::InsertShipments => Act::Insert(&SHIPMENTS),
            Self::InsertReservations => Act::Insert(&RESERVATIONS),
            Self::InsertLevels => Act::Insert(&LEVELS),
            Self::InsertMovements => Act::Insert(&MOVEMENTS),
            Self::InsertEvents => Act::Insert(&EVENTS),
            Self::InsertDeliveries => Act::Insert(&DELIVERIES),
            Self::InsertAnswers => Act::Insert(&ANSWERS),
            Self::InsertOperations => Act::Insert(&OPERATIONS),
            Self::LiveUsers
            | Self::LiveSessions
            | Self::OwnOtps
            | Self::ShareLocations
            | Self::OwnEvents
            | Self::OwnLevels
            | Self::UntrackedLevels
            | Self::PutOtps
            | Self::PutVariants
            | Self::PutPrices
            | Self::RelayEvents
            | Self::ChangeLevels
            | Self::CountUses
            | Self::PutRefunds
            | Self::CountLists => Act::Special,
        }
    }

    /// The kind of value in each column of a row of this part.
    pub(crate) fn kinds(self) -> Vec<Kind> {
        match self.act() {
            Act::Own(_) | Act::Share(_) | Act::Delete(_) => vec![Kind::Id, Kind::Int],
            Act::Update(table) | Act::Insert(table) | Act::Append(table) => table.kinds(),
            Act::Special => match self {
                Self::PutOtps => OTPS.kinds(),
                Self::PutVariants => VARIANTS.kinds(),
                Self::PutPrices => PRICE_HISTORY.kinds(),
                Self::PutRefunds => REFUNDS.kinds(),
                // The variant, its location, and the sums of `stock::Sum`.
                Self::ChangeLevels => {
                    let counts = [Kind::Int; 5];
                    [[Kind::Id; 2].as_slice(), &counts, &[Kind::Flag; 2]].concat()
                }
                // The promotion, the customer, and the sums of `pricing::UsesSum`.
                Self::CountUses => vec![Kind::Id, Kind::Text, Kind::Int, Kind::Int, Kind::Int],
                // It adds up what the other parts of its statement do.
                Self::CountLists => Vec::new(),
                Self::LiveSessions | Self::OwnLevels | Self::UntrackedLevels => vec![Kind::Id, Kind::Id],
                _ => vec![Kind::Id],
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_listed_in_their_order() {
        assert!(Part::ALL.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(Part::ALL.len(), Part::CountLists as usize + 1);
    }
}
