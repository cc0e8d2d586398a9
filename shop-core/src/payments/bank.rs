//! A bank for tests: a gateway over no network at all, as strict as a real one and as moody as one likes.

mod calls;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::gateway::{PaymentGateway, RemoteGateway, RemoteRefund, Snapshot};
use super::limits::ChargeLimits;
use super::model::{PaymentState, RefundState};
use crate::clock::Timestamp;
use crate::id::PaymentId;
use crate::money::{Amount, Currency};
use crate::secret::{Keys, Secret};

/// The header that carries the signature of a message.
pub const SIGNATURE: &str = "Bank-Signature";

/// A bank that keeps what it is told in memory, does each thing once per key, and takes note of every call
/// that a careful shop would not make.
pub struct Bank {
    id: String,
    takes_at_once: bool,
    limits: ChargeLimits,
    keys: Keys,
    books: Mutex<Books>,
}

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// All goes well.
    Well,
    /// The call does not arrive.
    Down,
    /// It does what it was asked, and the answer is lost.
    Silent,
    /// The call never returns, and does nothing.
    HangsBefore,
    /// It does what it was asked, and the call never returns.
    HangsAfter,
    /// It says no, unless it has done this very thing before.
    Refuses,
    /// It does not know who asks.
    LockedOut,
}

/// A payment as the bank has it.
#[derive(Debug, Clone)]
pub struct Account {
    /// The shop's own id of it.
    pub payment_id: PaymentId,
    /// How much it is about.
    pub amount: Amount,
    /// In which currency.
    pub currency: Currency,
    /// Where it stands.
    pub state: PaymentState,
    /// How much is reserved or was taken.
    pub authorized: Amount,
    /// How much was taken.
    pub captured: Amount,
    /// What went back.
    pub refunds: Vec<RemoteRefund>,
    /// Why the last try was declined.
    pub failure: Option<String>,
    /// Why it is not the shop's.
    pub foreign: Option<String>,
}

#[derive(Default)]
struct Books {
    accounts: BTreeMap<String, Account>,
    /// What was asked under each key, and which payment it was about.
    seen: BTreeMap<String, (String, String)>,
    moods: VecDeque<Mood>,
    slow_refunds: bool,
    drawn: u32,
    wrongs: Vec<String>,
    calls: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Message {
    id: String,
    kind: String,
    at: Timestamp,
    reference: Option<String>,
}

impl std::fmt::Debug for Bank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bank").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Bank {
    /// A bank that takes the money as soon as the buyer pays.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            takes_at_once: true,
            limits: ChargeLimits::default(),
            keys: Keys::new(b"a bank in a test"),
            books: Mutex::default(),
        }
    }

    /// The same, but it moves only such amounts.
    #[must_use]
    pub fn that_charges(mut self, limits: ChargeLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The same, but it only reserves the money until it is asked to take it.
    #[must_use]
    pub fn that_reserves(mut self) -> Self {
        self.takes_at_once = false;
        self
    }

    /// How the next calls go, one after the other; then all goes well again.
    pub fn expect_moods(&self, moods: impl IntoIterator<Item = Mood>) {
        self.books().moods.extend(moods);
    }

    /// Nothing goes wrong any more.
    pub fn recover(&self) {
        self.books().moods.clear();
    }

    /// Refunds stay on their way until [`Bank::end_refunds`].
    pub fn send_back_slowly(&self) {
        self.books().slow_refunds = true;
    }

    /// What the bank calls a payment of the shop; empty when it has none.
    #[must_use]
    pub fn reference(&self, id: PaymentId) -> String {
        let books = self.books();
        let found = books.accounts.iter().find(|(_, account)| account.payment_id == id);
        found.map(|(reference, _)| reference.clone()).unwrap_or_default()
    }

    /// A payment as the bank has it.
    #[must_use]
    pub fn account(&self, id: PaymentId) -> Option<Account> {
        self.books().accounts.values().find(|account| account.payment_id == id).cloned()
    }

    /// Changes a payment at the bank, behind the shop's back. Says whether there is such a payment.
    pub fn change(&self, id: PaymentId, change: impl FnOnce(&mut Account)) -> bool {
        let mut books = self.books();
        match books.accounts.values_mut().find(|account| account.payment_id == id) {
            Some(account) => {
                change(account);
                true
            }
            None => false,
        }
    }

    /// The buyer pays. Says whether they could.
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

    /// The buyer's card is declined; they may try again.
    pub fn decline(&self, id: PaymentId) {
        self.change(id, |account| {
            if matches!(account.state, PaymentState::Pending | PaymentState::RequiresAction) {
                account.failure = Some("The card was declined.".to_owned());
            }
        });
    }

    /// Refunds that were on their way end.
    pub fn end_refunds(&self, id: PaymentId, state: RefundState) {
        self.change(id, |account| {
            for refund in account.refunds.iter_mut().filter(|refund| refund.state == RefundState::Pending) {
                refund.state = state;
            }
        });
    }

    /// A signed message about a payment: the value of the header [`SIGNATURE`], and the body. The same name at
    /// the same time is the same message.
    #[must_use]
    pub fn message(&self, name: &str, id: PaymentId, at: Timestamp) -> (String, Vec<u8>) {
        let reference = Some(self.reference(id)).filter(|reference| !reference.is_empty());
        self.sign(&Message { id: name.to_owned(), kind: "payment.changed".to_owned(), at, reference })
    }

    /// A signed message about nothing that a shop knows.
    #[must_use]
    pub fn gossip(&self, name: &str, reference: Option<&str>, at: Timestamp) -> (String, Vec<u8>) {
        let reference = reference.map(str::to_owned);
        self.sign(&Message { id: name.to_owned(), kind: "gossip".to_owned(), at, reference })
    }

    /// What a careful shop would not have asked.
    #[must_use]
    pub fn wrongs(&self) -> Vec<String> {
        self.books().wrongs.clone()
    }

    /// What was asked so far, in order: the step and the key, look-ups as `look_up`.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        self.books().calls.clone()
    }

    fn sign(&self, message: &Message) -> (String, Vec<u8>) {
        let body = serde_json::to_vec(message).unwrap_or_default();
        (self.keys.tag("bank", &body).expose().to_owned(), body)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
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

impl PaymentGateway for Bank {
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
