//! Makes the requested gateway calls, and records the responses.

use super::call_result::{CallResult, SealedSnapshot};
use super::settle::{SettleParameters, settle_result, settle_snapshot, settle_unknown};
use crate::batch::Batch;
use crate::clock::DecisionContext;
use crate::error::{BoxError, Result};
use crate::gateway::{
    CaptureCall, ConfirmCall, CreateCall, GatewayError, RefundCall, RemoteGateway, Snapshot, VoidCall,
};
use crate::id::PaymentId;
use crate::model::outbox::Delivery;
use crate::model::payments::{GatewayCall, GatewayCommand, Payment, RemotePayment};
use crate::payments::Payments;

impl Payments<'_> {
    /// Makes one call to the gateway.
    pub(crate) async fn perform(
        &self,
        gateway: &dyn RemoteGateway,
        intent: &Delivery,
        call: &GatewayCall,
    ) -> Result<CallResult, BoxError> {
        let payment = self.shop.store().payment(call.payment.id).await?.ok_or("the payment of a call is missing")?;
        let mut about = call.payment.clone();
        about.reference.clone_from(&payment.gateway_reference);
        let key = intent.id.to_string();
        let response = match &call.command {
            GatewayCommand::Create { order_number, email } => {
                let (order_number, email) = (order_number.clone(), email.clone());
                gateway.create(&CreateCall { key, payment: about.clone(), order_number, email }).await
            }
            GatewayCommand::Confirm => gateway.confirm(&ConfirmCall { key, payment: about.clone() }).await,
            GatewayCommand::Capture { amount } => {
                gateway.capture(&CaptureCall { key, payment: about.clone(), amount: *amount }).await
            }
            GatewayCommand::Void { .. } => {
                // It may have ended in the meantime: paid, refused or expired.
                if !payment.state.is_open() {
                    return Ok(CallResult::Nothing);
                }
                if about.reference.is_none() {
                    match gateway.look_up(&about).await? {
                        Some(snapshot) => about.reference = Some(snapshot.reference),
                        None => return Ok(CallResult::Unknown),
                    }
                }
                gateway.void(&VoidCall { key, payment: about.clone() }).await
            }
            GatewayCommand::Refund { refund_id, amount, reason } => {
                let (refund_id, amount, reason) = (*refund_id, *amount, reason.clone());
                gateway.refund(&RefundCall { key, payment: about.clone(), refund_id, amount, reason }).await
            }
        };
        match response {
            Ok(snapshot) => Ok(CallResult::Succeeded(self.sealed(about.id, snapshot))),
            Err(GatewayError::Refused { code, message }) => {
                tracing::warn!(payment = %about.id, step = ?call.command.operation(), code, "a gateway refused a call");
                let sealed = match &call.command {
                    // There is no payment to look up.
                    GatewayCommand::Create { .. } => None,
                    _ => gateway.look_up(&about).await?.map(|snapshot| self.sealed(about.id, snapshot)),
                };
                Ok(CallResult::Refused { message, sealed })
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn sealed(self, id: PaymentId, snapshot: Snapshot) -> Box<SealedSnapshot> {
        let client_secret =
            snapshot.client_secret.as_ref().and_then(|secret| self.shop.keys().seal_client_secret(id, secret));
        Box::new(SealedSnapshot { snapshot, client_secret })
    }

    /// Decides the changes that follow from the result of a call.
    pub(crate) async fn answered(
        &self,
        intent: &Delivery,
        call: &GatewayCall,
        result: &CallResult,
        context: &mut DecisionContext,
    ) -> Result<Batch> {
        let state = self.shop.order_state(call.payment.order_id, context).await?;
        let is_remote = self.is_remote();
        let parameters = SettleParameters { is_remote: &is_remote, hold: self.shop.settings().reservation_ttl };
        settle_result(state, intent.id, call, result, parameters, context)
    }

    /// Decides the changes that follow from a look-up. `sealed` is `None` when the gateway certainly has no such
    /// payment.
    pub(crate) async fn polled(
        &self,
        before: &Payment,
        sealed: Option<&SealedSnapshot>,
        context: &mut DecisionContext,
    ) -> Result<Option<Batch>> {
        let state = self.shop.order_state(before.order_id, context).await?;
        let exact = state.payments.iter().any(|now| now.id == before.id && now.version == before.version);
        let is_remote = self.is_remote();
        let parameters = SettleParameters { is_remote: &is_remote, hold: self.shop.settings().reservation_ttl };
        match sealed {
            Some(sealed) => settle_snapshot(state, before.id, sealed, exact, parameters, context),
            None if exact => settle_unknown(state, before.id, parameters, context),
            None => Ok(None),
        }
    }

    /// Looks up a payment at its gateway.
    pub(super) async fn poll(
        &self,
        gateway: &dyn RemoteGateway,
        payment: &Payment,
        reference: Option<&str>,
    ) -> Result<Option<Box<SealedSnapshot>>, GatewayError> {
        let mut about = RemotePayment::of(payment);
        if about.reference.is_none() {
            about.reference = reference.map(str::to_owned);
        }
        Ok(gateway.look_up(&about).await?.map(|snapshot| self.sealed(payment.id, snapshot)))
    }
}
