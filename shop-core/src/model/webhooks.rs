//! A webhook and its event patterns.

use crate::clock::Timestamp;
use crate::id::WebhookId;
use crate::model::outbox::EventKind;
use crate::page::CreationSort;
use crate::row::Row;
use crate::string_enum::StringEnum as _;
use serde::{Deserialize, Serialize};

/// The prefix of every webhook's receiver name.
pub(crate) const RECEIVERS: &str = "webhook:";

/// A URL that receives events. Its secret is not stored: it is derived from the shop's key, the webhook's id and
/// [`Webhook::rotation`] ([`Keys::webhook_secret`](crate::secret::Keys::webhook_secret)).
///
/// # Writes
/// When a webhook is deleted, the deliveries to it that are not done are deleted with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "webhooks", entity = Webhook, deletable)]
pub struct Webhook {
    /// Unique; sorts by creation time.
    pub id: WebhookId,
    /// The URL that each event is POSTed to.
    pub url: String,
    /// The patterns of the events it receives; one match is enough.
    #[row(json)]
    pub events: Vec<EventPattern>,
    /// Whether it receives events. A paused webhook gets no new deliveries, and its pending deliveries wait.
    pub active: bool,
    /// The number of times that its secret was replaced.
    pub rotation: i64,
    /// The time when its secret was last replaced.
    pub rotated_at: Option<Timestamp>,
    /// The registration time.
    pub created_at: Timestamp,
    /// The time of the last change by staff.
    pub updated_at: Timestamp,
    /// Incremented by each change.
    pub version: i64,
}

impl Webhook {
    /// The receiver name of its deliveries: `webhook:` and its id.
    #[must_use]
    pub fn receiver(&self) -> String {
        Self::receiver_of(self.id)
    }

    /// The receiver name of the webhook with this id.
    #[must_use]
    pub fn receiver_of(id: WebhookId) -> String {
        format!("{RECEIVERS}{id}")
    }

    /// Whether the webhook is active and receives events of this kind.
    #[must_use]
    pub fn wants(&self, kind: EventKind) -> bool {
        self.active && self.events.iter().any(|pattern| pattern.matches(kind))
    }
}

/// A pattern that selects events: `*` for all, `order.*` for all about orders, or the name of one kind.
///
/// ```
/// use shop_core::outbox::EventKind;
/// use shop_core::webhooks::EventPattern;
///
/// let orders: EventPattern = "order.*".parse().unwrap();
/// assert!(orders.matches(EventKind::OrderPaid) && !orders.matches(EventKind::StockLow));
/// assert!("orders.*".parse::<EventPattern>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventPattern(String);

impl EventPattern {
    /// Whether the pattern selects events of this kind.
    #[must_use]
    pub fn matches(&self, kind: EventKind) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => kind.as_str().starts_with(beginning),
            None => kind.as_str() == self.0,
        }
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for EventPattern {
    type Err = String;

    /// Parses a pattern that selects at least one existing kind of event.
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

/// The sort key of lists of webhooks.
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
            let (group, _) = kind.as_str().split_once('.').unwrap();
            assert!(pattern("*").matches(*kind) && pattern(kind.as_str()).matches(*kind));
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
