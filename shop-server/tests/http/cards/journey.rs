//! Card payments from the order to the refund.

use super::*;

#[tokio::test]
async fn cards_are_one_more_way_to_pay() {
    let store = Store::open_with(&[("MANUAL_PAYMENTS", "True")]).await;
    let gateways = store.shop.get("/payments/gateways/", None).await.json();
    let ids: Vec<_> = gateways.as_array().unwrap().iter().map(|gateway| text(&gateway["id"])).collect();
    assert_eq!(ids, ["manual", "stripe"]);
}

#[tokio::test]
async fn cards_are_the_only_way_to_pay_unless_another_is_asked_for() {
    let store = Store::open().await;
    let gateways = store.shop.get("/payments/gateways/", None).await.json();
    assert_eq!(gateways.as_array().unwrap().iter().map(|gateway| text(&gateway["id"])).collect::<Vec<_>>(), ["stripe"]);
    let cart = store.shop.guest_cart(&store.goods, 1).await;
    let mut body = store.order.clone();
    body["payment_gateway"] = json!("manual");
    let refusal = store.shop.as_guest("POST", "/orders/", &cart, &body).await;
    refused(&refusal, 400, "invalid");
    assert!(refusal.json()["errors"]["payment_gateway"].is_array(), "{refusal:?}");
    store.paid(Card::Visa).await;
}

#[tokio::test]
async fn an_order_is_paid_by_card_and_the_money_goes_back() {
    let store = Store::open().await;
    let placed = store.placed().await;
    let before = store.order(&placed.id).await;
    assert_eq!((&before["payment_status"], &before["amount_paid"]), (&json!("not_paid"), &json!("0.00")));
    assert_eq!(store.stripe.payments()[0]["amount"], 3000);
    assert_eq!(store.stripe.pay(&placed.secret, Card::Visa).unwrap(), "succeeded");
    store.deliver_all().await;
    let paid = store.until_paid(&placed.id, "paid").await;
    assert_eq!((&paid["amount_paid"], &paid["status"]), (&json!("30.00"), &json!("placed")));
    let payment = store.payment(&placed.payment).await;
    assert_eq!((&payment["status"], &payment["amount_captured"]), (&json!("captured"), &json!("30.00")));
    assert_eq!(payment["gateway_reference"], placed.reference());

    let part = store.act(&placed.payment, "refunds", &json!({"amount": "12.50", "reason": "A stain."})).await;
    assert_eq!(part.status, 201, "{part:?}");
    let refund = part.json();
    assert_eq!((&refund["amount"], &refund["status"]), (&json!("12.50"), &json!("succeeded")));
    assert_eq!(store.stripe.balance(), 1750);
    let rest = store.act(&placed.payment, "refunds", &json!({})).await;
    assert_eq!((rest.status, &rest.json()["amount"]), (201, &json!("17.50")));
    let order = store.until_paid(&placed.id, "refunded").await;
    assert_eq!(order["amount_refunded"], "30.00");
    refused(&store.act(&placed.payment, "refunds", &json!({})).await, 409, "invalid_transition");
    store.deliver_all().await;
    assert_eq!(store.stripe.balance(), 0);
    store.is_sound().await;
}

#[tokio::test]
async fn a_declined_card_leaves_room_for_another() {
    let store = Store::open().await;
    let placed = store.paid(Card::InsufficientFunds).await;
    let is_declined = |order: &Value| order["payments"][0]["failure"] == "Your card has insufficient funds.";
    let declined = store.order_once(&placed.id, "declined", is_declined).await;
    assert_eq!(
        (&declined["payment_status"], &declined["payments"][0]["status"]),
        (&json!("not_paid"), &json!("pending"))
    );
    store.stripe.pay(&placed.secret, Card::Visa).unwrap();
    store.deliver_all().await;
    let paid = store.until_paid(&placed.id, "paid").await;
    assert_eq!(paid["payments"].as_array().unwrap().len(), 1);
    store.is_sound().await;
}

#[tokio::test]
async fn the_buyers_bank_may_ask_first() {
    let store = Store::open().await;
    let placed = store.paid(Card::ThreeDSecure).await;
    let asks = |order: &Value| order["payments"][0]["status"] == "requires_action";
    store.order_once(&placed.id, "asked by the bank", asks).await;
    store.stripe.authenticate(&placed.secret, false).unwrap();
    store.deliver_all().await;
    let failed = |order: &Value| order["payments"][0]["failure"] == "Your bank could not confirm the payment.";
    store.order_once(&placed.id, "told of the failure", failed).await;
    store.stripe.pay(&placed.secret, Card::ThreeDSecure).unwrap();
    store.stripe.authenticate(&placed.secret, true).unwrap();
    store.deliver_all().await;
    store.until_paid(&placed.id, "paid").await;
    store.is_sound().await;
}

#[tokio::test]
async fn what_is_authorized_is_captured_in_part_or_called_off() {
    let store = Store::open_with(&[("STRIPE_CAPTURE", "manual")]).await;
    let placed = store.paid(Card::Visa).await;
    let authorized = store.until_paid(&placed.id, "authorized").await;
    assert_eq!(authorized["amount_paid"], "0.00");
    for amount in ["30.01", "0"] {
        let answer = store.act(&placed.payment, "capture", &json!({"amount": amount})).await;
        refused(&answer, 400, "invalid");
    }
    assert_eq!(store.stripe.asked(shop_server::stripe::stub::Call::Capture), 0, "judged before anybody is asked");
    let captured = store.act(&placed.payment, "capture", &json!({"amount": "20"})).await;
    assert_eq!((captured.status, &captured.json()["amount_captured"]), (200, &json!("20.00")), "{captured:?}");
    let order = store.order(&placed.id).await;
    assert_eq!((&order["payment_status"], &order["amount_refunded"]), (&json!("partially_paid"), &json!("0.00")));
    assert_eq!(store.stripe.balance(), 2000);
    store.deliver_all().await;
    store.is_sound().await;

    let placed = store.paid(Card::Visa).await;
    store.until_paid(&placed.id, "authorized").await;
    let voided = store.act(&placed.payment, "void", &json!({})).await;
    assert_eq!((voided.status, &voided.json()["status"]), (200, &json!("voided")), "{voided:?}");
    assert_eq!(store.stripe.payments()[1]["status"], "canceled");
    store.is_sound().await;
}

#[tokio::test]
async fn items_are_canceled_before_and_after_their_money_came() {
    let cancel = async |store: &Store, placed: &Placed, quantity: i64| {
        let line = &store.order(&placed.id).await["items"][0]["id"];
        let body = json!({"items": [{"order_item_id": line, "quantity": quantity}]});
        store.shop.post(&format!("/orders/{}/cancel-items/", placed.id), Some(&store.staff), &body).await
    };
    // Authorized but not captured: less is captured.
    let store = Store::open_with(&[("STRIPE_CAPTURE", "manual")]).await;
    let placed = store.paid(Card::Visa).await;
    store.until_paid(&placed.id, "authorized").await;
    let canceled = cancel(&store, &placed, 1).await;
    assert_eq!((canceled.status, &canceled.json()["payment_status"]), (200, &json!("authorized")), "{canceled:?}");
    refused(&store.act(&placed.payment, "capture", &json!({"amount": "20.01"})).await, 400, "invalid");
    let captured = store.act(&placed.payment, "capture", &json!({})).await;
    assert_eq!((captured.status, &captured.json()["amount_captured"]), (200, &json!("20.00")), "{captured:?}");
    assert_eq!(
        (store.until_paid(&placed.id, "paid").await["amount_due"].clone(), store.stripe.balance()),
        (json!("0.00"), 2000)
    );
    // Captured: the money for canceled items is refunded through Stripe.
    let canceled = cancel(&store, &placed, 1).await;
    assert_eq!((canceled.status, store.stripe.balance()), (200, 1000), "{canceled:?}");
    let order = store.until_paid(&placed.id, "paid").await;
    assert_eq!((&order["amount_canceled"], &order["amount_refunded"]), (&json!("20.00"), &json!("10.00")));
    store.deliver_all().await;
    store.is_sound().await;

    // Paid after items were canceled, for the original amount: the excess is refunded.
    let store = Store::open().await;
    let placed = store.placed().await;
    assert_eq!(cancel(&store, &placed, 2).await.status, 200);
    store.stripe.pay(&placed.secret, Card::Visa).unwrap();
    store.deliver_all().await;
    let back = |order: &Value| order["payments"][0]["refunds"][0]["status"] == "succeeded";
    let order = store.order_once(&placed.id, "given back", back).await;
    assert_eq!((&order["amount_paid"], &order["amount_refunded"]), (&json!("30.00"), &json!("20.00")));
    assert_eq!((&order["payment_status"], store.stripe.balance()), (&json!("paid"), 1000));
    store.deliver_all().await;
    store.is_sound().await;
    // Canceling all remaining items cancels the order, and the rest of its payment is refunded.
    let canceled = cancel(&store, &placed, 1).await.json();
    assert_eq!((&canceled["status"], store.stripe.balance()), (&json!("canceled"), 0), "{canceled:#}");
    store.is_sound().await;
}

#[tokio::test]
async fn a_refund_is_pending_until_stripe_says_more() {
    let store = Store::open().await;
    let placed = store.paid(Card::RefundPending).await;
    store.until_paid(&placed.id, "paid").await;
    let refund = store.act(&placed.payment, "refunds", &json!({"amount": "10"})).await;
    assert_eq!((refund.status, &refund.json()["status"]), (201, &json!("pending")), "{refund:?}");
    store.stripe.settle_refunds();
    store.deliver_all().await;
    let settled = |order: &Value| order["payments"][0]["refunds"][0]["status"] == "succeeded";
    store.order_once(&placed.id, "told of the refund", settled).await;
    store.is_sound().await;
}
