//! Each gateway call and its result.

use super::*;

#[tokio::test]
async fn a_card_pays_and_the_money_goes_back_in_parts() {
    let mut world = World::new(Capture::Automatic);
    let call = world.create_call("create");
    let created = world.gateway.create(&call).await.unwrap();
    assert_eq!(stands(&created), (PaymentState::Pending, 0, 0));
    assert_eq!((created.amount, created.currency, created.foreign), (Amount(3000), Currency::USD, None));
    let kept = &world.stripe.payments()[0];
    assert_eq!(kept["metadata"]["payment_id"], world.payment.id.to_string());
    assert_eq!(kept["metadata"]["order_id"], world.payment.order_id.to_string());
    assert_eq!(kept["metadata"]["order_number"], "ABCD-1234");

    let secret = created.client_secret.unwrap();
    world.payment.reference = Some(created.reference);
    assert_eq!(world.stripe.pay(secret.expose(), Card::Visa).unwrap(), "succeeded");
    assert_eq!(stands(&world.look_up().await), (PaymentState::Captured, 3000, 3000));
    let call = ConfirmCall { key: "confirm".to_owned(), payment: world.payment.clone() };
    assert_eq!(stands(&world.gateway.confirm(&call).await.unwrap()), (PaymentState::Captured, 3000, 3000));

    let part = world.gateway.refund(&world.refund_call("r1", 1, 1000)).await.unwrap();
    assert_eq!(part.refunds.len(), 1);
    let first = &part.refunds[0];
    assert_eq!(
        (first.id, first.amount, first.state),
        (Some(RefundId(Uuid::from_u128(1))), Amount(1000), RefundState::Succeeded)
    );
    assert_eq!(refused(world.gateway.refund(&world.refund_call("r2", 2, 2001)).await), "amount_too_large");
    let rest = world.gateway.refund(&world.refund_call("r3", 3, 2000)).await.unwrap();
    assert_eq!((rest.refunds.len(), stands(&rest)), (2, (PaymentState::Captured, 3000, 3000)));
    assert_eq!(refused(world.gateway.refund(&world.refund_call("r4", 4, 1)).await), "charge_already_refunded");
    assert_eq!(world.stripe.balance(), 0);
}

#[tokio::test]
async fn a_declined_card_leaves_the_payment_open_to_another() {
    let mut world = World::new(Capture::Automatic);
    let secret = world.created().await;
    world.stripe.pay(&secret, Card::InsufficientFunds).unwrap();
    let declined = world.look_up().await;
    assert_eq!(stands(&declined), (PaymentState::Pending, 0, 0));
    assert_eq!(declined.failure.as_deref(), Some("Your card has insufficient funds."));
    world.stripe.pay(&secret, Card::Visa).unwrap();
    let paid = world.look_up().await;
    assert_eq!((stands(&paid), paid.failure), ((PaymentState::Captured, 3000, 3000), None));
}

#[tokio::test]
async fn a_bank_may_ask_first() {
    let mut world = World::new(Capture::Automatic);
    let secret = world.created().await;
    world.stripe.pay(&secret, Card::ThreeDSecure).unwrap();
    assert_eq!(stands(&world.look_up().await), (PaymentState::RequiresAction, 0, 0));
    world.stripe.authenticate(&secret, false).unwrap();
    let failed = world.look_up().await;
    assert_eq!(failed.state, PaymentState::Pending);
    assert_eq!(failed.failure.as_deref(), Some("Your bank could not confirm the payment."));
    world.stripe.pay(&secret, Card::ThreeDSecure).unwrap();
    world.stripe.authenticate(&secret, true).unwrap();
    assert_eq!(stands(&world.look_up().await), (PaymentState::Captured, 3000, 3000));
}

#[tokio::test]
async fn what_a_partial_capture_lets_go_of_is_no_refund() {
    let world = World::paid(Capture::Manual, Card::Visa).await;
    assert_eq!(stands(&world.look_up().await), (PaymentState::Authorized, 3000, 0));
    assert_eq!(refused(world.gateway.capture(&world.capture_call("c1", 3001)).await), "amount_too_large");
    let captured = world.gateway.capture(&world.capture_call("c2", 2000)).await.unwrap();
    assert_eq!((stands(&captured), captured.amount), ((PaymentState::Captured, 2000, 2000), Amount(3000)));
    assert_eq!(captured.refunds, []);
    assert_eq!(
        refused(world.gateway.capture(&world.capture_call("c3", 1000)).await),
        "payment_intent_unexpected_state"
    );
    // A real refund of exactly that amount counts, with or without our metadata.
    let refunded = world.gateway.refund(&world.refund_call("r1", 1, 1000)).await.unwrap();
    assert_eq!(refunded.refunds.len(), 1);
    world.stripe.refund_by_hand(&refunded.reference, 1000).unwrap();
    let seen = world.look_up().await;
    assert_eq!(seen.refunds.iter().map(|refund| refund.id.is_some()).collect::<Vec<_>>(), [false, true]);
    assert_eq!(world.stripe.balance(), 0);
}

#[tokio::test]
async fn what_was_not_taken_can_be_called_off() {
    let world = World::paid(Capture::Manual, Card::Visa).await;
    let voided = world.gateway.void(&world.void_call("v1")).await.unwrap();
    assert_eq!(stands(&voided), (PaymentState::Voided, 0, 0));
    assert_eq!(refused(world.gateway.void(&world.void_call("v2")).await), "payment_intent_unexpected_state");
    let world = World::paid(Capture::Automatic, Card::Visa).await;
    assert_eq!(refused(world.gateway.void(&world.void_call("v")).await), "payment_intent_unexpected_state");
    let world = World::paid(Capture::Manual, Card::Visa).await;
    world.stripe.expire(world.payment.reference.as_deref().unwrap()).unwrap();
    assert_eq!(stands(&world.look_up().await), (PaymentState::Expired, 0, 0));
}

#[tokio::test]
async fn a_refund_may_take_its_time_or_fail_late() {
    let world = World::paid(Capture::Automatic, Card::RefundPending).await;
    let state = |snapshot: &Snapshot| snapshot.refunds[0].state;
    assert_eq!(state(&world.gateway.refund(&world.refund_call("r", 1, 3000)).await.unwrap()), RefundState::Pending);
    world.stripe.settle_refunds();
    assert_eq!(state(&world.look_up().await), RefundState::Succeeded);
    let world = World::paid(Capture::Automatic, Card::RefundFails).await;
    assert_eq!(state(&world.gateway.refund(&world.refund_call("r", 1, 3000)).await.unwrap()), RefundState::Succeeded);
    world.stripe.settle_refunds();
    assert_eq!(state(&world.look_up().await), RefundState::Failed);
}

#[tokio::test]
async fn more_refunds_than_a_page_holds_are_all_seen() {
    let world = World::paid(Capture::Automatic, Card::Visa).await;
    let reference = world.payment.reference.clone().unwrap();
    for _ in 0..230 {
        world.stripe.refund_by_hand(&reference, 1).unwrap();
    }
    assert_eq!(world.look_up().await.refunds.len(), 230);
}

#[tokio::test]
async fn currencies_without_and_with_three_decimals_arrive_as_they_should() {
    for (minor, currency, theirs) in [(80, "JPY", 80), (1250, "KWD", 1250), (5, "ISK", 500), (500, "MGA", 5)] {
        let mut world = World::new(Capture::Automatic);
        world.payment = payment(minor, currency);
        let secret = world.created().await;
        assert_eq!(world.stripe.payments()[0]["amount"], theirs, "{currency}");
        world.stripe.pay(&secret, Card::Visa).unwrap();
        let paid = world.look_up().await;
        assert_eq!((paid.currency.code(), stands(&paid)), (currency, (PaymentState::Captured, minor, minor)));
    }
    let mut world = World::new(Capture::Automatic);
    world.payment = payment(1255, "KWD");
    assert_eq!(refused(world.gateway.create(&world.create_call("create")).await), "amount_not_supported");
    assert!(world.stripe.payments().is_empty(), "nothing was asked");
}

#[tokio::test]
async fn a_payment_is_found_by_our_id_when_its_name_was_lost() {
    let mut world = World::new(Capture::Automatic);
    world.created().await;
    let reference = world.payment.reference.take();
    assert_eq!(Some(world.look_up().await.reference), reference);
    world.payment.id = PaymentId(Uuid::from_u128(9));
    let young = world.gateway.look_up(&world.payment).await;
    assert!(matches!(young, Err(GatewayError::Unavailable(_))), "the search may lag behind: {young:?}");
    world.payment.created_at -= TimeDelta::hours(2);
    assert!(world.gateway.look_up(&world.payment).await.unwrap().is_none());
    world.payment.reference = Some("pi_unknown".to_owned());
    assert!(world.gateway.look_up(&world.payment).await.unwrap().is_none());
    world.payment.reference = Some("../refunds?x=".to_owned());
    assert!(world.gateway.look_up(&world.payment).await.unwrap().is_none());
}

#[tokio::test]
async fn anothers_payment_never_counts() {
    let mut world = World::paid(Capture::Automatic, Card::Visa).await;
    assert_eq!(world.look_up().await.foreign, None);
    world.payment.id = PaymentId(Uuid::from_u128(9));
    assert!(world.look_up().await.foreign.is_some());
    world.payment.id = PaymentId(Uuid::from_u128(1));
    world.stripe.go_live();
    assert!(world.look_up().await.foreign.is_some(), "the key is of the test mode");
}
