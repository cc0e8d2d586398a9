//! The list of tables, in the order in which every transaction locks and writes them, with the operations that groups
//! use on them.

use std::sync::LazyLock;

use shop_core::accounts::{Otp, Session, User};
use shop_core::batch::Entity;
use shop_core::cart::Cart;
use shop_core::catalog::{Category, PricePeriod, Product, Variant};
use shop_core::details::ShopDetails;
use shop_core::idempotency::IdempotencyRecord;
use shop_core::inventory::{Location, Movement, Reservation, StockLevel};
use shop_core::orders::{Draft, HistoryEntry, Order, OrderItem, Return};
use shop_core::outbox::{Delivery, Event};
use shop_core::payments::{Payment, Refund};
use shop_core::promotions::Promotion;
use shop_core::row;
use shop_core::shipping::{Method, SavedAddress, Shipment, Zone};
use shop_core::taxes::TaxRate;
use shop_core::webhooks::Webhook;

use super::table::WriteTable;
use super::value::SqlKind;

/// What a group may do to the rows of one table. Operations that a table does not list are done row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Operation {
    /// Locks rows at a version that the same batch changes.
    Own,
    /// Locks rows by key for a change.
    OwnKey,
    /// Locks active users and live sessions.
    Live,
    /// Locks rows at a version that a batch relies on.
    Share,
    /// Locks rows by key that a batch relies on.
    ShareKey,
    /// Writes the next version of rows.
    Update,
    /// Inserts rows whose parents exist, or replaces them.
    Put,
    /// Deletes rows that have a given version.
    Delete,
    /// Marks events as relayed.
    Relay,
    /// Adds sums to counts.
    Add,
    /// Inserts rows whose keys are free.
    Insert,
    /// Inserts rows whose parents are new, so that their keys are certainly free.
    Append,
    /// Inserts rows whose parents may be new, or replaces them.
    PutNew,
    /// Counts what the other operations of the statement do.
    Count,
}

impl Operation {
    /// True if several batches may name the same row, because it only locks what they rely on.
    pub(crate) fn is_shared(self) -> bool {
        matches!(self, Self::Live | Self::Share | Self::ShareKey)
    }

    /// True if it takes the key of its row for itself: no other batch may name it. (An update and a delete have owned
    /// their row before, and the key of an appended row is new.)
    pub(crate) fn takes_key(self) -> bool {
        matches!(self, Self::Put | Self::Relay | Self::Insert | Self::PutNew)
    }

    /// True if it may take unique keys other than the row's own.
    pub(crate) fn takes_uniques(self) -> bool {
        matches!(self, Self::Update | Self::Put | Self::Insert | Self::PutNew)
    }
}

/// A kind of row with its own table.
pub(crate) trait Tabled: row::Row {
    /// Its table.
    const TABLE_ID: TableId;
}

/// Declares the tables: a name, the core's row or else the table itself, the operations that groups use on it, and what
/// this store adds to the core's declaration.
macro_rules! tables {
    ($(
        $id:ident $(: $row:ty)? $(= $table:expr)? => [$($operation:ident),*] $(.$with:ident $arguments:tt)*;
    )+) => {
        /// A table. Tables are ordered as they are locked and written.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum TableId {
            $($id),+
        }

        impl TableId {
            /// Every table, in order.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$id),+];

            /// The table's description.
            pub(crate) fn table(self) -> &'static WriteTable {
                match self {
                    $(Self::$id => {
                        static TABLE: LazyLock<WriteTable> =
                            LazyLock::new(|| $(WriteTable::of::<$row>())? $($table)? $(.$with $arguments)*);
                        &TABLE
                    })+
                }
            }

            /// The operations that groups use on it.
            pub(crate) fn operations(self) -> &'static [Operation] {
                match self {
                    $(Self::$id => &[$(Operation::$operation),*],)+
                }
            }
        }

        $($(
            impl Tabled for $row {
                const TABLE_ID: TableId = TableId::$id;
            }
        )?)+
    };
}

tables! {
    User: User => [Own, Live, Update, Insert].counted_by(&["is_active", "is_staff"]);
    Session: Session => [Own, Live, Update, Insert];
    Otp: Otp => [OwnKey, Put];
    CategoryTree = WriteTable::new("category_tree", &[("version", SqlKind::Int)], 0) => [];
    Category: Category => [Share];
    Product: Product => [Own, Share, Update, Insert].with("search", SqlKind::Search);
    // A variant with a new SKU is refused in a group: its levels must be locked, in the order of levels.
    Variant: Variant => [Put, Insert].keeping(&["product_id", "sku"]);
    // Its product is locked, so there is no other writer.
    PricePeriod: PricePeriod => [Put];
    Promotion: Promotion => [Share];
    TaxRate: TaxRate => [Share];
    Cart: Cart => [Own, Update, Insert];
    Order: Order => [Own, Update, Insert].counted_by(&["status", "payment_status", "fulfillment_status"]);
    OrderItem: OrderItem => [Append];
    Draft: Draft => [Own, Update, Delete, Insert];
    Return: Return => [Own, Update, Insert];
    HistoryEntry: HistoryEntry => [Insert];
    Payment: Payment => [Own, Update, Insert].counted_by(&["state", "gateway"]);
    Refund: Refund => [PutNew].keeping(&["payment_id"]);
    Address: SavedAddress => [];
    Zone: Zone => [Share];
    Method: Method => [Share];
    Shipment: Shipment => [Own, Update, Insert];
    Location: Location => [ShareKey];
    Reservation: Reservation => [Own, Update, Insert];
    StockLevel: StockLevel => [OwnKey, ShareKey, Add, Insert];
    Movement: Movement => [Insert].counted_by(&["location_id"]);
    // Events are locked before the webhooks that receive them.
    Event: Event => [OwnKey, Relay, Insert];
    Webhook: Webhook => [Share];
    Delivery: Delivery => [Own, Update, Insert];
    ShopDetails: ShopDetails => [];
    Uses = WriteTable::new("promotion_uses", &[("promotion_id", SqlKind::Id), ("customer", SqlKind::Text)], 2) => [Add];
    IdempotencyRecord: IdempotencyRecord => [Insert];
    // Operation ids of submitted batches.
    Operation = WriteTable::new("operations", &[("id", SqlKind::Id), ("at", SqlKind::Time)], 1) => [Insert];
    ListCount = WriteTable::new("list_counts", &[], 0) => [Count];
}

macro_rules! of_entities {
    ([] $($entity:ident: $row:ty => $table:ident;)+) => {
        impl From<Entity> for TableId {
            fn from(entity: Entity) -> Self {
                match entity {
                    $(Entity::$entity => <$row as Tabled>::TABLE_ID,)+
                    Entity::CategoryTree => Self::CategoryTree,
                    Entity::Event => Self::Event,
                }
            }
        }
    };
}

shop_core::versioned_rows!(of_entities []);
