//! Request and response bodies of webhooks and their deliveries.

use chrono::{DateTime, Utc};
use poem_openapi::{Enum, Object};
use serde::Serialize;
use shop_core::outbox::{self, Content, Delivery, EventPattern, Revealed, Webhook, WebhookInput};
use shop_core::word::Word as _;
use uuid::Uuid;

use crate::field::{Optional, Required};

/// A URL that receives events.
#[derive(Debug, Object)]
pub(crate) struct WebhookRequest {
    /// A public `https` URL without user name and fragment, at most 2,000 characters.
    url: Required<String>,
    /// The events to send: `*` for all, `order.*` for all order events, or names of events.
    events: Required<Vec<String>>,
    /// Defaults to true.
    active: Optional<bool>,
}

/// Changes to a webhook.
#[derive(Debug, Object)]
pub(crate) struct WebhookChange {
    url: Optional<String>,
    /// Replaces the whole list.
    events: Optional<Vec<String>>,
    /// If false, nothing is delivered: pending deliveries wait, and new events are not queued for it.
    active: Optional<bool>,
}

macro_rules! webhook_input {
    ($($request:ident),+) => {$(
        impl From<$request> for WebhookInput {
            fn from(request: $request) -> Self {
                Self { url: request.url.into(), events: request.events.into(), active: request.active.into() }
            }
        }
    )+};
}

webhook_input!(WebhookRequest, WebhookChange);

/// A URL that receives events.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Webhook")]
pub(crate) struct WebhookBody {
    id: Uuid,
    url: String,
    events: Vec<String>,
    active: bool,
    /// When the secret was last rotated.
    secret_rotated_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

fn texts(events: &[EventPattern]) -> Vec<String> {
    events.iter().map(|pattern| pattern.as_str().to_owned()).collect()
}

impl From<Webhook> for WebhookBody {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id.0,
            url: webhook.url,
            events: texts(&webhook.events),
            active: webhook.active,
            secret_rotated_at: webhook.rotated_at,
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }
}

/// A webhook with its secret, which is shown only here.
// No `Debug`: the body contains the secret.
#[derive(Object, Serialize)]
#[oai(rename = "WebhookWithSecret")]
pub(crate) struct SecretBody {
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

impl From<Revealed> for SecretBody {
    fn from(revealed: Revealed) -> Self {
        let Revealed { webhook, secret } = revealed;
        Self {
            id: webhook.id.0,
            events: texts(&webhook.events),
            url: webhook.url,
            active: webhook.active,
            secret: secret.expose().to_owned(),
            secret_rotated_at: webhook.rotated_at,
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }
}

/// The state of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeliveryStatus {
    /// Waiting for delivery, or being delivered.
    Pending,
    /// The receiver responded with success.
    Done,
    /// Given up after the last attempt.
    Dead,
}

impl From<outbox::DeliveryStatus> for DeliveryStatus {
    fn from(status: outbox::DeliveryStatus) -> Self {
        match status {
            outbox::DeliveryStatus::Pending => Self::Pending,
            outbox::DeliveryStatus::Done => Self::Done,
            outbox::DeliveryStatus::Dead => Self::Dead,
        }
    }
}

impl From<DeliveryStatus> for outbox::DeliveryStatus {
    fn from(status: DeliveryStatus) -> Self {
        match status {
            DeliveryStatus::Pending => Self::Pending,
            DeliveryStatus::Done => Self::Done,
            DeliveryStatus::Dead => Self::Dead,
        }
    }
}

/// The delivery of one event to a webhook.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "WebhookDelivery")]
pub(crate) struct DeliveryBody {
    id: Uuid,
    /// The `webhook-id` of every attempt.
    event_id: Option<Uuid>,
    event_type: Option<String>,
    status: DeliveryStatus,
    /// The number of attempts.
    attempts: i64,
    /// The HTTP status of the response to the last attempt.
    response_status: Option<i64>,
    /// The error of the last attempt.
    last_error: Option<String>,
    /// The earliest time of the next attempt; null if delivered or given up.
    due_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl From<Delivery> for DeliveryBody {
    fn from(delivery: Delivery) -> Self {
        let event = match &delivery.content {
            Content::Event(event) => Some(event),
            Content::Mail(_) | Content::OrderMail(_) | Content::GatewayCall(_) | Content::GatewayNotice(_) => None,
        };
        Self {
            id: delivery.id.0,
            event_id: event.map(|event| event.id.0),
            event_type: event.map(|event| event.kind.word().to_owned()),
            status: delivery.status.into(),
            attempts: delivery.attempts,
            response_status: delivery.response_status,
            last_error: delivery.last_error,
            due_at: (delivery.status == outbox::DeliveryStatus::Pending).then_some(delivery.due_at),
            created_at: delivery.created_at,
        }
    }
}
