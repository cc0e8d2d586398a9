//! Orders, payments and parcels for the unit tests of the decisions.

use std::collections::BTreeMap;

use chrono::DateTime;
use uuid::Uuid;

use super::model::{FulfillmentStatus, Order, OrderItem, OrderStatus, PaymentStatus, ShippingMethodSnapshot};
use crate::clock::Moment;
use crate::money::{Amount, Currency};
use crate::payments::{Payment, PaymentState};
use crate::shipping::{Address, Shipment, ShipmentItem, ShipmentStatus};

pub(crate) fn moment() -> Moment {
    Moment::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap(), [7; 32])
}

pub(crate) fn address() -> Address {
    Address {
        first_name: "Ada".into(),
        last_name: "Lovelace".into(),
        company: None,
        line1: "12 St James's Square".into(),
        line2: None,
        city: "London".into(),
        region: None,
        postal_code: Some("SW1Y 4JH".into()),
        country: "GB".into(),
        phone: None,
    }
}

/// A guest's placed order of lines of (unit price, quantity).
pub(crate) fn order(lines: &[(i64, i64)], shipping: i64) -> Order {
    let mut moment = moment();
    let items: Vec<_> = lines
        .iter()
        .enumerate()
        .map(|(index, (price, quantity))| OrderItem {
            id: moment.id(),
            product_id: moment.id(),
            variant_id: moment.id(),
            sku: format!("SKU-{index}"),
            name: format!("Thing {index}"),
            options: BTreeMap::new(),
            unit_price: Amount(*price),
            quantity: *quantity,
            discount: Amount::ZERO,
            tax: Amount::ZERO,
            line_total: Amount(price * quantity),
        })
        .collect();
    let subtotal = Amount::sum(items.iter().map(|item| item.line_total)).unwrap();
    Order {
        id: moment.id(),
        number: "7KQ2M-X9D4T".into(),
        cart_id: moment.id(),
        customer_id: None,
        email: "ada@example.com".into(),
        email_key: "ada@example.com".into(),
        currency: Currency::USD,
        items,
        subtotal,
        discount_total: Amount::ZERO,
        shipping_total: Amount(shipping),
        shipping_tax: Amount::ZERO,
        tax_total: Amount::ZERO,
        total: subtotal.plus(Amount(shipping)).unwrap(),
        amount_paid: Amount::ZERO,
        amount_refunded: Amount::ZERO,
        shipping_address: address(),
        billing_address: address(),
        shipping_method: ShippingMethodSnapshot {
            id: moment.id(),
            name: "Post".into(),
            price: Amount(shipping),
            carrier: None,
        },
        status: OrderStatus::Placed,
        payment_status: PaymentStatus::NotPaid,
        fulfillment_status: FulfillmentStatus::Unfulfilled,
        note: String::new(),
        placed_at: moment.now(),
        canceled_at: None,
        hold_until: None,
        version: 1,
    }
}

/// A payment of an order's total with these amounts.
pub(crate) fn payment(order: &Order, state: PaymentState, authorized: i64, captured: i64, refunded: i64) -> Payment {
    Payment {
        id: Uuid::from_u128(1).into(),
        order_id: order.id,
        gateway: "manual".into(),
        amount: order.total,
        currency: order.currency,
        state,
        amount_authorized: Amount(authorized),
        amount_captured: Amount(captured),
        amount_refunded: Amount(refunded),
        gateway_reference: None,
        failure: None,
        refunds: Vec::new(),
        created_at: order.placed_at,
        updated_at: order.placed_at,
        version: 1,
    }
}

/// A parcel with these quantities of an order's lines.
pub(crate) fn shipment(order: &Order, status: ShipmentStatus, quantities: &[i64]) -> Shipment {
    let items = order.items.iter().zip(quantities).filter(|(_, quantity)| **quantity > 0);
    Shipment {
        id: Uuid::from_u128(1).into(),
        order_id: order.id,
        items: items.map(|(item, quantity)| ShipmentItem { order_item_id: item.id, quantity: *quantity }).collect(),
        carrier: None,
        tracking_number: None,
        status,
        events: Vec::new(),
        created_at: order.placed_at,
        shipped_at: None,
        delivered_at: None,
        version: 1,
    }
}
