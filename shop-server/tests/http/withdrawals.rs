//! `/orders/{id}/withdrawal/`: a buyer withdraws from the contract, for all items or some, once, and within the period.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::orders::{Store, fields, refused, text, with};
use crate::support::{Forward, PASSWORD, Person, TestProduct, TestResponse, TestShop, order};
use crate::taxes::cents;

const NOTHING: Value = Value::Null;
const DAY: i64 = 86_400;

/// A guest's paid order of shirts at 20.00, shipped for 9.00 where the cheapest method costs 4.00, and a staff user.
struct Sold {
    shop: TestShop,
    shirt: TestProduct,
    staff: Person,
    order: Value,
    token: String,
    /// The id of the cheapest method.
    cheap: String,
}

impl Sold {
    async fn of(quantity: i64) -> Self {
        Self::from(TestShop::start().await, quantity).await
    }

    async fn from(shop: TestShop, quantity: i64) -> Self {
        let shirt = shop.product("SHIRT", "20.00", 9).await;
        let (cheap, dear) = (shop.shipping_method(&["GB"], "4.00").await, shop.shipping_method(&["GB"], "9.00").await);
        let staff = shop.staff("sam").await;
        let cart = shop.guest_cart(&shirt, quantity).await;
        let placed = shop.as_guest("POST", "/orders/", &cart, &order(&dear)).await.expect(201);
        let token = text(&placed["access_token"]);
        let sold = Self { shop, shirt, staff, order: placed, token, cheap };
        let capture = format!("/payments/{}/capture/", text(&sold.order["payments"][0]["id"]));
        sold.done(&capture, &json!({})).await;
        sold
    }

    /// Posts as staff; the request must succeed.
    async fn done(&self, path: &str, body: &Value) -> Value {
        let answer = self.shop.post(path, Some(&self.staff.access), body).await;
        assert!(answer.status < 300, "{path}: {answer:?}");
        answer.json()
    }

    /// Ships and delivers this quantity.
    async fn deliver(&self, quantity: i64) {
        let items = self.items(quantity);
        let shipment = json!({"order_id": self.order["id"], "items": items["items"]});
        let shipment = self.done("/shipping/shipments/", &shipment).await;
        let events = format!("/shipping/shipments/{}/events/", text(&shipment["id"]));
        for status in ["shipped", "delivered"] {
            self.done(&events, &json!({"status": status})).await;
        }
    }

    fn items(&self, quantity: i64) -> Value {
        json!({"items": [{"order_item_id": self.order["items"][0]["id"], "quantity": quantity}]})
    }

    fn path(&self) -> String {
        format!("/orders/{}/withdrawal/", text(&self.order["id"]))
    }

    async fn withdraw(&self, body: &Value) -> TestResponse {
        self.shop.call_with("POST", &self.path(), &[("X-Order-Token", &self.token)], body).await
    }

    async fn stored(&self) -> Value {
        let path = format!("/orders/{}/", text(&self.order["id"]));
        self.shop.call_with("GET", &path, &[("X-Order-Token", &self.token)], &NOTHING).await.expect(200)
    }

    /// Receives and refunds a return; returns the refunded amount.
    async fn settle(&self, receipt: &Value) -> i64 {
        let path = format!("/orders/{}/returns/{}/", text(&self.order["id"]), text(&receipt["return_id"]));
        self.done(&format!("{path}receive/"), &json!({"restock": true})).await;
        cents(&self.done(&format!("{path}refund/"), &NOTHING).await["amount_refunded"])
    }

    async fn is_sound(&self) {
        assert_eq!(self.shop.shop.check().await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn what_has_not_shipped_is_called_off_and_the_rest_comes_back() {
    let sold = Sold::of(3).await;
    sold.deliver(2).await;
    let received = sold.withdraw(&json!({"note": "Too bright"})).await.expect(201);
    let line = &sold.order["items"][0]["id"];
    assert_eq!(
        (&received["order_id"], &received["items"]),
        (&sold.order["id"], &json!([{"order_item_id": line, "quantity": 3}]))
    );
    let stored = sold.stored().await;
    assert_eq!((&stored["amount_refunded"], &stored["items"][0]["canceled_quantity"]), (&json!("20.00"), &json!(1)));
    assert_eq!(stored["withdrawals"][0]["received_at"], received["received_at"]);
    // The return is approved already. Its refund includes the price of the cheapest method, not of the more expensive
    // one chosen.
    let path = format!("/orders/{}/returns/{}/", text(&sold.order["id"]), text(&received["return_id"]));
    let opened = sold.shop.get(&path, Some(&sold.staff.access)).await.expect(200);
    assert_eq!((&opened["status"], &opened["refund_amount"]), (&json!("approved"), &json!("44.00")));
    assert_eq!(stored["withdrawals"][0]["shipping_refund"], "4.00");
    // The receipt contains the date and the time.
    let mail = sold.shop.mail_with("ada@example.com", "your withdrawal").await;
    let received_at = text(&received["received_at"]);
    let (year, time) = (&received_at[..4], &received_at[11..19]);
    assert!(mail.contains(&format!(" {year}, {time} UTC")), "{mail}");
    for told in [text(&sold.order["number"]).as_str(), "Thing SHIRT", "Too bright", "send back"] {
        assert!(mail.contains(told), "{told}: {mail}");
    }
    let path = format!("/orders/{}/history/", text(&sold.order["id"]));
    let history = sold.shop.get(&path, Some(&sold.staff.access)).await.json();
    let line = history.as_array().unwrap().iter().find(|entry| entry["event"] == "withdrawn").unwrap();
    assert!(line["actor"] == "guest" && line["visible_to_customer"] == true, "{line}");
    assert_eq!(sold.settle(&received).await, 4400);
    assert_eq!(sold.stored().await["amount_refunded"], "64.00");
    refused(&sold.withdraw(&json!({})).await, 409, "invalid_transition");
    sold.is_sound().await;
}

#[tokio::test]
async fn an_order_that_has_not_shipped_is_canceled_and_its_stock_released() {
    let sold = Sold::of(3).await;
    let received = sold.withdraw(&NOTHING).await.expect(201);
    assert_eq!(received["return_id"], NOTHING);
    let stored = sold.stored().await;
    assert_eq!((&stored["status"], &stored["amount_refunded"]), (&json!("canceled"), &json!("69.00")));
    let stock = sold.shop.get(&format!("/inventory/stock/{}/", sold.shirt.variant_id), Some(&sold.staff.access)).await;
    assert_eq!((&stock.json()["available"], &stock.json()["reserved"]), (&json!(9), &json!(0)));
    sold.is_sound().await;
}

#[tokio::test]
async fn some_of_it_can_be_withdrawn_and_the_shipping_goes_back_with_the_last() {
    let sold = Sold::of(3).await;
    sold.deliver(3).await;
    // Later changes in the shop do not change what was agreed.
    let path = format!("/shipping/methods/{}/", sold.cheap);
    let free = json!({"rate": {"type": "flat", "price": "0"}});
    assert_eq!(sold.shop.call("PATCH", &path, Some(&sold.staff.access), &free).await.status, 200);
    let one = sold.withdraw(&sold.items(1)).await.expect(201);
    assert_eq!(sold.settle(&one).await, 2000);
    let rest = sold.withdraw(&json!({})).await.expect(201);
    assert_eq!(rest["items"][0]["quantity"], 2);
    assert_eq!(sold.settle(&rest).await, 4400);
    sold.is_sound().await;
}

#[tokio::test]
async fn wrong_fields_are_named_and_nothing_is_received() {
    let sold = Sold::of(2).await;
    let unknown = json!({"items": [{"order_item_id": "01890000-0000-7000-8000-000000000001", "quantity": 1}]});
    assert_eq!(fields(&sold.withdraw(&unknown).await), ["items.0.order_item_id"]);
    assert_eq!(fields(&sold.withdraw(&sold.items(3)).await), ["items.0.quantity"]);
    assert_eq!(fields(&sold.withdraw(&sold.items(0)).await), ["items.0.quantity"]);
    assert_eq!(fields(&sold.withdraw(&json!({"items": [], "note": 5})).await), ["items", "note"]);
    sold.withdraw(&sold.items(1)).await.expect(201);
    refused(&sold.withdraw(&sold.items(2)).await, 409, "invalid_transition");
    assert_eq!(sold.stored().await["withdrawals"].as_array().unwrap().len(), 1);
    sold.is_sound().await;
}

#[tokio::test]
async fn only_the_owner_and_staff_withdraw() {
    let sold = Sold::of(2).await;
    let shop = &sold.shop;
    let bob = shop.customer("bob").await.access;
    refused(&shop.post(&sold.path(), None, &json!({})).await, 401, "not_authenticated");
    refused(&shop.post(&sold.path(), Some(&bob), &json!({})).await, 404, "not_found");
    // By letter: staff receive it.
    let received = sold.done(&sold.path(), &sold.items(1)).await;
    assert_eq!(received["items"][0]["quantity"], 1);
    let store = Store::open(9).await;
    let ada = store.shop.customer("ada").await.access;
    store.shop.post("/cart/items/", Some(&ada), &json!({"sku": "SHIRT"})).await;
    let own = store.shop.post("/orders/", Some(&ada), &store.order).await.expect(201);
    let path = format!("/orders/{}/withdrawal/", text(&own["id"]));
    store.shop.post(&path, Some(&ada), &json!({})).await.expect(201);
    let stored = store.shop.get(&format!("/orders/{}/", text(&own["id"])), Some(&ada)).await.json();
    assert_eq!((&stored["status"], &stored["withdrawals"][0]["shipping_refund"]), (&json!("canceled"), &json!("0.00")));
    store.is_sound().await;
}

#[tokio::test]
async fn the_period_begins_with_the_last_delivery_and_ends() {
    let clock = Arc::new(Forward::default());
    let shop = TestShop::start_as(&[], |builder| builder.clock(Arc::clone(&clock) as _)).await;
    let sold = Sold::from(shop, 3).await;
    sold.deliver(1).await;
    clock.pass(60 * DAY);
    // The period has not begun until everything has arrived.
    sold.withdraw(&sold.items(1)).await.expect(201);
    // Earlier sessions have expired by now.
    let mine = Sold { staff: sold.shop.login(&sold.staff.email, PASSWORD).await, ..sold };
    mine.deliver(1).await;
    clock.pass(13 * DAY);
    mine.withdraw(&mine.items(1)).await.expect(201);
    clock.pass(2 * DAY);
    let refusal = mine.withdraw(&mine.items(1)).await;
    refused(&refusal, 409, "withdrawal_period_over");
    assert!(text(&refusal.json()["detail"]).contains("ended at"), "{refusal:?}");
    mine.is_sound().await;

    let never = Sold::from(TestShop::start_with(&[("WITHDRAWAL_DAYS", "0")]).await, 1).await;
    refused(&never.withdraw(&json!({})).await, 409, "withdrawal_period_over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_withdrawals_at_once_one_is_received() {
    let sold = Sold::of(3).await;
    sold.deliver(2).await;
    let all = join_all((0..6).map(|_| sold.withdraw(&NOTHING))).await;
    let (received, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|answer| answer.status == 201);
    assert_eq!(received.len(), 1, "{others:?}");
    for answer in &others {
        refused(answer, 409, "invalid_transition");
    }
    let stored = sold.stored().await;
    assert_eq!((&stored["amount_refunded"], stored["withdrawals"].as_array().unwrap().len()), (&json!("20.00"), 1));
    sold.is_sound().await;

    // The same key gets the same receipt.
    let sold = Sold::of(3).await;
    let headers = [("X-Order-Token", sold.token.as_str()), ("Idempotency-Key", "withdraw-1")];
    let (path, body) = (sold.path(), sold.items(1));
    let same = join_all((0..6).map(|_| sold.shop.call_with("POST", &path, &headers, &body))).await;
    for answer in &same {
        assert_eq!((answer.status, &answer.body), (201, &same[0].body), "{answer:?}");
    }
    assert_eq!(same.iter().filter(|answer| answer.header("idempotency-replayed") == Some("true")).count(), 5);
    let other = sold.shop.call_with("POST", &path, &headers, &with(&body, json!({"note": "Other"}))).await;
    refused(&other, 422, "idempotency_mismatch");
    assert_eq!(sold.stored().await["amount_refunded"], "20.00");
    sold.is_sound().await;
}
