//! `/orders/{id}/returns/`: every row of the contract, good and bad.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::orders::{Store, fields, refused, text};
use crate::support::{Person, TestResponse};
use crate::taxes::cents;

const NOTHING: Value = Value::Null;
const UNKNOWN: &str = "01890000-0000-7000-8000-000000000001";

/// An order of shirts at 19.99, paid and shipped for 4.50, with its guest and a staff user.
struct Sold {
    store: Store,
    staff: Person,
    order: Value,
    /// The access token of the guest who ordered.
    token: String,
    returns: String,
}

impl Sold {
    async fn of(quantity: i64) -> Self {
        let store = Store::open(9).await;
        let cart = store.shop.guest_cart(&store.shirt, quantity).await;
        Self::from(store, &cart).await
    }

    async fn from(store: Store, cart: &str) -> Self {
        let shop = &store.shop;
        let staff = shop.staff("sam").await;
        let order = shop.as_guest("POST", "/orders/", cart, &store.order).await.json();
        let (id, token) = (text(&order["id"]), text(&order["access_token"]));
        let capture = format!("/payments/{}/capture/", text(&order["payments"][0]["id"]));
        assert_eq!(shop.post(&capture, Some(&staff.access), &json!({})).await.status, 200);
        let shipment = shop.post("/shipping/shipments/", Some(&staff.access), &json!({"order_id": id})).await.json();
        let events = format!("/shipping/shipments/{}/events/", text(&shipment["id"]));
        assert_eq!(shop.post(&events, Some(&staff.access), &json!({"status": "shipped"})).await.status, 201);
        let returns = format!("/orders/{id}/returns/");
        Self { store, staff, order, token, returns }
    }

    async fn by_guest(&self, method: &str, path: &str, body: &Value) -> TestResponse {
        self.store.shop.call_with(method, path, &[("X-Order-Token", &self.token)], body).await
    }

    fn wish(&self, quantity: i64) -> Value {
        json!({"items": [{"order_item_id": self.order["items"][0]["id"], "quantity": quantity}]})
    }

    /// Requests a return as the guest; returns its id.
    async fn request(&self, quantity: i64) -> String {
        let answer = self.by_guest("POST", &self.returns, &self.wish(quantity)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        text(&answer.json()["id"])
    }

    /// Performs a step of a return as staff.
    async fn step(&self, id: &str, step: &str, body: &Value) -> TestResponse {
        let path = format!("{}{id}/{step}/", self.returns);
        self.store.shop.post(&path, Some(&self.staff.access), body).await
    }

    async fn stored(&self) -> Value {
        self.by_guest("GET", &format!("/orders/{}/", text(&self.order["id"])), &NOTHING).await.json()
    }

    async fn on_hand(&self) -> Value {
        let path = format!("/inventory/stock/{}/", self.store.shirt.variant_id);
        self.store.shop.get(&path, Some(&self.staff.access)).await.json()["on_hand"].clone()
    }
}

#[tokio::test]
async fn a_line_is_paid_back_with_the_discount_and_the_tax_it_carried() {
    for included in ["True", "False"] {
        let store = Store::open_with(9, &[("PRICES_INCLUDE_TAX", included)]).await;
        let shop = &store.shop;
        shop.promotion(json!({"name": "Ten off", "code": "TEN", "kind": "percent", "value": "10"})).await;
        shop.tax_rate(json!({"name": "VAT", "country": "GB", "rate": "0.2", "applies_to_shipping": true})).await;
        let cart = shop.cart_with(&store.shirt, "ten").await;
        let more = json!({"sku": store.shirt.sku, "quantity": 2});
        assert_eq!(shop.as_guest("POST", "/cart/items/", &cart, &more).await.status, 201);
        let sold = Sold::from(store, &cart).await;
        let line = &sold.order["items"][0];
        assert_eq!(line["quantity"], 3);
        let tax = if included == "True" { 0 } else { cents(&line["tax"]) };
        let carried = cents(&line["line_total"]) - cents(&line["discount"]) + tax;
        assert!(cents(&line["discount"]) > 0 && cents(&line["tax"]) > 0, "{line}");
        let mut back = 0;
        for _ in 0..3 {
            let id = sold.request(1).await;
            for (step, body) in [("approve", json!({})), ("receive", json!({"restock": true})), ("refund", json!({}))] {
                let answer = sold.step(&id, step, &body).await;
                assert_eq!(answer.status, 200, "{step}: {answer:?}");
                if step == "refund" {
                    back += cents(&answer.json()["amount_refunded"]);
                }
            }
        }
        // The refunds add up to the cent, without the shipping.
        assert_eq!(back, carried, "{line}");
        assert_eq!(cents(&sold.stored().await["amount_refunded"]), carried);
        sold.store.is_sound().await;
    }
}

#[tokio::test]
async fn a_guest_gives_goods_back_and_gets_their_money() {
    let sold = Sold::of(3).await;
    let line = text(&sold.order["items"][0]["id"]);
    let wish = json!({"items": [{"order_item_id": line, "quantity": 2, "reason": "Too small"}], "note": "Sorry",
        "status": "completed", "refund_amount": "99.00"});
    let asked = sold.by_guest("POST", &sold.returns, &wish).await;
    assert_eq!(asked.status, 201, "{asked:?}");
    let asked = asked.json();
    let id = text(&asked["id"]);
    let item = json!({"order_item_id": line, "quantity": 2, "reason": "Too small", "amount": "39.98"});
    assert_eq!(asked["items"], json!([item]));
    let shown = ["order_id", "status", "note", "rejection", "refund_amount", "amount_refunded", "currency"];
    let expected =
        [text(&sold.order["id"]).as_str(), "requested", "Sorry", "", "39.98", "0.00", "USD"].map(String::from);
    assert_eq!(shown.map(|name| text(&asked[name])), expected);
    assert_eq!(asked["restocked"], false);

    let approved = sold.step(&id, "approve", &NOTHING).await;
    assert_eq!((approved.status, &approved.json()["status"]), (200, &json!("approved")));
    assert_eq!(sold.on_hand().await, 6);
    let received = sold.step(&id, "receive", &json!({"restock": true})).await.json();
    assert_eq!((&received["status"], &received["restocked"]), (&json!("received"), &json!(true)));
    assert_eq!(sold.on_hand().await, 8);
    let completed = sold.step(&id, "refund", &NOTHING).await.json();
    assert_eq!((&completed["status"], &completed["amount_refunded"]), (&json!("completed"), &json!("39.98")));
    let order = sold.stored().await;
    assert_eq!((&order["payment_status"], &order["amount_refunded"]), (&json!("partially_refunded"), &json!("39.98")));
    assert_eq!(order["payments"][0]["refunds"][0]["amount"], "39.98");

    let seen = sold.by_guest("GET", &format!("{}{id}/", sold.returns), &NOTHING).await;
    assert_eq!((seen.status, seen.json()), (200, completed.clone()));
    let listed = sold.by_guest("GET", &sold.returns, &NOTHING).await.json();
    assert_eq!((&listed["count"], &listed["results"]), (&json!(1), &json!([completed])));
    let history = format!("/orders/{}/history/", text(&sold.order["id"]));
    let history = sold.by_guest("GET", &history, &NOTHING).await.json();
    let events: Vec<_> = history.as_array().unwrap().iter().map(|entry| text(&entry["event"])).collect();
    let steps = ["return_requested", "return_approved", "return_received", "refund_created", "return_completed"];
    assert!(events.ends_with(&steps.map(String::from)), "{events:?}");
    sold.store.is_sound().await;
}

#[tokio::test]
async fn a_whole_order_returned_with_its_shipping_is_refunded() {
    let sold = Sold::of(2).await;
    let mut refunded = Vec::new();
    for restock in [true, false] {
        let id = sold.request(1).await;
        sold.step(&id, "approve", &NOTHING).await;
        sold.step(&id, "receive", &json!({ "restock": restock })).await;
        refunded.push(text(&sold.step(&id, "refund", &NOTHING).await.json()["amount_refunded"]));
    }
    assert_eq!((refunded, sold.on_hand().await), (vec!["19.99".to_owned(), "19.99".into()], json!(8)));
    assert_eq!(sold.stored().await["payment_status"], "partially_refunded");
    let refunds = format!("/payments/{}/refunds/", text(&sold.order["payments"][0]["id"]));
    let shipping = sold.store.shop.post(&refunds, Some(&sold.staff.access), &json!({"reason": "Shipping"})).await;
    assert_eq!((shipping.status, &shipping.json()["amount"]), (201, &json!("4.50")));
    assert_eq!(sold.stored().await["payment_status"], "refunded");
    sold.store.is_sound().await;
}

#[tokio::test]
async fn everything_wrong_is_named_at_once() {
    let sold = Sold::of(2).await;
    let line = &sold.order["items"][0]["id"];
    let ask = async |body: Value| sold.by_guest("POST", &sold.returns, &body).await;
    assert_eq!(fields(&ask(json!({})).await), ["items"]);
    assert_eq!(fields(&ask(json!({"items": [], "note": 5})).await), ["items", "note"]);
    let items = json!([{"order_item_id": line, "quantity": 0}, {"quantity": "1", "reason": 1},
        {"order_item_id": "x", "quantity": 10_001}, {"order_item_id": line, "quantity": 1}]);
    let wrong = ask(json!({"items": items, "note": "x".repeat(2_001)})).await;
    let expected = [
        "items.0.quantity",
        "items.1.order_item_id",
        "items.1.quantity",
        "items.1.reason",
        "items.2.order_item_id",
        "items.2.quantity",
        "note",
    ];
    assert_eq!(fields(&wrong), expected);
    let foreign =
        ask(json!({"items": [{"order_item_id": UNKNOWN, "quantity": 1}, {"order_item_id": line, "quantity": 3}]}));
    assert_eq!(fields(&foreign.await), ["items.0.order_item_id", "items.1.quantity"]);
    let twice = json!([{"order_item_id": line, "quantity": 1}, {"order_item_id": line, "quantity": 1}]);
    assert_eq!(fields(&ask(json!({"items": twice})).await), ["items.1.order_item_id"]);

    let id = sold.request(2).await;
    refused(&ask(sold.wish(1)).await, 409, "invalid_transition");
    assert_eq!(fields(&sold.step(&id, "reject", &json!({"reason": 5})).await), ["reason"]);
    sold.step(&id, "approve", &NOTHING).await;
    assert_eq!(fields(&sold.step(&id, "receive", &json!({})).await), ["restock"]);
    assert_eq!(fields(&sold.step(&id, "receive", &json!({"restock": "yes"})).await), ["restock"]);
    let list = sold.by_guest("GET", &format!("{}?status=lost", sold.returns), &NOTHING).await;
    assert_eq!(fields(&list), ["status"]);
}

#[tokio::test]
async fn steps_come_in_their_order_and_once() {
    let sold = Sold::of(2).await;
    let id = sold.request(1).await;
    refused(&sold.step(&id, "receive", &json!({"restock": true})).await, 409, "invalid_transition");
    refused(&sold.step(&id, "refund", &NOTHING).await, 409, "invalid_transition");
    let rejected = sold.step(&id, "reject", &json!({"reason": "Worn"})).await.json();
    assert_eq!((&rejected["status"], &rejected["rejection"]), (&json!("rejected"), &json!("Worn")));
    for step in ["approve", "reject", "refund", "cancel"] {
        refused(&sold.step(&id, step, &NOTHING).await, 409, "invalid_transition");
    }
    // Rejected goods can be returned in a new request.
    let id = sold.request(2).await;
    sold.step(&id, "approve", &NOTHING).await;
    let canceled = sold.by_guest("POST", &format!("{}{id}/cancel/", sold.returns), &NOTHING).await;
    assert_eq!((canceled.status, &canceled.json()["status"]), (200, &json!("canceled")));
    refused(&sold.step(&id, "receive", &json!({"restock": true})).await, 409, "invalid_transition");
    assert_eq!(sold.on_hand().await, 7);
    refused(&sold.step(UNKNOWN, "approve", &NOTHING).await, 404, "not_found");
    let (shop, staff) = (&sold.store.shop, Some(sold.staff.access.as_str()));
    let elsewhere = format!("/orders/{UNKNOWN}/returns/{id}/");
    refused(&shop.get(&elsewhere, staff).await, 404, "not_found");
    let count = async |query: &str| shop.get(&format!("/orders/returns/{query}"), staff).await.json()["count"].clone();
    assert_eq!((count("").await, count("?status=rejected").await), (json!(2), json!(1)));
    assert_eq!(count(&format!("?order_id={UNKNOWN}")).await, 0);
    sold.store.is_sound().await;
}

#[tokio::test]
async fn what_has_not_left_is_not_returned() {
    let store = Store::open(9).await;
    let shop = &store.shop;
    let ada = shop.customer("ada").await;
    shop.post("/cart/items/", Some(&ada.access), &json!({"sku": "SHIRT"})).await;
    let order = shop.post("/orders/", Some(&ada.access), &store.order).await.json();
    let returns = format!("/orders/{}/returns/", text(&order["id"]));
    let wish = json!({"items": [{"order_item_id": order["items"][0]["id"], "quantity": 1}]});
    refused(&shop.post(&returns, Some(&ada.access), &wish).await, 409, "invalid_transition");
    refused(&shop.post(&returns, None, &wish).await, 401, "not_authenticated");
    let eve = shop.customer("eve").await;
    refused(&shop.post(&returns, Some(&eve.access), &wish).await, 404, "not_found");
    let unknown = shop.post(&format!("/orders/{UNKNOWN}/returns/"), Some(&ada.access), &wish).await;
    refused(&unknown, 404, "not_found");
    shop.post(&format!("/orders/{}/cancel/", text(&order["id"])), Some(&ada.access), &NOTHING).await;
    refused(&shop.post(&returns, Some(&ada.access), &wish).await, 409, "invalid_transition");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn races_return_and_refund_once() {
    let sold = Sold::of(3).await;
    let wish = sold.wish(1);
    let answers = join_all((0..10).map(|_| sold.by_guest("POST", &sold.returns, &wish))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 3, "{answers:?}");
    for lost in answers.iter().filter(|answer| answer.status != 201) {
        refused(lost, 409, "invalid_transition");
    }
    let id = text(&answers.iter().find(|answer| answer.status == 201).unwrap().json()["id"]);
    sold.step(&id, "approve", &NOTHING).await;
    sold.step(&id, "receive", &json!({"restock": true})).await;
    let path = format!("{}{id}/refund/", sold.returns);
    let bearer = format!("Bearer {}", sold.staff.access);
    let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", "once")];
    let shop = &sold.store.shop;
    let answers = join_all((0..10).map(|_| shop.call_with("POST", &path, &headers, &NOTHING))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none()).count(), 1);
    refused(&sold.step(&id, "refund", &NOTHING).await, 409, "invalid_transition");
    assert_eq!(sold.stored().await["amount_refunded"], "19.99");
    assert_eq!(sold.on_hand().await, 7);
    sold.store.is_sound().await;
}
