//! How a row is identified: its kind, its id and version, and the names of unique keys.

use uuid::Uuid;

macro_rules! entities {
    ([$($other:ident)*] $($entity:ident: $row:ty => $table:ident;)+) => {
        /// A kind of row that has a version, or that a guard can name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each is the domain type of the same name")]
        pub enum Entity {
            $($entity,)+
            $($other,)*
        }
    };
}

crate::versioned_rows!(entities [CategoryTree Event]);

/// A row with an id and a version.
pub trait Versioned {
    /// The kind of the row.
    const ENTITY: Entity;
    /// The row's id, as a plain UUID.
    fn key(&self) -> Uuid;
    /// The version: each change increments it by one.
    fn version(&self) -> i64;
}

/// The name of a unique key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unique {
    /// The id of a row.
    Id(Entity),
    /// [`Batch::operation`](crate::batch::Batch::operation).
    Operation,
    /// [`User::email_key`](crate::accounts::User::email_key).
    UserEmail,
    /// [`User::username_key`](crate::accounts::User::username_key).
    UserUsername,
    /// [`Category::slug`](crate::catalog::Category::slug).
    CategorySlug,
    /// [`Product::slug`](crate::catalog::Product::slug).
    ProductSlug,
    /// [`Variant::sku`](crate::catalog::Variant::sku).
    VariantSku,
    /// [`Promotion::code_key`](crate::promotions::Promotion::code_key).
    PromotionCode,
    /// One tax rate per class, country and folded region.
    TaxRate,
    /// One open cart per customer.
    OpenCart,
    /// [`Order::number`](crate::orders::Order::number).
    OrderNumber,
    /// [`Order::cart_id`](crate::orders::Order::cart_id).
    OrderOfCart,
    /// One live payment per order.
    LivePayment,
    /// One default address per user.
    DefaultAddress,
    /// [`Location::code`](crate::inventory::Location::code).
    LocationCode,
    /// Exactly one default location.
    DefaultLocation,
    /// One level per variant and location.
    StockLevel,
    /// Caller, operation and idempotency key.
    IdempotencyRecord,
    /// The id of a row that counts no versions (a movement, a history entry, a refund, a variant).
    OtherId,
}
