//! The bank's responses to calls: in the current failure mode, at most once per key.

use async_trait::async_trait;
use chrono::TimeDelta;

use super::{Account, Bank, Books, Message, Mood, SIGNATURE};
use crate::clock::Timestamp;
use crate::gateway::{
    CaptureCall, CreateCall, GatewayError, InvalidNotice, NoticeHeaders, RefundCall, RemoteGateway, RemoteRefund,
    Snapshot, VoidCall,
};
use crate::model::payments::{GatewayNotice, PaymentState, RefundState, RemotePayment};
use crate::money::Amount;

/// The tolerance for the time of a message, in both directions.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

impl Bank {
    /// Handles one call in the current failure mode, at most once per key.
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

    /// Refuses an amount that is not a multiple of the step.
    fn moves(&self, step: &str, amount: Amount, books: &mut Books) -> Result<(), GatewayError> {
        if self.limits.is_multiple(amount) {
            return Ok(());
        }
        books.wrongs.push(format!("{step}: {} is not moved", amount.0));
        Err(refusal("amount", "Such amounts are not moved."))
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
            let chargeable = self.limits.minimum..=self.limits.maximum;
            if !chargeable.contains(&payment.amount) {
                books.wrongs.push(format!("create: {} is not charged", payment.amount.0));
                return Err(refusal("amount", "So much is not charged."));
            }
            self.moves("create", payment.amount, books)?;
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
            self.moves("capture", *amount, books)?;
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
            self.moves("refund", *amount, books)?;
            let name = books.draw("refund");
            let state = if books.slow_refunds { RefundState::Pending } else { RefundState::Succeeded };
            let account = books.account(reference, "refund")?;
            let alive = account.refunds.iter().filter(|refund| refund.state != RefundState::Failed);
            let back = alive.fold(0, |sum, refund| sum + refund.amount.0);
            if *amount <= Amount::ZERO || amount.0 > account.captured.0 - back {
                books.wrongs.push(format!("refund: {} of {back} given back already", amount.0));
                return Err(refusal("amount", "So much is not left."));
            }
            let made = RemoteRefund { reference: name, id: Some(*refund_id), amount: *amount, state };
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
        let Message { id, kind, at, reference } = message;
        Ok(GatewayNotice { id, kind, at, payment_id: None, reference, foreign: None })
    }
}
