//! Gateway behavior that only staff can resolve, and the limits for buyers.

use chrono::TimeDelta;

use crate::actor::Actor;
use crate::model::orders::{OrderStatus, PaymentStatus};
use crate::model::payments::{PaymentState, RefundState};
use crate::money::Amount;
use crate::payments::bank::{Bank, Mood};
use crate::payments::{AmountInput, AttemptInput};
use crate::settlement::tests::{Placed, Till, code};
use crate::testing::block_on;

/// An order whose buyer paid another amount than requested, which the shop knows.
fn mispaid(till: &Till) -> (Placed, Actor) {
    let (placed, holder) = till.place();
    till.advance(placed.payment);
    till.bank.change(placed.payment, |account| account.amount = Amount(1));
    till.bank.pay(placed.payment);
    for name in ["e1", "e2"] {
        till.tell(name, placed.payment);
    }
    (placed, holder)
}

fn void(till: &Till, placed: Placed) {
    let payments = till.world.shop.payments();
    block_on(payments.void(&till.staff, placed.payment, AmountInput::default(), None)).unwrap();
    till.advance(placed.payment);
}

/// Lets time pass, with a full round of the worker's tasks every five minutes.
fn work(till: &Till, time: TimeDelta) {
    for _ in 0..time.num_minutes() / 5 {
        till.pass(300);
        block_on(till.world.shop.worker().sweep()).unwrap();
        till.world.deliver();
        block_on(till.world.shop.worker().reconcile()).unwrap();
    }
}

#[test]
fn what_was_not_asked_for_is_noted_for_staff() {
    let till = Till::open(Bank::new("bank"));
    let (placed, holder) = mispaid(&till);
    assert_eq!(till.statuses(placed), (OrderStatus::Placed, PaymentStatus::NotPaid, PaymentState::Pending));
    let payment = till.payment(placed.payment);
    assert_eq!(payment.failure, None, "buyers read that");
    let why = payment.remote.mismatch.unwrap();
    assert_eq!(till.told(&till.staff, placed.order, "payment_mismatch"), std::slice::from_ref(&why));
    assert_eq!(till.told(&holder, placed.order, "payment_mismatch"), Vec::<String>::new());
    let problems = till.check();
    assert!(problems.len() == 1 && problems[0].ends_with(&why), "{problems:?}");
    // The gateway's state matches the request after all.
    till.bank.change(placed.payment, |account| {
        account.amount = Amount(2500);
        (account.authorized, account.captured) = (account.amount, account.amount);
    });
    till.tell("e3", placed.payment);
    assert_eq!(till.statuses(placed).1, PaymentStatus::Paid);
    till.is_sound();
}

#[test]
fn a_payment_that_cannot_be_called_off_is_asked_about_ever_less_and_ended_by_staff() {
    let till = Till::open(Bank::new("bank"));
    let (placed, holder) = mispaid(&till);
    work(&till, TimeDelta::days(10));
    assert_eq!(till.statuses(placed), (OrderStatus::Placed, PaymentStatus::NotPaid, PaymentState::Pending));
    let voids = till.bank.calls().into_iter().filter(|call| call.starts_with("void")).count();
    // After 30 minutes, and then after twice as long each time, up to a day.
    assert!((10..20).contains(&voids), "{voids}");
    for event in ["cancel_requested", "gateway_refused", "cancel_failed", "payment_mismatch"] {
        assert!(till.told(&till.staff, placed.order, event).len() <= 1, "{event}");
    }
    assert_eq!(till.check().len(), 1);
    // Buyers cannot make the shop ask more often.
    let attempt = AttemptInput { order_id: placed.order.into(), gateway: "bank".into() };
    assert_eq!(code(block_on(till.world.shop.payments().begin(&holder, attempt, None))), "invalid_transition");
    assert_eq!(code(till.cancel(&holder, placed.order)), "invalid_transition");
    let asked = till.bank.calls().len();

    void(&till, placed);
    assert_eq!(till.statuses(placed), (OrderStatus::Placed, PaymentStatus::NotPaid, PaymentState::Voided));
    assert!(till.bank.calls().len() > asked, "the gateway is asked first");
    till.cancel(&holder, placed.order).unwrap();
    assert_eq!((till.statuses(placed).0, till.reserved()), (OrderStatus::Canceled, 0));
    till.is_sound();
}

#[test]
fn staff_end_no_payment_whose_gateway_is_silent() {
    let till = Till::open(Bank::new("bank"));
    let (placed, _) = mispaid(&till);
    till.bank.expect_moods([Mood::Down; 15]);
    void(&till, placed);
    for _ in 0..16 {
        till.pass(3700);
        till.world.deliver();
    }
    let payment = till.payment(placed.payment);
    assert_eq!((payment.state, payment.remote.asking), (PaymentState::Pending, None));
}

#[test]
fn a_gateway_that_stays_silent_is_told_to_staff_only() {
    let till = Till::open(Bank::new("bank"));
    let (placed, holder) = till.place();
    till.bank.expect_moods([Mood::Down; 15]);
    for _ in 0..16 {
        till.world.deliver();
        till.pass(3700);
    }
    assert_eq!(till.told(&till.staff, placed.order, "gateway_silent").len(), 1);
    assert_eq!(till.told(&holder, placed.order, "gateway_silent"), Vec::<String>::new());
}

#[test]
fn a_canceled_order_whose_refund_failed_is_refunded_again_by_staff() {
    let till = Till::open(Bank::new("bank"));
    let placed = till.paid();
    till.cancel(&till.staff, placed.order).unwrap();
    till.is_sound();
    till.bank.expect_moods([Mood::Refuses]);
    let refused = till.advance(placed.payment);
    assert_eq!((refused.refunds[0].state, refused.amount_refunded), (RefundState::Failed, Amount::ZERO));
    let problems = till.check();
    assert!(problems.len() == 1 && problems[0].contains("keeps 25.00 USD"), "{problems:?}");
    let told = till.told(&till.staff, placed.order, "refund_again");
    assert!(told.len() == 1 && told[0].contains("is to be refunded again"), "{told:?}");
    let history = block_on(till.world.shop.store().history(placed.order)).unwrap();
    assert!(history.iter().all(|entry| entry.visible == (entry.event != "refund_again")), "{history:?}");
    till.refund(placed.payment, None).unwrap();
    till.advance(placed.payment);
    assert_eq!(till.statuses(placed).1, PaymentStatus::Refunded);
    till.is_sound();
}

#[test]
fn an_order_has_not_attempts_without_end() {
    let till = Till::open(Bank::new("bank"));
    let (placed, holder) = till.place();
    let begin = || {
        let attempt = AttemptInput { order_id: placed.order.into(), gateway: "manual".into() };
        block_on(till.world.shop.payments().begin(&holder, attempt, None)).map(|begun| begun.value)
    };
    assert_eq!(code(begin()), "request_in_progress");
    till.advance(placed.payment);
    for _ in 1..20 {
        begin().unwrap();
    }
    let refusal = begin().unwrap_err();
    assert_eq!(refusal.code(), "invalid_transition");
    assert!(refusal.to_string().contains("at most 20"), "{refusal}");
    assert_eq!(till.view(placed.order).payments.len(), 20);
    till.is_sound();
}

#[test]
fn a_buyer_who_comes_back_again_and_again_asks_the_gateway_seldom() {
    let till = Till::open(Bank::new("bank"));
    let (placed, holder) = till.place();
    till.advance(placed.payment);
    let payments = till.world.shop.payments();
    let confirm = || block_on(payments.confirm(&holder, placed.payment)).unwrap().remote.asking.is_some();
    let looks = || till.bank.calls().into_iter().filter(|call| call == "look_up").count();
    let before = till.history(placed.order);
    for round in 1..=3 {
        assert!(confirm(), "nothing was asked for a while");
        assert!(confirm(), "it is still under way");
        till.advance(placed.payment);
        for _ in 0..5 {
            assert!(!confirm(), "it was just answered");
        }
        assert_eq!(looks(), round);
        till.pass(3);
    }
    assert_eq!(till.history(placed.order), before, "nothing has changed");
    // Declined once, then three responses without news.
    till.bank.decline(placed.payment);
    for _ in 0..3 {
        assert!(confirm());
        till.advance(placed.payment);
        till.pass(3);
    }
    assert_eq!(till.history(placed.order).len(), before.len() + 1);
    till.bank.pay(placed.payment);
    assert!(confirm());
    till.advance(placed.payment);
    assert_eq!(till.statuses(placed).1, PaymentStatus::Paid);
    till.is_sound();
}
