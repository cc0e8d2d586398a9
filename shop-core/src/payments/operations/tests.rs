use chrono::DateTime;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::gateway::ManualGateway;

fn context() -> DecisionContext {
    DecisionContext::new(DateTime::UNIX_EPOCH, [7; 32])
}

fn begun(amount: i64) -> Payment {
    let order = OrderId(Uuid::from_u128(1));
    begin(&ManualGateway::default(), order, Amount(amount), Currency::USD, &mut context())
}

fn captured(amount: i64, captured: i64) -> Payment {
    capture(&begun(amount), Some(Amount(captured)), &context()).unwrap()
}

fn code(result: Result<Payment>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "done")
}

#[test]
fn an_attempt_waits_for_money_unless_there_is_nothing_to_pay() {
    let payment = begun(1000);
    assert_eq!((payment.state, payment.gateway.as_str(), payment.version), (PaymentState::Pending, "manual", 1));
    let payment = begun(0);
    assert_eq!((payment.state, payment.amount_captured), (PaymentState::Captured, Amount::ZERO));
    assert_eq!(code(capture(&payment, None, &context())), "invalid_transition");
    assert_eq!(code(void(&payment, &context())), "invalid_transition");
    assert_eq!(code(refund(&payment, None, String::new(), &mut context())), "invalid_transition");
}

#[test]
fn money_comes_in_parts_until_all_is_there() {
    let first = captured(1000, 400);
    assert_eq!(first.state, PaymentState::Captured);
    assert_eq!((first.amount_authorized, first.amount_captured, first.version), (Amount(400), Amount(400), 2));
    assert_eq!(code(capture(&first, Some(Amount(601)), &context())), "invalid");
    let all = capture(&first, None, &context()).unwrap();
    assert_eq!((all.amount_authorized, all.amount_captured), (Amount(1000), Amount(1000)));
    assert_eq!(code(capture(&all, None, &context())), "invalid_transition");
    for wrong in [0, -1, 1001, i64::MIN, i64::MAX] {
        assert_eq!(code(capture(&begun(1000), Some(Amount(wrong)), &context())), "invalid", "{wrong}");
    }
}

#[test]
fn what_brought_money_cannot_be_voided() {
    let voided = void(&begun(1000), &context()).unwrap();
    assert_eq!(voided.state, PaymentState::Voided);
    assert_eq!(code(void(&voided, &context())), "invalid_transition");
    assert_eq!(code(capture(&voided, None, &context())), "invalid_transition");
    assert_eq!(code(void(&captured(1000, 1), &context())), "invalid_transition");
}

#[test]
fn money_goes_back_until_none_is_left() {
    let payment = captured(1000, 800);
    let part = refund(&payment, Some(Amount(300)), "broken".into(), &mut context()).unwrap();
    assert_eq!((part.amount_refunded, part.refunds.len()), (Amount(300), 1));
    assert_eq!((part.refunds[0].state, part.refunds[0].reason.as_str()), (RefundState::Succeeded, "broken"));
    assert_eq!(code(refund(&part, Some(Amount(501)), String::new(), &mut context())), "invalid");
    let rest = refund(&part, None, String::new(), &mut context()).unwrap();
    assert_eq!((rest.amount_refunded, rest.refunds[1].amount), (Amount(800), Amount(500)));
    assert_eq!(code(refund(&rest, None, String::new(), &mut context())), "invalid_transition");
    assert_eq!(code(refund(&begun(1000), None, String::new(), &mut context())), "invalid_transition");
}

#[test]
fn undoing_voids_what_is_open_and_refunds_what_came() {
    let over = void(&begun(5), &context()).unwrap();
    let back = refund(&captured(10, 10), None, String::new(), &mut context()).unwrap();
    let undone = undo(&[begun(1000), captured(1000, 300), over, back, begun(0)], &mut context()).unwrap();
    assert_eq!(undone.len(), 2, "those that are over already stay as they are");
    assert_eq!((undone[0].state, undone[0].version), (PaymentState::Voided, 2));
    assert_eq!((undone[1].amount_refunded, undone[1].version), (Amount(300), 3));
}

#[test]
fn events_tell_no_internals() {
    let data = event_data(&captured(1000, 300));
    assert_eq!((&data["amount"], &data["amount_captured"]), (&"10.00".into(), &"3.00".into()));
    assert_eq!((&data["status"], &data["currency"]), (&"captured".into(), &"USD".into()));
}

proptest! {
    #[test]
    fn no_sequence_of_steps_breaks_the_sums(
        total in 0_i64..5_000,
        steps in prop::collection::vec((0_u8..3, prop::option::of(-10_i64..6_000)), 0..30),
    ) {
        let mut context = context();
        let mut payment = begun(total);
        for (step, amount) in steps {
            let amount = amount.map(Amount);
            let next = match step {
                0 => capture(&payment, amount, &context),
                1 => void(&payment, &context),
                _ => refund(&payment, amount, String::new(), &mut context),
            };
            let Ok(next) = next else { continue };
            prop_assert_eq!(next.version, payment.version + 1);
            prop_assert!(next.amount_captured >= payment.amount_captured);
            prop_assert!(payment.state != PaymentState::Voided, "nothing comes after a void");
            payment = next;
            prop_assert!(Amount::ZERO <= payment.amount_refunded);
            prop_assert!(payment.amount_refunded <= payment.amount_captured);
            prop_assert!(payment.amount_captured <= payment.amount_authorized);
            prop_assert!(payment.amount_authorized <= payment.amount);
            let refunds = Amount::sum(payment.refunds.iter().map(|refund| refund.amount)).unwrap();
            prop_assert_eq!(refunds, payment.amount_refunded);
        }
    }
}
