//! Makes the requested gateway calls, and records the responses.

use super::answer::{Answer, Seen};
use super::settle::{Terms, settle_answer, settle_seen, settle_unknown};
use crate::batch::Batch;
use crate::clock::Moment;
use crate::error::{BoxError, Result};
use crate::gateway::{
    CaptureCall, ConfirmCall, CreateCall, GatewayError, RefundCall, RemoteGateway, Snapshot, VoidCall,
};
use crate::id::PaymentId;
use crate::model::outbox::Delivery;
use crate::model::payments::{GatewayCall, Payment, RemotePayment, Wish};
use crate::payments::Payments;

impl Payments<'_> {
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
        let state = self.shop.order_state(call.payment.order_id, moment).await?;
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
        let state = self.shop.order_state(looked.order_id, moment).await?;
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
