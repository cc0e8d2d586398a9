//! Payments without events are looked up, by any number of servers, and settled once.

use shop_server::stripe::stub::{Call, Point};

use super::*;

/// After this time in seconds stuck payments are looked up, but no order is overdue yet.
const LATER: i64 = 10 * 60;

impl Store {
    /// The events in the order's history, as staff see it.
    async fn told(&self, id: &str) -> Vec<String> {
        let history = self.shop.get(&format!("/orders/{id}/history/"), Some(&self.staff)).await.json();
        history.as_array().unwrap().iter().map(|entry| text(&entry["event"])).collect()
    }
}

#[tokio::test]
async fn news_that_never_came_are_asked_for() {
    let store = Store::open().await;
    let placed = store.placed().await;
    store.stripe.pay(&placed.secret, Card::Visa).unwrap();
    drop(store.stripe.take_events());
    let _later = store.ahead(LATER).await;
    let order = store.until_paid(&placed.id, "paid").await;
    assert_eq!((&order["amount_paid"], store.stripe.balance()), (&json!("30.00"), 3000));
    // The event arrives after all.
    let again = store.stripe.event("payment_intent.succeeded", &store.stripe.payments()[0]);
    assert_eq!(store.deliver(&again).await.status, 200);
    let order = store.after_all_events(&placed).await;
    assert_eq!((&order["amount_paid"], &order["payment_status"]), (&json!("30.00"), &json!("paid")));
    assert_eq!(store.told(&placed.id).await, ["placed", "payment_captured"]);
    store.is_sound().await;
}

#[tokio::test]
async fn two_servers_that_look_at_one_payment_settle_it_once() {
    let store = Store::open().await;
    let placed = store.placed().await;
    store.stripe.pay(&placed.secret, Card::Visa).unwrap();
    drop(store.stripe.take_events());
    let mut gate = store.stripe.hold(Call::Retrieve, Point::After);
    let mut slow = store.ahead(LATER).await;
    gate.reached().await;
    // The second server also looks it up, and finishes before the first has its response.
    let _quick = store.ahead(LATER).await;
    store.until_paid(&placed.id, "paid").await;
    gate.release();
    slow.server.stop();
    slow.server.stopped().await;
    assert!(store.stripe.asked(Call::Retrieve) >= 2);
    let order = store.order(&placed.id).await;
    assert_eq!((&order["amount_paid"], &order["payment_status"]), (&json!("30.00"), &json!("paid")));
    assert_eq!(store.told(&placed.id).await, ["placed", "payment_captured"], "told once");
    store.is_sound().await;
}

#[tokio::test]
async fn money_that_nobody_told_of_is_found_before_an_order_is_given_up() {
    let store = Store::open().await;
    let (paid, unpaid) = (store.placed().await, store.placed().await);
    store.stripe.pay(&paid.secret, Card::Visa).unwrap();
    drop(store.stripe.take_events());
    // Both are overdue, and several servers notice at once.
    let _first = store.ahead(60 * 60).await;
    let _second = store.ahead(60 * 60).await;
    store.until_paid(&paid.id, "paid").await;
    let canceled = |order: &Value| order["status"] == "canceled" && order["payments"][0]["status"] == "voided";
    store.order_once(&unpaid.id, "canceled", canceled).await;
    assert_eq!(store.order(&paid.id).await["status"], "placed");
    let told = store.told(&unpaid.id).await;
    assert_eq!(told.iter().filter(|event| *event == "canceled").count(), 1, "{told:?}");
    assert!(store.stripe.pay(&unpaid.secret, Card::Visa).is_err(), "nobody can pay it any more");
    assert_eq!(store.stripe.balance(), 3000);
    store.is_sound().await;
}
