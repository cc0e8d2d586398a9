//! Events that Stripe sends ("Receive Stripe events in your webhook endpoint").

use shop_core::clock::Timestamp;
use shop_core::payments::{GatewayNotice, InvalidNotice, NoticeHeaders};
use shop_core::secret::Secret;

use super::gateway::time;
use super::objects::{Event, Reference, Subject};
use super::signature::is_genuine;
use super::snapshot::{PAYMENT_ID, id_in, wrong_mode};

/// Reads an event, if Stripe has signed it.
pub(super) fn read(
    headers: &NoticeHeaders<'_>,
    body: &[u8],
    secrets: &[Secret],
    live: Option<bool>,
    now: Timestamp,
) -> Result<GatewayNotice, InvalidNotice> {
    let invalid = |why: &str| InvalidNotice(why.to_owned());
    let header = headers.get("Stripe-Signature").ok_or_else(|| invalid("no Stripe-Signature"))?;
    if !is_genuine(header, body, secrets, now.timestamp()) {
        return Err(invalid("the signature is not Stripe's, or too old"));
    }
    // What is signed and cannot be read is not of the kind that is read here; serde's own error would quote it.
    let event: Event = serde_json::from_slice(body).map_err(|_| invalid("the event cannot be read"))?;
    let foreign = match event.account {
        Some(_) => Some("It is of a connected account.".to_owned()),
        None => wrong_mode(event.livemode, live),
    };
    let subject = event.data.object;
    let payment_id = subject.metadata.as_ref().and_then(|metadata| id_in(metadata, PAYMENT_ID));
    Ok(GatewayNotice {
        reference: reference(subject, payment_id.is_some()),
        payment_id,
        id: event.id,
        kind: event.kind,
        at: time(event.created),
        foreign,
    })
}

/// Stripe's name of the payment it is about, if there is one. A payment without our mark is somebody else's who shares
/// the account; refunds and disputes that people make at Stripe carry no mark, but the payment's name.
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

    fn received(event: &Value) -> Result<GatewayNotice, InvalidNotice> {
        let SignedEvent { body, signature, .. } = SignedEvent::of(event, "whsec_x", NOW);
        let headers = [("stripe-signature", signature.as_str())];
        read(&NoticeHeaders::new(&headers), body.as_bytes(), &["whsec_x".into()], Some(false), time(NOW))
    }

    #[test]
    fn an_event_names_its_payment() {
        let intent = json!({"object": "payment_intent", "id": "pi_1", "metadata": {"payment_id": PAYMENT}});
        let notice = received(&event("payment_intent.succeeded", &intent)).unwrap();
        assert_eq!(notice.id, "evt_1");
        assert_eq!((notice.kind.as_str(), notice.at), ("payment_intent.succeeded", time(NOW - 5)));
        assert_eq!(notice.payment_id.map(|id| id.to_string()).as_deref(), Some(PAYMENT));
        assert_eq!((notice.reference.as_deref(), notice.foreign), (Some("pi_1"), None));
        let by_hand = json!({"object": "refund", "id": "re_1", "payment_intent": "pi_1", "metadata": {}});
        let notice = received(&event("refund.created", &by_hand)).unwrap();
        assert_eq!((notice.payment_id, notice.reference.as_deref()), (None, Some("pi_1")));
        let expanded = json!({"object": "charge", "id": "ch_1", "payment_intent": {"id": "pi_1", "object": "x"}});
        assert_eq!(received(&event("charge.refunded", &expanded)).unwrap().reference.as_deref(), Some("pi_1"));
    }

    #[test]
    fn what_is_not_ours_matters_to_nobody() {
        let unmarked = json!({"object": "payment_intent", "id": "pi_2", "metadata": {"theirs": "1"}});
        for object in [unmarked, json!({"object": "customer", "id": "cus_1"}), json!({})] {
            let notice = received(&event("customer.created", &object)).unwrap();
            assert_eq!((notice.payment_id, notice.reference), (None, None), "{object}");
        }
        let intent = json!({"object": "payment_intent", "id": "pi_1", "metadata": {"payment_id": PAYMENT}});
        let mut other = event("payment_intent.succeeded", &intent);
        other["account"] = json!("acct_1");
        assert!(received(&other).unwrap().foreign.is_some());
        let mut live = event("payment_intent.succeeded", &intent);
        live["livemode"] = json!(true);
        assert!(received(&live).unwrap().foreign.is_some());
    }

    #[test]
    fn what_is_signed_and_unreadable_is_refused_in_words_of_our_own() {
        for body in [json!({"id": "evt_secret"}), json!([]), json!("evt_secret")] {
            let why = received(&body).unwrap_err();
            assert!(!why.0.contains("secret"), "{why}");
        }
        let headers = [("stripe-signature", "t=1,v1=00")];
        assert!(read(&NoticeHeaders::new(&headers), b"{}", &["whsec_x".into()], None, time(1)).is_err());
        assert!(read(&NoticeHeaders::new(&[]), b"{}", &["whsec_x".into()], None, time(1)).is_err());
    }
}
