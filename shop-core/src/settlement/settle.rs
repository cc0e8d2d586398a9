//! The effects of a gateway's response on a payment, its order and its stock: each decision returns the whole batch.

use chrono::TimeDelta;

use super::call_result::{CallResult, SealedSnapshot};
use crate::batch::{Batch, Change};
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::id::{DeliveryId, PaymentId, RefundId};
use crate::lifecycle::{OrderState, mail_buyer, record, record_for_staff};
use crate::model::orders::{OrderNews, OrderStatus};
use crate::model::outbox::EventKind;
use crate::model::payments::{CancelReason, GatewayCall, GatewayCommand, Payment, PaymentState, Refund, RefundState};
use crate::model::shipping::{Shipment, ShipmentStatus};
use crate::money::Amount;
use crate::orders::OrderView;
use crate::orders::operations::{Reason, cancel};
use crate::payments::operations::{event_data, finish, left, refund, split_new_refunds, untaxed};
use crate::payments::remote::{
    Applied, apply_snapshot, hold_longer, refunded, send_back, shortened, touch, without_lost_refunds,
};
use crate::string_enum::StringEnum as _;

/// The actor recorded in the history for a gateway's response.
const GATEWAY: &str = "gateway";

/// Parameters from the shop's configuration.
#[derive(Clone, Copy)]
pub(super) struct SettleParameters<'a> {
    /// Whether a payment uses a remote gateway.
    pub(super) is_remote: &'a dyn Fn(&Payment) -> bool,
    /// How long an order waits for its money.
    pub(super) hold: TimeDelta,
}

/// A payment being changed, and the writes that go with it.
struct Settlement<'a> {
    state: OrderState,
    before: Payment,
    payment: Payment,
    batch: Batch,
    parameters: SettleParameters<'a>,
    context: &'a mut DecisionContext,
}

/// Records the response to a call: the payment, its order, and the requested consequences.
///
/// # Errors
/// [`Error::NotFound`] when the order has no such payment; [`Error::Invalid`] when a sum exceeds an `i64`.
pub(super) fn settle_result(
    state: OrderState,
    intent: DeliveryId,
    call: &GatewayCall,
    result: &CallResult,
    parameters: SettleParameters<'_>,
    context: &mut DecisionContext,
) -> Result<Batch> {
    let mut settlement = Settlement::open(state, call.payment.id, parameters, context)?;
    if let Some(sealed) = result.sealed() {
        settlement.apply(sealed)?;
    }
    match result {
        CallResult::Succeeded(_) | CallResult::Nothing => {}
        CallResult::Unknown => {
            if settlement.payment.state.is_open() {
                settlement.payment.state = PaymentState::Voided;
                settlement.note("payment_voided", "The gateway does not know the payment; it is voided.");
            }
        }
        CallResult::Refused { message, .. } => settlement.refused(&call.command, message)?,
        CallResult::GaveUp => {
            let operation = call.command.operation().as_str();
            let detail = format!("The gateway did not respond to {operation}; it is not called again.");
            settlement.note_for_staff("gateway_silent", detail);
        }
    }
    if settlement.payment.remote.pending_call.is_some_and(|pending_call| pending_call.intent == intent) {
        settlement.payment.remote.pending_call = None;
    }
    let cancel = match &call.command {
        GatewayCommand::Void { cancel, despite_mismatch } => {
            if *despite_mismatch && matches!(result, CallResult::Succeeded(_) | CallResult::Refused { .. }) {
                settlement.end_despite_mismatch();
            }
            cancel.as_ref()
        }
        GatewayCommand::Confirm => {
            settlement.payment.remote.confirmed_at = Some(settlement.context.now());
            None
        }
        GatewayCommand::Create { .. } | GatewayCommand::Capture { .. } | GatewayCommand::Refund { .. } => None,
    };
    settlement.refund_excess()?;
    match cancel {
        Some(cancel) => settlement.close_with_cancel(cancel),
        None => Ok(settlement.close()),
    }
}

/// Records a snapshot that no call asked for. `None` when it changes nothing.
///
/// `exact` says that the payment has not changed since the poll began: then a refund that the gateway does not
/// know, and for which no call is pending, was lost.
///
/// # Errors
/// As [`settle_result`].
pub(super) fn settle_snapshot(
    state: OrderState,
    id: PaymentId,
    sealed: &SealedSnapshot,
    exact: bool,
    parameters: SettleParameters<'_>,
    context: &mut DecisionContext,
) -> Result<Option<Batch>> {
    let mut settlement = Settlement::open(state, id, parameters, context)?;
    settlement.apply(sealed)?;
    if exact
        && settlement.payment.remote.mismatch.is_none()
        && let Some((payment, lost)) = without_lost_refunds(&settlement.payment, &sealed.snapshot)?
    {
        settlement.payment = payment;
        for refund in &lost {
            settlement.refund_failed(refund, "The gateway does not know it.");
        }
    }
    settlement.refund_excess()?;
    Ok((settlement.payment != settlement.before).then(|| settlement.close()))
}

/// Ends a payment that the gateway certainly does not have, and for which no call is pending. `None` when it has ended
/// already, or has brought money.
///
/// # Errors
/// As [`settle_result`].
pub(super) fn settle_unknown(
    state: OrderState,
    id: PaymentId,
    parameters: SettleParameters<'_>,
    context: &mut DecisionContext,
) -> Result<Option<Batch>> {
    let mut settlement = Settlement::open(state, id, parameters, context)?;
    if !settlement.payment.state.is_open() || settlement.payment.remote.pending_call.is_some() {
        return Ok(None);
    }
    settlement.fail("The gateway does not know the payment.");
    Ok(Some(settlement.close()))
}

impl<'a> Settlement<'a> {
    fn open(
        state: OrderState,
        id: PaymentId,
        parameters: SettleParameters<'a>,
        context: &'a mut DecisionContext,
    ) -> Result<Self> {
        let before = state.payments.iter().find(|payment| payment.id == id).ok_or(Error::NotFound)?.clone();
        let batch = Batch::new(context);
        Ok(Self { state, payment: before.clone(), before, batch, parameters, context })
    }

    fn note(&mut self, event: &str, detail: impl Into<String>) {
        record(&mut self.batch, self.context, self.state.order.id, event, GATEWAY, detail);
    }

    fn note_for_staff(&mut self, event: &str, detail: impl Into<String>) {
        record_for_staff(&mut self.batch, self.context, self.state.order.id, event, GATEWAY, detail);
    }

    /// Whether the gateway's state does not match the request, and the history already says so.
    fn is_known_mismatch(&self) -> bool {
        self.before.remote.mismatch.is_some() && self.payment.remote.mismatch == self.before.remote.mismatch
    }

    fn money(&self, amount: Amount) -> String {
        format!("{} {}", self.payment.currency.format_amount(amount), self.payment.currency)
    }

    fn emit_event(&mut self, kind: EventKind) {
        let data = event_data(&self.payment);
        self.batch.event(self.context, kind, self.payment.order_id, data);
    }

    fn mail(&mut self, news: OrderNews) {
        mail_buyer(&mut self.batch, self.context, self.payment.order_id, news);
    }

    fn has_other_live_payment(&self) -> bool {
        self.state.payments.iter().any(|other| other.id != self.payment.id && other.state.is_live())
    }

    /// Applies a snapshot, and emits events for its changes.
    fn apply(&mut self, sealed: &SealedSnapshot) -> Result<()> {
        let (lives, secret) = (self.has_other_live_payment(), sealed.client_secret.clone());
        let Some(applied) = apply_snapshot(&self.payment, &sealed.snapshot, secret, lives, self.context)? else {
            return Ok(());
        };
        let Applied { mut payment, came, refunded, failed, failure, mismatch } = applied;
        split_new_refunds(&self.state.order, &self.state.payments, &mut payment, &[]);
        let old = std::mem::replace(&mut self.payment, payment);
        if let Some(why) = mismatch {
            tracing::error!(payment = %self.payment.id, why, "a gateway shows what was not asked for");
            self.note_for_staff("payment_mismatch", why);
            return Ok(());
        }
        if came > Amount::ZERO {
            self.emit_event(EventKind::PaymentCaptured);
            self.mail(OrderNews::PaymentReceived { amount: came });
            let detail = format!("{} were received.", self.money(came));
            self.note("payment_captured", detail);
        } else if self.payment.state != old.state {
            match self.payment.state {
                PaymentState::Authorized => {
                    let detail = format!("{} were authorized.", self.money(self.payment.amount_authorized));
                    self.note("payment_authorized", detail);
                }
                PaymentState::Voided => self.note("payment_voided", "The payment was voided."),
                PaymentState::Expired => self.note("payment_expired", "The authorization ran out."),
                PaymentState::Pending
                | PaymentState::RequiresAction
                | PaymentState::Captured
                | PaymentState::Failed => {}
            }
        }
        if let Some(why) = failure {
            self.emit_event(EventKind::PaymentFailed);
            self.note("payment_failed", why);
        }
        for refund in refunded {
            self.emit_event(EventKind::PaymentRefunded);
            self.mail(OrderNews::Refunded { amount: refund.amount });
            let detail = format!("{} was refunded.", self.money(refund.amount));
            self.note("refund_succeeded", detail);
        }
        for refund in failed {
            self.refund_failed(&refund, "The money could not be refunded.");
        }
        Ok(())
    }

    fn refund_failed(&mut self, refund: &Refund, why: &str) {
        let detail = format!("A refund of {} failed. {why}", self.money(refund.amount));
        self.note("refund_failed", detail);
        let owed = if self.state.order.status == OrderStatus::Canceled {
            "The order is canceled, and its buyer waits for the money"
        } else {
            "If the buyer is to have the money all the same"
        };
        let detail = format!("{owed}: payment {} is to be refunded again.", self.payment.id);
        self.note_for_staff("refund_again", detail);
    }

    fn fail(&mut self, why: &str) {
        self.payment.state = PaymentState::Failed;
        self.payment.failure = Some(shortened(why));
        self.payment.remote.client_secret = None;
        self.emit_event(EventKind::PaymentFailed);
        self.note("payment_failed", shortened(why));
    }

    /// Handles a permanent refusal by the gateway.
    fn refused(&mut self, command: &GatewayCommand, message: &str) -> Result<()> {
        match command {
            GatewayCommand::Create { .. } => {
                if self.payment.state.is_open() && self.payment.gateway_reference.is_none() {
                    self.fail(message);
                }
            }
            GatewayCommand::Refund { refund_id, .. } => self.end_refund(*refund_id, message)?,
            GatewayCommand::Capture { .. } => {
                self.payment.failure = Some(shortened(message));
                self.note("gateway_refused", shortened(message));
            }
            // Buyers may repeat this, so only a new message is recorded. A failure from the snapshot takes precedence.
            GatewayCommand::Confirm => {
                self.payment.failure.get_or_insert_with(|| shortened(message));
                if self.payment.failure != self.before.failure {
                    self.note("gateway_refused", shortened(message));
                }
            }
            GatewayCommand::Void { .. } if self.is_known_mismatch() => {}
            // What the gateway reports about the payment decides whether its order is canceled.
            GatewayCommand::Void { .. } => self.note("gateway_refused", shortened(message)),
        }
        Ok(())
    }

    fn end_refund(&mut self, id: RefundId, message: &str) -> Result<()> {
        let mut ended = None;
        for refund in &mut self.payment.refunds {
            if refund.id == id && refund.state == RefundState::Pending && refund.gateway_reference.is_none() {
                refund.state = RefundState::Failed;
                ended = Some(refund.clone());
            }
        }
        if let Some(refund) = ended {
            self.payment.amount_refunded = refunded(&self.payment)?;
            self.refund_failed(&refund, &shortened(message));
        }
        Ok(())
    }

    /// Ends a payment after staff have acknowledged that the gateway's state does not match the request.
    fn end_despite_mismatch(&mut self) {
        if self.payment.state.is_open() && self.payment.remote.mismatch.is_some() {
            self.payment.state = PaymentState::Voided;
            self.payment.remote.client_secret = None;
            self.note("payment_voided", "The payment was voided.");
        }
    }

    /// Refunds money that nobody owes: for a canceled order, in addition to another payment of the order, or for items
    /// that were canceled while the payment was in progress. It is refunded once, because it came once.
    fn refund_excess(&mut self) -> Result<()> {
        let came = self.payment.amount_captured.minus(self.before.amount_captured)?;
        let left = left(&self.payment)?;
        let canceled = self.state.order.status == OrderStatus::Canceled;
        let paid_otherwise = !canceled && !self.payment.state.is_live();
        let (back, why) = if canceled {
            (left, "The order was canceled.")
        } else if paid_otherwise {
            (left, "The order is paid otherwise.")
        } else {
            (self.overpaid()?.min(came).min(left), "Items of the order were canceled.")
        };
        if came <= Amount::ZERO || back <= Amount::ZERO {
            return Ok(());
        }
        self.payment = refund(&self.payment, Some(back), why.to_owned(), self.context)?;
        if paid_otherwise && let Some(refund) = self.payment.refunds.last_mut() {
            refund.taxes = untaxed(refund.amount);
        }
        split_new_refunds(&self.state.order, &self.state.payments, &mut self.payment, &[]);
        send_back(&mut self.payment, self.context, &mut self.batch)?;
        let detail = format!("Money arrived that is not owed, and is refunded. {why}");
        self.note("refund_created", detail);
        Ok(())
    }

    /// The amount kept beyond what is payable after items of the order were canceled.
    fn overpaid(&self) -> Result<Amount> {
        let order = &self.state.order;
        if order.amount_canceled() == Amount::ZERO {
            return Ok(Amount::ZERO);
        }
        let others = self.state.payments.iter().filter(|other| other.id != self.payment.id);
        let kept = Amount::sum(others.map(left).collect::<Result<Vec<_>>>()?)?.plus(left(&self.payment)?)?;
        let overpaid = kept.minus(order.amount_payable())?.max(Amount::ZERO);
        Ok(self.state.limits_of(&self.payment).lowered(overpaid))
    }

    fn write_payment(&mut self) {
        self.payment.version = self.before.version;
        touch(&mut self.payment, self.context);
        self.batch.write(Change::Update(self.payment.clone()));
        for stored in &mut self.state.payments {
            if stored.id == self.payment.id {
                stored.clone_from(&self.payment);
            }
        }
    }

    /// Makes an order whose authorization was lost wait for its buyer again; otherwise it would reserve its stock
    /// forever. Not if some of it has shipped: staff must handle that.
    fn wait_again(&mut self) {
        let gone = self.before.state == PaymentState::Authorized && !self.payment.state.is_live();
        let is_packed =
            |shipment: &Shipment| matches!(shipment.status, ShipmentStatus::Pending | ShipmentStatus::Canceled);
        let here = self.state.shipments.iter().all(is_packed);
        let order = &mut self.state.order;
        if gone && here && order.status == OrderStatus::Placed && order.hold_until.is_none() {
            order.hold_until = Some(self.context.now() + self.parameters.hold);
        }
    }

    /// Writes the payment, and updates its order.
    fn close(mut self) -> Batch {
        self.wait_again();
        self.write_payment();
        finish(self.state, &mut self.batch, self.context);
        self.batch
    }

    /// Like [`Settlement::close`], and cancels the order if that is still right.
    fn close_with_cancel(mut self, cause: &CancelReason) -> Result<Batch> {
        let order = &self.state.order;
        let is_due = match cause {
            CancelReason::Asked { .. } => order.status == OrderStatus::Placed,
            CancelReason::Overdue => {
                let brought = self.payment.amount_captured > Amount::ZERO;
                order.status == OrderStatus::Placed && order.hold_until.is_some() && !brought
            }
        };
        if !is_due {
            return Ok(self.close());
        }
        if self.payment.state.is_open() {
            if *cause == CancelReason::Overdue {
                hold_longer(&mut self.state.order, &self.payment, self.context);
            }
            if !self.is_known_mismatch() {
                self.note("cancel_failed", "The payment cannot be voided now, so the order was not canceled.");
            }
            return Ok(self.close());
        }
        self.write_payment();
        let view = OrderView {
            order: self.state.order.clone(),
            payments: self.state.payments.clone(),
            shipments: self.state.shipments.clone(),
        };
        let reason = match cause {
            CancelReason::Asked { role } => Reason::Asked(role),
            CancelReason::Overdue => Reason::Overdue,
        };
        match cancel(view, &self.state.reservations, reason, self.parameters.is_remote, self.context) {
            Ok(decision) => self.batch.append(decision.batch),
            // Some of the order has shipped in the meantime.
            Err(Error::InvalidTransition { detail }) => {
                self.note("cancel_failed", detail);
                finish(self.state, &mut self.batch, self.context);
            }
            Err(error) => return Err(error),
        }
        Ok(self.batch)
    }
}
