//! Cancels orders.

use crate::batch::{Batch, Change, Decision};
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::inventory::operations::end_reservations;
use crate::lifecycle::{event_data, mail_buyer, record, settle};
use crate::model::inventory::{Reservation, ReservationStatus};
use crate::model::orders::{Order, OrderNews, OrderStatus};
use crate::model::outbox::EventKind;
use crate::model::payments::{CancelReason, Payment, PaymentState};
use crate::model::shipping::{Shipment, ShipmentStatus, TrackingEvent, TrackingStatus};
use crate::orders::OrderView;
use crate::payments::operations::{event_data as payment_data, split_new_refunds, undo};
use crate::payments::remote::{ask_cancel, hold_again, send_back};
use crate::pricing::give_back_uses;

/// Why an order is canceled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason<'a> {
    /// It was requested, by a caller with this [`Actor::role`](crate::Actor::role).
    Asked(&'a str),
    /// Its payment did not arrive in time.
    Overdue,
    /// All goods were returned unpaid, and received by a caller with this role.
    Returned(&'a str),
}

/// Cancels an order: releases its stock and promotion uses, unpacks its shipments, voids open payments and refunds paid
/// ones.
///
/// If a payment is open at a remote gateway (`is_remote`), that gateway is asked to void it first. The order stays as
/// it is until the response is recorded, and is canceled then.
///
/// # Errors
/// [`Error::InvalidTransition`] if it is canceled or completed, if any of it has shipped (unless [`Order::is_empty`]:
/// everything was canceled or returned unpaid), or, unless it is overdue, if an open payment is disputed, so that staff
/// must resolve it first; [`Error::RequestInProgress`] while a gateway processes another request.
pub fn cancel(
    view: OrderView,
    reservations: &[Reservation],
    reason: Reason<'_>,
    is_remote: &dyn Fn(&Payment) -> bool,
    context: &mut DecisionContext,
) -> Result<Decision<OrderView>> {
    let OrderView { order, payments, shipments } = view;
    let left = |shipment: &Shipment| matches!(shipment.status, ShipmentStatus::Shipped | ShipmentStatus::Delivered);
    match order.status {
        OrderStatus::Placed if shipments.iter().any(left) && !order.is_empty() => {
            return Err(Error::transition("The order has been shipped and cannot be canceled."));
        }
        OrderStatus::Placed => {}
        OrderStatus::Canceled => return Err(Error::transition("The order is canceled already.")),
        OrderStatus::Completed => return Err(Error::transition("A completed order cannot be canceled.")),
    }
    if let Some(open) = payments.iter().position(|payment| payment.state.is_open() && is_remote(payment)) {
        return ask_first(OrderView { order, payments, shipments }, open, reason, context);
    }
    let (role, ending, detail) = match reason {
        Reason::Asked(role) => (role, ReservationStatus::Released, "The order was canceled."),
        Reason::Returned(role) => (role, ReservationStatus::Released, "All goods were returned unpaid."),
        Reason::Overdue => ("system", ReservationStatus::Expired, "The payment did not arrive in time."),
    };
    let mut batch = Batch::new(context);
    mail_buyer(&mut batch, context, order.id, OrderNews::Canceled { overdue: reason == Reason::Overdue });
    let shipments: Vec<_> = shipments
        .into_iter()
        .map(|shipment| unpack(shipment, "The order was canceled.", role, context, &mut batch))
        .collect();
    end_reservations(&mut batch, reservations, ending);
    give_back_uses(&mut batch, &order);
    let payments = undo_all(&order, payments, is_remote, role, context, &mut batch)?;
    let canceled = Order { status: OrderStatus::Canceled, canceled_at: Some(context.now()), hold_until: None, ..order };
    let order = settle(canceled, &payments, &shipments, context, &mut batch);
    record(&mut batch, context, order.id, "canceled", role, detail);
    batch.event(context, EventKind::OrderCanceled, order.id, event_data(&order));
    Ok(Decision { batch, reply: OrderView { order, payments, shipments } })
}

/// Asks the gateway of an open payment to void it, which then cancels the order.
fn ask_first(
    mut view: OrderView,
    open: usize,
    reason: Reason<'_>,
    context: &mut DecisionContext,
) -> Result<Decision<OrderView>> {
    let mut batch = Batch::new(context);
    let cancel_reason = match reason {
        Reason::Asked(_) | Reason::Returned(_) if view.payments.get(open).is_some_and(Payment::is_disputed) => {
            let detail = "A payment of this order is disputed: staff must void it first.";
            return Err(Error::transition(detail));
        }
        Reason::Asked(role) | Reason::Returned(role) => CancelReason::Asked { role: role.to_owned() },
        Reason::Overdue => {
            hold_again(&mut view.order, context);
            CancelReason::Overdue
        }
    };
    if let Some(payment) = view.payments.get_mut(open) {
        *payment = ask_cancel(payment, &view.order, cancel_reason, context, &mut batch)?;
        batch.write(Change::Update(payment.clone()));
    }
    view.order = settle(view.order, &view.payments, &view.shipments, context, &mut batch);
    view.payments = view.payments.into_iter().map(Payment::without_secret).collect();
    Ok(Decision { batch, reply: view })
}

/// Cancels a shipment that is still being packed.
pub(super) fn unpack(
    shipment: Shipment,
    why: &str,
    role: &str,
    context: &mut DecisionContext,
    batch: &mut Batch,
) -> Shipment {
    if shipment.status != ShipmentStatus::Pending {
        return shipment;
    }
    let mut shipment = Shipment { status: ShipmentStatus::Canceled, version: shipment.version + 1, ..shipment };
    shipment.events.push(TrackingEvent {
        status: TrackingStatus::Canceled,
        description: why.to_owned(),
        location: None,
        occurred_at: context.now(),
    });
    batch.write(Change::Update(shipment.clone()));
    record(batch, context, shipment.order_id, "shipment_canceled", role, "A shipment was canceled.");
    batch.event(context, EventKind::ShipmentUpdated, shipment.order_id, shipment_data(&shipment));
    shipment
}

fn shipment_data(shipment: &Shipment) -> serde_json::Value {
    serde_json::json!({
        "id": shipment.id,
        "order_id": shipment.order_id,
        "status": shipment.status,
        "carrier": shipment.carrier,
        "tracking_number": shipment.tracking_number,
    })
}

/// Voids or refunds every payment; returns all of them with their new states.
fn undo_all(
    order: &Order,
    mut payments: Vec<Payment>,
    is_remote: &dyn Fn(&Payment) -> bool,
    role: &str,
    context: &mut DecisionContext,
    batch: &mut Batch,
) -> Result<Vec<Payment>> {
    for mut payment in undo(&payments, context)? {
        split_new_refunds(order, &payments, &mut payment, &[]);
        let goes_back = payment.state != PaymentState::Voided && is_remote(&payment);
        if goes_back {
            send_back(&mut payment, context, batch)?;
        }
        batch.write(Change::Update(payment.clone()));
        if payment.state == PaymentState::Voided {
            record(batch, context, order.id, "payment_voided", role, "The payment was voided.");
        } else {
            let amount = payment.refunds.last().map(|refund| refund.amount).unwrap_or_default();
            let detail = format!("{} {} are refunded.", payment.currency.format_amount(amount), payment.currency);
            record(batch, context, order.id, "refund_created", role, detail);
            if !goes_back {
                batch.event(context, EventKind::PaymentRefunded, payment.order_id, payment_data(&payment));
                mail_buyer(batch, context, order.id, OrderNews::Refunded { amount });
            }
        }
        for before in payments.iter_mut().filter(|before| before.id == payment.id) {
            before.clone_from(&payment);
        }
    }
    Ok(payments)
}

#[cfg(test)]
mod tests;
