//! One test per kind of day.

use futures_util::FutureExt as _;
use serde_json::json;

use crate::gateway::NoticeHeaders;
use crate::idempotency::IdempotencyKey;
use crate::model::orders::{OrderStatus, PaymentStatus};
use crate::model::payments::{PaymentState, RefundState};
use crate::money::Amount;
use crate::payments::bank::{Bank, Mood};
use crate::payments::{AmountInput, AttemptInput};
use crate::settlement::tests::{Till, code};
use crate::testing::block_on;

#[test]
fn an_order_is_placed_paid_told_and_refunded() {
    let till = Till::open(Bank::new("bank"));
    let (placed, _) = till.place();
    let payments = till.world.shop.payments();
    assert_eq!(till.bank.calls(), Vec::<String>::new(), "nothing is asked before the order is durable");
    let begun = till.advance(placed.payment);
    let secret = payments.client_secret(&begun).unwrap();
    assert_eq!(secret.expose(), format!("{}_secret", till.bank.reference(placed.payment)));
    assert!(!serde_json::to_string(&begun).unwrap().contains("_secret\":\"payment"), "it is kept sealed");
    assert!(till.bank.pay(placed.payment));
    till.tell("e1", placed.payment);
    assert_eq!(till.statuses(placed), (OrderStatus::Placed, PaymentStatus::Paid, PaymentState::Captured));
    assert!(payments.client_secret(&till.payment(placed.payment)).is_none());
    let refund = till.refund(placed.payment, Some("10")).unwrap();
    assert_eq!(refund.refund.state, RefundState::Pending);
    assert_eq!(code(till.refund(placed.payment, Some("1"))), "request_in_progress");
    let after = till.advance(placed.payment);
    assert_eq!((after.refunds[0].state, after.amount_refunded), (RefundState::Succeeded, Amount(1000)));
    assert_eq!(code(till.refund(placed.payment, Some("15.01"))), "invalid");
    till.refund(placed.payment, None).unwrap();
    till.world.deliver();
    assert_eq!(till.statuses(placed).1, PaymentStatus::Refunded);
    till.is_sound();
}

#[test]
fn the_worker_makes_the_calls_when_nobody_waits() {
    let till = Till::open(Bank::new("bank"));
    let (placed, _) = till.place();
    till.world.deliver();
    assert!(till.payment(placed.payment).gateway_reference.is_some());
    till.is_sound();
}

#[test]
fn what_is_reserved_is_taken_once_in_part() {
    let till = Till::open(Bank::new("bank").that_reserves());
    let (placed, _) = till.place();
    assert_eq!(code(till.capture(placed.payment, None)), "invalid_transition");
    till.advance(placed.payment);
    till.bank.pay(placed.payment);
    till.tell("e1", placed.payment);
    assert_eq!(till.statuses(placed).1, PaymentStatus::Authorized);
    assert_eq!(code(till.capture(placed.payment, Some("25.01"))), "invalid");
    till.capture(placed.payment, Some("20")).unwrap();
    assert_eq!(code(till.capture(placed.payment, None)), "request_in_progress");
    assert_eq!(code(till.cancel(&till.staff, placed.order)), "request_in_progress");
    till.advance(placed.payment);
    assert_eq!(till.statuses(placed), (OrderStatus::Placed, PaymentStatus::PartiallyPaid, PaymentState::Captured));
    assert_eq!(code(till.capture(placed.payment, None)), "invalid_transition");
    till.is_sound();
}

#[test]
fn a_reply_that_is_lost_after_the_charge_is_made_up_for() {
    let till = Till::open(Bank::new("bank").that_reserves());
    let (placed, _) = till.place();
    till.advance(placed.payment);
    till.bank.pay(placed.payment);
    till.tell("e1", placed.payment);
    till.capture(placed.payment, None).unwrap();
    till.bank.expect_moods([Mood::Silent, Mood::LockedOut]);
    assert!(till.advance(placed.payment).remote.asking.is_some());
    for _ in 0..2 {
        till.pass(60);
        till.world.deliver();
    }
    assert_eq!(till.statuses(placed).1, PaymentStatus::Paid);
    let captures: Vec<_> = till.bank.calls().into_iter().filter(|call| call.starts_with("capture")).collect();
    assert!(captures.len() == 3 && captures.iter().all(|call| *call == captures[0]), "{captures:?}");
    till.is_sound();
}

#[test]
fn a_payment_that_the_gateway_refuses_makes_room_for_another() {
    let till = Till::open(Bank::new("bank"));
    let (placed, holder) = till.place();
    till.bank.expect_moods([Mood::Refuses]);
    assert_eq!(till.advance(placed.payment).state, PaymentState::Failed);
    let again = AttemptInput { order_id: placed.order.into(), gateway: "bank".into() };
    let second = block_on(till.world.shop.payments().begin(&holder, again, None)).unwrap().value;
    till.advance(second.id);
    till.bank.pay(second.id);
    till.tell("e", second.id);
    assert_eq!(till.view(placed.order).order.payment_status, PaymentStatus::Paid);
    till.is_sound();
}

#[test]
fn another_attempt_waits_until_the_first_is_called_off() {
    let till = Till::open(Bank::new("bank"));
    let (placed, holder) = till.place();
    let attempt = || AttemptInput { order_id: placed.order.into(), gateway: "manual".into() };
    let key = IdempotencyKey::new("k", &json!({})).unwrap();
    let begin = || block_on(till.world.shop.payments().begin(&holder, attempt(), Some(&key)));
    // Even before the first payment was created there.
    assert_eq!(code(begin()), "request_in_progress");
    assert_eq!(code(begin()), "request_in_progress");
    assert_eq!(till.advance(placed.payment).state, PaymentState::Voided);
    let second = begin().unwrap().value;
    assert!(begin().unwrap().replayed);
    assert_eq!((second.state, till.reserved()), (PaymentState::Pending, 2));
    // Paid at the same time: the order is paid, and no second payment begins.
    let (placed, holder) = till.place();
    till.advance(placed.payment);
    till.bank.pay(placed.payment);
    let attempt = AttemptInput { order_id: placed.order.into(), gateway: "bank".into() };
    let begin = || block_on(till.world.shop.payments().begin(&holder, attempt.clone(), None));
    assert_eq!(code(begin()), "request_in_progress");
    till.advance(placed.payment);
    assert_eq!(code(begin()), "invalid_transition");
    assert_eq!(till.statuses(placed).1, PaymentStatus::Paid);
    till.is_sound();
}

#[test]
fn an_order_is_canceled_when_its_gateway_has_answered() {
    let till = Till::open(Bank::new("bank"));
    let (placed, holder) = till.place();
    let asked = till.cancel(&holder, placed.order).unwrap();
    assert!(asked.payments.iter().all(|payment| payment.remote.client_secret.is_none()), "it is in no kept answer");
    assert_eq!((asked.order.status, till.reserved()), (OrderStatus::Placed, 2));
    assert_eq!(code(till.cancel(&holder, placed.order)), "request_in_progress");
    till.advance(placed.payment);
    assert_eq!(till.statuses(placed), (OrderStatus::Canceled, PaymentStatus::Voided, PaymentState::Voided));
    assert_eq!(till.reserved(), 0);
    assert!(till.history(placed.order).contains(&"canceled by guest".to_owned()));
    till.is_sound();
}

#[test]
fn money_that_came_before_the_cancel_is_given_back_once() {
    let till = Till::open(Bank::new("bank"));
    let (placed, holder) = till.place();
    till.advance(placed.payment);
    till.cancel(&holder, placed.order).unwrap();
    till.bank.pay(placed.payment);
    till.advance(placed.payment);
    for name in ["e1", "e2"] {
        till.tell(name, placed.payment);
    }
    assert_eq!(till.statuses(placed), (OrderStatus::Canceled, PaymentStatus::Refunded, PaymentState::Captured));
    let account = till.bank.account(placed.payment).unwrap();
    assert_eq!((account.captured, account.refunds.len()), (Amount(2500), 1));
    assert_eq!(till.reserved(), 0);
    till.is_sound();
}

#[test]
fn money_for_a_canceled_order_is_given_back_once() {
    let till = Till::open(Bank::new("bank"));
    let (placed, holder) = till.place();
    till.advance(placed.payment);
    till.cancel(&holder, placed.order).unwrap();
    till.advance(placed.payment);
    assert_eq!(till.statuses(placed).2, PaymentState::Voided);
    // No honest bank does this, but the amounts must still be consistent.
    till.bank.change(placed.payment, |account| {
        account.state = PaymentState::Captured;
        (account.authorized, account.captured) = (account.amount, account.amount);
    });
    for name in ["e1", "e1", "e2"] {
        till.tell(name, placed.payment);
    }
    till.world.deliver();
    assert_eq!(till.statuses(placed).1, PaymentStatus::Refunded);
    assert_eq!(till.bank.account(placed.payment).unwrap().refunds.len(), 1);
    till.is_sound();
}

#[test]
fn an_overdue_order_is_canceled_or_paid_as_its_gateway_says() {
    let till = Till::open(Bank::new("bank"));
    let ((late, _), (paid, _), (lost, _)) = (till.place(), till.place(), till.place());
    till.advance(late.payment);
    till.advance(paid.payment);
    // The bank never received the third payment.
    till.pass(1801);
    assert!(till.bank.pay(paid.payment));
    assert_eq!(block_on(till.world.shop.worker().sweep()).unwrap(), 0);
    assert_eq!(block_on(till.world.shop.worker().sweep()).unwrap(), 0, "they wait for the answer");
    till.world.deliver();
    assert_eq!(till.statuses(late), (OrderStatus::Canceled, PaymentStatus::Voided, PaymentState::Voided));
    assert_eq!(till.statuses(paid), (OrderStatus::Placed, PaymentStatus::Paid, PaymentState::Captured));
    assert_eq!(till.statuses(lost).0, OrderStatus::Canceled);
    assert_eq!(till.reserved(), 2);
    till.is_sound();
}

#[test]
fn an_overdue_order_waits_for_a_gateway_that_is_down() {
    let till = Till::open(Bank::new("bank"));
    let (placed, _) = till.place();
    till.advance(placed.payment);
    till.pass(1801);
    till.bank.expect_moods([Mood::Down; 3]);
    for _ in 0..4 {
        block_on(till.world.shop.worker().sweep()).unwrap();
        till.world.deliver();
        assert!(till.bank.calls().len() < 6);
        till.pass(400);
    }
    assert_eq!(till.statuses(placed).0, OrderStatus::Canceled);
    till.is_sound();
}

#[test]
fn messages_that_repeat_or_come_late_or_about_nothing_change_nothing() {
    let till = Till::open(Bank::new("bank"));
    let placed = till.paid();
    let (before, now) = (till.view(placed.order), till.world.shop.moment().now());
    let calls = till.bank.calls().len();
    for name in ["paid", "paid"] {
        till.tell(name, placed.payment);
    }
    assert_eq!(till.bank.calls().len(), calls, "a repetition is not even looked into");
    till.tell("later", placed.payment);
    let (signature, body) = till.bank.gossip("g", None, now);
    till.post(&signature, &body).unwrap();
    assert_eq!(till.view(placed.order), before);

    let (signature, body) = till.bank.message("e", placed.payment, now);
    assert_eq!(code(till.post("nonsense", &body)), "invalid_signature");
    assert_eq!(code(till.post(&signature, &body[1..])), "invalid_signature");
    let (old, stale) = till.bank.message("e", placed.payment, now - chrono::TimeDelta::minutes(6));
    assert_eq!(code(till.post(&old, &stale)), "invalid_signature");
    let payments = till.world.shop.payments();
    let none = NoticeHeaders::new(&[]);
    assert_eq!(code(block_on(payments.notice("bank", &none, &body))), "invalid_signature");
    assert_eq!(code(block_on(payments.notice("manual", &none, &body))), "not_found");
    assert_eq!(code(block_on(payments.notice("cowries", &none, &body))), "not_found");
}

#[test]
fn a_message_before_our_own_commit_is_tried_again_and_a_strangers_given_up() {
    let till = Till::open(Bank::new("bank"));
    let (placed, _) = till.place();
    // The bank has created the payment, and sends an event before its response arrives.
    till.bank.expect_moods([Mood::Silent]);
    till.advance(placed.payment);
    till.bank.pay(placed.payment);
    till.notice("early", placed.payment).unwrap();
    let (signature, body) = till.bank.gossip("g", Some("payment_of_another_shop"), till.world.shop.moment().now());
    till.post(&signature, &body).unwrap();
    till.world.deliver();
    assert_eq!(till.statuses(placed).1, PaymentStatus::NotPaid);
    till.pass(60);
    till.world.deliver();
    till.pass(60);
    till.world.deliver();
    assert_eq!(till.statuses(placed).1, PaymentStatus::Paid);
    for _ in 0..10 {
        till.pass(3600);
        till.world.deliver();
    }
    let waiting = till.world.shop.store().next_due("notices:bank");
    assert_eq!(block_on(waiting).unwrap(), None, "nothing waits for ever");
    till.is_sound();
}

#[test]
fn a_decline_is_shown_and_late_news_of_it_are_ignored() {
    let till = Till::open(Bank::new("bank"));
    let (placed, _) = till.place();
    till.advance(placed.payment);
    till.bank.decline(placed.payment);
    till.tell("e1", placed.payment);
    let declined = till.payment(placed.payment);
    assert_eq!((declined.state, declined.failure.as_deref()), (PaymentState::Pending, Some("The card was declined.")));
    assert!(till.history(placed.order).contains(&"payment_failed by gateway".to_owned()));
    till.bank.pay(placed.payment);
    for name in ["e3", "e2"] {
        till.tell(name, placed.payment);
    }
    assert_eq!(till.statuses(placed).1, PaymentStatus::Paid);
    till.is_sound();
}

#[test]
fn a_message_that_never_came_is_made_up_for() {
    let till = Till::open(Bank::new("bank"));
    let (placed, _) = till.place();
    till.advance(placed.payment);
    till.bank.pay(placed.payment);
    let reconcile = || block_on(till.world.shop.worker().reconcile()).unwrap();
    assert_eq!(reconcile(), 0, "its time has not come");
    till.pass(301);
    till.bank.expect_moods([Mood::Down]);
    assert_eq!((reconcile(), reconcile()), (1, 0));
    till.pass(301);
    assert_eq!((reconcile(), reconcile()), (1, 0));
    assert_eq!(till.statuses(placed).1, PaymentStatus::Paid);
    till.pass(86_400);
    assert_eq!(reconcile(), 0, "nothing is open any more");
    till.is_sound();
}

#[test]
fn refunds_end_when_the_bank_says_so() {
    let till = Till::open(Bank::new("bank"));
    till.bank.send_back_slowly();
    let placed = till.paid();
    till.refund(placed.payment, Some("10")).unwrap();
    let asked = till.advance(placed.payment);
    assert_eq!((asked.refunds[0].state, asked.amount_refunded), (RefundState::Pending, Amount(1000)));
    till.bank.end_refunds(placed.payment, RefundState::Failed);
    till.pass(301);
    block_on(till.world.shop.worker().reconcile()).unwrap();
    let failed = till.payment(placed.payment);
    assert_eq!((failed.refunds[0].state, failed.amount_refunded), (RefundState::Failed, Amount::ZERO));
    assert_eq!(till.statuses(placed).1, PaymentStatus::Paid);
    // The refund can be requested again.
    till.refund(placed.payment, None).unwrap();
    till.advance(placed.payment);
    till.bank.end_refunds(placed.payment, RefundState::Succeeded);
    till.tell("e9", placed.payment);
    assert_eq!(till.statuses(placed).1, PaymentStatus::Refunded);
    till.is_sound();
}

#[test]
fn a_refund_that_is_refused_leaves_the_money_here() {
    let till = Till::open(Bank::new("bank"));
    let placed = till.paid();
    till.refund(placed.payment, None).unwrap();
    till.bank.expect_moods([Mood::Refuses]);
    let refused = till.advance(placed.payment);
    assert_eq!((refused.refunds[0].state, refused.amount_refunded), (RefundState::Failed, Amount::ZERO));
    till.is_sound();
}

#[test]
fn a_gateway_that_stays_silent_is_given_up_and_looked_at() {
    let till = Till::open(Bank::new("bank"));
    let placed = till.paid();
    till.refund(placed.payment, Some("10")).unwrap();
    till.bank.expect_moods([Mood::Down; 15]);
    for _ in 0..16 {
        till.world.deliver();
        till.pass(3700);
    }
    let silent = till.payment(placed.payment);
    assert_eq!((silent.remote.asking, silent.refunds[0].state), (None, RefundState::Pending));
    till.pass(6 * 3600);
    block_on(till.world.shop.worker().reconcile()).unwrap();
    let looked = till.payment(placed.payment);
    assert_eq!((looked.refunds[0].state, looked.amount_refunded), (RefundState::Failed, Amount::ZERO));
    till.is_sound();
}

#[test]
fn two_who_wait_make_one_call() {
    let till = Till::open(Bank::new("bank"));
    let (placed, _) = till.place();
    till.bank.expect_moods([Mood::HangsAfter]);
    let payments = till.world.shop.payments();
    let mut first = Box::pin(payments.advance(placed.payment, |_| std::future::ready(())));
    assert!((&mut first).now_or_never().is_none(), "the first is asking");
    let mut second = Box::pin(payments.advance(placed.payment, |_| std::future::pending()));
    assert!((&mut second).now_or_never().is_none(), "the second waits for it");
    assert_eq!(till.bank.calls().len(), 1);
    drop(first);
    // The lease expires; the next caller repeats the call with the same key.
    till.pass(200);
    assert!(till.advance(placed.payment).gateway_reference.is_some());
    let calls = till.bank.calls();
    assert!(calls.len() == 2 && calls[0] == calls[1], "{calls:?}");
    till.is_sound();
}

#[test]
fn an_order_whose_authorization_ran_out_waits_again_and_is_canceled() {
    let till = Till::open(Bank::new("bank").that_reserves());
    let (placed, _) = till.place();
    till.advance(placed.payment);
    till.bank.pay(placed.payment);
    till.tell("e1", placed.payment);
    assert_eq!(till.view(placed.order).order.hold_until, None);
    till.bank.change(placed.payment, |account| account.state = PaymentState::Expired);
    till.tell("e2", placed.payment);
    assert_eq!(till.statuses(placed), (OrderStatus::Placed, PaymentStatus::NotPaid, PaymentState::Expired));
    till.pass(1801);
    block_on(till.world.shop.worker().sweep()).unwrap();
    assert_eq!((till.statuses(placed).0, till.reserved()), (OrderStatus::Canceled, 0));
    till.is_sound();
}

#[test]
fn a_void_by_staff_is_asked_of_the_gateway() {
    let till = Till::open(Bank::new("bank"));
    let (placed, holder) = till.place();
    let void = || {
        let payments = till.world.shop.payments();
        block_on(payments.void(&till.staff, placed.payment, AmountInput::default(), None)).map(|done| done.value)
    };
    void().unwrap();
    assert_eq!(code(void()), "request_in_progress");
    till.advance(placed.payment);
    assert_eq!(till.statuses(placed), (OrderStatus::Placed, PaymentStatus::NotPaid, PaymentState::Voided));
    assert_eq!(code(void()), "invalid_transition");
    let payments = till.world.shop.payments();
    assert_eq!(block_on(payments.confirm(&holder, placed.payment)).unwrap().remote.asking, None);
    till.is_sound();
}

#[test]
fn the_buyer_who_comes_back_makes_the_shop_look() {
    let till = Till::open(Bank::new("bank"));
    let (placed, holder) = till.place();
    till.advance(placed.payment);
    till.bank.pay(placed.payment);
    let payments = till.world.shop.payments();
    assert_eq!(code(block_on(payments.confirm(&crate::Actor::anonymous(), placed.payment))), "not_authenticated");
    assert!(block_on(payments.confirm(&holder, placed.payment)).unwrap().remote.asking.is_some());
    assert!(block_on(payments.confirm(&holder, placed.payment)).is_ok());
    till.advance(placed.payment);
    assert_eq!(till.statuses(placed).1, PaymentStatus::Paid);
    till.is_sound();
}

#[test]
fn money_that_moves_at_a_bank_is_mailed_once() {
    let till = Till::open(Bank::new("bank"));
    let placed = till.paid();
    for name in ["again", "and again"] {
        till.tell(name, placed.payment);
    }
    let subjects = || {
        till.world.deliver();
        let mut mails = till.world.mailer.sent();
        mails.sort_by_key(|mail| mail.id);
        till.world.mailer.clear();
        mails.into_iter().map(|mail| mail.subject).collect::<Vec<_>>()
    };
    let mails = subjects();
    assert_eq!(mails.len(), 2, "{mails:?}");
    assert!(mails[0].starts_with("Your order") && mails[1].starts_with("Payment received"), "{mails:?}");
    till.refund(placed.payment, Some("5.00")).unwrap();
    till.advance(placed.payment);
    for name in ["refunded", "refunded again"] {
        till.tell(name, placed.payment);
    }
    let mails = subjects();
    assert!(mails.len() == 1 && mails[0].starts_with("Refund"), "{mails:?}");
    till.is_sound();
}
