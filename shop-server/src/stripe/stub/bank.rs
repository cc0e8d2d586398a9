//! Payments and refunds: implements each call, including its errors. The actions of buyers and banks are in `buyers`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cards::Card;
use super::params::Params;

/// An error response instead of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) error: Value,
    /// Refused before execution, so not stored under the idempotency key ("Idempotent requests").
    pub(super) before_execution: bool,
}

impl Refusal {
    pub(super) fn new(status: u16, kind: &str, code: &str, message: &str) -> Self {
        let code = (!code.is_empty()).then_some(code);
        let error = json!({"type": kind, "code": code, "message": message});
        Self { status, error, before_execution: true }
    }

    pub(super) fn invalid(code: &str, message: &str) -> Self {
        Self::new(400, "invalid_request_error", code, message)
    }

    pub(super) fn parameter(code: &str, name: &str) -> Self {
        let message = format!("{code}: {name}");
        let error = json!({"type": "invalid_request_error", "code": code, "message": message, "param": name});
        Self { error, ..Self::invalid(code, &message) }
    }

    fn missing(what: &str, id: &str) -> Self {
        Self::new(404, "invalid_request_error", "resource_missing", &format!("No such {what}: '{id}'"))
    }

    fn executed(code: &str, message: &str) -> Self {
        Self { before_execution: false, ..Self::invalid(code, message) }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Intent {
    id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) manual: bool,
    pub(super) status: &'static str,
    pub(super) capturable: i64,
    pub(super) received: i64,
    secret: String,
    pub(super) failure: Option<Value>,
    pub(super) cancellation: Option<String>,
    metadata: BTreeMap<String, String>,
    pub(super) card: Option<Card>,
}

#[derive(Debug, Clone)]
pub(super) struct Refund {
    id: String,
    pub(super) intent: String,
    amount: i64,
    currency: String,
    pub(super) status: &'static str,
    metadata: BTreeMap<String, String>,
    created: i64,
}

/// The whole state of the stub.
#[derive(Debug, Default)]
pub(super) struct Bank {
    pub(super) intents: BTreeMap<String, Intent>,
    /// Oldest first.
    pub(super) refunds: Vec<Refund>,
    /// The types and objects of events, oldest first, until they are taken.
    pub(super) happened: Vec<(String, Value)>,
    pub(super) live: bool,
    drawn: u64,
}

pub(super) type StubResult = Result<Value, Refusal>;

impl Bank {
    /// "Create a PaymentIntent".
    pub(super) fn create(&mut self, mut params: Params) -> StubResult {
        let amount = params.amount("amount")?.ok_or_else(|| Refusal::parameter("parameter_missing", "amount"))?;
        let currency = params.required("currency")?;
        judge(amount, &currency, "amount")?;
        if amount < minimum(&currency) {
            return Err(Refusal::parameter("amount_too_small", "amount"));
        }
        if amount > if currency == "idr" { 999_999_999_999 } else { 99_999_999 } {
            return Err(Refusal::parameter("amount_too_large", "amount"));
        }
        let manual = match params.take("capture_method").as_deref() {
            Some("manual") => true,
            None | Some("automatic" | "automatic_async") => false,
            Some(_) => return Err(Refusal::parameter("parameter_invalid", "capture_method")),
        };
        if params.required("payment_method_types[0]")? != "card" {
            return Err(Refusal::parameter("parameter_invalid", "payment_method_types[0]"));
        }
        let metadata = params.metadata()?;
        params.finish()?;
        let id = self.id("pi");
        let intent = Intent {
            id: id.clone(),
            amount,
            currency,
            manual,
            status: "requires_payment_method",
            capturable: 0,
            received: 0,
            secret: format!("{id}_secret_{:016x}", self.drawn.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
            failure: None,
            cancellation: None,
            metadata,
            card: None,
        };
        self.intents.insert(id.clone(), intent);
        self.tell("payment_intent.created", &id);
        self.intent(&id)
    }

    /// "Retrieve a PaymentIntent".
    pub(super) fn intent(&self, id: &str) -> StubResult {
        self.intents.get(id).map(|intent| self.shown(intent)).ok_or_else(|| Refusal::missing("payment_intent", id))
    }

    /// "Capture a PaymentIntent".
    pub(super) fn capture(&mut self, id: &str, mut params: Params) -> StubResult {
        let amount = params.amount("amount_to_capture")?;
        params.finish()?;
        let now = self.drawn_time();
        let intent = self.existing(id, &["requires_capture"])?;
        let amount = amount.unwrap_or(intent.capturable);
        judge(amount, &intent.currency, "amount_to_capture")?;
        if amount > intent.capturable {
            return Err(Refusal::executed("amount_too_large", "The amount is above what can be captured."));
        }
        let rest = intent.capturable - amount;
        (intent.received, intent.capturable, intent.status) = (amount, 0, "succeeded");
        let currency = intent.currency.clone();
        if rest > 0 {
            // The rest of the authorization appears as a refund that nobody requested.
            let refund = Refund {
                id: self.id("re"),
                intent: id.to_owned(),
                amount: rest,
                currency,
                status: "succeeded",
                metadata: BTreeMap::new(),
                created: now,
            };
            self.refunds.push(refund);
        }
        self.tell("payment_intent.succeeded", id);
        self.intent(id)
    }

    /// "Cancel a PaymentIntent".
    pub(super) fn cancel(&mut self, id: &str, params: Params) -> StubResult {
        params.finish()?;
        let cancelable = ["requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"];
        let intent = self.existing(id, &cancelable)?;
        (intent.status, intent.capturable) = ("canceled", 0);
        self.tell("payment_intent.canceled", id);
        self.intent(id)
    }

    /// "Create a refund".
    pub(super) fn refund(&mut self, mut params: Params) -> StubResult {
        let id = params.required("payment_intent")?;
        let amount = params.amount("amount")?;
        let metadata = params.metadata()?;
        params.finish()?;
        let left = self.refundable(&id)?;
        let created = self.drawn_time();
        let intent = self.existing(&id, &["succeeded"])?;
        let amount = amount.unwrap_or(left);
        let (card, currency) = (intent.card, intent.currency.clone());
        judge(amount, &currency, "amount")?;
        if left == 0 {
            return Err(Refusal::executed("charge_already_refunded", "The charge has already been refunded."));
        }
        if amount > left {
            return Err(Refusal::executed("amount_too_large", "Refund amount is greater than unrefunded amount."));
        }
        let status = if card == Some(Card::RefundPending) { "pending" } else { "succeeded" };
        let refund = Refund { id: self.id("re"), intent: id, amount, currency, status, metadata, created };
        let shown = shown_refund(&refund);
        self.refunds.push(refund);
        self.happened.push(("refund.created".to_owned(), shown.clone()));
        Ok(shown)
    }

    /// "List all refunds", newest first.
    pub(super) fn refunds(&self, mut params: Params) -> StubResult {
        let id = params.required("payment_intent")?;
        let limit = params.amount("limit")?.unwrap_or(10);
        let after = params.take("starting_after");
        params.finish()?;
        self.intent(&id)?;
        let mut found = self.refunds.iter().rev().filter(|refund| refund.intent == id);
        if let Some(after) = after {
            found.by_ref().find(|refund| refund.id == after).ok_or_else(|| Refusal::missing("refund", &after))?;
        }
        let limit = usize::try_from(limit).unwrap_or(10).min(100);
        let data: Vec<_> = found.by_ref().take(limit).map(shown_refund).collect();
        Ok(json!({"object": "list", "url": "/v1/refunds", "has_more": found.next().is_some(), "data": data}))
    }

    /// "Search PaymentIntents", by one metadata key. Stripe's search lags behind; this one does not.
    pub(super) fn search(&self, mut params: Params) -> StubResult {
        let query = params.required("query")?;
        params.amount("limit")?;
        params.finish()?;
        let wanted = query.strip_prefix("metadata['").and_then(|rest| rest.split_once("']:'"));
        let wanted = wanted.and_then(|(name, rest)| Some((name, rest.strip_suffix('\'')?)));
        let (name, value) = wanted.ok_or_else(|| Refusal::parameter("parameter_invalid", "query"))?;
        let found = self.intents.values().filter(|intent| intent.metadata.get(name).is_some_and(|v| v == value));
        let data: Vec<_> = found.map(|intent| self.shown(intent)).collect();
        Ok(json!({"object": "search_result", "url": "/v1/payment_intents/search", "has_more": false, "data": data}))
    }

    /// The sum of payments received less refunds.
    pub(super) fn balance(&self) -> i64 {
        let ids = self.intents.keys();
        ids.filter_map(|id| self.refundable(id).ok()).sum()
    }

    /// Every payment, oldest first.
    pub(super) fn all(&self) -> Vec<Value> {
        self.intents.values().map(|intent| self.shown(intent)).collect()
    }

    /// The received amount less refunds; the released rest of a partial capture does not count as a refund.
    fn refundable(&self, id: &str) -> Result<i64, Refusal> {
        let intent = self.intents.get(id).ok_or_else(|| Refusal::missing("payment_intent", id))?;
        let released = if intent.status == "succeeded" { intent.amount - intent.received } else { 0 };
        let counted = |refund: &&Refund| refund.intent == id && refund.status != "failed";
        let back: i64 = self.refunds.iter().filter(counted).map(|refund| refund.amount).sum();
        Ok(intent.received - (back - released))
    }

    pub(super) fn existing(&mut self, id: &str, states: &[&str]) -> Result<&mut Intent, Refusal> {
        let intent = self.intents.get_mut(id).ok_or_else(|| Refusal::missing("payment_intent", id))?;
        if states.contains(&intent.status) {
            return Ok(intent);
        }
        let message = format!("This PaymentIntent has the status {}.", intent.status);
        Err(Refusal::executed("payment_intent_unexpected_state", &message))
    }

    fn id(&mut self, prefix: &str) -> String {
        self.drawn += 1;
        format!("{prefix}_stub{:08}", self.drawn)
    }

    fn drawn_time(&self) -> i64 {
        // Only the order of times matters.
        i64::try_from(self.drawn).unwrap_or(i64::MAX)
    }

    pub(super) fn tell(&mut self, kind: &str, id: &str) {
        if let Some(object) = self.intents.get(id).map(|intent| self.shown(intent)) {
            self.happened.push((kind.to_owned(), object));
        }
    }

    fn shown(&self, intent: &Intent) -> Value {
        json!({
            "id": intent.id, "object": "payment_intent", "amount": intent.amount,
            "amount_capturable": intent.capturable, "amount_received": intent.received,
            "capture_method": if intent.manual { "manual" } else { "automatic" },
            "cancellation_reason": intent.cancellation, "client_secret": intent.secret, "currency": intent.currency,
            "last_payment_error": intent.failure, "livemode": self.live, "metadata": intent.metadata,
            "payment_method_types": ["card"], "status": intent.status,
        })
    }
}

pub(super) fn shown_refund(refund: &Refund) -> Value {
    json!({
        "id": refund.id, "object": "refund", "amount": refund.amount, "created": refund.created,
        "currency": refund.currency, "metadata": refund.metadata, "payment_intent": refund.intent,
        "status": refund.status, "failure_reason": (refund.status == "failed").then_some("lost_or_stolen_card"),
    })
}

/// Checks the currency and amount ("Supported currencies"): lower case, and some amounts must be multiples.
fn judge(amount: i64, currency: &str, name: &str) -> Result<(), Refusal> {
    let known = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_lowercase());
    let step = match currency {
        "bhd" | "jod" | "kwd" | "omr" | "tnd" => 10,
        "isk" | "ugx" => 100,
        _ => 1,
    };
    if !known {
        return Err(Refusal::parameter("parameter_invalid", "currency"));
    }
    if amount % step == 0 { Ok(()) } else { Err(Refusal::parameter("parameter_invalid_integer", name)) }
}

/// "Minimum and maximum charge amounts", for the currencies used in tests.
fn minimum(currency: &str) -> i64 {
    match currency {
        "usd" | "eur" | "chf" | "jpy" => 50,
        "gbp" => 30,
        "aed" | "pln" => 200,
        "huf" => 17_500,
        _ => 1,
    }
}
