//! Webhook events: who may send them, and what happens when they are repeated, late, early or unrelated.

use shop_core::clock::{Clock as _, SystemClock};

use super::*;

fn now() -> i64 {
    SystemClock.now().timestamp()
}

#[tokio::test]
async fn only_stripe_may_say_so() {
    let store = Store::open().await;
    let placed = store.placed().await;
    store.stripe.pay(&placed.secret, Card::Visa).unwrap();
    let event = store.stripe.take_events().pop().unwrap();
    let post = async |headers: &[(&str, &str)], body: &str| {
        store.shop.server.send("POST", "/payments/webhooks/stripe/", headers, body).await
    };
    refused(&post(&[], &event.body).await, 400, "invalid_signature");
    let signed = [("Stripe-Signature", event.signature.as_str())];
    refused(&post(&signed, &event.body.replace("3000", "1000")).await, 400, "invalid_signature");
    refused(&post(&signed, "").await, 400, "invalid_signature");
    let parsed: Value = serde_json::from_str(&event.body).unwrap();
    for (secret, seconds) in [
        ("whsec_anothers", now()),
        (store.stripe.webhook_secret(), now() - 400),
        (store.stripe.webhook_secret(), now() + 400),
    ] {
        refused(&store.deliver(&SignedEvent::of(&parsed, secret, seconds)).await, 400, "invalid_signature");
    }
    let old_secret = SignedEvent::of(&parsed, "whsec_of_yesterday", now() - 250);
    assert_eq!(store.deliver(&old_secret).await.status, 200, "while a secret is rolled both are good");
    store.until_paid(&placed.id, "paid").await;
    let elsewhere = store.shop.server.send("POST", "/payments/webhooks/manual/", &signed, &event.body).await;
    refused(&elsewhere, 404, "not_found");
}

#[tokio::test]
async fn events_that_repeat_or_come_out_of_order_change_nothing() {
    let store = Store::open().await;
    let placed = store.placed().await;
    store.stripe.pay(&placed.secret, Card::Declined).unwrap();
    store.stripe.pay(&placed.secret, Card::Visa).unwrap();
    // created, payment_failed, succeeded: the last first, each three times.
    let mut events = store.stripe.take_events();
    assert_eq!(events.len(), 3);
    events.reverse();
    for _ in 0..3 {
        for event in &events {
            assert_eq!(store.deliver(event).await.status, 200);
        }
    }
    let order = store.after_all_events(&placed).await;
    assert_eq!((&order["payment_status"], &order["amount_paid"]), (&json!("paid"), &json!("30.00")));
    let payment = store.payment(&placed.payment).await;
    assert_eq!((&payment["status"], &payment["amount_captured"]), (&json!("captured"), &json!("30.00")));
    assert_eq!(payment.get("failure").unwrap_or(&Value::Null), &Value::Null, "a stale failure is no news");
    store.is_sound().await;
}

#[tokio::test]
async fn what_is_about_something_else_is_acknowledged_and_that_is_all() {
    let store = Store::open().await;
    let placed = store.placed().await;
    store.stripe.pay(&placed.secret, Card::Visa).unwrap();
    // Held back: no other event about this payment may lead to it.
    let genuine = store.stripe.take_events();
    let object = store.stripe.payments()[0].clone();
    let mut unmarked = object.clone();
    unmarked["metadata"] = json!({});
    let mut events = vec![
        store.stripe.event("customer.created", &json!({"object": "customer", "id": "cus_1"})),
        store.stripe.event("a.kind.nobody.knows", &json!({"object": "a_thing", "id": "x"})),
        store.stripe.event("payment_intent.succeeded", &unmarked),
    ];
    for (field, value) in [("account", json!("acct_anothers")), ("livemode", json!(true))] {
        let id = format!("evt_{field}");
        let mut event = json!({"id": id, "object": "event", "type": "payment_intent.succeeded", "created": now(),
            "livemode": false, "data": {"object": object}});
        event[field] = value;
        events.push(SignedEvent::of(&event, store.stripe.webhook_secret(), now()));
    }
    for event in &events {
        assert_eq!(store.deliver(event).await.status, 200, "{}", event.kind);
    }
    let after = store.after_all_events(&placed).await;
    assert_eq!((&after["payment_status"], &after["amount_paid"]), (&json!("not_paid"), &json!("0.00")));
    for event in &genuine {
        assert_eq!(store.deliver(event).await.status, 200, "{}", event.kind);
    }
    store.until_paid(&placed.id, "paid").await;
    store.is_sound().await;
}

#[tokio::test]
async fn what_people_do_at_stripe_is_seen_here() {
    let store = Store::open().await;
    let placed = store.paid(Card::Visa).await;
    store.until_paid(&placed.id, "paid").await;
    store.stripe.refund_by_hand(placed.reference(), 3000).unwrap();
    store.deliver_all().await;
    let order = store.until_paid(&placed.id, "refunded").await;
    assert_eq!(order["amount_refunded"], "30.00");
    refused(&store.act(&placed.payment, "refunds", &json!({"amount": "1"})).await, 409, "invalid_transition");
    store.is_sound().await;

    let store = Store::open_with(&[("STRIPE_CAPTURE", "manual")]).await;
    let placed = store.paid(Card::Visa).await;
    store.until_paid(&placed.id, "authorized").await;
    store.stripe.expire(placed.reference()).unwrap();
    store.deliver_all().await;
    let expired = |order: &Value| order["payments"][0]["status"] == "expired";
    store.order_once(&placed.id, "expired", expired).await;
    store.is_sound().await;
}

/// A thin event, as an endpoint of API v2 sends it.
fn thin(kind: &str, related: &Value) -> SignedEvent {
    let event = json!({"id": format!("evt_test_{kind}"), "object": "v2.core.event", "type": kind, "livemode": false,
        "created": SystemClock.now().to_rfc3339(), "context": null, "related_object": related});
    SignedEvent::of(&event, "", now())
}

#[tokio::test]
async fn a_thin_event_leads_to_its_payment() {
    let store = Store::open().await;
    let placed = store.placed().await;
    store.stripe.pay(&placed.secret, Card::Visa).unwrap();
    // Only the thin event reports it.
    assert!(!store.stripe.take_events().is_empty());
    let id = store.stripe.payments()[0]["id"].clone();
    let related = json!({"id": id, "type": "payment_intent", "url": format!("/v1/payment_intents/{id}")});
    let signed = |event: SignedEvent| {
        let parsed: Value = serde_json::from_str(&event.body).unwrap();
        SignedEvent::of(&parsed, store.stripe.webhook_secret(), now())
    };
    let event = thin("v1.payment_intent.succeeded", &related);
    refused(&store.deliver(&event).await, 400, "invalid_signature");
    let event = signed(event);
    for _ in 0..2 {
        assert_eq!(store.deliver(&event).await.status, 200);
    }
    store.until_paid(&placed.id, "paid").await;
    store.is_sound().await;
}

/// Stripe disables an endpoint that refuses events for long.
#[tokio::test]
async fn what_stripe_has_signed_and_nobody_understands_is_acknowledged() {
    let store = Store::open().await;
    let placed = store.placed().await;
    let account = json!({"id": "acct_1", "type": "v2.core.account", "url": "/v2/core/accounts/acct_1"});
    let mut bodies: Vec<Value> =
        [("v2.core.account.updated", account), ("v2.core.event_destination.ping", json!(null))]
            .iter()
            .map(|(kind, related)| serde_json::from_str(&thin(kind, related).body).unwrap())
            .collect();
    bodies.extend([
        json!({}),
        json!([1]),
        json!("evt"),
        json!(null),
        json!({"id": 5, "object": "event", "type": [], "data": 1}),
    ]);
    bodies.push(json!({"object": "v3.event", "id": "evt_3", "type": "later", "created": {"at": 1}}));
    for body in bodies {
        let event = SignedEvent::of(&body, store.stripe.webhook_secret(), now());
        assert_eq!(store.deliver(&event).await.status, 200, "{body}");
    }
    let after = store.after_all_events(&placed).await;
    assert_eq!(after["payment_status"], "not_paid");
    store.is_sound().await;
}
