//! Gateway behavior that only staff can resolve, and the limits for buyers.

use chrono::TimeDelta;

use crate::actor::Actor;
use crate::model::orders::{OrderStatus, PaymentStatus};
use crate::model::payments::{PaymentState, RefundState};
use crate::money::Amount;
use crate::payments::fake_gateway::{FailureMode, FakeGateway};
use crate::payments::{AmountInput, AttemptInput};
use crate::settlement::tests::{GatewayTest, Placed, code};
use crate::testing::block_on;

/// An order whose buyer paid another amount than requested, which the shop knows.
fn mispaid(setup: &GatewayTest) -> (Placed, Actor) {
    let (placed, holder) = setup.place();
    setup.advance(placed.payment);
    setup.bank.change(placed.payment, |account| account.amount = Amount(1));
    setup.bank.pay(placed.payment);
    for name in ["e1", "e2"] {
        setup.tell(name, placed.payment);
    }
    (placed, holder)
}

fn void(setup: &GatewayTest, placed: Placed) {
    let payments = setup.world.shop.payments();
    block_on(payments.void(&setup.staff, placed.payment, AmountInput::default(), None)).unwrap();
    setup.advance(placed.payment);
}

/// Lets time pass, with a full round of the worker's tasks every five minutes.
fn work(setup: &GatewayTest, time: TimeDelta) {
    for _ in 0..time.num_minutes() / 5 {
        setup.pass(300);
        block_on(setup.world.shop.worker().sweep()).unwrap();
        setup.world.deliver();
        block_on(setup.world.shop.worker().reconcile()).unwrap();
    }
}

#[test]
fn what_was_not_asked_for_is_noted_for_staff() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let (placed, holder) = mispaid(&setup);
    assert_eq!(setup.statuses(placed), (OrderStatus::Placed, PaymentStatus::NotPaid, PaymentState::Pending));
    let payment = setup.payment(placed.payment);
    assert_eq!(payment.failure, None, "buyers read that");
    let why = payment.remote.mismatch.unwrap();
    assert_eq!(setup.told(&setup.staff, placed.order, "payment_mismatch"), std::slice::from_ref(&why));
    assert_eq!(setup.told(&holder, placed.order, "payment_mismatch"), Vec::<String>::new());
    let problems = setup.check();
    assert!(problems.len() == 1 && problems[0].ends_with(&why), "{problems:?}");
    // The gateway's state matches the request after all.
    setup.bank.change(placed.payment, |account| {
        account.amount = Amount(2500);
        (account.authorized, account.captured) = (account.amount, account.amount);
    });
    setup.tell("e3", placed.payment);
    assert_eq!(setup.statuses(placed).1, PaymentStatus::Paid);
    setup.is_sound();
}

#[test]
fn a_payment_that_cannot_be_called_off_is_asked_about_ever_less_and_ended_by_staff() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let (placed, holder) = mispaid(&setup);
    work(&setup, TimeDelta::days(10));
    assert_eq!(setup.statuses(placed), (OrderStatus::Placed, PaymentStatus::NotPaid, PaymentState::Pending));
    let voids = setup.bank.calls().into_iter().filter(|call| call.starts_with("void")).count();
    // After 30 minutes, and then after twice as long each time, up to a day.
    assert!((10..20).contains(&voids), "{voids}");
    for event in ["cancel_requested", "gateway_refused", "cancel_failed", "payment_mismatch"] {
        assert!(setup.told(&setup.staff, placed.order, event).len() <= 1, "{event}");
    }
    assert_eq!(setup.check().len(), 1);
    // Buyers cannot make the shop ask more often.
    let attempt = AttemptInput { order_id: placed.order.into(), gateway: "bank".into() };
    assert_eq!(code(block_on(setup.world.shop.payments().begin(&holder, attempt, None))), "invalid_transition");
    assert_eq!(code(setup.cancel(&holder, placed.order)), "invalid_transition");
    let asked = setup.bank.calls().len();

    void(&setup, placed);
    assert_eq!(setup.statuses(placed), (OrderStatus::Placed, PaymentStatus::NotPaid, PaymentState::Voided));
    assert!(setup.bank.calls().len() > asked, "the gateway is asked first");
    setup.cancel(&holder, placed.order).unwrap();
    assert_eq!((setup.statuses(placed).0, setup.reserved()), (OrderStatus::Canceled, 0));
    setup.is_sound();
}

#[test]
fn staff_end_no_payment_whose_gateway_is_silent() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let (placed, _) = mispaid(&setup);
    setup.bank.plan_failures([FailureMode::Down; 15]);
    void(&setup, placed);
    for _ in 0..16 {
        setup.pass(3700);
        setup.world.deliver();
    }
    let payment = setup.payment(placed.payment);
    assert_eq!((payment.state, payment.remote.pending_call), (PaymentState::Pending, None));
}

#[test]
fn a_gateway_that_stays_silent_is_told_to_staff_only() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let (placed, holder) = setup.place();
    setup.bank.plan_failures([FailureMode::Down; 15]);
    for _ in 0..16 {
        setup.world.deliver();
        setup.pass(3700);
    }
    assert_eq!(setup.told(&setup.staff, placed.order, "gateway_silent").len(), 1);
    assert_eq!(setup.told(&holder, placed.order, "gateway_silent"), Vec::<String>::new());
}

#[test]
fn a_canceled_order_whose_refund_failed_is_refunded_again_by_staff() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let placed = setup.paid();
    setup.cancel(&setup.staff, placed.order).unwrap();
    setup.is_sound();
    setup.bank.plan_failures([FailureMode::Refuses]);
    let refused = setup.advance(placed.payment);
    assert_eq!((refused.refunds[0].state, refused.amount_refunded), (RefundState::Failed, Amount::ZERO));
    let problems = setup.check();
    assert!(problems.len() == 1 && problems[0].contains("keeps 25.00 USD"), "{problems:?}");
    let told = setup.told(&setup.staff, placed.order, "refund_again");
    assert!(told.len() == 1 && told[0].contains("is to be refunded again"), "{told:?}");
    let history = block_on(setup.world.shop.store().history(placed.order)).unwrap();
    assert!(history.iter().all(|entry| entry.visible == (entry.event != "refund_again")), "{history:?}");
    setup.refund(placed.payment, None).unwrap();
    setup.advance(placed.payment);
    assert_eq!(setup.statuses(placed).1, PaymentStatus::Refunded);
    setup.is_sound();
}

#[test]
fn an_order_has_not_attempts_without_end() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let (placed, holder) = setup.place();
    let begin = || {
        let attempt = AttemptInput { order_id: placed.order.into(), gateway: "manual".into() };
        block_on(setup.world.shop.payments().begin(&holder, attempt, None)).map(|begun| begun.value)
    };
    assert_eq!(code(begin()), "request_in_progress");
    setup.advance(placed.payment);
    for _ in 1..20 {
        begin().unwrap();
    }
    let refusal = begin().unwrap_err();
    assert_eq!(refusal.code(), "invalid_transition");
    assert!(refusal.to_string().contains("at most 20"), "{refusal}");
    assert_eq!(setup.view(placed.order).payments.len(), 20);
    setup.is_sound();
}

#[test]
fn a_buyer_who_comes_back_again_and_again_asks_the_gateway_seldom() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let (placed, holder) = setup.place();
    setup.advance(placed.payment);
    let payments = setup.world.shop.payments();
    let confirm = || block_on(payments.confirm(&holder, placed.payment)).unwrap().remote.pending_call.is_some();
    let looks = || setup.bank.calls().into_iter().filter(|call| call == "look_up").count();
    let before = setup.history(placed.order);
    for round in 1..=3 {
        assert!(confirm(), "nothing was asked for a while");
        assert!(confirm(), "it is still under way");
        setup.advance(placed.payment);
        for _ in 0..5 {
            assert!(!confirm(), "it was just answered");
        }
        assert_eq!(looks(), round);
        setup.pass(3);
    }
    assert_eq!(setup.history(placed.order), before, "nothing has changed");
    // Declined once, then three responses without news.
    setup.bank.decline(placed.payment);
    for _ in 0..3 {
        assert!(confirm());
        setup.advance(placed.payment);
        setup.pass(3);
    }
    assert_eq!(setup.history(placed.order).len(), before.len() + 1);
    setup.bank.pay(placed.payment);
    assert!(confirm());
    setup.advance(placed.payment);
    assert_eq!(setup.statuses(placed).1, PaymentStatus::Paid);
    setup.is_sound();
}
