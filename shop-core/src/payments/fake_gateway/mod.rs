//! A fake gateway for tests: runs in the process, as strict as a real one, with configurable failures.

mod calls;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::gateway::{ChargeLimits, PaymentGateway, RemoteGateway, RemoteRefund, Snapshot};
use crate::id::PaymentId;
use crate::model::payments::{PaymentState, RefundState};
use crate::money::{Amount, Currency};
use crate::secret::{Keys, Secret};

/// The header that carries the signature of a message.
pub const SIGNATURE: &str = "Bank-Signature";

/// A fake gateway that keeps payments in memory, performs each call once per key, and records every call that a correct
/// shop would not make.
pub struct FakeGateway {
    id: String,
    takes_at_once: bool,
    limits: ChargeLimits,
    keys: Keys,
    gateway_state: Mutex<GatewayState>,
}

/// The failure mode of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureMode {
    /// The call succeeds.
    Well,
    /// The call does not arrive.
    Down,
    /// The call takes effect, but the response is lost.
    Silent,
    /// The call hangs without taking effect.
    HangsBefore,
    /// The call takes effect and hangs.
    HangsAfter,
    /// The call is refused, unless the same call succeeded before.
    Refuses,
    /// The caller's credentials are refused.
    LockedOut,
}

/// A payment as stored at the gateway.
#[derive(Debug, Clone)]
pub struct Account {
    /// The shop's own id of the payment.
    pub payment_id: PaymentId,
    /// The total amount of the payment.
    pub amount: Amount,
    /// The currency of every amount.
    pub currency: Currency,
    /// The current state.
    pub state: PaymentState,
    /// The amount reserved or captured.
    pub authorized: Amount,
    /// The amount captured.
    pub captured: Amount,
    /// All refunds of the payment.
    pub refunds: Vec<RemoteRefund>,
    /// The reason why the last attempt was declined.
    pub failure: Option<String>,
    /// The reason why the payment does not belong to the shop.
    pub foreign: Option<String>,
}

#[derive(Default)]
struct GatewayState {
    accounts: BTreeMap<String, Account>,
    /// The request and the payment's reference by idempotency key.
    seen: BTreeMap<String, (String, String)>,
    failure_modes: VecDeque<FailureMode>,
    slow_refunds: bool,
    drawn: u32,
    violations: Vec<String>,
    calls: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Message {
    id: String,
    kind: String,
    at: Timestamp,
    reference: Option<String>,
}

impl std::fmt::Debug for FakeGateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeGateway").field("id", &self.id).finish_non_exhaustive()
    }
}

impl FakeGateway {
    /// A gateway that captures the money as soon as the buyer pays.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            takes_at_once: true,
            limits: ChargeLimits::default(),
            keys: Keys::new(b"a bank in a test"),
            gateway_state: Mutex::default(),
        }
    }

    /// Limits the amounts that the gateway moves.
    #[must_use]
    pub fn that_charges(mut self, limits: ChargeLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Makes the gateway only reserve the money until a capture.
    #[must_use]
    pub fn that_reserves(mut self) -> Self {
        self.takes_at_once = false;
        self
    }

    /// Sets the failure modes of the next calls, in order; later calls succeed.
    pub fn plan_failures(&self, failure_modes: impl IntoIterator<Item = FailureMode>) {
        self.gateway_state().failure_modes.extend(failure_modes);
    }

    /// Makes all further calls succeed.
    pub fn recover(&self) {
        self.gateway_state().failure_modes.clear();
    }

    /// Keeps refunds pending until [`FakeGateway::end_refunds`].
    pub fn send_back_slowly(&self) {
        self.gateway_state().slow_refunds = true;
    }

    /// The gateway's reference of a payment; empty if the gateway does not have it.
    #[must_use]
    pub fn reference(&self, id: PaymentId) -> String {
        let gateway_state = self.gateway_state();
        let found = gateway_state.accounts.iter().find(|(_, account)| account.payment_id == id);
        found.map(|(reference, _)| reference.clone()).unwrap_or_default()
    }

    /// The payment as stored at the gateway.
    #[must_use]
    pub fn account(&self, id: PaymentId) -> Option<Account> {
        self.gateway_state().accounts.values().find(|account| account.payment_id == id).cloned()
    }

    /// Changes a payment at the gateway without the shop's knowledge. Returns whether the payment exists.
    pub fn change(&self, id: PaymentId, change: impl FnOnce(&mut Account)) -> bool {
        let mut gateway_state = self.gateway_state();
        match gateway_state.accounts.values_mut().find(|account| account.payment_id == id) {
            Some(account) => {
                change(account);
                true
            }
            None => false,
        }
    }

    /// The buyer pays. Returns whether the payment succeeded.
    pub fn pay(&self, id: PaymentId) -> bool {
        let takes_at_once = self.takes_at_once;
        let mut paid = false;
        self.change(id, |account| {
            if matches!(account.state, PaymentState::Pending | PaymentState::RequiresAction) {
                account.authorized = account.amount;
                account.state = PaymentState::Authorized;
                account.failure = None;
                if takes_at_once {
                    account.captured = account.amount;
                    account.state = PaymentState::Captured;
                }
                paid = true;
            }
        });
        paid
    }

    /// The buyer's card is declined; the buyer may try again.
    pub fn decline(&self, id: PaymentId) {
        self.change(id, |account| {
            if matches!(account.state, PaymentState::Pending | PaymentState::RequiresAction) {
                account.failure = Some("The card was declined.".to_owned());
            }
        });
    }

    /// Ends the pending refunds of a payment.
    pub fn end_refunds(&self, id: PaymentId, state: RefundState) {
        self.change(id, |account| {
            for refund in account.refunds.iter_mut().filter(|refund| refund.state == RefundState::Pending) {
                refund.state = state;
            }
        });
    }

    /// A signed message about a payment: the value of the header [`SIGNATURE`], and the body. The same name and time
    /// give the same message.
    #[must_use]
    pub fn message(&self, name: &str, id: PaymentId, at: Timestamp) -> (String, Vec<u8>) {
        let reference = Some(self.reference(id)).filter(|reference| !reference.is_empty());
        self.sign(&Message { id: name.to_owned(), kind: "payment.changed".to_owned(), at, reference })
    }

    /// A signed message about nothing that the shop knows.
    #[must_use]
    pub fn forge_event(&self, name: &str, reference: Option<&str>, at: Timestamp) -> (String, Vec<u8>) {
        let reference = reference.map(str::to_owned);
        self.sign(&Message { id: name.to_owned(), kind: "gossip".to_owned(), at, reference })
    }

    /// The calls that a correct shop would not have made.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.gateway_state().violations.clone()
    }

    /// All calls so far, in order: the step and the key, or `look_up`.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        self.gateway_state().calls.clone()
    }

    fn sign(&self, message: &Message) -> (String, Vec<u8>) {
        let body = serde_json::to_vec(message).unwrap_or_default();
        (self.keys.tag("bank", &body).expose().to_owned(), body)
    }

    fn gateway_state(&self) -> MutexGuard<'_, GatewayState> {
        self.gateway_state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GatewayState {
    fn draw(&mut self, what: &str) -> String {
        self.drawn += 1;
        format!("{what}_{}", self.drawn)
    }

    fn show(&self, reference: &str) -> Option<Snapshot> {
        let account = self.accounts.get(reference)?;
        Some(Snapshot {
            reference: reference.to_owned(),
            state: account.state,
            amount: account.amount,
            currency: account.currency,
            authorized: account.authorized,
            captured: account.captured,
            refunds: account.refunds.clone(),
            failure: account.failure.clone(),
            client_secret: Some(Secret::new(format!("{reference}_secret"))),
            foreign: account.foreign.clone(),
        })
    }
}

impl PaymentGateway for FakeGateway {
    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> &'static str {
        "The bank"
    }

    fn prepaid(&self) -> bool {
        true
    }

    fn charge_limits(&self, _currency: Currency) -> Option<ChargeLimits> {
        Some(self.limits)
    }

    fn remote(&self) -> Option<&dyn RemoteGateway> {
        Some(self)
    }
}
