//! Random days: with crashes and failures at any point, the result is exactly one charge and one paid order, or
//! neither.

use futures_util::FutureExt as _;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::actor::Actor;
use crate::model::orders::OrderStatus;
use crate::model::outbox::MAIL;
use crate::model::payments::{PaymentState, RefundState};
use crate::money::Amount;
use crate::payments::AttemptInput;
use crate::payments::fake_gateway::{FailureMode, FakeGateway};
use crate::settlement::tests::{GatewayTest, Placed};
use crate::testing::block_on;

const MOODS: [FailureMode; 9] = [
    FailureMode::Well,
    FailureMode::Well,
    FailureMode::Well,
    FailureMode::Down,
    FailureMode::Silent,
    FailureMode::HangsBefore,
    FailureMode::HangsAfter,
    FailureMode::Refuses,
    FailureMode::LockedOut,
];

/// One random step. A future that hangs is dropped, as by a crash.
fn step(setup: &GatewayTest, placed: Placed, holder: &Actor, chance: &mut StdRng, told: &mut u32) {
    let shop = &setup.world.shop;
    let payments: Vec<_> = setup.view(placed.order).payments.iter().map(|payment| payment.id).collect();
    let id = payments[chance.random_range(0..payments.len())];
    match chance.random_range(0..14) {
        0 | 1 => {
            let _ = shop.payments().advance(id, |_| std::future::pending()).now_or_never();
        }
        2 | 3 => {
            let _ = shop.worker().run_once().now_or_never();
        }
        4 | 5 => {
            setup.bank.pay(id);
        }
        6 => setup.bank.decline(id),
        7 | 8 => {
            *told += u32::from(chance.random_bool(0.7));
            let _ = setup.event(&format!("e{told}"), id);
        }
        9 => setup.pass([1, 10, 200, 400, 2000][chance.random_range(0..5)]),
        10 => {
            let _ = block_on(shop.worker().sweep());
        }
        11 => {
            let _ = shop.worker().reconcile().now_or_never();
        }
        12 => match chance.random_range(0..5) {
            0 => {
                let _ = setup.cancel(holder, placed.order);
            }
            1 => {
                let attempt = AttemptInput { order_id: placed.order.into(), gateway: "bank".into() };
                let _ = block_on(shop.payments().begin(holder, attempt, None));
            }
            2 => {
                let _ = setup.refund(id, Some("7"));
            }
            3 => {
                let _ = block_on(shop.payments().confirm(holder, id));
            }
            _ => {
                let _ = setup.capture(id, Some("20"));
            }
        },
        _ => setup.bank.plan_failures((0..3).map(|_| MOODS[chance.random_range(0..MOODS.len())])),
    }
}

/// Lets everything settle: the bank works, and time passes.
fn rest(setup: &GatewayTest) {
    setup.bank.recover();
    for _ in 0..40 {
        block_on(setup.world.shop.worker().run_once()).unwrap();
        block_on(setup.world.shop.worker().sweep()).unwrap();
        block_on(setup.world.shop.worker().reconcile()).unwrap();
        setup.pass(1800);
    }
    for receiver in [MAIL, "gateway:bank", "notices:bank"] {
        assert_eq!(block_on(setup.world.shop.store().next_due(receiver)).unwrap(), None, "{receiver}");
    }
}

/// Repeats a refund that the bank refused permanently, as staff would.
fn send_again(setup: &GatewayTest, placed: Placed) {
    let view = setup.view(placed.order);
    if view.order.status != OrderStatus::Canceled {
        return;
    }
    for payment in &view.payments {
        if payment.amount_captured > payment.amount_refunded {
            assert!(payment.refunds.iter().any(|refund| refund.state == RefundState::Failed), "{payment:?}");
            setup.refund(payment.id, None).unwrap();
        }
    }
    rest(setup);
}

fn live(seed: u64) {
    let mut chance = StdRng::seed_from_u64(seed);
    let bank = FakeGateway::new("bank");
    let setup = GatewayTest::open(if seed.is_multiple_of(3) { bank.that_reserves() } else { bank });
    let (placed, holder) = setup.place();
    let mut told = 0;
    for _ in 0..60 {
        step(&setup, placed, &holder, &mut chance, &mut told);
        // Refunds that the bank refuses are left to staff: see below.
        let problems: Vec<_> =
            setup.check().into_iter().filter(|problem| !problem.contains("canceled and keeps")).collect();
        assert_eq!(problems, Vec::<String>::new(), "seed {seed}");
    }
    rest(&setup);
    send_again(&setup, placed);
    setup.is_sound();
    let view = setup.view(placed.order);
    let (mut captured, mut refunded) = (0, 0);
    for payment in &view.payments {
        assert_eq!(payment.remote.pending_call, None, "seed {seed}");
        let Some(account) = setup.bank.account(payment.id) else {
            assert_eq!(payment.amount_captured, Amount::ZERO, "seed {seed}");
            continue;
        };
        let returned: i64 = account.refunds.iter().map(|refund| refund.amount.0).sum();
        assert_eq!(payment.amount_captured, account.captured, "seed {seed}: {payment:?}");
        assert_eq!(payment.amount_refunded, Amount(returned), "seed {seed}: {payment:?}");
        (captured, refunded) = (captured + account.captured.0, refunded + returned);
    }
    let kept = captured - refunded;
    assert!(kept <= view.order.total.0, "seed {seed}: charged twice");
    assert_eq!((view.order.amount_paid, view.order.amount_refunded), (Amount(captured), Amount(refunded)));
    if view.order.status == OrderStatus::Canceled {
        assert_eq!((kept, setup.reserved()), (0, 0), "seed {seed}: a canceled order keeps nothing");
    } else {
        assert_eq!(setup.reserved(), 2, "seed {seed}");
        let authorized = view.payments.iter().any(|payment| payment.state == PaymentState::Authorized);
        assert!(captured > 0 || authorized, "seed {seed}: an order that nobody pays is canceled");
    }
}

#[test]
fn crashes_and_moods_at_any_point_end_in_the_right_books() {
    for seed in 0..300 {
        live(seed);
    }
}
