//! The sort values of the rows of each list (products: `catalog/search.rs`).

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::model::accounts::{User, UserSort};
use crate::model::catalog::{Category, CategorySort};
use crate::model::inventory::{InventorySort, Location, Movement, Reservation, StockLevel, StockSort};
use crate::model::orders::{Draft, DraftSort, Order, OrderSort, Return, ReturnSort};
use crate::model::outbox::{Delivery, DeliverySort};
use crate::model::payments::{Payment, PaymentSort};
use crate::model::promotions::{CountedPromotion, PromotionSort};
use crate::model::shipping::{Method, SavedAddress, Shipment, ShippingSort, Zone};
use crate::model::taxes::TaxRate;
use crate::model::webhooks::{Webhook, WebhookSort};
use crate::page::{SortValue, Sortable};

fn instant(time: Timestamp) -> SortValue {
    SortValue::Number(time.timestamp_micros())
}

macro_rules! listed {
    ($($row:ty, $key:ident, |$this:ident, $sort:ident| $value:expr, $id:expr;)+) => {$(
        impl Sortable for $row {
            type Key = $key;

            fn sort_value(&self, $sort: $key) -> SortValue {
                let $this = self;
                $value
            }

            fn tie_breaker(&self) -> Uuid {
                let $this = self;
                $id
            }
        }
    )+};
}

listed! {
    User, UserSort, |user, sort| match sort {
        UserSort::DateJoined => instant(user.date_joined),
        UserSort::Email => SortValue::Text(user.email_key.clone()),
    }, user.id.0;
    Category, CategorySort, |category, sort| match sort {
        CategorySort::Position => SortValue::Number(category.position),
        CategorySort::Name => SortValue::Text(category.name_key()),
    }, category.id.0;
    CountedPromotion, PromotionSort, |counted, sort| match sort {
        PromotionSort::CreatedAt => instant(counted.promotion.created_at),
    }, counted.promotion.id.0;
    TaxRate, PromotionSort, |rate, sort| match sort {
        PromotionSort::CreatedAt => instant(rate.created_at),
    }, rate.id.0;
    Order, OrderSort, |order, sort| match sort {
        OrderSort::PlacedAt => instant(order.placed_at),
        OrderSort::Total => SortValue::Number(order.total.0),
    }, order.id.0;
    Draft, DraftSort, |draft, sort| match sort {
        DraftSort::CreatedAt => instant(draft.created_at),
    }, draft.id.0;
    Return, ReturnSort, |returned, sort| match sort {
        ReturnSort::CreatedAt => instant(returned.created_at),
    }, returned.id.0;
    Payment, PaymentSort, |payment, sort| match sort {
        PaymentSort::CreatedAt => instant(payment.created_at),
    }, payment.id.0;
    SavedAddress, ShippingSort, |address, sort| match sort {
        ShippingSort::CreatedAt => instant(address.created_at),
    }, address.id.0;
    Zone, ShippingSort, |zone, sort| match sort {
        ShippingSort::CreatedAt => instant(zone.created_at),
    }, zone.id.0;
    Method, ShippingSort, |method, sort| match sort {
        ShippingSort::CreatedAt => instant(method.created_at),
    }, method.id.0;
    Shipment, ShippingSort, |shipment, sort| match sort {
        ShippingSort::CreatedAt => instant(shipment.created_at),
    }, shipment.id.0;
    Location, InventorySort, |location, sort| match sort {
        InventorySort::CreatedAt => instant(location.created_at),
    }, location.id.0;
    Movement, InventorySort, |movement, sort| match sort {
        InventorySort::CreatedAt => instant(movement.created_at),
    }, movement.id.0;
    Reservation, InventorySort, |reservation, sort| match sort {
        InventorySort::CreatedAt => instant(reservation.created_at),
    }, reservation.id.0;
    Delivery, DeliverySort, |delivery, sort| match sort {
        DeliverySort::CreatedAt => instant(delivery.created_at),
    }, delivery.id.0;
    Webhook, WebhookSort, |webhook, sort| match sort {
        WebhookSort::CreatedAt => instant(webhook.created_at),
    }, webhook.id.0;
    StockLevel, StockSort, |level, sort| match sort {
        StockSort::Sku => SortValue::Text(level.sku.clone()),
    }, level.location_id.0;
}
