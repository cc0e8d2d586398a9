//! `/orders/{id}/cancel-items/` and unpaid returns: orders that end without being delivered in full.

use serde_json::{Value, json};

use crate::orders::{Store, fields, refused, text};
use crate::support::{Person, TestResponse};
use crate::taxes::cents;

const NOTHING: Value = Value::Null;
const UNKNOWN: &str = "01890000-0000-7000-8000-000000000001";

/// A guest's order of shirts at 19.99, shipped for 4.50, and a staff user.
struct Placed {
    store: Store,
    staff: Person,
    id: String,
    order: Value,
    token: String,
}

impl Placed {
    async fn of(quantity: i64) -> Self {
        let store = Store::open(9).await;
        let cart = store.shop.guest_cart(&store.shirt, quantity).await;
        Self::from(store, &cart).await
    }

    async fn from(store: Store, cart: &str) -> Self {
        let staff = store.shop.staff("sam").await;
        let placed = store.shop.as_guest("POST", "/orders/", cart, &store.order).await;
        assert_eq!(placed.status, 201, "{placed:?}");
        let order = placed.json();
        let (id, token) = (text(&order["id"]), text(&order["access_token"]));
        Self { store, staff, id, order, token }
    }

    async fn post(&self, path: &str, body: &Value) -> TestResponse {
        self.store.shop.post(path, Some(&self.staff.access), body).await
    }

    /// Posts a body; the request must succeed.
    async fn done(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(path, body).await;
        assert!(answer.status < 300, "{path}: {answer:?}");
        answer.json()
    }

    async fn read(&self) -> Value {
        self.store.shop.get(&format!("/orders/{}/", self.id), Some(&self.staff.access)).await.json()
    }

    fn items(&self, quantity: i64) -> Value {
        json!([{"order_item_id": self.order["items"][0]["id"], "quantity": quantity}])
    }

    async fn cancel_items(&self, quantity: i64) -> TestResponse {
        let body = json!({"items": self.items(quantity), "reason": "Lost in the warehouse"});
        self.post(&format!("/orders/{}/cancel-items/", self.id), &body).await
    }

    async fn capture(&self, body: Value) -> TestResponse {
        self.post(&format!("/payments/{}/capture/", text(&self.order["payments"][0]["id"])), &body).await
    }

    /// Ships this quantity and moves the shipment through these states.
    async fn ship(&self, quantity: i64, statuses: &[&str]) -> String {
        let body = json!({"order_id": self.id, "items": self.items(quantity)});
        let shipment = text(&self.done("/shipping/shipments/", &body).await["id"]);
        for status in statuses {
            self.done(&format!("/shipping/shipments/{shipment}/events/"), &json!({ "status": status })).await;
        }
        shipment
    }

    /// Requests a return as the guest, and receives it as staff; returns the last response.
    async fn give_back(&self, quantity: i64, restock: bool) -> Value {
        let path = format!("/orders/{}/returns/", self.id);
        let headers = [("X-Order-Token", self.token.as_str())];
        let asked = self.store.shop.call_with("POST", &path, &headers, &json!({"items": self.items(quantity)})).await;
        assert_eq!(asked.status, 201, "{asked:?}");
        let id = text(&asked.json()["id"]);
        self.done(&format!("{path}{id}/approve/"), &NOTHING).await;
        self.done(&format!("{path}{id}/receive/"), &json!({ "restock": restock })).await
    }

    /// The quantities on hand and reserved.
    async fn stock(&self) -> (i64, i64) {
        let path = format!("/inventory/stock/{}/", self.store.shirt.variant_id);
        let level = self.store.shop.get(&path, Some(&self.staff.access)).await.json();
        (level["on_hand"].as_i64().unwrap(), level["reserved"].as_i64().unwrap())
    }
}

#[track_caller]
fn states(order: &Value, expected: [&str; 3]) {
    let states = ["status", "payment_status", "fulfillment_status"].map(|name| text(&order[name]));
    assert_eq!(states, expected.map(String::from), "{order:#}");
}

#[track_caller]
fn amounts(order: &Value, expected: [&str; 5]) {
    let names = ["total", "amount_canceled", "amount_paid", "amount_refunded", "amount_due"];
    assert_eq!(names.map(|name| text(&order[name])), expected.map(String::from), "{order:#}");
}

#[tokio::test]
async fn two_ordered_one_delivered_one_canceled_is_a_completed_order() {
    let placed = Placed::of(2).await;
    placed.capture(json!({})).await;
    placed.ship(1, &["delivered"]).await;
    states(&placed.read().await, ["placed", "paid", "partially_delivered"]);
    assert_eq!(placed.stock().await, (8, 1));
    let canceled = placed.cancel_items(1).await;
    assert_eq!(canceled.status, 200, "{canceled:?}");
    let order = canceled.json();
    states(&order, ["completed", "paid", "delivered"]);
    amounts(&order, ["44.48", "19.99", "44.48", "19.99", "0.00"]);
    let line = &order["items"][0];
    assert_eq!((&line["quantity"], &line["canceled_quantity"]), (&json!(2), &json!(1)));
    assert_eq!(order["payments"][0]["refunds"][0]["amount"], "19.99");
    assert_eq!(placed.stock().await, (8, 0));
    assert_eq!(order, placed.read().await);
    let history = format!("/orders/{}/history/", placed.id);
    let headers = [("X-Order-Token", placed.token.as_str())];
    let history = placed.store.shop.call_with("GET", &history, &headers, &NOTHING).await.json();
    let entry = history.as_array().unwrap().iter().find(|entry| entry["event"] == "items_canceled").unwrap();
    assert_eq!(
        (&entry["actor"], &entry["detail"]),
        (&json!("staff"), &json!("1 of SHIRT will not be delivered: Lost in the warehouse"))
    );
    refused(&placed.cancel_items(1).await, 409, "invalid_transition");
    placed.store.is_sound().await;
}

#[tokio::test]
async fn an_unpaid_order_is_owed_for_what_remains() {
    let placed = Placed::of(3).await;
    let order = placed.cancel_items(1).await.json();
    states(&order, ["placed", "not_paid", "unfulfilled"]);
    amounts(&order, ["64.47", "19.99", "0.00", "0.00", "44.48"]);
    assert_eq!(order["payments"][0]["amount"], "44.48");
    assert_eq!(placed.stock().await, (9, 2));
    assert_eq!(fields(&placed.capture(json!({"amount": "44.49"})).await), ["amount"]);
    assert_eq!(placed.capture(json!({"amount": "40"})).await.status, 200);
    let order = placed.read().await;
    states(&order, ["placed", "partially_paid", "unfulfilled"]);
    amounts(&order, ["64.47", "19.99", "40.00", "0.00", "4.48"]);
    // 40.00 is more than the 24.49 owed for one shirt.
    let order = placed.cancel_items(1).await.json();
    states(&order, ["placed", "paid", "unfulfilled"]);
    amounts(&order, ["64.47", "39.98", "40.00", "15.51", "0.00"]);
    refused(&placed.capture(json!({})).await, 409, "invalid_transition");
    placed.ship(1, &["delivered"]).await;
    states(&placed.read().await, ["completed", "paid", "delivered"]);
    placed.store.is_sound().await;
}

#[tokio::test]
async fn another_attempt_pays_only_what_is_owed() {
    let placed = Placed::of(3).await;
    placed.cancel_items(1).await;
    let headers = [("X-Order-Token", placed.token.as_str())];
    let body = json!({"order_id": placed.id, "gateway": "manual"});
    let again = placed.store.shop.call_with("POST", "/payments/", &headers, &body).await;
    assert_eq!((again.status, &again.json()["amount"]), (201, &json!("44.48")), "{again:?}");
    placed.store.is_sound().await;
}

#[tokio::test]
async fn the_money_stays_when_staff_say_so() {
    let placed = Placed::of(2).await;
    placed.capture(json!({})).await;
    let body = json!({"items": placed.items(1), "refund": false});
    let order = placed.done(&format!("/orders/{}/cancel-items/", placed.id), &body).await;
    states(&order, ["placed", "paid", "unfulfilled"]);
    amounts(&order, ["44.48", "19.99", "44.48", "0.00", "0.00"]);
    let refused = placed.post(&format!("/orders/{}/cancel-items/", placed.id), &body).await;
    assert_eq!(fields(&refused), ["refund"], "a canceled order keeps no money");
    placed.store.is_sound().await;
}

#[tokio::test]
async fn an_order_of_which_nothing_remains_is_canceled() {
    let placed = Placed::of(2).await;
    placed.capture(json!({})).await;
    placed.ship(2, &[]).await;
    let order = placed.cancel_items(1).await.json();
    assert_eq!(order["shipments"][0]["status"], "canceled", "it was packed");
    let order = placed.cancel_items(1).await.json();
    states(&order, ["canceled", "refunded", "unfulfilled"]);
    amounts(&order, ["44.48", "19.99", "44.48", "44.48", "0.00"]);
    assert_eq!(placed.stock().await, (9, 0));
    placed.store.is_sound().await;
}

#[tokio::test]
async fn parts_sum_to_the_line_with_its_discount_and_its_tax() {
    for included in ["True", "False"] {
        let store = Store::open_with(9, &[("PRICES_INCLUDE_TAX", included)]).await;
        let shop = &store.shop;
        shop.promotion(json!({"name": "Ten off", "code": "TEN", "kind": "percent", "value": "10"})).await;
        shop.tax_rate(json!({"name": "VAT", "country": "GB", "rate": "0.2", "applies_to_shipping": true})).await;
        let cart = shop.cart_with(&store.shirt, "ten").await;
        let more = json!({"sku": store.shirt.sku, "quantity": 3});
        assert_eq!(shop.as_guest("POST", "/cart/items/", &cart, &more).await.status, 201);
        let placed = Placed::from(store, &cart).await;
        placed.capture(json!({})).await;
        placed.ship(1, &["delivered"]).await;
        let line = &placed.order["items"][0];
        let tax = if included == "True" { 0 } else { cents(&line["tax"]) };
        let carried = cents(&line["line_total"]) - cents(&line["discount"]) + tax;
        placed.cancel_items(1).await;
        placed.give_back(1, true).await;
        let order = placed.cancel_items(2).await.json();
        states(&order, ["completed", "paid", "delivered"]);
        let returned = placed.store.shop.get("/orders/returns/", Some(&placed.staff.access)).await.json();
        let worth = cents(&returned["results"][0]["refund_amount"]);
        assert_eq!(cents(&order["amount_canceled"]) + worth, carried, "{order:#}");
        assert_eq!(order["amount_refunded"], order["amount_canceled"]);
        let promotions = placed.store.shop.get("/catalog/promotions/", Some(&placed.staff.access)).await.json();
        assert_eq!(promotions["results"][0]["uses"], 1, "the order still carries it");
        placed.store.is_sound().await;
    }
}

#[tokio::test]
async fn everything_wrong_is_named_and_a_key_has_one_effect() {
    let placed = Placed::of(2).await;
    let path = format!("/orders/{}/cancel-items/", placed.id);
    let ask = async |body: Value| placed.post(&path, &body).await;
    assert_eq!(fields(&ask(json!({})).await), ["items"]);
    let wrong = json!({"items": [], "reason": "x".repeat(501), "refund": "yes"});
    assert_eq!(fields(&ask(wrong).await), ["items", "reason", "refund"]);
    let line = &placed.order["items"][0]["id"];
    let foreign = json!([{"order_item_id": UNKNOWN, "quantity": 1}, {"order_item_id": line, "quantity": 3}]);
    assert_eq!(fields(&ask(json!({"items": foreign})).await), ["items.0.order_item_id", "items.1.quantity"]);
    let twice = json!([{"order_item_id": line, "quantity": 1}, {"order_item_id": line, "quantity": 1}]);
    assert_eq!(fields(&ask(json!({"items": twice})).await), ["items.1.order_item_id"]);
    placed.ship(1, &["shipped"]).await;
    refused(&placed.cancel_items(2).await, 409, "invalid_transition");
    let unknown = placed.post(&format!("/orders/{UNKNOWN}/cancel-items/"), &json!({"items": placed.items(1)})).await;
    refused(&unknown, 404, "not_found");
    let guest = [("X-Order-Token", placed.token.as_str())];
    let shop = &placed.store.shop;
    refused(&shop.call_with("POST", &path, &guest, &json!({})).await, 401, "not_authenticated");

    let bearer = format!("Bearer {}", placed.staff.access);
    let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", "once")];
    let body = json!({"items": placed.items(1)});
    let first = shop.call_with("POST", &path, &headers, &body).await;
    let again = shop.call_with("POST", &path, &headers, &body).await;
    assert_eq!((first.status, again.status), (200, 200), "{first:?}");
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), (None, Some("true")));
    assert_eq!(placed.read().await["items"][0]["canceled_quantity"], 1);
    let other = shop.call_with("POST", &path, &headers, &json!({"items": placed.items(2)})).await;
    refused(&other, 422, "idempotency_mismatch");
    placed.store.is_sound().await;
}

#[tokio::test]
async fn a_refused_shipment_that_comes_back_unpaid_ends_its_order() {
    let placed = Placed::of(2).await;
    placed.ship(2, &["shipped", "exception"]).await;
    refused(&placed.post(&format!("/orders/{}/cancel/", placed.id), &NOTHING).await, 409, "invalid_transition");
    let back = placed.give_back(1, true).await;
    let shown = ["status", "refund_amount", "amount_refunded"].map(|name| text(&back[name]));
    assert_eq!(shown, ["completed", "19.99", "0.00"].map(String::from));
    let order = placed.read().await;
    states(&order, ["placed", "not_paid", "fulfilled"]);
    amounts(&order, ["44.48", "19.99", "0.00", "0.00", "24.49"]);
    placed.store.is_sound().await;

    placed.give_back(1, false).await;
    let order = placed.read().await;
    states(&order, ["canceled", "voided", "fulfilled"]);
    assert_eq!((&order["payments"][0]["status"], &order["amount_due"]), (&json!("voided"), &json!("0.00")));
    assert!(order["canceled_at"].is_string(), "{order:#}");
    assert_eq!(placed.stock().await, (8, 0), "one was written off");
    refused(&placed.capture(json!({})).await, 409, "invalid_transition");
    placed.store.is_sound().await;
}

#[tokio::test]
async fn of_two_shipments_one_is_paid_at_the_door_and_one_refused() {
    let placed = Placed::of(2).await;
    placed.ship(1, &["shipped", "delivered"]).await;
    placed.ship(1, &["shipped", "exception"]).await;
    placed.give_back(1, true).await;
    assert_eq!(placed.read().await["amount_due"], "24.49");
    placed.capture(json!({"amount": "24.49"})).await;
    let order = placed.read().await;
    states(&order, ["completed", "paid", "delivered"]);
    amounts(&order, ["44.48", "19.99", "24.49", "0.00", "0.00"]);
    placed.store.is_sound().await;
}

#[tokio::test]
async fn an_order_ends_when_one_part_came_back_unpaid_and_the_rest_is_canceled() {
    let placed = Placed::of(2).await;
    placed.ship(1, &["shipped", "exception"]).await;
    placed.give_back(1, true).await;
    states(&placed.read().await, ["placed", "not_paid", "partially_fulfilled"]);
    let order = placed.cancel_items(1).await.json();
    states(&order, ["canceled", "voided", "fulfilled"]);
    assert_eq!(placed.stock().await, (9, 0));
    placed.store.is_sound().await;
}
