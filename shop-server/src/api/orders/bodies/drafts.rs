//! Request and response bodies of draft orders and notes.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use shop_core::money::Currency;
use shop_core::orders::{DraftInput, DraftItemInput, DraftItemView, DraftView, NoteInput};
use uuid::Uuid;

use crate::api::macros::{bodies, requests};
use crate::field::Money;

requests! {
    /// A draft order made by staff.
    DraftRequest => DraftInput {
        /// The customer; or use `email`.
        customer_id: Optional<Uuid>,
        /// The e-mail address of a buyer without an account.
        email: Optional<String>,
        /// Defaults to no items.
        items: Optional<Vec<DraftItemRequest>>,
        /// ISO 4217. If given, it must be the currency of the draft.
        currency: Nullable<String>,
        /// A note on the order, at most 2,000 characters; shown to the buyer.
        note: Optional<String>,
    }

    /// Changes to a draft order.
    DraftChangeRequest => DraftInput {
        /// The new customer; clears `email`.
        customer_id: Nullable<Uuid>,
        /// The e-mail address of a buyer without an account; clears `customer_id`.
        email: Nullable<String>,
        /// Replaces all items.
        items: Optional<Vec<DraftItemRequest>>,
        /// ISO 4217. If given, it must be the currency of the draft.
        currency: Nullable<String>,
        /// A note on the order, at most 2,000 characters; shown to the buyer.
        note: Optional<String>,
    }

    /// A line of a draft order, with its variant as `variant_id` or `sku`.
    DraftItemRequest => DraftItemInput {
        variant_id: Optional<Uuid>,
        sku: Optional<String>,
        /// Defaults to 1.
        quantity: Optional<i64>,
        /// A price set by staff. Defaults to the catalog price.
        unit_price: Nullable<Money>,
        /// Why staff set the price; goes into the order's history.
        reason: Nullable<String>,
    }

    /// A note on an order.
    NoteRequest => NoteInput {
        /// At most 2,000 characters.
        text: Required<String>,
        /// Whether the buyer sees the note in the history. Defaults to false.
        visible_to_customer: Optional<bool>,
    }
}

bodies! {
    /// A draft order made by staff, at current prices.
    DraftBody as "DraftOrder" from(draft: DraftView) with {
        let DraftView { draft, items, subtotal } = draft;
        let currency = draft.currency;
    } {
        id: Uuid,
        customer_id: Option<Uuid>,
        email: Option<String>,
        currency: String,
        items: Vec<DraftItemBody> = items.into_iter().map(|item| DraftItemBody::new(item, currency)).collect(),
        /// Sum of the lines, before discounts, shipping and tax.
        subtotal: Money = Money::new(subtotal, currency),
        note: String,
        created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>,
        version: i64,
    }

    /// A line of a draft order.
    DraftItemBody as "DraftOrderItem" new(item: DraftItemView, currency: Currency) {
        variant_id: Uuid,
        product_id: Uuid,
        sku: String,
        name: String,
        options: BTreeMap<String, String>,
        quantity: i64,
        unit_price: Money = Money::new(item.unit_price, currency),
        /// The catalog price.
        list_price: Money = Money::new(item.list_price, currency),
        /// Why `unit_price` differs from `list_price`.
        reason: Option<String>,
        line_total: Money = Money::new(item.line_total, currency),
        /// How many can be sold now; null if stock is not tracked.
        available: Option<i64>,
    }
}
