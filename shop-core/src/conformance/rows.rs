//! How rows become writes.

use crate::accounts::{AccountsWrite, Session, User};
use crate::batch::{Change, Versioned, Write};
use crate::cart::{Cart, CartWrite};
use crate::catalog::{CatalogWrite, Category, Product, Promotion, TaxRate};
use crate::details::{DetailsWrite, ShopDetails};
use crate::inventory::{InventoryWrite, Location, Reservation};
use crate::orders::{Draft, Order, OrdersWrite, Return};
use crate::outbox::{Delivery, OutboxWrite, Webhook};
use crate::payments::{Payment, PaymentsWrite};
use crate::shipping::{Method, SavedAddress, Shipment, ShippingWrite, Zone};

/// A row that a batch can write.
pub(super) trait Row: Versioned + Clone {
    fn change(change: Change<Self>) -> Write;
    fn version_mut(&mut self) -> &mut i64;
}

macro_rules! rows {
    ($($row:ident => $write:ident,)+) => {$(
        impl Row for $row {
            fn change(change: Change<Self>) -> Write {
                $write::$row(change).into()
            }
            fn version_mut(&mut self) -> &mut i64 {
                &mut self.version
            }
        }
    )+};
}

rows! {
    User => AccountsWrite,
    Session => AccountsWrite,
    Product => CatalogWrite,
    Category => CatalogWrite,
    Promotion => CatalogWrite,
    TaxRate => CatalogWrite,
    Cart => CartWrite,
    Order => OrdersWrite,
    Return => OrdersWrite,
    Draft => OrdersWrite,
    Payment => PaymentsWrite,
    Zone => ShippingWrite,
    Method => ShippingWrite,
    Shipment => ShippingWrite,
    Location => InventoryWrite,
    Reservation => InventoryWrite,
    Delivery => OutboxWrite,
    Webhook => OutboxWrite,
    ShopDetails => DetailsWrite,
}

impl Row for SavedAddress {
    fn change(change: Change<Self>) -> Write {
        ShippingWrite::Address(change).into()
    }
    fn version_mut(&mut self) -> &mut i64 {
        &mut self.version
    }
}

pub(super) fn insert<T: Row>(row: &T) -> Write {
    T::change(Change::Insert(row.clone()))
}

/// Writes the row as it stands: its version is the new one.
pub(super) fn update<T: Row>(row: &T) -> Write {
    T::change(Change::Update(row.clone()))
}

pub(super) fn delete<T: Row>(row: &T) -> Write {
    T::change(Change::Delete { id: row.key(), version: row.version() })
}

/// The next version of a row.
pub(super) fn next<T: Row>(row: &T, change: impl FnOnce(&mut T)) -> T {
    let mut next = row.clone();
    *next.version_mut() += 1;
    change(&mut next);
    next
}
