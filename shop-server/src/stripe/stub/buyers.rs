//! What buyers and banks do to payments, without a call from the shop.

use serde_json::json;

use super::bank::{Bank, StubResult, shown_refund};
use super::cards::Card;

impl Bank {
    /// The buyer gives a card and confirms, as Stripe's script in the browser does.
    pub(super) fn confirm(&mut self, id: &str, card: Card) -> StubResult {
        let intent = self.existing(id, &["requires_payment_method", "requires_confirmation"])?;
        intent.failure = None;
        if let Some((decline, message)) = card.decline() {
            intent.failure = Some(json!({
                "type": "card_error", "code": "card_declined", "decline_code": decline, "message": message
            }));
            self.tell("payment_intent.payment_failed", id);
            return self.intent(id);
        }
        intent.card = Some(card);
        if card == Card::ThreeDSecure {
            intent.status = "requires_action";
            self.tell("payment_intent.requires_action", id);
            return self.intent(id);
        }
        self.charge(id)
    }

    /// The buyer completes or fails the bank's authentication.
    pub(super) fn authenticate(&mut self, id: &str, passed: bool) -> StubResult {
        let intent = self.existing(id, &["requires_action"])?;
        if passed {
            return self.charge(id);
        }
        intent.status = "requires_payment_method";
        intent.failure = Some(json!({
            "type": "invalid_request_error", "code": "payment_intent_authentication_failure",
            "message": "The provided PaymentMethod has failed authentication."
        }));
        self.tell("payment_intent.payment_failed", id);
        self.intent(id)
    }

    /// Moves undecided refunds to their final status.
    pub(super) fn settle_refunds(&mut self) {
        for refund in &mut self.refunds {
            let card = self.intents.get(&refund.intent).and_then(|intent| intent.card);
            let status = match (card, refund.status) {
                (Some(Card::RefundPending), "pending") => "succeeded",
                (Some(Card::RefundFails), "succeeded") => "failed",
                _ => continue,
            };
            refund.status = status;
            let kind = if status == "failed" { "refund.failed" } else { "refund.updated" };
            self.happened.push((kind.to_owned(), shown_refund(refund)));
        }
    }

    /// Changes the amount and currency of a payment.
    pub(super) fn tamper(&mut self, id: &str, amount: i64, currency: &str) {
        if let Some(intent) = self.intents.get_mut(id) {
            (intent.amount, intent.currency) = (amount, currency.to_owned());
        }
    }

    /// The bank releases an authorization that was not captured in time.
    pub(super) fn expire(&mut self, id: &str) -> StubResult {
        let intent = self.existing(id, &["requires_capture"])?;
        (intent.status, intent.capturable) = ("canceled", 0);
        intent.cancellation = Some("automatic".to_owned());
        self.tell("payment_intent.canceled", id);
        self.intent(id)
    }

    fn charge(&mut self, id: &str) -> StubResult {
        let intent = self.existing(id, &["requires_payment_method", "requires_confirmation", "requires_action"])?;
        if intent.manual {
            (intent.status, intent.capturable) = ("requires_capture", intent.amount);
            self.tell("payment_intent.amount_capturable_updated", id);
        } else {
            (intent.status, intent.received) = ("succeeded", intent.amount);
            self.tell("payment_intent.succeeded", id);
        }
        self.intent(id)
    }
}
