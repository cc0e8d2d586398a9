//! JSON that earlier releases stored, in engines and inside of rows, is read, and written with the same names.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shop_core::outbox::{Delivery, Event};
use shop_core::payments::RemoteState;

const ONE: &str = "01890000-0000-7000-8000-000000000001";
const OTHER: &str = "01890000-0000-7000-8000-000000000002";
const AT: &str = "2026-01-02T03:04:05Z";

/// Reads a stored value and writes it again. What was stored must be in it, with the same names and values.
fn assert_kept<T: DeserializeOwned + Serialize>(stored: &Value) {
    let read: Result<T, _> = serde_json::from_value(stored.clone());
    let written = read.and_then(|read| serde_json::to_value(&read));
    assert!(written.as_ref().is_ok_and(|written| contains(written, stored)), "stored {stored}, written {written:?}");
}

fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, value)| whole.get(name).is_some_and(|found| contains(found, value)))
        }
        _ => whole == part,
    }
}

fn delivery(content: &Value) -> Value {
    json!({"id": ONE, "receiver": "gateway:card", "thing": OTHER, "content": content, "status": "pending", "attempts": 0,
        "due_at": AT, "last_error": null, "created_at": AT, "version": 1})
}

#[test]
fn deliveries_of_earlier_releases_are_read() {
    let event = json!({"id": ONE, "kind": "order.placed", "thing": OTHER, "data": {"number": "N-1"}, "at": AT});
    assert_kept::<Event>(&event);
    assert_kept::<Delivery>(&delivery(&json!({"event": event})));
    let payment = json!({"id": ONE, "order_id": OTHER, "reference": null, "amount": 1_999, "currency": "EUR",
        "created_at": AT});
    for wish in [
        json!({"create": {"order_number": "N-1", "email": "ada@example.com"}}),
        json!("confirm"),
        json!({"capture": {"amount": 1_999}}),
        json!({"void": {"cancel": null}}),
        json!({"void": {"cancel": {"asked": {"role": "customer"}}}}),
        json!({"void": {"cancel": "overdue"}}),
        json!({"refund": {"refund_id": ONE, "amount": 5, "reason": "broken"}}),
    ] {
        assert_kept::<Delivery>(&delivery(&json!({"gateway_call": {"after": null, "payment": payment, "wish": wish}})));
    }
    let notice = json!({"id": "evt_1", "kind": "payment_intent.succeeded", "at": AT, "payment_id": ONE,
        "reference": "pi_1", "foreign": null});
    assert_kept::<Delivery>(&delivery(&json!({"gateway_notice": notice})));
}

#[test]
fn the_state_of_remote_payments_of_earlier_releases_is_read() {
    for step in ["create", "confirm", "capture", "void", "refund"] {
        assert_kept::<RemoteState>(&json!({"asking": {"intent": ONE, "step": step}, "look_at": AT}));
    }
    assert_kept::<RemoteState>(&json!({"asking": null, "look_at": null}));
}
