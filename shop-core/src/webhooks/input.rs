//! The input for creating and changing webhooks.

use serde::Deserialize;

use super::target::webhook_url;
use crate::error::Result;
use crate::field::{Checks, Field};
use crate::model::webhooks::{EventPattern, Webhook};

/// More than the number of event kinds and groups.
const MAX_PATTERNS: usize = 50;

/// A webhook as sent by staff, not yet validated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is the field of `Webhook` with the same name")]
pub struct WebhookInput {
    pub url: Field<String>,
    pub events: Field<Vec<String>>,
    pub active: Field<bool>,
}

/// A validated [`WebhookInput`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckedWebhook {
    pub(crate) url: String,
    pub(crate) events: Vec<EventPattern>,
    pub(crate) active: bool,
}

impl WebhookInput {
    /// Validates the input. For a partial update, absent fields are taken from `base`.
    pub(crate) fn check(self, base: Option<&Webhook>, allow_private: bool) -> Result<CheckedWebhook> {
        let mut checks = Checks::new();
        let url = match base {
            Some(base) if self.url.is_missing() => Some(base.url.clone()),
            _ => checks
                .required("url", self.url, |text| webhook_url(&text, allow_private).map_err(|error| error.to_string())),
        };
        let events = match base {
            Some(base) if self.events.is_missing() => Some(base.events.clone()),
            _ => checks.required("events", self.events, Ok).and_then(|given| patterns(&mut checks, given)),
        };
        let active = checks.filled(base.is_none(), "active", self.active, Ok);
        let active = active.unwrap_or_else(|| base.is_none_or(|base| base.active));
        match (url, events) {
            (Some(url), Some(events)) if checks.is_clean() => Ok(CheckedWebhook { url, events, active }),
            _ => Err(checks.into_error()),
        }
    }
}

fn patterns(checks: &mut Checks, given: Vec<String>) -> Option<Vec<EventPattern>> {
    if given.is_empty() {
        return checks.refuse("events", "This list may not be empty.");
    }
    if given.len() > MAX_PATTERNS {
        return checks.refuse("events", format!("At most {MAX_PATTERNS} patterns."));
    }
    let mut patterns: Vec<EventPattern> = Vec::with_capacity(given.len());
    for (index, text) in given.into_iter().enumerate() {
        let path = format!("events.{index}");
        let Some(pattern) = checks.required(&path, text.into(), |text: String| text.trim().parse()) else { continue };
        if patterns.contains(&pattern) {
            checks.refuse::<()>(&path, "This pattern is listed twice.");
        }
        patterns.push(pattern);
    }
    Some(patterns)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::error::Error;

    fn checked(input: Value, base: Option<&Webhook>) -> Result<CheckedWebhook> {
        serde_json::from_value::<WebhookInput>(input).unwrap().check(base, false)
    }

    fn refused(result: Result<CheckedWebhook>) -> Vec<String> {
        let Err(Error::Invalid(invalid)) = result else { panic!("it must be refused, was {result:?}") };
        invalid.fields.into_keys().collect()
    }

    #[test]
    fn it_is_active_unless_said_otherwise() {
        let webhook =
            checked(json!({"url": "https://example.com/", "events": [" order.* ", "stock.low"]}), None).unwrap();
        let events: Vec<_> = webhook.events.iter().map(EventPattern::as_str).collect();
        assert_eq!((webhook.active, events), (true, vec!["order.*", "stock.low"]));
        let paused = json!({"url": "https://example.com/", "events": ["*"], "active": false});
        assert!(!checked(paused, None).unwrap().active);
    }

    #[test]
    fn everything_wrong_is_named() {
        assert_eq!(refused(checked(json!({}), None)), ["events", "url"]);
        let wrong = json!({"url": 5, "events": "order.*", "active": "yes"});
        assert_eq!(refused(checked(wrong, None)), ["active", "events", "url"]);
        let wrong = json!({"url": "http://example.com/", "events": ["order.paid", "nothing", "order.paid", 5]});
        assert_eq!(refused(checked(wrong, None)), ["events", "url"]);
        let wrong = json!({"url": "https://127.0.0.1/", "events": ["order.paid", "nothing", "order.paid"]});
        assert_eq!(refused(checked(wrong, None)), ["events.1", "events.2", "url"]);
        for events in [json!([]), json!(vec!["*"; 51]), json!(null)] {
            assert_eq!(refused(checked(json!({"url": "https://example.com/", "events": events}), None)), ["events"]);
        }
    }

    #[test]
    fn a_partial_change_keeps_the_rest() {
        let base = super::super::operations::tests::webhook(&["*"]);
        let kept = checked(json!({}), Some(&base)).unwrap();
        let expected = CheckedWebhook { url: base.url.clone(), events: base.events.clone(), active: base.active };
        assert_eq!(kept, expected);
        assert!(!checked(json!({"active": false}), Some(&base)).unwrap().active);
        for (field, value) in [("url", json!(null)), ("events", json!(null)), ("active", json!(null))] {
            assert_eq!(refused(checked(json!({ field: value }), Some(&base))), [field]);
        }
    }
}
