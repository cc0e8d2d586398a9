//! Events as Stripe signs and sends them.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use shop_core::clock::{Clock as _, SystemClock};

use super::WEBHOOK_SECRET;

/// A signed event. A test can deliver it repeatedly, late, and in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedEvent {
    /// `evt_…`, the same at each delivery.
    pub id: String,
    /// The event type, such as `payment_intent.succeeded`.
    pub kind: String,
    /// The exact bytes of the body.
    pub body: String,
    /// The value of the header `Stripe-Signature`.
    pub signature: String,
}

impl SignedEvent {
    pub(super) fn new(id: &str, kind: &str, object: &Value, live: bool) -> Self {
        let now = SystemClock.now().timestamp();
        let event = json!({
            "id": id, "object": "event", "api_version": crate::stripe::API_VERSION, "created": now,
            "livemode": live, "pending_webhooks": 1, "type": kind, "data": {"object": object},
        });
        Self::of(&event, WEBHOOK_SECRET, now)
    }

    /// Signs any event with this secret at this time (Unix seconds).
    #[must_use]
    pub fn of(event: &Value, secret: &str, seconds: i64) -> Self {
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let body = format!("{event:#}");
        let signature = format!("t={seconds},v1={},v0=0000", tag(secret, &format!("{seconds}.{body}")));
        Self { id: text("id"), kind: text("type"), body, signature }
    }
}

fn tag(secret: &str, text: &str) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(text.as_bytes());
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    mac.finalize().into_bytes().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
