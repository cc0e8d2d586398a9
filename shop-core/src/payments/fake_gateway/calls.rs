//! The responses to calls: in the current failure mode, at most once per key.

use async_trait::async_trait;
use chrono::TimeDelta;

use super::{Account, FailureMode, FakeGateway, GatewayState, Message, SIGNATURE};
use crate::clock::Timestamp;
use crate::gateway::{
    CaptureCall, CreateCall, GatewayError, GatewayEventHeaders, InvalidGatewayEvent, RefundCall, RemoteGateway,
    RemoteRefund, Snapshot, VoidCall,
};
use crate::model::payments::{GatewayEvent, PaymentState, RefundState, RemotePayment};
use crate::money::Amount;

/// The tolerance for the time of a message, in both directions.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

impl FakeGateway {
    /// Handles one call in the current failure mode, at most once per key.
    async fn serve(
        &self,
        (step, key, request): (&str, &str, String),
        payment: &RemotePayment,
        act: impl FnOnce(&mut GatewayState, &mut String) -> Result<(), GatewayError> + Send,
    ) -> Result<Snapshot, GatewayError> {
        let (failure_mode, response) = self.apply_call(step, key, request, payment, act);
        match failure_mode {
            FailureMode::HangsBefore | FailureMode::HangsAfter => std::future::pending().await,
            FailureMode::Down | FailureMode::Silent => Err(GatewayError::Unavailable("no answer".into())),
            FailureMode::LockedOut => Err(GatewayError::Misconfigured("who are you?".into())),
            FailureMode::Refuses | FailureMode::Well => response,
        }
    }

    /// Refuses an amount that is not a multiple of the step.
    fn moves(&self, step: &str, amount: Amount, gateway_state: &mut GatewayState) -> Result<(), GatewayError> {
        if self.limits.is_multiple(amount) {
            return Ok(());
        }
        gateway_state.violations.push(format!("{step}: {} is not moved", amount.0));
        Err(refusal("amount", "Such amounts are not moved."))
    }

    fn apply_call(
        &self,
        step: &str,
        key: &str,
        request: String,
        payment: &RemotePayment,
        act: impl FnOnce(&mut GatewayState, &mut String) -> Result<(), GatewayError>,
    ) -> (FailureMode, Result<Snapshot, GatewayError>) {
        let mut gateway_state = self.gateway_state();
        gateway_state.calls.push(format!("{step} {key}"));
        let failure_mode = gateway_state.failure_modes.pop_front().unwrap_or(FailureMode::Well);
        let unheard = match failure_mode {
            FailureMode::Down | FailureMode::HangsBefore | FailureMode::LockedOut => true,
            FailureMode::Refuses => !gateway_state.seen.contains_key(key),
            FailureMode::Well | FailureMode::Silent | FailureMode::HangsAfter => false,
        };
        if unheard {
            return (failure_mode, Err(refusal("moody", "Not today.")));
        }
        let mut reference = payment.reference.clone().unwrap_or_default();
        match gateway_state.seen.get(key).cloned() {
            Some((before, _)) if before != request => {
                gateway_state.violations.push(format!("{step}: key {key} came with {before}, then with {request}"));
                return (failure_mode, Err(refusal("key_reused", "This key was used for something else.")));
            }
            Some((_, known)) => reference = known,
            None => {
                if let Err(refused) = act(&mut gateway_state, &mut reference) {
                    return (failure_mode, Err(refused));
                }
                gateway_state.seen.insert(key.to_owned(), (request, reference.clone()));
            }
        }
        (
            failure_mode,
            gateway_state.show(&reference).ok_or_else(|| refusal("unknown_payment", "There is no such payment.")),
        )
    }
}

impl GatewayState {
    fn account(&mut self, reference: &str, wrong: &str) -> Result<&mut Account, GatewayError> {
        if !self.accounts.contains_key(reference) {
            self.violations.push(format!("{wrong}: there is no payment {reference:?}"));
        }
        self.accounts.get_mut(reference).ok_or_else(|| refusal("unknown_payment", "There is no such payment."))
    }
}

fn refusal(code: &str, message: &str) -> GatewayError {
    GatewayError::Refused { code: code.to_owned(), message: message.to_owned() }
}

#[async_trait]
impl RemoteGateway for FakeGateway {
    async fn create(&self, call: &CreateCall) -> Result<Snapshot, GatewayError> {
        let CreateCall { key, payment, order_number, email } = call;
        let request = format!("{} {} {order_number} {email}", payment.amount.0, payment.currency);
        let act = |gateway_state: &mut GatewayState, reference: &mut String| {
            if gateway_state.accounts.values().any(|account| account.payment_id == payment.id) {
                gateway_state.violations.push(format!("create: {} was begun before", payment.id));
            }
            if payment.amount <= Amount::ZERO {
                gateway_state.violations.push("create: about nothing".to_owned());
            }
            let chargeable = self.limits.minimum..=self.limits.maximum;
            if !chargeable.contains(&payment.amount) {
                gateway_state.violations.push(format!("create: {} is not charged", payment.amount.0));
                return Err(refusal("amount", "So much is not charged."));
            }
            self.moves("create", payment.amount, gateway_state)?;
            *reference = gateway_state.draw("payment");
            let account = Account {
                payment_id: payment.id,
                amount: payment.amount,
                currency: payment.currency,
                state: PaymentState::Pending,
                authorized: Amount::ZERO,
                captured: Amount::ZERO,
                refunds: Vec::new(),
                failure: None,
                foreign: None,
            };
            gateway_state.accounts.insert(reference.clone(), account);
            Ok(())
        };
        self.serve(("create", key, request), payment, act).await
    }

    async fn capture(&self, call: &CaptureCall) -> Result<Snapshot, GatewayError> {
        let CaptureCall { key, payment, amount } = call;
        let act = |gateway_state: &mut GatewayState, reference: &mut String| {
            self.moves("capture", *amount, gateway_state)?;
            let account = gateway_state.account(reference, "capture")?;
            if account.state != PaymentState::Authorized {
                return Err(refusal("not_authorized", "Nothing is authorized."));
            }
            if *amount <= Amount::ZERO || *amount > account.authorized {
                gateway_state.violations.push(format!("capture: {} of more or less than there is", amount.0));
                return Err(refusal("amount", "So much is not authorized."));
            }
            account.captured = *amount;
            account.state = PaymentState::Captured;
            Ok(())
        };
        self.serve(("capture", key, format!("capture {}", amount.0)), payment, act).await
    }

    async fn void(&self, call: &VoidCall) -> Result<Snapshot, GatewayError> {
        let act = |gateway_state: &mut GatewayState, reference: &mut String| {
            let account = gateway_state.account(reference, "void")?;
            if account.state.is_open() {
                account.state = PaymentState::Voided;
                return Ok(());
            }
            Err(refusal("over", "The payment is over."))
        };
        self.serve(("void", &call.key, "void".to_owned()), &call.payment, act).await
    }

    async fn refund(&self, call: &RefundCall) -> Result<Snapshot, GatewayError> {
        let RefundCall { key, payment, refund_id, amount, reason } = call;
        let act = |gateway_state: &mut GatewayState, reference: &mut String| {
            self.moves("refund", *amount, gateway_state)?;
            let name = gateway_state.draw("refund");
            let state = if gateway_state.slow_refunds { RefundState::Pending } else { RefundState::Succeeded };
            let account = gateway_state.account(reference, "refund")?;
            let alive = account.refunds.iter().filter(|refund| refund.state != RefundState::Failed);
            let back = alive.fold(0, |sum, refund| sum + refund.amount.0);
            if *amount <= Amount::ZERO || amount.0 > account.captured.0 - back {
                gateway_state.violations.push(format!("refund: {} of {back} given back already", amount.0));
                return Err(refusal("amount", "So much is not left."));
            }
            let made = RemoteRefund { reference: name, id: Some(*refund_id), amount: *amount, state };
            account.refunds.push(made);
            Ok(())
        };
        self.serve(("refund", key, format!("{refund_id} {} {reason}", amount.0)), payment, act).await
    }

    async fn look_up(&self, payment: &RemotePayment) -> Result<Option<Snapshot>, GatewayError> {
        let (failure_mode, shown) = {
            let mut gateway_state = self.gateway_state();
            gateway_state.calls.push("look_up".to_owned());
            let failure_mode = gateway_state.failure_modes.pop_front().unwrap_or(FailureMode::Well);
            let by_id = gateway_state.accounts.iter().find(|(_, account)| account.payment_id == payment.id);
            let reference = payment.reference.clone().or_else(|| by_id.map(|(reference, _)| reference.clone()));
            (failure_mode, reference.and_then(|reference| gateway_state.show(&reference)))
        };
        match failure_mode {
            FailureMode::Well => Ok(shown),
            FailureMode::HangsBefore | FailureMode::HangsAfter => std::future::pending().await,
            _ => Err(GatewayError::Unavailable("no answer".into())),
        }
    }

    fn verify(
        &self,
        headers: &GatewayEventHeaders<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<GatewayEvent, InvalidGatewayEvent> {
        let invalid = |why: &str| InvalidGatewayEvent(why.to_owned());
        let signature = headers.get(SIGNATURE).ok_or_else(|| invalid("it is not signed"))?;
        if !self.keys.tag("bank", body).matches(signature) {
            return Err(invalid("the signature is of something else"));
        }
        let message: Message = serde_json::from_slice(body).map_err(|_| invalid("it cannot be read"))?;
        if (now - message.at).abs() > TOLERANCE {
            return Err(invalid("it is too old"));
        }
        let Message { id, kind, at, reference } = message;
        Ok(GatewayEvent { id, kind, at, payment_id: None, reference, foreign: None })
    }
}
