//! Request and response bodies of webhooks and their deliveries.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use serde::Serialize;
use shop_core::outbox::{Content, Delivery, DeliveryStatus};
use shop_core::string_enum::StringEnum as _;
use shop_core::webhooks::{EventPattern, Webhook, WebhookInput, WebhookWithSecret};
use uuid::Uuid;

use crate::api::macros::{bodies, requests};
use crate::field::Choice;

requests! {
    /// A URL that receives events.
    WebhookRequest => WebhookInput {
        /// A public `https` URL without user name and fragment, at most 2,000 characters.
        url: Required<String>,
        /// The events to send: `*` for all, `order.*` for all order events, or names of events.
        events: Required<Vec<String>>,
        /// Defaults to true.
        active: Optional<bool>,
    }

    /// Changes to a webhook.
    WebhookChange => WebhookInput {
        url: Optional<String>,
        /// Replaces the whole list.
        events: Optional<Vec<String>>,
        /// If false, nothing is delivered: pending deliveries wait, and new events are not queued for it.
        active: Optional<bool>,
    }
}

/// A webhook with its secret, which is shown only here.
// No `Debug`: the body contains the secret.
#[derive(Object, Serialize)]
#[oai(rename = "WebhookWithSecret")]
pub(super) struct SecretBody {
    id: Uuid,
    url: String,
    events: Vec<String>,
    active: bool,
    /// Key for verifying signatures: `whsec_` and a base64 key (Standard Webhooks).
    secret: String,
    /// When the secret was last rotated.
    secret_rotated_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<WebhookWithSecret> for SecretBody {
    fn from(WebhookWithSecret { webhook, secret }: WebhookWithSecret) -> Self {
        let WebhookBody { id, url, events, active, secret_rotated_at, created_at, updated_at } = webhook.into();
        let secret = secret.expose().to_owned();
        Self { id, url, events, active, secret, secret_rotated_at, created_at, updated_at }
    }
}

bodies! {
    /// A URL that receives events.
    WebhookBody as "Webhook" from(webhook: Webhook) with {
        let text = |pattern: &EventPattern| pattern.as_str().to_owned();
    } {
        id: Uuid,
        url: String,
        events: Vec<String> = webhook.events.iter().map(text).collect(),
        active: bool,
        /// When the secret was last rotated.
        secret_rotated_at: Option<DateTime<Utc>> = webhook.rotated_at,
        created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>,
    }

    /// The delivery of one event to a webhook.
    DeliveryBody as "WebhookDelivery" from(delivery: Delivery) with {
        let event = match &delivery.content {
            Content::Event(event) => Some(event),
            Content::Mail(_) | Content::OrderMail(_) | Content::GatewayCall(_) | Content::GatewayEvent(_) => None,
        };
    } {
        id: Uuid,
        /// The `webhook-id` of every attempt.
        event_id: Option<Uuid> = event.map(|event| event.id.0),
        event_type: Option<String> = event.map(|event| event.kind.as_str().to_owned()),
        status: Choice<DeliveryStatus>,
        /// The number of attempts.
        attempts: i64,
        /// The HTTP status of the response to the last attempt.
        response_status: Option<i64>,
        /// The error of the last attempt.
        last_error: Option<String>,
        /// The earliest time of the next attempt; null if delivered or given up.
        due_at: Option<DateTime<Utc>> = (delivery.status == DeliveryStatus::Pending).then_some(delivery.due_at),
        created_at: DateTime<Utc>,
    }
}
