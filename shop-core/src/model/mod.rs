//! The stored rows of every domain, with their states, filters and sort keys.
//!
//! Decisions, stores and calls use these types; the types depend on none of them. Each domain exports its own
//! (`orders::Order`).

pub mod accounts;
pub mod cart;
pub mod catalog;
pub mod details;
pub mod inventory;
mod listing;
pub mod orders;
pub mod outbox;
pub mod payments;
pub mod pricing;
pub mod promotions;
pub mod shipping;
pub mod taxes;
pub mod webhooks;

/// Passes every kind of row that counts versions to a macro, in table order: the name in
/// [`Entity`](crate::batch::Entity), the type, and the name of its table in [`memory`](crate::memory). The tokens in
/// brackets after the macro's name are passed first.
///
/// ```
/// macro_rules! names {
///     ([$extra:literal] $($entity:ident: $row:ty => $table:ident;)+) => {
///         [$(stringify!($entity),)+ $extra]
///     };
/// }
///
/// let names = shop_core::versioned_rows!(names ["CategoryTree"]);
/// assert!(names.contains(&"Order"));
/// ```
#[macro_export]
macro_rules! versioned_rows {
    ($callback:ident [$($extra:tt)*]) => {
        $callback! {
            [$($extra)*]
            User: $crate::model::accounts::User => users;
            Session: $crate::model::accounts::Session => sessions;
            Category: $crate::model::catalog::Category => categories;
            Product: $crate::model::catalog::Product => products;
            Promotion: $crate::model::promotions::Promotion => promotions;
            TaxRate: $crate::model::taxes::TaxRate => tax_rates;
            Cart: $crate::model::cart::Cart => carts;
            Order: $crate::model::orders::Order => orders;
            Draft: $crate::model::orders::Draft => drafts;
            Return: $crate::model::orders::Return => returns;
            Payment: $crate::model::payments::Payment => payments;
            Address: $crate::model::shipping::SavedAddress => addresses;
            Zone: $crate::model::shipping::Zone => zones;
            Method: $crate::model::shipping::Method => methods;
            Shipment: $crate::model::shipping::Shipment => shipments;
            Location: $crate::model::inventory::Location => locations;
            Reservation: $crate::model::inventory::Reservation => reservations;
            Webhook: $crate::model::webhooks::Webhook => webhooks;
            Delivery: $crate::model::outbox::Delivery => deliveries;
            ShopDetails: $crate::model::details::ShopDetails => details;
        }
    };
}
