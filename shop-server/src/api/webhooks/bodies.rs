//! Webhooks and what was delivered to them.

use chrono::{DateTime, Utc};
use poem_openapi::{Enum, Object};
use serde::Serialize;
use shop_core::outbox::{self, Content, Delivery, EventPattern, Revealed, Webhook, WebhookInput};
use shop_core::word::Word as _;
use uuid::Uuid;

use crate::field::{Optional, Required};

/// An address that is told of events.
#[derive(Debug, Object)]
pub(crate) struct WebhookRequest {
    /// Public and `https`, without user name and fragment, at most 2,000 characters.
    url: Required<String>,
    /// What it is told of: `*` for everything, `order.*` for all about orders, or the names of events.
    events: Required<Vec<String>>,
    /// True unless said otherwise.
    active: Optional<bool>,
}

/// What changes of a webhook.
#[derive(Debug, Object)]
pub(crate) struct WebhookChange {
    url: Optional<String>,
    /// The whole list.
    events: Optional<Vec<String>>,
    /// While it is false nothing is delivered: what waits goes on waiting, and nothing new is kept for it.
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

/// An address that is told of events.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Webhook")]
pub(crate) struct WebhookBody {
    id: Uuid,
    url: String,
    events: Vec<String>,
    active: bool,
    /// When its secret was replaced last.
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

/// A webhook with its secret, which is shown here only. (No `Debug`: the secret stands in it.)
#[derive(Object, Serialize)]
#[oai(rename = "WebhookWithSecret")]
pub(crate) struct SecretBody {
    id: Uuid,
    url: String,
    events: Vec<String>,
    active: bool,
    /// `whsec_` and a key in base 64, to verify the signatures with (Standard Webhooks).
    secret: String,
    /// When its secret was replaced last.
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

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeliveryStatus {
    /// To be delivered, or being delivered.
    Pending,
    /// The receiver answered with success.
    Done,
    /// Given up after the last try.
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

/// One event on its way to a webhook.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "WebhookDelivery")]
pub(crate) struct DeliveryBody {
    id: Uuid,
    /// The `webhook-id` of every try.
    event_id: Option<Uuid>,
    event_type: Option<String>,
    status: DeliveryStatus,
    /// How often it was tried.
    attempts: i64,
    /// The HTTP status that the last try was answered with.
    response_status: Option<i64>,
    /// What went wrong with the last try.
    last_error: Option<String>,
    /// When it is tried again, at the earliest; null when it is done or given up.
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
