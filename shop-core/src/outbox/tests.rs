//! Every kind of event is emitted by the change that it reports.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::TimeDelta;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Subscriber;
use crate::accounts::RegisterInput;
use crate::actor::Actor;
use crate::error::BoxError;
use crate::id::{OrderId, PaymentId, ProductId};
use crate::model::outbox::{Event, EventKind};
use crate::secret::Secret;
use crate::string_enum::StringEnum as _;
use crate::testing::{PASSWORD, World, block_on, world_with};

/// A subscriber that records all events.
#[derive(Default)]
struct Recorder(Mutex<Vec<Event>>);

#[async_trait]
impl Subscriber for Recorder {
    fn name(&self) -> &'static str {
        "ear"
    }

    async fn receive(&self, event: &Event) -> Result<(), BoxError> {
        self.0.lock().unwrap().push(event.clone());
        Ok(())
    }
}

fn input<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

struct Journey {
    world: World,
    staff: Actor,
    ada: Actor,
}

impl Journey {
    fn product(&self, sku: &str, stock: i64) -> ProductId {
        let product = input(json!({"name": sku, "price": "10", "sku": sku, "stock": stock}));
        block_on(self.world.shop.catalog().create_product(&self.staff, product)).unwrap().product.id
    }

    /// Orders `quantity` of a product; returns the order and its payment.
    fn order(&self, sku: &str, quantity: i64) -> (OrderId, PaymentId) {
        let shop = &self.world.shop;
        let item = input(json!({"sku": sku, "quantity": quantity}));
        block_on(shop.carts().add_item(&self.ada, item)).unwrap();
        let options = input(json!({"country": "GB"}));
        let options = block_on(shop.carts().shipping_options(&self.ada, options)).unwrap();
        let placed = json!({"shipping_address": {"first_name": "Ada", "last_name": "L", "line1": "1", "city": "London",
            "country": "GB", "postal_code": "SW1Y 4JH"}, "shipping_method_id": options[0].method.id, "payment_gateway": "manual"});
        let view = block_on(shop.orders().place(&self.ada, input(placed), None)).unwrap().value.view;
        (view.order.id, view.payments[0].id)
    }
}

/// Triggers every kind of event once, except those of gateways and returns, which are tested there.
fn journey(recorder: &Arc<Recorder>) -> Journey {
    let world = world_with(|builder| builder.subscriber(Arc::clone(recorder) as _));
    let (staff, ada) = (world.staff("eve"), world.customer("ada"));
    let journey = Journey { world, staff, ada };
    let Journey { world, staff, .. } = &journey;
    let shop = &world.shop;
    // Ids sort by time: while the clock stands still, their order is random.
    let tick = || world.clock.advance(TimeDelta::seconds(1));
    let new = RegisterInput {
        email: "new@example.com".into(),
        password: Secret::from(PASSWORD).into(),
        ..RegisterInput::default()
    };
    block_on(shop.accounts().register(new)).unwrap();
    let gone = journey.product("GONE", 0);
    block_on(shop.catalog().update_product(staff, gone, input(json!({"name": "Renamed"})), None)).unwrap();
    block_on(shop.catalog().delete_product(staff, gone, None)).unwrap();
    journey.product("TEA", 5);
    let zone =
        block_on(shop.shipping().create_zone(staff, input(json!({"name": "Home", "countries": ["GB"]})))).unwrap();
    let method = json!({"name": "Post", "zone_id": zone.id, "rate": {"type": "flat", "price": "1"}});
    block_on(shop.shipping().create_method(staff, input(method))).unwrap();

    // Buys the remaining stock, so that stock is low.
    let (order, payment) = journey.order("TEA", 5);
    block_on(shop.payments().capture(staff, payment, input(json!({})), None)).unwrap();
    let shipment =
        block_on(shop.shipping().create_shipment(staff, input(json!({"order_id": order})), None)).unwrap().value;
    for status in ["shipped", "delivered"] {
        tick();
        block_on(shop.shipping().track_shipment(staff, shipment.id, input(json!({"status": status})), None)).unwrap();
    }
    block_on(shop.payments().refund(staff, payment, input(json!({"amount": "1"})), None)).unwrap();
    journey.product("POT", 5);
    let (canceled, _) = journey.order("POT", 1);
    block_on(shop.orders().cancel(staff, canceled, None)).unwrap();
    world.deliver();
    journey
}

#[test]
fn every_event_is_told_with_what_it_is_about() {
    let recorder = Arc::<Recorder>::default();
    journey(&recorder);
    let heard = recorder.0.lock().unwrap().clone();
    let mut told: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in &heard {
        told.entry(event.kind.as_str()).or_default().push(event);
    }
    let elsewhere = [EventKind::PaymentFailed, EventKind::ReturnUpdated, EventKind::OrderWithdrawn];
    let expected: Vec<_> =
        EventKind::ALL.iter().filter(|kind| !elsewhere.contains(kind)).map(|kind| kind.as_str()).collect();
    let mut sorted = expected.clone();
    sorted.sort_unstable();
    assert_eq!(told.keys().copied().collect::<Vec<_>>(), sorted);

    let fields = |kind: &str| match kind.split_once('.').unwrap() {
        ("customer", _) => &["id", "email", "date_joined"][..],
        ("product", _) => &["id", "slug", "name", "status", "price", "currency", "version"],
        ("order", _) => &["id", "number", "status", "payment_status", "fulfillment_status", "currency", "total"],
        ("payment", _) => &["id", "order_id", "status", "amount", "amount_captured", "amount_refunded", "currency"],
        ("shipment", _) => &["id", "order_id", "status", "carrier", "tracking_number", "items"],
        _ => &["variant_id", "sku", "location_id", "available", "low_stock_threshold"],
    };
    for event in &heard {
        let data = event.data.as_object().unwrap();
        for field in fields(event.kind.as_str()) {
            assert!(data.contains_key(*field), "{field} is not in {event:?}");
        }
        // Events about parts of an order have the order as their aggregate.
        let order = data.get("order_id").or_else(|| data.get("number").and(data.get("id")));
        if let Some(order) = order {
            assert_eq!(*order, json!(event.subject), "{event:?}");
        }
        let text = event.data.to_string();
        assert!(!text.contains("password") && !text.contains("SW1Y"), "{text}");
    }
    let statuses = |kind: &str| told[kind].iter().map(|event| event.data["status"].clone()).collect::<Vec<_>>();
    assert_eq!(statuses("product.deleted"), ["archived"]);
    assert_eq!(statuses("shipment.updated"), ["shipped", "delivered"]);
    assert_eq!(
        (statuses("order.completed"), statuses("order.canceled")),
        (vec![json!("completed")], vec![json!("canceled")])
    );
    assert_eq!(told["stock.low"][0].data["available"], 0);
    assert_eq!(told["payment.refunded"][0].data["amount_refunded"], "1.00");
}
