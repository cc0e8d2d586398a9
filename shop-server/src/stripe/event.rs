//! Parses events that Stripe sends ("Receive Stripe events in your webhook endpoint").

use chrono::DateTime;
use serde_json::Value;
use shop_core::clock::Timestamp;
use shop_core::payments::{GatewayEvent, GatewayEventHeaders, InvalidGatewayEvent};
use shop_core::secret::Secret;

use super::gateway::time;
use super::objects::{Event, Reference, RelatedObject, Subject, ThinEvent};
use super::signature::is_genuine;
use super::snapshot::{PAYMENT_ID, id_in, wrong_mode};

/// Parses an event after verifying Stripe's signature.
pub(super) fn read(
    headers: &GatewayEventHeaders<'_>,
    body: &[u8],
    secrets: &[Secret],
    live: Option<bool>,
    now: Timestamp,
) -> Result<GatewayEvent, InvalidGatewayEvent> {
    let invalid = |why: &str| InvalidGatewayEvent(why.to_owned());
    let header = headers.get("Stripe-Signature").ok_or_else(|| invalid("no Stripe-Signature"))?;
    if !is_genuine(header, body, secrets, now.timestamp()) {
        return Err(invalid("the signature is not Stripe's, or too old"));
    }
    // Accept everything with a valid signature: Stripe resends a refused event for three days and then disables the
    // endpoint.
    Ok(serde_json::from_slice(body).map_or_else(|_| not_understood(body, now), |event| gateway_event(event, live)))
}

/// Converts an event to the shop's form.
fn gateway_event(event: Event, live: Option<bool>) -> GatewayEvent {
    match event {
        Event::Thin(event) => thin(event, live),
        Event::Snapshot(event) => {
            let subject = event.data.object;
            let payment_id = subject.metadata.as_ref().and_then(|metadata| id_in(metadata, PAYMENT_ID));
            GatewayEvent {
                reference: reference(subject, payment_id.is_some()),
                payment_id,
                id: event.id,
                kind: event.kind,
                at: time(event.created),
                foreign: foreign(event.account.is_some(), event.livemode, live),
            }
        }
    }
}

/// Converts a thin event ("Thin events"), which names its object but does not contain it.
fn thin(event: ThinEvent, live: Option<bool>) -> GatewayEvent {
    let of_account = event.context.as_deref().is_some_and(|context| !context.is_empty());
    let payment = |object: RelatedObject| {
        let is_payment = object.kind.rsplit('.').next() == Some("payment_intent");
        is_payment.then_some(object.id)
    };
    GatewayEvent {
        id: event.id,
        kind: event.kind,
        at: DateTime::parse_from_rfc3339(&event.created).map(|at| at.to_utc()).unwrap_or_default(),
        payment_id: None,
        reference: event.related_object.and_then(payment),
        // An event without a mode counts as one of ours.
        foreign: foreign(of_account, event.livemode.or(live).unwrap_or_default(), live),
    }
}

/// Converts a signed body that cannot be parsed. Its id, if any, is for the log.
fn not_understood(body: &[u8], now: Timestamp) -> GatewayEvent {
    let parsed: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| parsed.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    GatewayEvent {
        id: text("id"),
        kind: text("type"),
        at: now,
        payment_id: None,
        reference: None,
        foreign: Some("It is of a kind that is not understood here.".to_owned()),
    }
}

fn foreign(of_account: bool, livemode: bool, live: Option<bool>) -> Option<String> {
    if of_account { Some("It is of a connected account.".to_owned()) } else { wrong_mode(livemode, live) }
}

/// Stripe's id of the event's payment, if any. A payment without our metadata belongs to another user of the account.
/// Refunds and disputes made in Stripe's dashboard have no metadata of ours, but name their payment.
fn reference(subject: Subject, marked: bool) -> Option<String> {
    match subject.object.as_str() {
        "payment_intent" => subject.id.filter(|_| marked),
        "charge" | "refund" | "dispute" => subject.payment_intent.map(|reference| match reference {
            Reference::Id(id) | Reference::Object { id } => id,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::stub::SignedEvent;
    use serde_json::{Value, json};

    const NOW: i64 = 1_700_000_000;
    const PAYMENT: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    fn event(kind: &str, object: &Value) -> Value {
        json!({"id": "evt_1", "object": "event", "type": kind, "api_version": "2020-08-27", "created": NOW - 5,
            "livemode": false, "data": {"object": object}})
    }

    fn received(event: &Value) -> Result<GatewayEvent, InvalidGatewayEvent> {
        let SignedEvent { body, signature, .. } = SignedEvent::of(event, "whsec_x", NOW);
        let headers = [("stripe-signature", signature.as_str())];
        read(&GatewayEventHeaders::new(&headers), body.as_bytes(), &["whsec_x".into()], Some(false), time(NOW))
    }

    #[test]
    fn an_event_names_its_payment() {
        let intent = json!({"object": "payment_intent", "id": "pi_1", "metadata": {"payment_id": PAYMENT}});
        let gateway_event = received(&event("payment_intent.succeeded", &intent)).unwrap();
        assert_eq!(gateway_event.id, "evt_1");
        assert_eq!((gateway_event.kind.as_str(), gateway_event.at), ("payment_intent.succeeded", time(NOW - 5)));
        assert_eq!(gateway_event.payment_id.map(|id| id.to_string()).as_deref(), Some(PAYMENT));
        assert_eq!((gateway_event.reference.as_deref(), gateway_event.foreign), (Some("pi_1"), None));
        let by_hand = json!({"object": "refund", "id": "re_1", "payment_intent": "pi_1", "metadata": {}});
        let gateway_event = received(&event("refund.created", &by_hand)).unwrap();
        assert_eq!((gateway_event.payment_id, gateway_event.reference.as_deref()), (None, Some("pi_1")));
        let expanded = json!({"object": "charge", "id": "ch_1", "payment_intent": {"id": "pi_1", "object": "x"}});
        assert_eq!(received(&event("charge.refunded", &expanded)).unwrap().reference.as_deref(), Some("pi_1"));
    }

    #[test]
    fn what_is_not_ours_matters_to_nobody() {
        let unmarked = json!({"object": "payment_intent", "id": "pi_2", "metadata": {"theirs": "1"}});
        for object in [unmarked, json!({"object": "customer", "id": "cus_1"}), json!({})] {
            let gateway_event = received(&event("customer.created", &object)).unwrap();
            assert_eq!((gateway_event.payment_id, gateway_event.reference), (None, None), "{object}");
        }
        let intent = json!({"object": "payment_intent", "id": "pi_1", "metadata": {"payment_id": PAYMENT}});
        let mut other = event("payment_intent.succeeded", &intent);
        other["account"] = json!("acct_1");
        assert!(received(&other).unwrap().foreign.is_some());
        let mut live = event("payment_intent.succeeded", &intent);
        live["livemode"] = json!(true);
        assert!(received(&live).unwrap().foreign.is_some());
    }

    /// A thin event as an endpoint of API version 2026-09-30.endive sends it.
    fn thin_event(kind: &str, related: &Value) -> Value {
        json!({"id": "evt_test_65R9Ijk8dKEYZcXeRWn16R9A7j1FSQ3w3TGDPLLGSM4CW0", "object": "v2.core.event", "type": kind,
            "created": "2023-11-14T22:13:15.000Z", "livemode": false, "context": null, "reason": null,
            "related_object": related})
    }

    #[test]
    fn a_thin_event_names_its_payment() {
        let url = "/v1/payment_intents/pi_1";
        for kind in ["payment_intent", "v1.payment_intent"] {
            let related = json!({"id": "pi_1", "type": kind, "url": url});
            let gateway_event = received(&thin_event("v1.payment_intent.succeeded", &related)).unwrap();
            assert_eq!((gateway_event.kind.as_str(), gateway_event.at), ("v1.payment_intent.succeeded", time(NOW - 5)));
            assert!(gateway_event.id.starts_with("evt_test_65R9"));
            assert_eq!(
                (gateway_event.payment_id, gateway_event.reference.as_deref(), gateway_event.foreign),
                (None, Some("pi_1"), None)
            );
        }
        let account = json!({"id": "acct_1", "type": "v2.core.account", "url": "/v2/core/accounts/acct_1"});
        for related in [account, Value::Null] {
            let gateway_event = received(&thin_event("v2.core.account.updated", &related)).unwrap();
            assert_eq!((gateway_event.reference, gateway_event.foreign), (None, None), "{related}");
        }
        let related = json!({"id": "pi_1", "type": "payment_intent", "url": url});
        for (name, value) in [("context", json!("acct_1")), ("livemode", json!(true))] {
            let mut other = thin_event("v1.payment_intent.succeeded", &related);
            other[name] = value;
            assert!(received(&other).unwrap().foreign.is_some(), "{name}");
        }
    }

    #[test]
    fn what_is_signed_and_not_understood_is_taken_and_matters_to_nobody() {
        let strange =
            json!({"id": "evt_1", "object": "event", "type": "a", "created": "2026", "livemode": 1, "data": {}});
        for body in [json!({"id": "evt_1"}), json!([]), json!("evt_1"), json!(null), strange] {
            let gateway_event = received(&body).unwrap();
            assert_eq!((gateway_event.payment_id, gateway_event.reference.as_deref()), (None, None), "{body}");
            assert!(gateway_event.foreign.is_some(), "{body}");
        }
        let signed = SignedEvent::of(&json!({}), "whsec_x", NOW);
        assert!(
            read(
                &GatewayEventHeaders::new(&[("stripe-signature", &signed.signature)]),
                b"[",
                &["whsec_x".into()],
                None,
                time(NOW)
            )
            .is_err(),
            "another body"
        );
        let headers = [("stripe-signature", "t=1,v1=00")];
        assert!(read(&GatewayEventHeaders::new(&headers), b"{}", &["whsec_x".into()], None, time(1)).is_err());
        assert!(read(&GatewayEventHeaders::new(&[]), b"{}", &["whsec_x".into()], None, time(1)).is_err());
    }
}
