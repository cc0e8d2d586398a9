//! A webhook, and the patterns of what it wants to hear.

use crate::clock::Timestamp;
use crate::id::WebhookId;
use crate::outbox::EventKind;
use crate::page::CreationSort;
use crate::row::Row;
use crate::word::Word as _;
use serde::{Deserialize, Serialize};

/// What the name of every webhook as a receiver begins with.
pub(crate) const RECEIVERS: &str = "webhook:";

/// An address that is told of events. Its secret is not stored: it is derived from the shop's key, its id and
/// [`Webhook::rotation`] ([`Keys::webhook_secret`](crate::secret::Keys::webhook_secret)).
///
/// # Writes
/// When a webhook is deleted, the deliveries to it that are not done are deleted with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "webhooks", entity = Webhook, deletable)]
pub struct Webhook {
    /// Identity.
    pub id: WebhookId,
    /// Where each event is POSTed to.
    pub url: String,
    /// What it wants to hear: whatever any of these names.
    #[row(json)]
    pub events: Vec<EventPattern>,
    /// Paused ones get no new deliveries, and those that wait go on waiting.
    pub active: bool,
    /// How often its secret was replaced.
    pub rotation: i64,
    /// When its secret was replaced last.
    pub rotated_at: Option<Timestamp>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When staff changed it last.
    pub updated_at: Timestamp,
    /// Counts the changes.
    pub version: i64,
}

impl Webhook {
    /// The name under which its deliveries are kept: `webhook:` and its id.
    #[must_use]
    pub fn receiver(&self) -> String {
        Self::receiver_of(self.id)
    }

    /// The same of the webhook with this id.
    #[must_use]
    pub fn receiver_of(id: WebhookId) -> String {
        format!("{RECEIVERS}{id}")
    }

    /// Whether it is told of such events.
    #[must_use]
    pub fn wants(&self, kind: EventKind) -> bool {
        self.active && self.events.iter().any(|pattern| pattern.matches(kind))
    }
}

/// Some of the events: `*` for all, `order.*` for all about orders, or the name of one.
///
/// ```
/// use shop_core::outbox::{EventKind, EventPattern};
///
/// let orders: EventPattern = "order.*".parse().unwrap();
/// assert!(orders.matches(EventKind::OrderPaid) && !orders.matches(EventKind::StockLow));
/// assert!("orders.*".parse::<EventPattern>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventPattern(String);

impl EventPattern {
    /// Whether it names such events.
    #[must_use]
    pub fn matches(&self, kind: EventKind) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => kind.word().starts_with(beginning),
            None => kind.word() == self.0,
        }
    }

    /// As staff wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for EventPattern {
    type Err = String;

    /// Reads a pattern that names at least one kind of event there is.
    fn from_str(text: &str) -> Result<Self, String> {
        let whole_words = text == "*" || text.ends_with(".*") || !text.contains('*');
        let pattern = Self(text.to_owned());
        if whole_words && EventKind::ALL.iter().any(|kind| pattern.matches(*kind)) {
            Ok(pattern)
        } else {
            Err("There are no such events.".to_owned())
        }
    }
}

/// By what webhooks are listed.
pub type WebhookSort = CreationSort;

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> EventPattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_pattern_names_one_kind_a_group_or_all() {
        for kind in EventKind::ALL {
            let (group, _) = kind.word().split_once('.').unwrap();
            assert!(pattern("*").matches(*kind) && pattern(kind.word()).matches(*kind));
            assert!(pattern(&format!("{group}.*")).matches(*kind));
        }
        let matching = |text: &str| EventKind::ALL.iter().filter(|kind| pattern(text).matches(**kind)).count();
        assert_eq!((matching("order.*"), matching("order.paid"), matching("*")), (5, 1, EventKind::ALL.len()));
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for text in ["", "order", "order.", "orders.*", "order.p*", "*.paid", "**", "o*", "order.*.*", "ORDER.*", ".*"]
        {
            assert!(text.parse::<EventPattern>().is_err(), "{text}");
        }
    }
}
