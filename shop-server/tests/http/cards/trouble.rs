//! Failures: Stripe unreachable, replies lost after the charge, events before our own commit, payments of canceled
//! orders.

use shop_server::stripe::stub::{Call, Fault, Point};

use super::*;

#[tokio::test]
async fn an_order_stands_while_stripe_is_out_of_reach() {
    let store = Store::open().await;
    store.stripe.fail(Call::Create, Fault::LoseReply);
    let (cart, answer) = store.try_place("far").await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let id = text(&answer.json()["id"]);
    let secret = store.secret_of(&id, &text(&answer.json()["access_token"])).await;
    assert_eq!(store.stripe.payments().len(), 1, "the same key made one payment");
    let headers = [("X-Cart-Token", cart.as_str()), ("Idempotency-Key", "far")];
    let again = store.shop.call_with("POST", "/orders/", &headers, &store.order).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")));
    assert_eq!(again.json()["payments"][0]["client_secret"], secret, "a replay shows it, too");
    store.stripe.pay(&secret, Card::Visa).unwrap();
    store.deliver_all().await;
    store.until_paid(&id, "paid").await;
    store.is_sound().await;
}

#[tokio::test]
async fn news_may_come_before_our_own_record() {
    let store = Store::open().await;
    let mut gate = store.stripe.hold(Call::Create, Point::After);
    let placing = store.try_place("early");
    let early = async {
        gate.reached().await;
        // Stripe and perhaps the buyer's browser know the payment, but the shop has no response yet.
        let secret = text(&store.stripe.payments()[0]["client_secret"]);
        store.stripe.pay(&secret, Card::Visa).unwrap();
        store.deliver_all().await;
        gate.release();
    };
    let ((_, answer), ()) = tokio::join!(placing, early);
    assert_eq!(answer.status, 201, "{answer:?}");
    let order = store.until_paid(&text(&answer.json()["id"]), "paid").await;
    assert_eq!(order["amount_paid"], "30.00");
    store.is_sound().await;
}

#[tokio::test]
async fn a_refund_whose_reply_was_lost_is_made_once() {
    let store = Store::open().await;
    let placed = store.paid(Card::Visa).await;
    store.until_paid(&placed.id, "paid").await;
    store.stripe.fail(Call::Refund, Fault::LoseReply);
    let refund = store.act(&placed.payment, "refunds", &json!({"amount": "10"})).await;
    assert_eq!(refund.status, 201, "{refund:?}");
    let settled = |order: &Value| order["payments"][0]["refunds"][0]["status"] == "succeeded";
    let order = store.order_once(&placed.id, "refunded", settled).await;
    assert_eq!(order["payments"][0]["refunds"].as_array().unwrap().len(), 1);
    assert_eq!((&order["amount_refunded"], store.stripe.balance()), (&json!("10.00"), 2000));
    store.is_sound().await;
}

#[tokio::test]
async fn a_canceled_order_is_called_off_at_stripe() {
    let store = Store::open().await;
    let placed = store.placed().await;
    let path = format!("/orders/{}/cancel/", placed.id);
    let answer = store.shop.call_with("POST", &path, &[("X-Order-Token", placed.token.as_str())], &Value::Null).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let canceled = |order: &Value| order["status"] == "canceled" && order["payments"][0]["status"] == "voided";
    store.order_once(&placed.id, "canceled", canceled).await;
    assert_eq!(store.stripe.payments()[0]["status"], "canceled");
    assert!(store.stripe.pay(&placed.secret, Card::Visa).is_err(), "nobody can pay it any more");
    store.deliver_all().await;
    store.is_sound().await;
}

#[tokio::test]
async fn money_that_comes_while_an_order_is_canceled_goes_back_once() {
    let store = Store::open().await;
    let placed = store.placed().await;
    // The buyer pays just as the order is canceled, and the payment reaches Stripe first.
    let mut gate = store.stripe.hold(Call::Cancel, Point::Before);
    let path = format!("/orders/{}/cancel/", placed.id);
    let headers = [("X-Order-Token", placed.token.as_str())];
    let cancel = store.shop.call_with("POST", &path, &headers, &Value::Null);
    let pay = async {
        gate.reached().await;
        store.stripe.pay(&placed.secret, Card::Visa).unwrap();
        gate.release();
    };
    let (answer, ()) = tokio::join!(cancel, pay);
    assert_eq!(answer.status, 200, "{answer:?}");
    store.deliver_all().await;
    let order = store.until_paid(&placed.id, "refunded").await;
    assert_eq!((&order["status"], &order["amount_refunded"]), (&json!("canceled"), &json!("30.00")));
    assert_eq!(store.stripe.balance(), 0);
    store.deliver_all().await;
    store.is_sound().await;
}

#[tokio::test]
async fn a_refusal_at_the_start_fails_the_payment_and_not_the_order() {
    let store = Store::open().await;
    store.stripe.fail(Call::Create, Fault::Response(400));
    let (_, answer) = store.try_place("refused").await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let body = answer.json();
    let failed = |order: &Value| order["payments"][0]["status"] == "failed";
    let order = store.order_once(&text(&body["id"]), "failed", failed).await;
    assert_eq!(order["payments"][0]["failure"], "The payment could not be processed.");
    let attempt = json!({"order_id": body["id"], "gateway": "stripe"});
    let token = text(&body["access_token"]);
    let second = store.shop.call_with("POST", "/payments/", &[("X-Order-Token", token.as_str())], &attempt).await;
    assert_eq!(second.status, 201, "{second:?}");
    store.stripe.pay(&text(&second.json()["client_secret"]), Card::Visa).unwrap();
    store.deliver_all().await;
    store.until_paid(&text(&body["id"]), "paid").await;
    store.is_sound().await;
}

#[tokio::test]
async fn a_wrong_amount_never_pays_an_order() {
    let store = Store::open().await;
    let placed = store.placed().await;
    store.stripe.tamper(placed.reference(), 1000, "usd");
    store.stripe.pay(&placed.secret, Card::Visa).unwrap();
    store.deliver_all().await;
    let other = store.placed().await;
    store.stripe.tamper(other.reference(), 3000, "eur");
    store.stripe.pay(&other.secret, Card::Visa).unwrap();
    store.deliver_all().await;
    for placed in [&placed, &other] {
        let order = store.after_all_events(placed).await;
        assert_eq!((&order["payment_status"], &order["amount_paid"]), (&json!("not_paid"), &json!("0.00")));
        assert!(text(&order["payments"][0]["failure"]).starts_with("Not counted"), "{order:#}");
    }
    let problems = store.shop.shop.check().await.unwrap();
    assert!(problems.len() == 2 && problems.iter().all(|one| one.contains("Not counted")), "{problems:?}");
}
