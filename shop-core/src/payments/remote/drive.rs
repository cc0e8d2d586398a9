//! Makes the requested gateway calls, and records the responses.

use std::future::Future;
use std::time::Duration;

use super::intent::{GatewayCall, Wish};
use super::settle::{Terms, settle_answer, settle_seen, settle_unknown};
use crate::batch::Batch;
use crate::clock::Moment;
use crate::error::{BoxError, Error, Result};
use crate::id::{DeliveryId, PaymentId};
use crate::outbox::{Content, Delivery, DeliveryStatus, Turn};
use crate::payments::Payments;
use crate::payments::gateway::{
    CaptureCall, ConfirmCall, CreateCall, GatewayError, RefundCall, RemoteGateway, RemotePayment, Snapshot, VoidCall,
};
use crate::payments::model::Payment;
use crate::secret::Sealed;

/// The interval at which a waiting caller checks whether another worker has finished the call: a read by key, forty
/// times a second.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// A snapshot whose secret is sealed.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(super) snapshot: Snapshot,
    pub(super) client_secret: Option<Sealed>,
}

/// The result of a call.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// The call succeeded.
    Shows(Box<Seen>),
    /// The gateway refused the call.
    Refused {
        /// A sentence suitable for buyers.
        message: String,
        /// The payment as looked up after the refusal.
        shows: Option<Box<Seen>>,
    },
    /// There was nothing to ask for any more.
    Nothing,
    /// The gateway certainly has no such payment.
    Unknown,
    /// The call was given up after too many attempts.
    GaveUp,
}

impl Answer {
    pub(super) fn seen(&self) -> Option<&Seen> {
        match self {
            Self::Shows(seen) => Some(seen),
            Self::Refused { shows, .. } => shows.as_deref(),
            Self::Nothing | Self::Unknown | Self::GaveUp => None,
        }
    }
}

impl Payments<'_> {
    /// Makes the pending calls of a payment, as the worker does, and records the responses; waits for a call that
    /// another worker is making. Returns the resulting payment. If a call fails, or is to be retried later, it is still
    /// pending ([`RemoteState::asking`](super::super::RemoteState)).
    ///
    /// There is no timeout. A caller with a time limit should let this run on in a separate task: a dropped call is
    /// only repeated when its lease expires, minutes later. `sleep` is the timer of the program's runtime.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`] when the storage cannot be reached.
    pub async fn advance<S, F>(&self, id: PaymentId, sleep: S) -> Result<Payment>
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        loop {
            let payment = self.shop.store().payment(id).await?.ok_or(Error::NotFound)?;
            let Some(asking) = payment.remote.asking else { return Ok(payment) };
            let Some(first) = self.first_in_line(asking.intent).await? else { return Ok(payment) };
            match self.shop.worker().deliver_one(first).await? {
                Turn::Delivered => {}
                Turn::Elsewhere => sleep(LOOK_AGAIN).await,
                Turn::Later => return Ok(payment),
            }
        }
    }

    /// The oldest pending intent among this one and those that it waits for.
    async fn first_in_line(&self, intent: DeliveryId) -> Result<Option<DeliveryId>> {
        let mut first = None;
        let mut next = Some(intent);
        while let Some(id) = next {
            let Some(delivery) = self.shop.store().delivery(id).await? else { break };
            if delivery.status != DeliveryStatus::Pending {
                break;
            }
            first = Some(id);
            next = match &delivery.content {
                Content::GatewayCall(call) => call.after,
                _ => None,
            };
        }
        Ok(first)
    }

    /// Makes one call.
    pub(crate) async fn perform(
        &self,
        gateway: &dyn RemoteGateway,
        intent: &Delivery,
        call: &GatewayCall,
    ) -> Result<Answer, BoxError> {
        let payment = self.shop.store().payment(call.payment.id).await?.ok_or("the payment of a call is missing")?;
        let mut about = call.payment.clone();
        about.reference.clone_from(&payment.gateway_reference);
        let key = intent.id.to_string();
        let answer = match &call.wish {
            Wish::Create { order_number, email } => {
                let (order_number, email) = (order_number.clone(), email.clone());
                gateway.create(&CreateCall { key, payment: about.clone(), order_number, email }).await
            }
            Wish::Confirm => gateway.confirm(&ConfirmCall { key, payment: about.clone() }).await,
            Wish::Capture { amount } => {
                gateway.capture(&CaptureCall { key, payment: about.clone(), amount: *amount }).await
            }
            Wish::Void { .. } => {
                // It may have ended in the meantime: paid, refused or expired.
                if !payment.state.is_open() {
                    return Ok(Answer::Nothing);
                }
                if about.reference.is_none() {
                    match gateway.look_up(&about).await? {
                        Some(snapshot) => about.reference = Some(snapshot.reference),
                        None => return Ok(Answer::Unknown),
                    }
                }
                gateway.void(&VoidCall { key, payment: about.clone() }).await
            }
            Wish::Refund { refund_id, amount, reason } => {
                let (refund_id, amount, reason) = (*refund_id, *amount, reason.clone());
                gateway.refund(&RefundCall { key, payment: about.clone(), refund_id, amount, reason }).await
            }
        };
        match answer {
            Ok(snapshot) => Ok(Answer::Shows(self.seen(about.id, snapshot))),
            Err(GatewayError::Refused { code, message }) => {
                tracing::warn!(payment = %about.id, step = ?call.wish.step(), code, "a gateway refused a call");
                let shows = match &call.wish {
                    // There is no payment to look up.
                    Wish::Create { .. } => None,
                    _ => gateway.look_up(&about).await?.map(|snapshot| self.seen(about.id, snapshot)),
                };
                Ok(Answer::Refused { message, shows })
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn seen(self, id: PaymentId, snapshot: Snapshot) -> Box<Seen> {
        let client_secret =
            snapshot.client_secret.as_ref().and_then(|secret| self.shop.keys().seal_client_secret(id, secret));
        Box::new(Seen { snapshot, client_secret })
    }

    /// The changes from the response to a call.
    pub(crate) async fn answered(
        &self,
        intent: &Delivery,
        call: &GatewayCall,
        answer: &Answer,
        moment: &mut Moment,
    ) -> Result<Batch> {
        let state = self.shop.orders().state(call.payment.order_id, moment).await?;
        let is_remote = self.is_remote();
        let terms = Terms { is_remote: &is_remote, hold: self.shop.settings().reservation_ttl };
        settle_answer(state, intent.id, call, answer, terms, moment)
    }

    /// The changes from a look-up; `seen` is `None` when the gateway certainly has no such payment.
    pub(crate) async fn looked_at(
        &self,
        looked: &Payment,
        seen: Option<&Seen>,
        moment: &mut Moment,
    ) -> Result<Option<Batch>> {
        let state = self.shop.orders().state(looked.order_id, moment).await?;
        let exact = state.payments.iter().any(|now| now.id == looked.id && now.version == looked.version);
        let is_remote = self.is_remote();
        let terms = Terms { is_remote: &is_remote, hold: self.shop.settings().reservation_ttl };
        match seen {
            Some(seen) => settle_seen(state, looked.id, seen, exact, terms, moment),
            None if exact => settle_unknown(state, looked.id, terms, moment),
            None => Ok(None),
        }
    }

    /// Looks up a payment at its gateway.
    pub(super) async fn look(
        &self,
        gateway: &dyn RemoteGateway,
        payment: &Payment,
        reference: Option<&str>,
    ) -> Result<Option<Box<Seen>>, GatewayError> {
        let mut about = RemotePayment::of(payment);
        if about.reference.is_none() {
            about.reference = reference.map(str::to_owned);
        }
        Ok(gateway.look_up(&about).await?.map(|snapshot| self.seen(payment.id, snapshot)))
    }
}
