//! Orders, payments and shipments for unit tests of decisions.

mod claims;
mod pricing;
mod quote;
mod returns;
mod service;

use std::collections::BTreeMap;

use chrono::DateTime;
use uuid::Uuid;

use crate::clock::DecisionContext;
use crate::model::inventory::{Reservation, ReservationStatus};
use crate::model::orders::{FulfillmentStatus, Order, OrderItem, OrderStatus, PaymentStatus, ShippingMethodSnapshot};
use crate::model::payments::{Payment, PaymentState};
use crate::model::shipping::{Address, Shipment, ShipmentItem, ShipmentStatus};
use crate::money::{Amount, Currency};

pub(crate) fn context() -> DecisionContext {
    DecisionContext::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap(), [7; 32])
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

/// A guest's placed order with lines of (unit price, quantity).
pub(crate) fn order(lines: &[(i64, i64)], shipping: i64) -> Order {
    let mut context = context();
    let items: Vec<_> = lines
        .iter()
        .enumerate()
        .map(|(index, (price, quantity))| OrderItem {
            id: context.id(),
            product_id: context.id(),
            variant_id: context.id(),
            sku: format!("SKU-{index}"),
            name: format!("Thing {index}"),
            options: BTreeMap::new(),
            unit_price: Amount(*price),
            quantity: *quantity,
            discount: Amount::ZERO,
            tax: Amount::ZERO,
            tax_class: None,
            tax_rate: None,
            line_total: Amount(price * quantity),
        })
        .collect();
    let subtotal = Amount::sum(items.iter().map(|item| item.line_total)).unwrap();
    Order {
        id: context.id(),
        number: "7KQ2M-X9D4T".into(),
        cart_id: context.id(),
        customer_id: None,
        email: "ada@example.com".into(),
        email_key: "ada@example.com".into(),
        currency: Currency::USD,
        items,
        subtotal,
        discount_total: Amount::ZERO,
        shipping_total: Amount(shipping),
        shipping_tax: Amount::ZERO,
        explanation: crate::model::pricing::Explanation::default(),
        tax_total: Amount::ZERO,
        total: subtotal.plus(Amount(shipping)).unwrap(),
        canceled_items: Vec::new(),
        withdrawals: Vec::new(),
        claimed_at: None,
        amount_paid: Amount::ZERO,
        amount_refunded: Amount::ZERO,
        shipping_address: address(),
        billing_address: address(),
        shipping_method: ShippingMethodSnapshot {
            id: context.id(),
            name: "Post".into(),
            price: Amount(shipping),
            cheapest: None,
            carrier: None,
        },
        status: OrderStatus::Placed,
        payment_status: PaymentStatus::NotPaid,
        fulfillment_status: FulfillmentStatus::Unfulfilled,
        note: String::new(),
        placed_at: context.now(),
        canceled_at: None,
        hold_until: None,
        ships_unpaid: false,
        updated_at: context.now(),
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
        remote: crate::model::payments::RemoteState::default(),
        refunds: Vec::new(),
        created_at: order.placed_at,
        updated_at: order.placed_at,
        version: 1,
    }
}

/// A reservation of a whole order line at one location.
pub(crate) fn reservation(order: &Order, item: &OrderItem, remaining: i64) -> Reservation {
    Reservation {
        id: Uuid::from_u128(item.id.0.as_u128() + 1).into(),
        order_id: order.id,
        order_item_id: item.id,
        variant_id: item.variant_id,
        sku: item.sku.clone(),
        location_id: Uuid::from_u128(1).into(),
        quantity: item.quantity,
        remaining,
        status: if remaining > 0 { ReservationStatus::Committed } else { ReservationStatus::Consumed },
        created_at: order.placed_at,
        version: 1,
    }
}

/// A shipment with these quantities of an order's lines.
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

/// Stores a placed order with a pending payment by `manual`. The default location gets exactly the stock that the order
/// needs, reserved for it.
pub(crate) fn store_placed(world: &crate::testing::World, order: &Order) -> Payment {
    use crate::batch::InventoryWrite;
    use crate::inventory::operations::{StockLine, allocate, reserve};
    use crate::model::inventory::{Movement, MovementReason, StockLevel};
    use crate::payments::operations::begin;
    let shop = &world.shop;
    let held = if order.hold_until.is_some() { ReservationStatus::Held } else { ReservationStatus::Committed };
    let system = crate::Actor::system();
    let placed = shop.execute(&system, |mut context| async move {
        let location = shop.store().locations().await?.into_iter().next().expect("a new shop has a location");
        let mut batch = crate::batch::Batch::new(&mut context);
        batch.write(crate::batch::Change::Insert(order.clone()));
        crate::pricing::take_uses(&mut batch, order, &crate::model::pricing::PriceRules::default(), None);
        for item in &order.items {
            let level = StockLevel {
                variant_id: item.variant_id,
                product_id: item.product_id,
                sku: item.sku.clone(),
                location_id: location.id,
                on_hand: item.quantity,
                reserved: 0,
                backordered: 0,
                low_stock_threshold: 0,
                tracked: true,
                backorder: false,
            };
            batch.write(InventoryWrite::InsertLevel(level.clone()));
            batch.write(InventoryWrite::Movement(Movement {
                id: context.id(),
                variant_id: item.variant_id,
                sku: item.sku.clone(),
                location_id: location.id,
                delta: item.quantity,
                reason: MovementReason::Received,
                note: String::new(),
                order_id: None,
                created_at: context.now(),
            }));
            let allocation = allocate(&[level], &item.sku, item.quantity)?;
            let line =
                StockLine { order_id: order.id, order_item_id: item.id, variant_id: item.variant_id, sku: &item.sku };
            reserve(&mut batch, &mut context, line, &allocation, held);
        }
        let gateway = crate::gateway::ManualGateway::default();
        let payment = begin(&gateway, order.id, order.total, order.currency, &mut context);
        batch.write(crate::batch::Change::Insert(payment.clone()));
        Ok(crate::Decision { batch, reply: payment })
    });
    crate::testing::block_on(placed).unwrap()
}
