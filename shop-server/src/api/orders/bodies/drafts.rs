//! Request and response bodies of draft orders and notes.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use serde::Serialize;
use shop_core::money::Currency;
use shop_core::orders::{DraftInput, DraftItemInput, DraftItemView, DraftView, NoteInput};
use uuid::Uuid;

use crate::field::{Money, Nullable, Optional, Required};

/// A draft order made by staff.
#[derive(Debug, Object)]
pub(crate) struct DraftRequest {
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
#[derive(Debug, Object)]
pub(crate) struct DraftChangeRequest {
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
#[derive(Debug, Object)]
pub(crate) struct DraftItemRequest {
    variant_id: Optional<Uuid>,
    sku: Optional<String>,
    /// Defaults to 1.
    quantity: Optional<i64>,
    /// A price set by staff. Defaults to the catalog price.
    unit_price: Nullable<Money>,
    /// Why staff set the price; goes into the order's history.
    reason: Nullable<String>,
}

impl From<DraftItemRequest> for DraftItemInput {
    fn from(request: DraftItemRequest) -> Self {
        Self {
            variant_id: request.variant_id.into_field(),
            sku: request.sku.into(),
            quantity: request.quantity.into(),
            unit_price: request.unit_price.into_field(),
            reason: request.reason.into(),
        }
    }
}

impl From<DraftRequest> for DraftInput {
    fn from(request: DraftRequest) -> Self {
        Self {
            customer_id: request.customer_id.into_field(),
            email: request.email.into(),
            items: request.items.into_list(),
            currency: request.currency.into(),
            note: request.note.into(),
        }
    }
}

impl From<DraftChangeRequest> for DraftInput {
    fn from(request: DraftChangeRequest) -> Self {
        Self {
            customer_id: request.customer_id.into_field(),
            email: request.email.into(),
            items: request.items.into_list(),
            currency: request.currency.into(),
            note: request.note.into(),
        }
    }
}

/// A draft order made by staff, at current prices.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "DraftOrder")]
pub(crate) struct DraftBody {
    id: Uuid,
    customer_id: Option<Uuid>,
    email: Option<String>,
    currency: String,
    items: Vec<DraftItemBody>,
    /// Sum of the lines, before discounts, shipping and tax.
    subtotal: Money,
    note: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
}

/// A line of a draft order.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "DraftOrderItem")]
pub(crate) struct DraftItemBody {
    variant_id: Uuid,
    product_id: Uuid,
    sku: String,
    name: String,
    options: BTreeMap<String, String>,
    quantity: i64,
    unit_price: Money,
    /// The catalog price.
    list_price: Money,
    /// Why `unit_price` differs from `list_price`.
    reason: Option<String>,
    line_total: Money,
    /// How many can be sold now; null if stock is not tracked.
    available: Option<i64>,
}

impl From<DraftView> for DraftBody {
    fn from(view: DraftView) -> Self {
        let DraftView { draft, items, subtotal } = view;
        let currency = draft.currency;
        Self {
            id: draft.id.0,
            customer_id: draft.customer_id.map(|id| id.0),
            email: draft.email,
            currency: currency.code().to_owned(),
            items: items.into_iter().map(|item| DraftItemBody::new(item, currency)).collect(),
            subtotal: Money::new(subtotal, currency),
            note: draft.note,
            created_at: draft.created_at,
            updated_at: draft.updated_at,
            version: draft.version,
        }
    }
}

impl DraftItemBody {
    fn new(item: DraftItemView, currency: Currency) -> Self {
        Self {
            variant_id: item.variant_id.0,
            product_id: item.product_id.0,
            sku: item.sku,
            name: item.name,
            options: item.options,
            quantity: item.quantity,
            unit_price: Money::new(item.unit_price, currency),
            list_price: Money::new(item.list_price, currency),
            reason: item.reason,
            line_total: Money::new(item.line_total, currency),
            available: item.available,
        }
    }
}

/// A note on an order.
#[derive(Debug, Object)]
pub(crate) struct NoteRequest {
    /// At most 2,000 characters.
    text: Required<String>,
    /// Whether the buyer sees the note in the history. Defaults to false.
    visible_to_customer: Optional<bool>,
}

impl From<NoteRequest> for NoteInput {
    fn from(request: NoteRequest) -> Self {
        Self { text: request.text.into(), visible_to_customer: request.visible_to_customer.into() }
    }
}
