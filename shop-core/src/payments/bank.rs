//! A bank for tests: a gateway over no network at all, as strict as a real one and as moody as one likes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::gateway::{
    CaptureCall, CreateCall, GatewayError, GatewayNotice, InvalidNotice, NoticeHeaders, PaymentGateway, RefundCall,
    RemoteGateway, RemotePayment, RemoteRefund, Snapshot, VoidCall,
};
use super::model::{PaymentState, RefundState};
use crate::clock::Timestamp;
use crate::id::{PaymentId, RefundId};
use crate::money::{Amount, Currency};
use crate::secret::{Keys, Secret};

/// The header that carries the signature of a message.
pub const SIGNATURE: &str = "Bank-Signature";
/// How far the time of a message may be off, both ways.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// A bank that keeps what it is told in memory, does each thing once per key, and takes note of every call
/// that a careful shop would not make.
pub struct Bank {
    id: String,
    takes_at_once: bool,
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
    payment_id: Option<PaymentId>,
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
        Self { id: id.into(), takes_at_once: true, keys: Keys::new(b"a bank in a test"), books: Mutex::default() }
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
        self.sign(&Message { id: name.to_owned(), kind: "payment.changed".to_owned(), at, payment_id: None, reference })
    }

    /// A signed message about nothing that a shop knows.
    #[must_use]
    pub fn gossip(&self, name: &str, reference: Option<&str>, at: Timestamp) -> (String, Vec<u8>) {
        let reference = reference.map(str::to_owned);
        self.sign(&Message { id: name.to_owned(), kind: "gossip".to_owned(), at, payment_id: None, reference })
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

    /// One call: in the mood of the moment, at most once per key.
    async fn serve(
        &self,
        (step, key, asked): (&str, &str, String),
        payment: &RemotePayment,
        act: impl FnOnce(&mut Books, &mut String) -> Result<(), GatewayError> + Send,
    ) -> Result<Snapshot, GatewayError> {
        let (mood, answer) = self.book(step, key, asked, payment, act);
        match mood {
            Mood::HangsBefore | Mood::HangsAfter => std::future::pending().await,
            Mood::Down | Mood::Silent => Err(GatewayError::Unavailable("no answer".into())),
            Mood::LockedOut => Err(GatewayError::Misconfigured("who are you?".into())),
            Mood::Refuses | Mood::Well => answer,
        }
    }

    fn book(
        &self,
        step: &str,
        key: &str,
        asked: String,
        payment: &RemotePayment,
        act: impl FnOnce(&mut Books, &mut String) -> Result<(), GatewayError>,
    ) -> (Mood, Result<Snapshot, GatewayError>) {
        let mut books = self.books();
        books.calls.push(format!("{step} {key}"));
        let mood = books.moods.pop_front().unwrap_or(Mood::Well);
        let unheard = match mood {
            Mood::Down | Mood::HangsBefore | Mood::LockedOut => true,
            Mood::Refuses => !books.seen.contains_key(key),
            Mood::Well | Mood::Silent | Mood::HangsAfter => false,
        };
        if unheard {
            return (mood, Err(refusal("moody", "Not today.")));
        }
        let mut reference = payment.reference.clone().unwrap_or_default();
        match books.seen.get(key).cloned() {
            Some((before, _)) if before != asked => {
                books.wrongs.push(format!("{step}: key {key} came with {before}, then with {asked}"));
                return (mood, Err(refusal("key_reused", "This key was used for something else.")));
            }
            Some((_, known)) => reference = known,
            None => {
                if let Err(refused) = act(&mut books, &mut reference) {
                    return (mood, Err(refused));
                }
                books.seen.insert(key.to_owned(), (asked, reference.clone()));
            }
        }
        (mood, books.show(&reference).ok_or_else(|| refusal("unknown_payment", "There is no such payment.")))
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

    fn account(&mut self, reference: &str, wrong: &str) -> Result<&mut Account, GatewayError> {
        if !self.accounts.contains_key(reference) {
            self.wrongs.push(format!("{wrong}: there is no payment {reference:?}"));
        }
        self.accounts.get_mut(reference).ok_or_else(|| refusal("unknown_payment", "There is no such payment."))
    }
}

fn refusal(code: &str, message: &str) -> GatewayError {
    GatewayError::Refused { code: code.to_owned(), message: message.to_owned() }
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

    fn remote(&self) -> Option<&dyn RemoteGateway> {
        Some(self)
    }
}

#[async_trait]
impl RemoteGateway for Bank {
    async fn create(&self, call: &CreateCall) -> Result<Snapshot, GatewayError> {
        let CreateCall { key, payment, order_number, email } = call;
        let asked = format!("{} {} {order_number} {email}", payment.amount.0, payment.currency);
        let act = |books: &mut Books, reference: &mut String| {
            if books.accounts.values().any(|account| account.payment_id == payment.id) {
                books.wrongs.push(format!("create: {} was begun before", payment.id));
            }
            if payment.amount <= Amount::ZERO {
                books.wrongs.push("create: about nothing".to_owned());
            }
            *reference = books.draw("payment");
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
            books.accounts.insert(reference.clone(), account);
            Ok(())
        };
        self.serve(("create", key, asked), payment, act).await
    }

    async fn capture(&self, call: &CaptureCall) -> Result<Snapshot, GatewayError> {
        let CaptureCall { key, payment, amount } = call;
        let act = |books: &mut Books, reference: &mut String| {
            let account = books.account(reference, "capture")?;
            if account.state != PaymentState::Authorized {
                return Err(refusal("not_authorized", "Nothing is authorized."));
            }
            if *amount <= Amount::ZERO || *amount > account.authorized {
                books.wrongs.push(format!("capture: {} of more or less than there is", amount.0));
                return Err(refusal("amount", "So much is not authorized."));
            }
            account.captured = *amount;
            account.state = PaymentState::Captured;
            Ok(())
        };
        self.serve(("capture", key, format!("capture {}", amount.0)), payment, act).await
    }

    async fn void(&self, call: &VoidCall) -> Result<Snapshot, GatewayError> {
        let act = |books: &mut Books, reference: &mut String| {
            let account = books.account(reference, "void")?;
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
        let act = |books: &mut Books, reference: &mut String| {
            let name = books.draw("refund");
            let state = if books.slow_refunds { RefundState::Pending } else { RefundState::Succeeded };
            let account = books.account(reference, "refund")?;
            let alive = account.refunds.iter().filter(|refund| refund.state != RefundState::Failed);
            let back = alive.fold(0, |sum, refund| sum + refund.amount.0);
            if *amount <= Amount::ZERO || amount.0 > account.captured.0 - back {
                books.wrongs.push(format!("refund: {} of {back} given back already", amount.0));
                return Err(refusal("amount", "So much is not left."));
            }
            let made = RemoteRefund { reference: name, id: Some::<RefundId>(*refund_id), amount: *amount, state };
            account.refunds.push(made);
            Ok(())
        };
        self.serve(("refund", key, format!("{refund_id} {} {reason}", amount.0)), payment, act).await
    }

    async fn look_up(&self, payment: &RemotePayment) -> Result<Option<Snapshot>, GatewayError> {
        let (mood, shown) = {
            let mut books = self.books();
            books.calls.push("look_up".to_owned());
            let mood = books.moods.pop_front().unwrap_or(Mood::Well);
            let by_id = books.accounts.iter().find(|(_, account)| account.payment_id == payment.id);
            let reference = payment.reference.clone().or_else(|| by_id.map(|(reference, _)| reference.clone()));
            (mood, reference.and_then(|reference| books.show(&reference)))
        };
        match mood {
            Mood::Well => Ok(shown),
            Mood::HangsBefore | Mood::HangsAfter => std::future::pending().await,
            _ => Err(GatewayError::Unavailable("no answer".into())),
        }
    }

    fn verify(&self, headers: &NoticeHeaders<'_>, body: &[u8], now: Timestamp) -> Result<GatewayNotice, InvalidNotice> {
        let invalid = |why: &str| InvalidNotice(why.to_owned());
        let signature = headers.get(SIGNATURE).ok_or_else(|| invalid("it is not signed"))?;
        if !self.keys.tag("bank", body).matches(signature) {
            return Err(invalid("the signature is of something else"));
        }
        let message: Message = serde_json::from_slice(body).map_err(|_| invalid("it cannot be read"))?;
        if (now - message.at).abs() > TOLERANCE {
            return Err(invalid("it is too old"));
        }
        let Message { id, kind, at, payment_id, reference } = message;
        Ok(GatewayNotice { id, kind, at, payment_id, reference, foreign: None })
    }
}
