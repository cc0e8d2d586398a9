use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::id::{DeliveryId, RefundId};
use crate::model::payments::{GatewayOperation, PendingCall};
use crate::money::Currency;
use crate::orders::tests::{context, order, payment};

const TOTAL: i64 = 2500;

fn ours(state: PaymentState, authorized: i64, captured: i64) -> Payment {
    payment(&order(&[(1000, 2)], 500), state, authorized, captured, 0)
}

fn theirs(state: PaymentState, authorized: i64, captured: i64) -> Snapshot {
    Snapshot {
        reference: "r_1".to_owned(),
        state,
        amount: Amount(TOTAL),
        currency: Currency::USD,
        authorized: Amount(authorized),
        captured: Amount(captured),
        refunds: Vec::new(),
        failure: None,
        client_secret: None,
        foreign: None,
    }
}

fn remote_refund(n: u128, id: Option<u128>, amount: i64, state: RefundState) -> RemoteRefund {
    let id = id.map(|id| RefundId(Uuid::from_u128(id)));
    RemoteRefund { reference: format!("re_{n}"), id, amount: Amount(amount), state }
}

fn refund(id: u128, amount: i64, state: RefundState) -> Refund {
    Refund {
        id: RefundId(Uuid::from_u128(id)),
        amount: Amount(amount),
        state,
        reason: String::new(),
        gateway_reference: None,
        created_at: context().now(),
        taxes: Vec::new(),
    }
}

fn apply(payment: &Payment, snapshot: &Snapshot) -> Option<Applied> {
    apply_snapshot(payment, snapshot, None, false, &mut context()).unwrap()
}

#[test]
fn a_payment_goes_where_its_gateway_says_and_money_stays() {
    use PaymentState::{Authorized, Captured, Expired, Failed, Pending, RequiresAction, Voided};
    // Our state, their state, authorized, captured → the resulting state.
    let table = [
        (Pending, RequiresAction, 0, 0, RequiresAction),
        (RequiresAction, Pending, 0, 0, Pending),
        (RequiresAction, Authorized, TOTAL, 0, Authorized),
        (Pending, Captured, TOTAL, TOTAL, Captured),
        (Authorized, Pending, 0, 0, Authorized),
        (Authorized, Voided, 0, 0, Voided),
        (Authorized, Expired, 0, 0, Expired),
        (Pending, Failed, 0, 0, Failed),
        (Voided, Pending, 0, 0, Voided),
        (Voided, Authorized, TOTAL, 0, Voided),
        (Failed, Captured, TOTAL, TOTAL, Captured),
        (Voided, Captured, TOTAL, 1, Captured),
        (Expired, Voided, TOTAL, 7, Captured),
        // A state without its money proves nothing.
        (Pending, Captured, 0, 0, Pending),
    ];
    for (before, says, authorized, captured, after) in table {
        let payment = ours(before, 0, 0);
        let applied = apply(&payment, &theirs(says, authorized, captured)).unwrap();
        assert_eq!(applied.payment.state, after, "{before:?} {says:?}");
        assert_eq!((applied.came, applied.payment.version), (Amount(captured), payment.version + 1));
    }
    // Once money is captured, no snapshot removes it.
    let captured = ours(Captured, TOTAL, TOTAL);
    for says in [Pending, Failed, Voided, Expired, Captured] {
        let applied = apply(&captured, &Snapshot { failure: Some("no".into()), ..theirs(says, 0, 0) }).unwrap();
        assert_eq!((applied.payment.state, applied.payment.amount_captured), (Captured, Amount(TOTAL)));
        assert_eq!((applied.came, applied.failure, applied.payment.failure), (Amount::ZERO, None, None));
    }
}

#[test]
fn money_on_a_payment_that_is_over_counts_beside_one_that_lives() {
    let voided = ours(PaymentState::Voided, 0, 0);
    let snapshot = theirs(PaymentState::Captured, TOTAL, TOTAL);
    let applied = apply_snapshot(&voided, &snapshot, None, true, &mut context()).unwrap().unwrap();
    assert_eq!((applied.payment.state, applied.came), (PaymentState::Voided, Amount(TOTAL)));
}

#[test]
fn a_decline_is_told_once_and_leaves_the_payment_open() {
    let declined = Snapshot { failure: Some("Declined.".into()), ..theirs(PaymentState::Pending, 0, 0) };
    let first = apply(&ours(PaymentState::Pending, 0, 0), &declined).unwrap();
    assert_eq!((first.failure.as_deref(), first.payment.state), (Some("Declined."), PaymentState::Pending));
    assert_eq!(apply(&first.payment, &declined), None);
    let paid = apply(&first.payment, &theirs(PaymentState::Captured, TOTAL, TOTAL)).unwrap();
    assert_eq!((&paid.failure, &paid.payment.failure), (&None, &None));
    // The decline arrives late.
    assert_eq!(apply(&paid.payment, &declined), None);
}

#[test]
fn what_was_not_asked_for_is_not_counted() {
    let payment = ours(PaymentState::Pending, 0, 0);
    let paid = || theirs(PaymentState::Captured, TOTAL, TOTAL);
    let wrong = [
        Snapshot { amount: Amount(TOTAL - 1), ..paid() },
        Snapshot { currency: "EUR".parse().unwrap(), ..paid() },
        Snapshot { captured: Amount(TOTAL + 1), ..paid() },
        Snapshot { captured: Amount(-1), ..paid() },
        Snapshot { foreign: Some("It is of the test mode.".into()), ..paid() },
    ];
    for snapshot in wrong {
        let applied = apply(&payment, &snapshot).unwrap();
        assert!(applied.mismatch.is_some() && applied.mismatch == applied.payment.remote.mismatch, "{applied:?}");
        assert_eq!(applied.payment.failure, None, "buyers read that");
        let after = &applied.payment;
        assert_eq!(
            (after.state, after.amount_captured, &after.gateway_reference),
            (payment.state, Amount::ZERO, &None)
        );
        assert_eq!(apply(after, &snapshot), None, "told once");
        assert_eq!(apply(after, &paid()).unwrap().payment.remote.mismatch, None, "it was put right");
    }
    let known = Payment { gateway_reference: Some("r_2".into()), ..payment };
    assert!(apply(&known, &paid()).unwrap().mismatch.is_some());
}

#[test]
fn refunds_are_matched_by_id_then_by_name_then_by_amount() {
    use RefundState::{Failed, Pending, Succeeded};
    let mut payment = Payment { amount_refunded: Amount(600), ..ours(PaymentState::Captured, TOTAL, TOTAL) };
    payment.refunds = vec![refund(1, 100, Pending), refund(2, 200, Pending), refund(3, 300, Pending)];
    let mut snapshot = theirs(PaymentState::Captured, TOTAL, TOTAL);
    snapshot.refunds = vec![
        remote_refund(8, None, 300, Succeeded),
        remote_refund(9, Some(1), 100, Failed),
        remote_refund(7, None, 1, Pending),
    ];
    let applied = apply(&payment, &snapshot).unwrap();
    let states: Vec<_> = applied.payment.refunds.iter().map(|refund| (refund.amount.0, refund.state)).collect();
    assert_eq!(states, [(100, Failed), (200, Pending), (300, Succeeded), (1, Pending)]);
    assert_eq!(applied.payment.amount_refunded, Amount(501));
    assert_eq!((applied.refunded.len(), applied.failed.len()), (1, 1));
    assert_eq!(applied.payment.refunds[3].reason, MADE_ELSEWHERE);
    assert_eq!(apply(&applied.payment, &snapshot), None);
    // The bank returns the money later; after that the refund stays failed.
    snapshot.refunds = vec![remote_refund(8, None, 300, Failed)];
    let later = apply(&applied.payment, &snapshot).unwrap();
    assert_eq!((later.failed.len(), later.payment.amount_refunded), (1, Amount(201)));
    snapshot.refunds = vec![remote_refund(8, None, 300, Succeeded)];
    assert_eq!(apply(&later.payment, &snapshot), None);
}

#[test]
fn refunds_of_strangers_never_exceed_what_came() {
    let mut payment = Payment { amount_refunded: Amount(2000), ..ours(PaymentState::Captured, TOTAL, TOTAL) };
    payment.refunds = vec![refund(1, 2000, RefundState::Pending)];
    let mut snapshot = theirs(PaymentState::Captured, TOTAL, TOTAL);
    snapshot.refunds = vec![remote_refund(9, None, TOTAL, RefundState::Succeeded)];
    let applied = apply(&payment, &snapshot);
    assert!(applied.is_none_or(|applied| applied.payment.amount_refunded == Amount(2000)));
}

#[test]
fn a_refund_that_nobody_asks_for_and_the_gateway_does_not_know_was_lost() {
    let mut payment = Payment { amount_refunded: Amount(300), ..ours(PaymentState::Captured, TOTAL, TOTAL) };
    payment.refunds = vec![refund(1, 100, RefundState::Pending), refund(2, 200, RefundState::Pending)];
    let mut snapshot = theirs(PaymentState::Captured, TOTAL, TOTAL);
    snapshot.refunds = vec![remote_refund(9, Some(2), 200, RefundState::Pending)];
    let (after, lost) = without_lost_refunds(&payment, &snapshot).unwrap().unwrap();
    assert_eq!((after.amount_refunded, lost.len()), (Amount(200), 1));
    payment.remote.pending_call = Some(PendingCall { intent: DeliveryId(Uuid::nil()), step: GatewayOperation::Refund });
    assert!(without_lost_refunds(&payment, &snapshot).unwrap().is_none(), "it is being asked for");
}

#[test]
fn the_secret_stays_while_the_payment_is_open() {
    let sealed = |text: &str| Some(Sealed::from_stored(text.to_owned()));
    let payment = ours(PaymentState::Pending, 0, 0);
    let open = theirs(PaymentState::RequiresAction, 0, 0);
    let begun = apply_snapshot(&payment, &open, sealed("a"), false, &mut context()).unwrap().unwrap().payment;
    assert_eq!(begun.remote.client_secret, sealed("a"));
    assert_eq!(apply(&begun, &open), None, "an answer without it does not take it away");
    let paid = apply(&begun, &theirs(PaymentState::Captured, TOTAL, TOTAL)).unwrap().payment;
    assert_eq!((paid.remote.client_secret, paid.remote.poll_at), (None, None));
}

proptest! {
    #[test]
    fn the_sums_hold_and_money_never_goes_away_whatever_a_gateway_says(
        states in prop::collection::vec((0_usize..7, 0_i64..3000, 0_i64..3000, prop::collection::vec((0_u128..4, 1_i64..2000, 0_usize..3), 0..4)), 1..8),
        has_other_live_payment: bool,
    ) {
        use crate::string_enum::StringEnum as _;
        let mut payment = ours(PaymentState::Pending, 0, 0);
        let mut context = context();
        for (state, authorized, captured, refunds) in states {
            let mut snapshot = theirs(PaymentState::ALL[state], authorized, captured);
            snapshot.refunds = refunds.into_iter().map(|(n, amount, state)| {
                remote_refund(n, None, amount, RefundState::ALL[state])
            }).collect();
            snapshot.refunds.sort_by(|a, b| a.reference.cmp(&b.reference));
            snapshot.refunds.dedup_by(|a, b| a.reference == b.reference);
            let before = payment.clone();
            if let Some(applied) = apply_snapshot(&payment, &snapshot, None, has_other_live_payment, &mut context).unwrap() {
                payment = applied.payment;
            }
            let sums = [Amount::ZERO, payment.amount_refunded, payment.amount_captured, payment.amount_authorized, payment.amount];
            prop_assert!(sums.is_sorted(), "{:?}", payment);
            prop_assert!(payment.amount_captured >= before.amount_captured);
            prop_assert_eq!(refunded(&payment).unwrap(), payment.amount_refunded);
            // Only refunds that did not fit before may still be added.
            let again = apply_snapshot(&payment, &snapshot, None, has_other_live_payment, &mut context).unwrap();
            let came = again.map_or(Amount::ZERO, |again| again.came);
            prop_assert_eq!(came, Amount::ZERO);
        }
    }
}
