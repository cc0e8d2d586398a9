//! Orders that staff put together, and their notes.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use serde::Serialize;
use shop_core::money::Currency;
use shop_core::orders::{DraftInput, DraftItemInput, DraftItemView, DraftView, NoteInput};
use uuid::Uuid;

use crate::field::{Money, Nullable, Optional, Required};

/// An order that staff put together for somebody.
#[derive(Debug, Object)]
pub(crate) struct DraftRequest {
    /// For which customer; or `email`.
    customer_id: Optional<Uuid>,
    /// For whom without an account.
    email: Optional<String>,
    /// None when they are left out.
    items: Optional<Vec<DraftItemRequest>>,
    /// That of their prices, to be sure: another one is refused.
    currency: Nullable<String>,
    /// Words for the order, at most 2,000 characters. The buyer sees them with the order.
    note: Optional<String>,
}

/// What changes of a draft.
#[derive(Debug, Object)]
pub(crate) struct DraftChangeRequest {
    /// For another customer; the address goes.
    customer_id: Nullable<Uuid>,
    /// For somebody without an account; the customer goes.
    email: Nullable<String>,
    /// All of them.
    items: Optional<Vec<DraftItemRequest>>,
    /// That of their prices, to be sure: another one is refused.
    currency: Nullable<String>,
    /// Words for the order, at most 2,000 characters. The buyer sees them with the order.
    note: Optional<String>,
}

/// A line of a draft: its variant by `variant_id` or `sku`.
#[derive(Debug, Object)]
pub(crate) struct DraftItemRequest {
    variant_id: Optional<Uuid>,
    sku: Optional<String>,
    /// 1 when it is left out.
    quantity: Optional<i64>,
    /// A price of its own; the catalog's when it is left out.
    unit_price: Nullable<Money>,
    /// Why it has one: stands in the order's history.
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

/// An order that staff put together, at the prices of now.
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

/// A line of a draft.
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
    /// The catalog's price.
    list_price: Money,
    /// Why `unit_price` is another one.
    reason: Option<String>,
    line_total: Money,
    /// How many can be sold now; null when they are not counted.
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

/// A note about an order.
#[derive(Debug, Object)]
pub(crate) struct NoteRequest {
    /// At most 2,000 characters.
    text: Required<String>,
    /// Whether the buyer sees it in the history; no when it is left out.
    visible_to_customer: Optional<bool>,
}

impl From<NoteRequest> for NoteInput {
    fn from(request: NoteRequest) -> Self {
        Self { text: request.text.into(), visible_to_customer: request.visible_to_customer.into() }
    }
}
