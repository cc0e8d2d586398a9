//! Tests the return calls against a store, including races.

use std::sync::Barrier;

use serde_json::{Value, json};

use crate::actor::Actor;
use crate::error::Result;
use crate::id::{OrderId, ReturnId};
use crate::idempotency::{IdempotencyKey, Replayable};
use crate::model::inventory::{Movement, MovementFilter, MovementReason};
use crate::model::orders::{Order, PaymentStatus, Return, ReturnFilter, ReturnStatus};
use crate::orders::fixtures::{Offer, guest, offer};
use crate::orders::{ReceiveReturn, RejectReturn, ReturnInput};
use crate::page::PageRequest;
use crate::shop::Tokens;
use crate::testing::{World, block_on, world};

fn input<T: serde::de::DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

fn code<T>(result: Result<T>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "done")
}

/// A guest's order, paid and shipped, and the holder of its token.
struct Sold {
    world: World,
    offer: Offer,
    order: Order,
    guest: Actor,
    staff: Actor,
}

impl Sold {
    /// An order of one product in this quantity.
    fn of(quantity: i64) -> Self {
        let world = world();
        let offer = offer(&world, &[(1000, 10)]);
        let buyer = guest(&world, offer.variant(0), quantity);
        let placed = block_on(world.shop.orders().place(&buyer, offer.order_input(), None)).unwrap().value;
        let token = placed.access_token.unwrap();
        let guest = Tokens { order: Some(token.expose()), ..Tokens::default() };
        let guest = block_on(world.shop.identify(guest)).unwrap();
        let staff = world.staff("sam");
        let shop = &world.shop;
        let payment = placed.view.payments[0].id;
        block_on(shop.payments().capture(&staff, payment, input(json!({})), None)).unwrap();
        let shipment = input(json!({"order_id": placed.view.order.id}));
        let shipment = block_on(shop.shipping().create_shipment(&staff, shipment, None)).unwrap().value;
        block_on(shop.shipping().track_shipment(&staff, shipment.id, input(json!({"status": "shipped"})), None))
            .unwrap();
        Self { order: placed.view.order, world, offer, guest, staff }
    }

    fn return_input(&self, quantity: i64) -> ReturnInput {
        input(json!({"items": [{"order_item_id": self.order.items[0].id, "quantity": quantity}]}))
    }

    fn request(&self, quantity: i64) -> Result<Return> {
        let call = self.world.shop.orders();
        block_on(call.request_return(&self.guest, self.order.id, self.return_input(quantity), None)).map(returned)
    }

    fn approve(&self, id: ReturnId) -> Result<Return> {
        block_on(self.world.shop.orders().approve_return(&self.staff, self.order.id, id, None)).map(returned)
    }

    fn receive(&self, id: ReturnId, restock: bool) -> Result<Return> {
        let input: ReceiveReturn = input(json!({"restock": restock}));
        block_on(self.world.shop.orders().receive_return(&self.staff, self.order.id, id, input, None)).map(returned)
    }

    fn refund(&self, id: ReturnId) -> Result<Return> {
        block_on(self.world.shop.orders().refund_return(&self.staff, self.order.id, id, None)).map(returned)
    }

    fn cancel(&self, id: ReturnId) -> Result<Return> {
        block_on(self.world.shop.orders().cancel_return(&self.guest, self.order.id, id, None)).map(returned)
    }

    fn on_hand(&self) -> i64 {
        block_on(self.world.shop.store().stock_of(&[self.offer.variant(0)])).unwrap()[0].on_hand
    }

    fn stored(&self) -> Order {
        block_on(self.world.shop.store().order(self.order.id)).unwrap().unwrap()
    }

    fn is_sound(&self) {
        assert_eq!(block_on(self.world.shop.check()).unwrap(), Vec::<String>::new());
    }
}

fn returned(answer: Replayable<Return>) -> Return {
    answer.value
}

/// A call that races with others.
type Racer<'a> = &'a (dyn Fn() -> Result<Return> + Sync);

/// Runs the calls concurrently; returns how many were not refused.
fn race(runs: &[Racer<'_>]) -> usize {
    let barrier = Barrier::new(runs.len());
    let barrier = &barrier;
    std::thread::scope(|scope| {
        let threads: Vec<_> = runs
            .iter()
            .map(|run| {
                scope.spawn(move || {
                    barrier.wait();
                    run()
                })
            })
            .collect();
        let outcomes: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        for refused in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            assert_eq!(refused.code(), "invalid_transition");
        }
        outcomes.iter().filter(|outcome| outcome.is_ok()).count()
    })
}

#[test]
fn a_guest_returns_goods_and_gets_their_money() {
    let sold = Sold::of(3);
    let (shop, filter, first_page) = (&sold.world.shop, ReturnFilter::default(), PageRequest::default());
    let asked = sold.request(2).unwrap();
    assert_eq!((asked.status, asked.refund_amount.0, asked.amount_refunded.0), (ReturnStatus::Requested, 2000, 0));
    let eve = sold.world.customer("eve");
    for (actor, refusal) in [(&eve, "not_found"), (&Actor::anonymous(), "not_authenticated")] {
        let (orders, order) = (shop.orders(), sold.order.id);
        assert_eq!(code(block_on(orders.request_return(actor, order, ReturnInput::default(), None))), refusal);
        assert_eq!(code(block_on(orders.returns(actor, order, &filter, &first_page))), refusal);
        assert_eq!(code(block_on(orders.get_return(actor, order, asked.id))), refusal);
        assert_eq!(code(block_on(orders.cancel_return(actor, order, asked.id, None))), refusal);
    }
    for (actor, refusal) in
        [(&eve, "permission_denied"), (&sold.guest, "not_authenticated"), (&Actor::anonymous(), "not_authenticated")]
    {
        let (orders, order) = (shop.orders(), sold.order.id);
        let reject = RejectReturn { reason: 5.to_string().into() };
        assert_eq!(code(block_on(orders.approve_return(actor, order, asked.id, None))), refusal);
        assert_eq!(code(block_on(orders.reject_return(actor, order, asked.id, reject, None))), refusal);
        assert_eq!(
            code(block_on(orders.receive_return(actor, order, asked.id, ReceiveReturn::default(), None))),
            refusal
        );
        assert_eq!(code(block_on(orders.refund_return(actor, order, asked.id, None))), refusal);
    }
    sold.approve(asked.id).unwrap();
    assert_eq!(code(sold.refund(asked.id)), "invalid_transition", "the goods come first");
    assert_eq!(sold.on_hand(), 7);
    assert!(sold.receive(asked.id, true).unwrap().restocked);
    assert_eq!(sold.on_hand(), 9);
    assert_eq!(sold.refund(asked.id).unwrap().amount_refunded.0, 2000);
    let after = sold.stored();
    assert_eq!((after.payment_status, after.amount_refunded.0), (PaymentStatus::PartiallyRefunded, 2000));
    let seen = block_on(shop.orders().get_return(&sold.guest, sold.order.id, asked.id)).unwrap();
    let listed = block_on(shop.orders().returns(&sold.guest, sold.order.id, &filter, &first_page)).unwrap();
    assert_eq!((listed.items, seen.status), (vec![seen.clone()], ReturnStatus::Completed));
    let history = block_on(shop.orders().history(&sold.guest, sold.order.id)).unwrap();
    let events: Vec<_> = history.iter().map(|entry| entry.event.as_str()).collect();
    let steps = ["return_requested", "return_approved", "return_received", "refund_created", "return_completed"];
    // The test clock stands still, so the entries have no defined order.
    assert!(steps.iter().all(|step| events.contains(step)), "{events:?}");
    let movements =
        block_on(shop.inventory().list_movements(&sold.staff, &MovementFilter::default(), &PageRequest::default()));
    let returned = |movement: &&Movement| movement.reason == MovementReason::Returned;
    let movement = movements.unwrap().items.iter().find(returned).cloned().unwrap();
    assert_eq!((movement.delta, movement.order_id), (2, Some(sold.order.id)));

    // The last unit is written off; with the shipping price, all money is refunded.
    let last = sold.request(1).unwrap();
    sold.approve(last.id).unwrap();
    assert!(!sold.receive(last.id, false).unwrap().restocked);
    assert_eq!((sold.on_hand(), sold.refund(last.id).unwrap().amount_refunded.0), (9, 1000));
    assert_eq!(sold.stored().payment_status, PaymentStatus::PartiallyRefunded);
    let payment = block_on(shop.store().payments_of_orders(&[sold.order.id])).unwrap()[0].id;
    block_on(shop.payments().refund(&sold.staff, payment, input(json!({})), None)).unwrap();
    assert_eq!(sold.stored().payment_status, PaymentStatus::Refunded);
    sold.is_sound();
}

#[test]
fn a_return_belongs_to_its_order() {
    let sold = Sold::of(1);
    let asked = sold.request(1).unwrap();
    let orders = sold.world.shop.orders();
    let other = crate::orders::tests::order(&[(100, 1)], 0);
    crate::orders::tests::store_placed(&sold.world, &other);
    assert_eq!(code(block_on(orders.get_return(&sold.staff, other.id, asked.id))), "not_found");
    assert_eq!(code(block_on(orders.approve_return(&sold.staff, other.id, asked.id, None))), "not_found");
    let nothing = OrderId(uuid::Uuid::nil());
    assert_eq!(code(block_on(orders.approve_return(&sold.staff, nothing, asked.id, None))), "not_found");
}

#[test]
fn a_refund_of_all_with_restock_takes_no_goods_twice() {
    let sold = Sold::of(4);
    let (back, open) = (sold.request(1).unwrap(), sold.request(1).unwrap());
    sold.approve(back.id).unwrap();
    sold.receive(back.id, true).unwrap();
    assert_eq!(sold.on_hand(), 7);
    let payment = block_on(sold.world.shop.store().payments_of_orders(&[sold.order.id])).unwrap()[0].id;
    let all = input(json!({"restock": true}));
    block_on(sold.world.shop.payments().refund(&sold.staff, payment, all, None)).unwrap();
    assert_eq!(sold.on_hand(), 9, "one lay there already, one is on its way");
    assert_eq!(code(sold.request(1)), "invalid_transition");
    sold.approve(open.id).unwrap();
    sold.receive(open.id, true).unwrap();
    assert_eq!(sold.on_hand(), 10);
    assert_eq!(sold.refund(open.id).unwrap().amount_refunded.0, 0, "its money went back before");
    sold.is_sound();
}

#[test]
fn a_key_has_one_effect() {
    let sold = Sold::of(2);
    let key = IdempotencyKey::new("once", &json!({})).unwrap();
    let orders = sold.world.shop.orders();
    let ask = || block_on(orders.request_return(&sold.guest, sold.order.id, sold.return_input(1), Some(&key))).unwrap();
    let (first, again) = (ask(), ask());
    assert_eq!((first.replayed, again.replayed, first.value == again.value), (false, true, true));
    let id = first.value.id;
    sold.approve(id).unwrap();
    sold.receive(id, true).unwrap();
    let refund = || block_on(orders.refund_return(&sold.staff, sold.order.id, id, Some(&key))).unwrap();
    assert_eq!((refund().replayed, refund().replayed), (false, true));
    assert_eq!(sold.stored().amount_refunded.0, 1000);
}

#[test]
fn racing_returns_of_one_line_never_exceed_it() {
    let sold = Sold::of(3);
    let ask: Racer<'_> = &|| sold.request(1);
    assert_eq!(race(&[ask; 8]), 3);
    sold.is_sound();
}

#[test]
fn a_return_is_received_or_called_off_and_refunded_once() {
    let sold = Sold::of(1);
    let asked = sold.request(1).unwrap().id;
    sold.approve(asked).unwrap();
    let (receive, cancel): (Racer<'_>, Racer<'_>) = (&|| sold.receive(asked, true), &|| sold.cancel(asked));
    assert_eq!(race(&[receive, cancel, receive, cancel]), 1);
    sold.is_sound();
    let asked = if sold.on_hand() == 10 {
        asked
    } else {
        let next = sold.request(1).unwrap().id;
        sold.approve(next).unwrap();
        sold.receive(next, false).unwrap();
        next
    };
    let refund: Racer<'_> = &|| sold.refund(asked);
    assert_eq!(race(&[refund; 8]), 1);
    assert_eq!(sold.stored().amount_refunded.0, 1000);
    sold.is_sound();
}
