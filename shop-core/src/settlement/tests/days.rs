//! One test per kind of day.

use futures_util::FutureExt as _;
use serde_json::json;

use crate::gateway::GatewayEventHeaders;
use crate::idempotency::IdempotencyKey;
use crate::model::orders::{OrderStatus, PaymentStatus};
use crate::model::payments::{PaymentState, RefundState};
use crate::money::Amount;
use crate::payments::fake_gateway::{FailureMode, FakeGateway};
use crate::payments::{AmountInput, AttemptInput};
use crate::settlement::tests::{GatewayTest, code};
use crate::testing::block_on;

#[test]
fn an_order_is_placed_paid_told_and_refunded() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let (placed, _) = setup.place();
    let payments = setup.world.shop.payments();
    assert_eq!(setup.bank.calls(), Vec::<String>::new(), "nothing is asked before the order is durable");
    let begun = setup.advance(placed.payment);
    let secret = payments.client_secret(&begun).unwrap();
    assert_eq!(secret.expose(), format!("{}_secret", setup.bank.reference(placed.payment)));
    assert!(!serde_json::to_string(&begun).unwrap().contains("_secret\":\"payment"), "it is kept sealed");
    assert!(setup.bank.pay(placed.payment));
    setup.tell("e1", placed.payment);
    assert_eq!(setup.statuses(placed), (OrderStatus::Placed, PaymentStatus::Paid, PaymentState::Captured));
    assert!(payments.client_secret(&setup.payment(placed.payment)).is_none());
    let refund = setup.refund(placed.payment, Some("10")).unwrap();
    assert_eq!(refund.refund.state, RefundState::Pending);
    assert_eq!(code(setup.refund(placed.payment, Some("1"))), "request_in_progress");
    let after = setup.advance(placed.payment);
    assert_eq!((after.refunds[0].state, after.amount_refunded), (RefundState::Succeeded, Amount(1000)));
    assert_eq!(code(setup.refund(placed.payment, Some("15.01"))), "invalid");
    setup.refund(placed.payment, None).unwrap();
    setup.world.deliver();
    assert_eq!(setup.statuses(placed).1, PaymentStatus::Refunded);
    setup.is_sound();
}

#[test]
fn the_worker_makes_the_calls_when_nobody_waits() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let (placed, _) = setup.place();
    setup.world.deliver();
    assert!(setup.payment(placed.payment).gateway_reference.is_some());
    setup.is_sound();
}

#[test]
fn what_is_reserved_is_taken_once_in_part() {
    let setup = GatewayTest::open(FakeGateway::new("bank").that_reserves());
    let (placed, _) = setup.place();
    assert_eq!(code(setup.capture(placed.payment, None)), "invalid_transition");
    setup.advance(placed.payment);
    setup.bank.pay(placed.payment);
    setup.tell("e1", placed.payment);
    assert_eq!(setup.statuses(placed).1, PaymentStatus::Authorized);
    assert_eq!(code(setup.capture(placed.payment, Some("25.01"))), "invalid");
    setup.capture(placed.payment, Some("20")).unwrap();
    assert_eq!(code(setup.capture(placed.payment, None)), "request_in_progress");
    assert_eq!(code(setup.cancel(&setup.staff, placed.order)), "request_in_progress");
    setup.advance(placed.payment);
    assert_eq!(setup.statuses(placed), (OrderStatus::Placed, PaymentStatus::PartiallyPaid, PaymentState::Captured));
    assert_eq!(code(setup.capture(placed.payment, None)), "invalid_transition");
    setup.is_sound();
}

#[test]
fn a_reply_that_is_lost_after_the_charge_is_made_up_for() {
    let setup = GatewayTest::open(FakeGateway::new("bank").that_reserves());
    let (placed, _) = setup.place();
    setup.advance(placed.payment);
    setup.bank.pay(placed.payment);
    setup.tell("e1", placed.payment);
    setup.capture(placed.payment, None).unwrap();
    setup.bank.plan_failures([FailureMode::Silent, FailureMode::LockedOut]);
    assert!(setup.advance(placed.payment).remote.pending_call.is_some());
    for _ in 0..2 {
        setup.pass(60);
        setup.world.deliver();
    }
    assert_eq!(setup.statuses(placed).1, PaymentStatus::Paid);
    let captures: Vec<_> = setup.bank.calls().into_iter().filter(|call| call.starts_with("capture")).collect();
    assert!(captures.len() == 3 && captures.iter().all(|call| *call == captures[0]), "{captures:?}");
    setup.is_sound();
}

#[test]
fn a_payment_that_the_gateway_refuses_makes_room_for_another() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let (placed, holder) = setup.place();
    setup.bank.plan_failures([FailureMode::Refuses]);
    assert_eq!(setup.advance(placed.payment).state, PaymentState::Failed);
    let again = AttemptInput { order_id: placed.order.into(), gateway: "bank".into() };
    let second = block_on(setup.world.shop.payments().begin(&holder, again, None)).unwrap().value;
    setup.advance(second.id);
    setup.bank.pay(second.id);
    setup.tell("e", second.id);
    assert_eq!(setup.view(placed.order).order.payment_status, PaymentStatus::Paid);
    setup.is_sound();
}

#[test]
fn another_attempt_waits_until_the_first_is_called_off() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let (placed, holder) = setup.place();
    let attempt = || AttemptInput { order_id: placed.order.into(), gateway: "manual".into() };
    let key = IdempotencyKey::new("k", &json!({})).unwrap();
    let begin = || block_on(setup.world.shop.payments().begin(&holder, attempt(), Some(&key)));
    // Even before the first payment was created there.
    assert_eq!(code(begin()), "request_in_progress");
    assert_eq!(code(begin()), "request_in_progress");
    assert_eq!(setup.advance(placed.payment).state, PaymentState::Voided);
    let second = begin().unwrap().value;
    assert!(begin().unwrap().replayed);
    assert_eq!((second.state, setup.reserved()), (PaymentState::Pending, 2));
    // Paid at the same time: the order is paid, and no second payment begins.
    let (placed, holder) = setup.place();
    setup.advance(placed.payment);
    setup.bank.pay(placed.payment);
    let attempt = AttemptInput { order_id: placed.order.into(), gateway: "bank".into() };
    let begin = || block_on(setup.world.shop.payments().begin(&holder, attempt.clone(), None));
    assert_eq!(code(begin()), "request_in_progress");
    setup.advance(placed.payment);
    assert_eq!(code(begin()), "invalid_transition");
    assert_eq!(setup.statuses(placed).1, PaymentStatus::Paid);
    setup.is_sound();
}

#[test]
fn an_order_is_canceled_when_its_gateway_has_answered() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let (placed, holder) = setup.place();
    let asked = setup.cancel(&holder, placed.order).unwrap();
    assert!(asked.payments.iter().all(|payment| payment.remote.client_secret.is_none()), "it is in no kept answer");
    assert_eq!((asked.order.status, setup.reserved()), (OrderStatus::Placed, 2));
    assert_eq!(code(setup.cancel(&holder, placed.order)), "request_in_progress");
    setup.advance(placed.payment);
    assert_eq!(setup.statuses(placed), (OrderStatus::Canceled, PaymentStatus::Voided, PaymentState::Voided));
    assert_eq!(setup.reserved(), 0);
    assert!(setup.history(placed.order).contains(&"canceled by guest".to_owned()));
    setup.is_sound();
}

#[test]
fn money_that_came_before_the_cancel_is_given_back_once() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let (placed, holder) = setup.place();
    setup.advance(placed.payment);
    setup.cancel(&holder, placed.order).unwrap();
    setup.bank.pay(placed.payment);
    setup.advance(placed.payment);
    for name in ["e1", "e2"] {
        setup.tell(name, placed.payment);
    }
    assert_eq!(setup.statuses(placed), (OrderStatus::Canceled, PaymentStatus::Refunded, PaymentState::Captured));
    let account = setup.bank.account(placed.payment).unwrap();
    assert_eq!((account.captured, account.refunds.len()), (Amount(2500), 1));
    assert_eq!(setup.reserved(), 0);
    setup.is_sound();
}

#[test]
fn money_for_a_canceled_order_is_given_back_once() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let (placed, holder) = setup.place();
    setup.advance(placed.payment);
    setup.cancel(&holder, placed.order).unwrap();
    setup.advance(placed.payment);
    assert_eq!(setup.statuses(placed).2, PaymentState::Voided);
    // No honest bank does this, but the amounts must still be consistent.
    setup.bank.change(placed.payment, |account| {
        account.state = PaymentState::Captured;
        (account.authorized, account.captured) = (account.amount, account.amount);
    });
    for name in ["e1", "e1", "e2"] {
        setup.tell(name, placed.payment);
    }
    setup.world.deliver();
    assert_eq!(setup.statuses(placed).1, PaymentStatus::Refunded);
    assert_eq!(setup.bank.account(placed.payment).unwrap().refunds.len(), 1);
    setup.is_sound();
}

#[test]
fn an_overdue_order_is_canceled_or_paid_as_its_gateway_says() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let ((late, _), (paid, _), (lost, _)) = (setup.place(), setup.place(), setup.place());
    setup.advance(late.payment);
    setup.advance(paid.payment);
    // The bank never received the third payment.
    setup.pass(1801);
    assert!(setup.bank.pay(paid.payment));
    assert_eq!(block_on(setup.world.shop.worker().sweep()).unwrap(), 0);
    assert_eq!(block_on(setup.world.shop.worker().sweep()).unwrap(), 0, "they wait for the answer");
    setup.world.deliver();
    assert_eq!(setup.statuses(late), (OrderStatus::Canceled, PaymentStatus::Voided, PaymentState::Voided));
    assert_eq!(setup.statuses(paid), (OrderStatus::Placed, PaymentStatus::Paid, PaymentState::Captured));
    assert_eq!(setup.statuses(lost).0, OrderStatus::Canceled);
    assert_eq!(setup.reserved(), 2);
    setup.is_sound();
}

#[test]
fn an_overdue_order_waits_for_a_gateway_that_is_down() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let (placed, _) = setup.place();
    setup.advance(placed.payment);
    setup.pass(1801);
    setup.bank.plan_failures([FailureMode::Down; 3]);
    for _ in 0..4 {
        block_on(setup.world.shop.worker().sweep()).unwrap();
        setup.world.deliver();
        assert!(setup.bank.calls().len() < 6);
        setup.pass(400);
    }
    assert_eq!(setup.statuses(placed).0, OrderStatus::Canceled);
    setup.is_sound();
}

#[test]
fn messages_that_repeat_or_come_late_or_about_nothing_change_nothing() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let placed = setup.paid();
    let (before, now) = (setup.view(placed.order), setup.world.shop.context().now());
    let calls = setup.bank.calls().len();
    for name in ["paid", "paid"] {
        setup.tell(name, placed.payment);
    }
    assert_eq!(setup.bank.calls().len(), calls, "a repetition is not even looked into");
    setup.tell("later", placed.payment);
    let (signature, body) = setup.bank.forge_event("g", None, now);
    setup.post(&signature, &body).unwrap();
    assert_eq!(setup.view(placed.order), before);

    let (signature, body) = setup.bank.message("e", placed.payment, now);
    assert_eq!(code(setup.post("nonsense", &body)), "invalid_signature");
    assert_eq!(code(setup.post(&signature, &body[1..])), "invalid_signature");
    let (old, stale) = setup.bank.message("e", placed.payment, now - chrono::TimeDelta::minutes(6));
    assert_eq!(code(setup.post(&old, &stale)), "invalid_signature");
    let payments = setup.world.shop.payments();
    let none = GatewayEventHeaders::new(&[]);
    assert_eq!(code(block_on(payments.receive_event("bank", &none, &body))), "invalid_signature");
    assert_eq!(code(block_on(payments.receive_event("manual", &none, &body))), "not_found");
    assert_eq!(code(block_on(payments.receive_event("cowries", &none, &body))), "not_found");
}

#[test]
fn a_message_before_our_own_commit_is_tried_again_and_a_strangers_given_up() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let (placed, _) = setup.place();
    // The bank has created the payment, and sends an event before its response arrives.
    setup.bank.plan_failures([FailureMode::Silent]);
    setup.advance(placed.payment);
    setup.bank.pay(placed.payment);
    setup.event("early", placed.payment).unwrap();
    let (signature, body) =
        setup.bank.forge_event("g", Some("payment_of_another_shop"), setup.world.shop.context().now());
    setup.post(&signature, &body).unwrap();
    setup.world.deliver();
    assert_eq!(setup.statuses(placed).1, PaymentStatus::NotPaid);
    setup.pass(60);
    setup.world.deliver();
    setup.pass(60);
    setup.world.deliver();
    assert_eq!(setup.statuses(placed).1, PaymentStatus::Paid);
    for _ in 0..10 {
        setup.pass(3600);
        setup.world.deliver();
    }
    let waiting = setup.world.shop.store().next_due("notices:bank");
    assert_eq!(block_on(waiting).unwrap(), None, "nothing waits for ever");
    setup.is_sound();
}

#[test]
fn a_decline_is_shown_and_late_news_of_it_are_ignored() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let (placed, _) = setup.place();
    setup.advance(placed.payment);
    setup.bank.decline(placed.payment);
    setup.tell("e1", placed.payment);
    let declined = setup.payment(placed.payment);
    assert_eq!((declined.state, declined.failure.as_deref()), (PaymentState::Pending, Some("The card was declined.")));
    assert!(setup.history(placed.order).contains(&"payment_failed by gateway".to_owned()));
    setup.bank.pay(placed.payment);
    for name in ["e3", "e2"] {
        setup.tell(name, placed.payment);
    }
    assert_eq!(setup.statuses(placed).1, PaymentStatus::Paid);
    setup.is_sound();
}

#[test]
fn a_message_that_never_came_is_made_up_for() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let (placed, _) = setup.place();
    setup.advance(placed.payment);
    setup.bank.pay(placed.payment);
    let reconcile = || block_on(setup.world.shop.worker().reconcile()).unwrap();
    assert_eq!(reconcile(), 0, "its time has not come");
    setup.pass(301);
    setup.bank.plan_failures([FailureMode::Down]);
    assert_eq!((reconcile(), reconcile()), (1, 0));
    setup.pass(301);
    assert_eq!((reconcile(), reconcile()), (1, 0));
    assert_eq!(setup.statuses(placed).1, PaymentStatus::Paid);
    setup.pass(86_400);
    assert_eq!(reconcile(), 0, "nothing is open any more");
    setup.is_sound();
}

#[test]
fn refunds_end_when_the_bank_says_so() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    setup.bank.send_back_slowly();
    let placed = setup.paid();
    setup.refund(placed.payment, Some("10")).unwrap();
    let asked = setup.advance(placed.payment);
    assert_eq!((asked.refunds[0].state, asked.amount_refunded), (RefundState::Pending, Amount(1000)));
    setup.bank.end_refunds(placed.payment, RefundState::Failed);
    setup.pass(301);
    block_on(setup.world.shop.worker().reconcile()).unwrap();
    let failed = setup.payment(placed.payment);
    assert_eq!((failed.refunds[0].state, failed.amount_refunded), (RefundState::Failed, Amount::ZERO));
    assert_eq!(setup.statuses(placed).1, PaymentStatus::Paid);
    // The refund can be requested again.
    setup.refund(placed.payment, None).unwrap();
    setup.advance(placed.payment);
    setup.bank.end_refunds(placed.payment, RefundState::Succeeded);
    setup.tell("e9", placed.payment);
    assert_eq!(setup.statuses(placed).1, PaymentStatus::Refunded);
    setup.is_sound();
}

#[test]
fn a_refund_that_is_refused_leaves_the_money_here() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let placed = setup.paid();
    setup.refund(placed.payment, None).unwrap();
    setup.bank.plan_failures([FailureMode::Refuses]);
    let refused = setup.advance(placed.payment);
    assert_eq!((refused.refunds[0].state, refused.amount_refunded), (RefundState::Failed, Amount::ZERO));
    setup.is_sound();
}

#[test]
fn a_gateway_that_stays_silent_is_given_up_and_looked_at() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let placed = setup.paid();
    setup.refund(placed.payment, Some("10")).unwrap();
    setup.bank.plan_failures([FailureMode::Down; 15]);
    for _ in 0..16 {
        setup.world.deliver();
        setup.pass(3700);
    }
    let silent = setup.payment(placed.payment);
    assert_eq!((silent.remote.pending_call, silent.refunds[0].state), (None, RefundState::Pending));
    setup.pass(6 * 3600);
    block_on(setup.world.shop.worker().reconcile()).unwrap();
    let looked = setup.payment(placed.payment);
    assert_eq!((looked.refunds[0].state, looked.amount_refunded), (RefundState::Failed, Amount::ZERO));
    setup.is_sound();
}

#[test]
fn two_who_wait_make_one_call() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let (placed, _) = setup.place();
    setup.bank.plan_failures([FailureMode::HangsAfter]);
    let payments = setup.world.shop.payments();
    let mut first = Box::pin(payments.advance(placed.payment, |_| std::future::ready(())));
    assert!((&mut first).now_or_never().is_none(), "the first is asking");
    let mut second = Box::pin(payments.advance(placed.payment, |_| std::future::pending()));
    assert!((&mut second).now_or_never().is_none(), "the second waits for it");
    assert_eq!(setup.bank.calls().len(), 1);
    drop(first);
    // The lease expires; the next caller repeats the call with the same key.
    setup.pass(200);
    assert!(setup.advance(placed.payment).gateway_reference.is_some());
    let calls = setup.bank.calls();
    assert!(calls.len() == 2 && calls[0] == calls[1], "{calls:?}");
    setup.is_sound();
}

#[test]
fn an_order_whose_authorization_ran_out_waits_again_and_is_canceled() {
    let setup = GatewayTest::open(FakeGateway::new("bank").that_reserves());
    let (placed, _) = setup.place();
    setup.advance(placed.payment);
    setup.bank.pay(placed.payment);
    setup.tell("e1", placed.payment);
    assert_eq!(setup.view(placed.order).order.hold_until, None);
    setup.bank.change(placed.payment, |account| account.state = PaymentState::Expired);
    setup.tell("e2", placed.payment);
    assert_eq!(setup.statuses(placed), (OrderStatus::Placed, PaymentStatus::NotPaid, PaymentState::Expired));
    setup.pass(1801);
    block_on(setup.world.shop.worker().sweep()).unwrap();
    assert_eq!((setup.statuses(placed).0, setup.reserved()), (OrderStatus::Canceled, 0));
    setup.is_sound();
}

#[test]
fn a_void_by_staff_is_asked_of_the_gateway() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let (placed, holder) = setup.place();
    let void = || {
        let payments = setup.world.shop.payments();
        block_on(payments.void(&setup.staff, placed.payment, AmountInput::default(), None)).map(|done| done.value)
    };
    void().unwrap();
    assert_eq!(code(void()), "request_in_progress");
    setup.advance(placed.payment);
    assert_eq!(setup.statuses(placed), (OrderStatus::Placed, PaymentStatus::NotPaid, PaymentState::Voided));
    assert_eq!(code(void()), "invalid_transition");
    let payments = setup.world.shop.payments();
    assert_eq!(block_on(payments.confirm(&holder, placed.payment)).unwrap().remote.pending_call, None);
    setup.is_sound();
}

#[test]
fn the_buyer_who_comes_back_makes_the_shop_look() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let (placed, holder) = setup.place();
    setup.advance(placed.payment);
    setup.bank.pay(placed.payment);
    let payments = setup.world.shop.payments();
    assert_eq!(code(block_on(payments.confirm(&crate::Actor::anonymous(), placed.payment))), "not_authenticated");
    assert!(block_on(payments.confirm(&holder, placed.payment)).unwrap().remote.pending_call.is_some());
    assert!(block_on(payments.confirm(&holder, placed.payment)).is_ok());
    setup.advance(placed.payment);
    assert_eq!(setup.statuses(placed).1, PaymentStatus::Paid);
    setup.is_sound();
}

#[test]
fn money_that_moves_at_a_bank_is_mailed_once() {
    let setup = GatewayTest::open(FakeGateway::new("bank"));
    let placed = setup.paid();
    for name in ["again", "and again"] {
        setup.tell(name, placed.payment);
    }
    let subjects = || {
        setup.world.deliver();
        let mut mails = setup.world.mailer.sent();
        mails.sort_by_key(|mail| mail.id);
        setup.world.mailer.clear();
        mails.into_iter().map(|mail| mail.subject).collect::<Vec<_>>()
    };
    let mails = subjects();
    assert_eq!(mails.len(), 2, "{mails:?}");
    assert!(mails[0].starts_with("Your order") && mails[1].starts_with("Payment received"), "{mails:?}");
    setup.refund(placed.payment, Some("5.00")).unwrap();
    setup.advance(placed.payment);
    for name in ["refunded", "refunded again"] {
        setup.tell(name, placed.payment);
    }
    let mails = subjects();
    assert!(mails.len() == 1 && mails[0].starts_with("Refund"), "{mails:?}");
    setup.is_sound();
}
