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
use crate::payments::bank::{Bank, Mood};
use crate::settlement::tests::{Placed, Till};
use crate::testing::block_on;

const MOODS: [Mood; 9] = [
    Mood::Well,
    Mood::Well,
    Mood::Well,
    Mood::Down,
    Mood::Silent,
    Mood::HangsBefore,
    Mood::HangsAfter,
    Mood::Refuses,
    Mood::LockedOut,
];

/// One random step. A future that hangs is dropped, as by a crash.
fn step(till: &Till, placed: Placed, holder: &Actor, chance: &mut StdRng, told: &mut u32) {
    let shop = &till.world.shop;
    let payments: Vec<_> = till.view(placed.order).payments.iter().map(|payment| payment.id).collect();
    let id = payments[chance.random_range(0..payments.len())];
    match chance.random_range(0..14) {
        0 | 1 => {
            let _ = shop.payments().advance(id, |_| std::future::pending()).now_or_never();
        }
        2 | 3 => {
            let _ = shop.worker().run_once().now_or_never();
        }
        4 | 5 => {
            till.bank.pay(id);
        }
        6 => till.bank.decline(id),
        7 | 8 => {
            *told += u32::from(chance.random_bool(0.7));
            let _ = till.notice(&format!("e{told}"), id);
        }
        9 => till.pass([1, 10, 200, 400, 2000][chance.random_range(0..5)]),
        10 => {
            let _ = block_on(shop.worker().sweep());
        }
        11 => {
            let _ = shop.worker().reconcile().now_or_never();
        }
        12 => match chance.random_range(0..5) {
            0 => {
                let _ = till.cancel(holder, placed.order);
            }
            1 => {
                let attempt = AttemptInput { order_id: placed.order.into(), gateway: "bank".into() };
                let _ = block_on(shop.payments().begin(holder, attempt, None));
            }
            2 => {
                let _ = till.refund(id, Some("7"));
            }
            3 => {
                let _ = block_on(shop.payments().confirm(holder, id));
            }
            _ => {
                let _ = till.capture(id, Some("20"));
            }
        },
        _ => till.bank.expect_moods((0..3).map(|_| MOODS[chance.random_range(0..MOODS.len())])),
    }
}

/// Lets everything settle: the bank works, and time passes.
fn rest(till: &Till) {
    till.bank.recover();
    for _ in 0..40 {
        block_on(till.world.shop.worker().run_once()).unwrap();
        block_on(till.world.shop.worker().sweep()).unwrap();
        block_on(till.world.shop.worker().reconcile()).unwrap();
        till.pass(1800);
    }
    for receiver in [MAIL, "gateway:bank", "notices:bank"] {
        assert_eq!(block_on(till.world.shop.store().next_due(receiver)).unwrap(), None, "{receiver}");
    }
}

/// Repeats a refund that the bank refused permanently, as staff would.
fn send_again(till: &Till, placed: Placed) {
    let view = till.view(placed.order);
    if view.order.status != OrderStatus::Canceled {
        return;
    }
    for payment in &view.payments {
        if payment.amount_captured > payment.amount_refunded {
            assert!(payment.refunds.iter().any(|refund| refund.state == RefundState::Failed), "{payment:?}");
            till.refund(payment.id, None).unwrap();
        }
    }
    rest(till);
}

fn live(seed: u64) {
    let mut chance = StdRng::seed_from_u64(seed);
    let bank = Bank::new("bank");
    let till = Till::open(if seed.is_multiple_of(3) { bank.that_reserves() } else { bank });
    let (placed, holder) = till.place();
    let mut told = 0;
    for _ in 0..60 {
        step(&till, placed, &holder, &mut chance, &mut told);
        // Refunds that the bank refuses are left to staff: see below.
        let problems: Vec<_> =
            till.check().into_iter().filter(|problem| !problem.contains("canceled and keeps")).collect();
        assert_eq!(problems, Vec::<String>::new(), "seed {seed}");
    }
    rest(&till);
    send_again(&till, placed);
    till.is_sound();
    let view = till.view(placed.order);
    let (mut captured, mut refunded) = (0, 0);
    for payment in &view.payments {
        assert_eq!(payment.remote.asking, None, "seed {seed}");
        let Some(account) = till.bank.account(payment.id) else {
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
        assert_eq!((kept, till.reserved()), (0, 0), "seed {seed}: a canceled order keeps nothing");
    } else {
        assert_eq!(till.reserved(), 2, "seed {seed}");
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
