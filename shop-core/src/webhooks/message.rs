//! Webhook messages: the body, and the headers that authenticate it (Standard Webhooks, specification 1.0.0).

use chrono::{SecondsFormat, TimeDelta};
use serde::Serialize;
use serde_json::Value;

use crate::clock::Timestamp;
use crate::error::BoxError;
use crate::id::EventId;
use crate::model::outbox::{Event, EventKind};
use crate::model::webhooks::Webhook;
use crate::secret::Keys;

/// How long a replaced secret keeps signing alongside the new one, so that receivers can switch one by one.
pub const SECRET_OVERLAP: TimeDelta = TimeDelta::hours(24);

/// One event for one webhook: a POST of [`WebhookMessage::body`] with these headers.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookMessage {
    /// The webhook's URL.
    pub url: String,
    /// `webhook-id`: the event's id, the same at every attempt and for every webhook, so that receivers can detect
    /// duplicates.
    pub id: EventId,
    /// `webhook-timestamp`: the time of this attempt, in seconds since 1970. Receivers refuse old ones.
    pub timestamp: i64,
    /// `webhook-signature`: `v1,` and an HMAC-SHA256 of `{id}.{timestamp}.{body}` in base 64; one per valid secret,
    /// separated by spaces.
    pub signature: String,
    /// `{"type", "timestamp", "data"}` as JSON, with the same bytes at every attempt.
    pub body: String,
}

impl std::fmt::Debug for WebhookMessage {
    /// Omits the body, which contains personal data, and the signature.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut fields = f.debug_struct("WebhookMessage");
        fields.field("id", &self.id).field("timestamp", &self.timestamp).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: EventKind,
    timestamp: String,
    data: &'a Value,
}

impl WebhookMessage {
    /// The message about an event for a webhook, sent at this time.
    pub(crate) fn new(webhook: &Webhook, event: &Event, keys: &Keys, now: Timestamp) -> Result<Self, BoxError> {
        let body = Body {
            kind: event.kind,
            timestamp: event.at.to_rfc3339_opts(SecondsFormat::Micros, true),
            data: &event.data,
        };
        let body = serde_json::to_string(&body)?;
        let timestamp = now.timestamp();
        let content = format!("{}.{timestamp}.{body}", event.id);
        let overlap = webhook.rotated_at.is_some_and(|at| now - at < SECRET_OVERLAP);
        let before = overlap.then(|| webhook.rotation.saturating_sub(1));
        let sign = |rotation| keys.webhook_signatures(webhook.id, rotation, content.as_bytes());
        let signatures = std::iter::once(webhook.rotation).chain(before).flat_map(sign);
        let signatures: Vec<_> = signatures.map(|signature| format!("v1,{signature}")).collect();
        Ok(Self { url: webhook.url.clone(), id: event.id, timestamp, signature: signatures.join(" "), body })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::super::operations::tests::webhook;
    use super::*;
    use crate::clock::{Clock as _, SystemClock};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).unwrap()
    }

    /// The verifier uses the system clock, and refuses messages older than five minutes.
    fn real_now() -> i64 {
        SystemClock.now().timestamp()
    }

    fn event() -> Event {
        Event {
            id: EventId(Uuid::from_u128(0x0198_7654_3210_7000_8000_0000_0000_0007)),
            kind: EventKind::OrderPlaced,
            subject: Uuid::from_u128(9),
            data: json!({"number": "N-1", "total": "39.98", "name": "Zoë"}),
            at: Timestamp::from_timestamp_micros(1_800_000_000_120_000).unwrap(),
        }
    }

    fn keys() -> Keys {
        Keys::new(&[42; 32])
    }

    fn message(webhook: &Webhook, now: i64) -> WebhookMessage {
        WebhookMessage::new(webhook, &event(), &keys(), at(now)).unwrap()
    }

    /// Verifies a message as a receiver does, with the published library.
    fn verifies(message: &WebhookMessage, secret: &str) -> bool {
        let verifier = standardwebhooks::Webhook::new(secret).unwrap();
        let mut headers = http::HeaderMap::new();
        headers.insert("webhook-id", message.id.to_string().parse().unwrap());
        headers.insert("webhook-timestamp", message.timestamp.to_string().parse().unwrap());
        headers.insert("webhook-signature", message.signature.parse().unwrap());
        verifier.verify(message.body.as_bytes(), &headers).is_ok()
    }

    #[test]
    fn the_body_names_the_kind_the_time_and_the_thing() {
        let body = message(&webhook(&["*"]), 1_800_000_005).body;
        let expected = r#"{"type":"order.placed","timestamp":"2027-01-15T08:00:00.120000Z","data":{"name":"Zoë","number":"N-1","total":"39.98"}}"#;
        assert_eq!(body, expected);
    }

    #[test]
    fn every_try_has_the_same_id_and_body_and_a_time_of_its_own() {
        let webhook = webhook(&["*"]);
        let (first, second) = (message(&webhook, 1_800_000_005), message(&webhook, 1_800_000_010));
        assert_eq!((&first.id, &first.body), (&second.id, &second.body));
        assert_eq!((first.timestamp, second.timestamp), (1_800_000_005, 1_800_000_010));
        assert_ne!(first.signature, second.signature);
    }

    #[test]
    fn receivers_find_the_signature_good_with_its_own_secret_only() {
        let hook = webhook(&["*"]);
        let secret = keys().webhook_secret(hook.id, 0);
        let good = message(&hook, real_now());
        assert!(verifies(&good, secret.expose()));
        for other in [
            keys().webhook_secret(hook.id, 1),
            keys().webhook_secret(crate::id::WebhookId(Uuid::from_u128(2)), 0),
            Keys::new(&[43; 32]).webhook_secret(hook.id, 0),
        ] {
            assert!(!verifies(&good, other.expose()));
        }
        for forged in [
            WebhookMessage { body: good.body.replace("39.98", "0.01"), ..good.clone() },
            WebhookMessage { timestamp: good.timestamp + 1, ..good.clone() },
            WebhookMessage { id: EventId(Uuid::from_u128(1)), ..good.clone() },
        ] {
            assert!(!verifies(&forged, secret.expose()));
        }
    }

    #[test]
    fn a_replaced_secret_signs_for_another_day() {
        let now = real_now();
        let since = |age: i64| Webhook { rotation: 3, rotated_at: Some(at(now - age)), ..webhook(&["*"]) };
        let secret = |rotation| keys().webhook_secret(since(0).id, rotation);
        let verified =
            |message: &WebhookMessage| [1, 2, 3].map(|rotation| verifies(message, secret(rotation).expose()));
        let day = SECRET_OVERLAP.num_seconds();
        let early = message(&since(day - 1), now);
        assert_eq!((verified(&early), early.signature.split(' ').count()), ([false, true, true], 2));
        let late = message(&since(day), now);
        assert_eq!((verified(&late), late.signature.split(' ').count()), ([false, false, true], 1));
    }

    #[test]
    fn a_receiver_that_knows_the_secret_of_an_earlier_key_is_still_served() {
        let hook = webhook(&["*"]);
        let next = Keys::new(&[43; 32]).with_fallbacks([[42; 32].as_slice()]);
        let told = WebhookMessage::new(&hook, &event(), &next, at(real_now())).unwrap();
        assert_eq!(told.signature.split(' ').count(), 2);
        for secret in [keys().webhook_secret(hook.id, 0), Keys::new(&[43; 32]).webhook_secret(hook.id, 0)] {
            assert!(verifies(&told, secret.expose()));
        }
        assert_eq!(next.webhook_secret(hook.id, 0).expose(), Keys::new(&[43; 32]).webhook_secret(hook.id, 0).expose());
    }

    #[test]
    fn it_does_not_show_what_it_holds() {
        let shown = format!("{:?}", message(&webhook(&["*"]), 1_800_000_005));
        assert!(!shown.contains("39.98") && !shown.contains("v1,") && !shown.contains("example.com"), "{shown}");
    }
}
