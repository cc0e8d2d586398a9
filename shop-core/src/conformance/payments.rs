//! Payments and refunds.

use chrono::TimeDelta;

use crate::batch::{Conflict, Unique};
use crate::id::OrderId;
use crate::model::payments::{
    GatewayOperation, Payment, PaymentFilter, PaymentState, PendingCall, RefundState, RemoteState,
};
use crate::money::{Amount, Currency};
use crate::secret::Sealed;

use super::fixtures::{far_away, long_ago, wild};
use super::generic::{Ends, check_list, everything, life, same_set};
use super::lab::{CaseResult, Lab, accepted, refused, same};
use super::rows::{insert, next, update};

pub(super) async fn payments_live(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let mut first = lab.payment(&world.order);
    first.refunds = vec![lab.refund(1), lab.refund(i64::MAX)];
    let added = lab.refund(3);
    let pending_call = PendingCall { intent: lab.id(), step: GatewayOperation::Refund };
    let second = next(&first, |payment| {
        payment.gateway = wild();
        payment.amount = Amount::MAX;
        payment.currency = "KWD".parse().unwrap_or(Currency::USD);
        payment.state = PaymentState::Expired;
        payment.amount_authorized = Amount(i64::MAX);
        payment.amount_captured = Amount(7);
        payment.amount_refunded = Amount(6);
        payment.gateway_reference = Some(wild());
        payment.failure = Some(wild());
        payment.remote = RemoteState {
            pending_call: Some(pending_call),
            poll_at: Some(far_away()),
            client_secret: Some(Sealed::from_stored(wild())),
            mismatch: Some(wild()),
            confirmed_at: Some(long_ago()),
        };
        payment.created_at = long_ago();
        payment.updated_at = far_away();
        // One refund changes, one stays, one is new.
        for refund in payment.refunds.iter_mut().take(1) {
            refund.state = RefundState::Failed;
            refund.reason = wild();
            refund.gateway_reference = Some(wild());
            refund.created_at = long_ago();
        }
        payment.refunds.push(added);
    });
    let id = first.id;
    life(&mut lab, first, second, Ends::Never, async |store| store.payment(id).await).await
}

pub(super) async fn an_order_has_one_live_payment(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let (cart, other) = lab.order(&world.product);
    accepted(lab.commit([insert(&cart), insert(&other)]).await)?;
    let mut payment = lab.payment(&world.order);
    accepted(lab.commit([insert(&payment)]).await)?;
    let elsewhere = lab.payment(&other);
    accepted(lab.commit([insert(&elsewhere)]).await)?;

    let taken = Conflict::Exists(Unique::LivePayment);
    for state in [PaymentState::Pending, PaymentState::RequiresAction, PaymentState::Authorized, PaymentState::Captured]
    {
        let second = Payment { state, ..lab.payment(&world.order) };
        refused(lab.commit([insert(&second)]).await, taken)?;
        payment = next(&payment, |payment| payment.state = state);
        accepted(lab.commit([update(&payment)]).await)?;
        let second = lab.payment(&world.order);
        refused(lab.commit([insert(&second)]).await, taken)?;
    }
    let mut dead = Vec::new();
    for state in [PaymentState::Voided, PaymentState::Expired, PaymentState::Failed] {
        let second = Payment { state, ..lab.payment(&world.order) };
        accepted(lab.commit([insert(&second)]).await)?;
        let revived = next(&second, |payment| payment.state = PaymentState::Captured);
        refused(lab.commit([update(&revived)]).await, taken)?;
        dead.push(second);
    }
    // The payment ends and the next one begins, in one batch.
    let voided = next(&payment, |payment| payment.state = PaymentState::Voided);
    let retried = lab.payment(&world.order);
    accepted(lab.commit([update(&voided), insert(&retried)]).await)?;

    let wanted: Vec<_> = [voided].into_iter().chain(dead).chain([retried]).collect();
    same(&lab.store.payments_of_orders(&[world.order.id]).await?, &wanted)
}

pub(super) async fn refunds_have_ids_of_their_own(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let refund = lab.refund(1);
    let voided = Payment { state: PaymentState::Voided, ..lab.payment(&world.order) };
    let first = Payment { refunds: vec![refund.clone()], ..voided };
    let second = Payment { refunds: Vec::new(), ..lab.payment(&world.order) };
    accepted(lab.commit([insert(&first), insert(&second)]).await)?;
    let stolen = next(&second, |payment| payment.refunds = vec![refund]);
    refused(lab.commit([update(&stolen)]).await, Conflict::Exists(Unique::OtherId))?;
    same(&lab.store.payment(first.id).await?, &Some(first))
}

pub(super) async fn payments_are_found_by_order(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let (cart, other) = lab.order(&world.product);
    accepted(lab.commit([insert(&cart), insert(&other)]).await)?;
    let mut payments = Vec::new();
    for order in [&world.order, &other, &world.order] {
        payments.push(Payment {
            state: PaymentState::Failed,
            refunds: vec![lab.refund(1), lab.refund(2)],
            ..lab.payment(order)
        });
    }
    accepted(lab.commit(payments.iter().rev().map(insert)).await)?;
    let [first, second, third] = payments.as_slice() else { return Ok(()) };
    let store = lab.store.clone();
    same(&store.payments_of_orders(&[other.id, world.order.id]).await?, &payments)?;
    same(&store.payments_of_orders(&[world.order.id]).await?, &vec![first.clone(), third.clone()])?;
    same(&store.payments_of_orders(&[other.id, lab.id::<OrderId>()]).await?, &vec![second.clone()])?;
    same(&store.payments_of_orders(&[]).await?, &vec![])
}

pub(super) async fn payments_are_found_by_reference(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let over = |lab: &mut Lab, gateway: &str, reference: &str| Payment {
        state: PaymentState::Voided,
        gateway: gateway.to_owned(),
        gateway_reference: Some(reference.to_owned()),
        ..lab.payment(&world.order)
    };
    let first = over(&mut lab, "stripe", "pi_1");
    let payments = [over(&mut lab, "bank", "pi_1"), over(&mut lab, "stripe", "PI_1"), over(&mut lab, "stripe", "pi_1")];
    let nameless = lab.payment(&world.order);
    accepted(lab.commit(payments.iter().map(insert)).await)?;
    accepted(lab.commit([insert(&first), insert(&nameless)]).await)?;
    let store = lab.store.clone();
    same(&store.payment_by_reference("stripe", "pi_1").await?, &Some(first))?;
    same(&store.payment_by_reference("bank", "pi_1").await?, &payments.first().cloned())?;
    same(&store.payment_by_reference("stripe", "pi_").await?, &None)?;
    same(&store.payment_by_reference("str\0ipe", "pi_1").await?, &None)?;
    same(&store.payment_by_reference("stripe", &wild()).await?, &None)
}

pub(super) async fn payments_due_for_poll_come_in_order(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let now = lab.now();
    let due = |lab: &mut Lab, seconds: Option<i64>| {
        let mut payment = Payment { state: PaymentState::Failed, ..lab.payment(&world.order) };
        payment.remote.poll_at = seconds.map(|seconds| now + TimeDelta::seconds(seconds));
        payment
    };
    let (now_due, long_due, later) = (due(&mut lab, Some(0)), due(&mut lab, Some(-9)), due(&mut lab, Some(1)));
    let (never, as_long) = (due(&mut lab, None), due(&mut lab, Some(-9)));
    accepted(lab.commit([&as_long, &never, &later, &long_due, &now_due].map(insert)).await)?;
    let store = lab.store.clone();
    let all = vec![long_due.clone(), as_long.clone(), now_due.clone()];
    same(&store.payments_due_for_poll(now, 10).await?, &all)?;
    same(&store.payments_due_for_poll(now, 2).await?, &vec![long_due.clone(), as_long.clone()])?;
    same(&store.payments_due_for_poll(now - TimeDelta::seconds(10), 10).await?, &vec![])?;
    let polled = next(&long_due, |payment| payment.remote.poll_at = None);
    accepted(lab.commit([update(&polled)]).await)?;
    same(&store.payments_due_for_poll(now, 10).await?, &vec![as_long, now_due])
}

pub(super) async fn payments_are_filtered(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let (cart, other) = lab.order(&world.product);
    accepted(lab.commit([insert(&cart), insert(&other)]).await)?;
    let a = lab.payment(&world.order);
    let b = Payment { state: PaymentState::Failed, gateway: "stripe".to_owned(), ..lab.payment(&world.order) };
    let c = Payment { state: PaymentState::Captured, gateway: "stripe".to_owned(), ..lab.payment(&other) };
    accepted(lab.commit([&a, &b, &c].map(insert)).await)?;
    let all = PaymentFilter::default;
    let gateway = |gateway: &str| PaymentFilter { gateway: Some(gateway.to_owned()), ..all() };
    let state = |state| PaymentFilter { state: Some(state), ..all() };
    let cases: Vec<(PaymentFilter, Vec<&Payment>)> = vec![
        (all(), vec![&a, &b, &c]),
        (PaymentFilter { order_id: Some(world.order.id), ..all() }, vec![&a, &b]),
        (PaymentFilter { order_id: Some(lab.id()), ..all() }, vec![]),
        (state(PaymentState::Pending), vec![&a]),
        (state(PaymentState::Captured), vec![&c]),
        (state(PaymentState::Voided), vec![]),
        (gateway("stripe"), vec![&b, &c]),
        (gateway("Stripe"), vec![]),
        (PaymentFilter { state: Some(PaymentState::Failed), ..gateway("stripe") }, vec![&b]),
    ];
    for (filter, wanted) in cases {
        same_set(lab.store.list_payments(&filter, &everything()), &wanted, &filter).await?;
    }
    Ok(())
}

pub(super) async fn payments_are_paged(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let mut payments = Vec::new();
    for number in 0..7 {
        if number % 2 == 0 {
            lab.tick();
        }
        let refunds = vec![lab.refund(number)];
        payments.push(Payment { state: PaymentState::Failed, refunds, ..lab.payment(&world.order) });
    }
    accepted(lab.commit(payments.iter().rev().map(insert)).await)?;
    let filter = PaymentFilter::default();
    check_list(&payments, async |request| lab.store.list_payments(&filter, request).await).await
}
