use proptest::prelude::*;

use super::*;
use crate::batch::{InventoryWrite, OutboxWrite, RowWrite, Write};
use crate::id::ReturnId;
use crate::lifecycle::return_rest;
use crate::model::orders::{FulfillmentStatus, PaymentStatus};
use crate::model::outbox::EventKind;
use crate::model::payments::PaymentState;
use crate::model::shipping::ShipmentStatus;
use crate::orders::input::CheckedReturnItem;
use crate::orders::tests::{context, order, payment, reservation, shipment};

/// An order with its returns, to which batches are applied.
struct Story {
    state: OrderState,
    returns: Vec<Return>,
    context: DecisionContext,
}

impl Story {
    /// A paid order of these lines, of which these quantities were shipped from one location.
    fn of(lines: &[(i64, i64)], shipped: &[i64]) -> Self {
        Self::of_order(order(lines, 0), shipped)
    }

    fn of_order(order: Order, shipped: &[i64]) -> Self {
        let reservations = order.items.iter().map(|item| reservation(&order, item, 0)).collect();
        let total = order.total.0;
        let payments = vec![payment(&order, PaymentState::Captured, total, total, 0)];
        let shipments = vec![shipment(&order, ShipmentStatus::Shipped, shipped)];
        let order = Order { amount_paid: order.total, payment_status: PaymentStatus::Paid, ..order };
        let state = OrderState { order, payments, shipments, reservations, limits: std::collections::HashMap::new() };
        Self { state, returns: Vec::new(), context: context() }
    }

    fn levels(&self) -> Vec<StockLevel> {
        let level = |item: &OrderItem| StockLevel {
            variant_id: item.variant_id,
            product_id: item.product_id,
            sku: item.sku.clone(),
            location_id: uuid::Uuid::from_u128(1).into(),
            on_hand: 0,
            reserved: 0,
            backordered: 0,
            low_stock_threshold: 0,
            tracked: true,
            backorder: false,
        };
        self.state.order.items.iter().map(level).collect()
    }

    /// Applies a batch as a store would; returns how many units went back into stock.
    fn apply(&mut self, batch: Batch) -> i64 {
        let (mut back, mut told, mut settled) = (0, 0, 0);
        for write in batch.writes {
            match write {
                Write::Row(RowWrite::Return(Change::Insert(row))) => self.returns.push(row),
                Write::Row(RowWrite::Return(Change::Update(row))) => {
                    let stored = self.returns.iter_mut().find(|stored| stored.id == row.id).unwrap();
                    assert_eq!(row.version, stored.version + 1);
                    *stored = row;
                }
                Write::Row(RowWrite::Order(Change::Update(row))) => {
                    assert_eq!(row.version, self.state.order.version + 1);
                    self.state.order = row;
                    settled += 1;
                }
                Write::Row(RowWrite::Payment(Change::Update(row))) => {
                    assert_eq!(row.version, self.state.payments[0].version + 1);
                    self.state.payments = vec![row];
                }
                Write::Inventory(InventoryWrite::Delta(delta)) => back += delta.on_hand,
                Write::Outbox(OutboxWrite::Event(event)) if event.kind == EventKind::ReturnUpdated => told += 1,
                _ => {}
            }
        }
        assert_eq!((told, settled), (1, 1));
        back
    }

    fn request(&mut self, quantities: &[i64]) -> Result<ReturnId> {
        let lines = self.state.order.items.iter().zip(quantities).filter(|(_, quantity)| **quantity > 0);
        let item = |(item, quantity): (&OrderItem, &i64)| CheckedReturnItem {
            order_item_id: item.id,
            quantity: *quantity,
            reason: "too small".to_owned(),
        };
        let input = CheckedReturn { items: lines.map(item).collect(), note: String::new() };
        let decided = request_return(self.state.clone(), &self.returns, input, "customer", &mut self.context)?;
        self.apply(decided.batch);
        Ok(decided.reply.id)
    }

    fn step(&mut self, id: ReturnId, step: &ReturnTransition) -> Result<(Return, i64)> {
        let (state, levels) = (self.state.clone(), self.levels());
        let before = self.returns.iter().find(|returned| returned.id == id).unwrap();
        let return_context = ReturnContext { returns: &self.returns, levels: &levels, is_remote: &|_| false };
        let decided = step_return(state, return_context, before, step, "staff", &mut self.context)?;
        let back = self.apply(decided.batch);
        Ok((decided.reply, back))
    }

    fn receive(&mut self, id: ReturnId) -> Result<(Return, i64)> {
        self.step(id, &ReturnTransition::Receive { restock: true })
    }

    /// Takes a return through all steps; returns the refunded amount.
    fn go_through(&mut self, id: ReturnId) -> i64 {
        self.step(id, &ReturnTransition::Approve).unwrap();
        self.receive(id).unwrap();
        self.step(id, &ReturnTransition::Refund).unwrap().0.amount_refunded.0
    }
}

fn code<T>(result: Result<T>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "done")
}

#[test]
fn no_more_comes_back_than_left_and_is_not_on_its_way() {
    let mut story = Story::of(&[(1000, 5), (300, 2)], &[3, 0]);
    assert_eq!(code(story.request(&[6, 0])), "invalid");
    assert_eq!(code(story.request(&[0, 1])), "invalid_transition", "it has not left");
    assert_eq!(code(story.request(&[4, 0])), "invalid_transition");
    let first = story.request(&[2, 0]).unwrap();
    assert_eq!(code(story.request(&[2, 0])), "invalid_transition");
    let second = story.request(&[1, 0]).unwrap();
    assert_eq!(code(story.request(&[1, 0])), "invalid_transition");
    story.step(first, &ReturnTransition::Reject("worn".into())).unwrap();
    let third = story.request(&[2, 0]).unwrap();
    story.step(second, &ReturnTransition::Approve).unwrap();
    story.step(second, &ReturnTransition::Cancel).unwrap();
    assert_eq!(story.go_through(third), 2000);
    let last = story.request(&[1, 0]).unwrap();
    assert_eq!(story.go_through(last), 1000);
    assert_eq!(code(story.request(&[1, 0])), "invalid_transition");
}

#[test]
fn steps_follow_the_one_order() {
    use ReturnStatus as S;
    let steps = [
        ReturnTransition::Approve,
        ReturnTransition::Reject("no".to_owned()),
        ReturnTransition::Cancel,
        ReturnTransition::Receive { restock: false },
        ReturnTransition::Receive { restock: true },
        ReturnTransition::Refund,
    ];
    let table: [(S, [Option<S>; 6]); 6] = [
        (S::Requested, [Some(S::Approved), Some(S::Rejected), Some(S::Canceled), None, None, None]),
        (S::Approved, [None, None, Some(S::Canceled), Some(S::Received), Some(S::Received), None]),
        (S::Rejected, [None; 6]),
        (S::Received, [None, None, None, None, None, Some(S::Completed)]),
        (S::Completed, [None; 6]),
        (S::Canceled, [None; 6]),
    ];
    for (from, expected) in table {
        for (step, to) in steps.iter().zip(expected) {
            let mut story = Story::of(&[(1000, 1)], &[1]);
            let id = story.request(&[1]).unwrap();
            story.returns[0].status = from;
            let after = story.step(id, step);
            match to {
                Some(to) => assert_eq!(after.unwrap().0.status, to),
                None => assert_eq!(code(after), "invalid_transition", "{from:?} {step:?}"),
            }
        }
    }
}

#[test]
fn goods_lie_in_stock_again_or_are_written_off() {
    let mut story = Story::of(&[(1000, 3)], &[3]);
    let (first, second) = (story.request(&[2]).unwrap(), story.request(&[1]).unwrap());
    for id in [first, second] {
        story.step(id, &ReturnTransition::Approve).unwrap();
    }
    let (back, moved) = story.receive(first).unwrap();
    assert_eq!((back.restocked, moved), (true, 2));
    let (off, moved) = story.step(second, &ReturnTransition::Receive { restock: false }).unwrap();
    assert_eq!((off.restocked, moved), (false, 0));
}

#[test]
fn a_whole_order_that_is_returned_is_refunded() {
    let mut story = Story::of(&[(1000, 2), (333, 3)], &[2, 3]);
    let id = story.request(&[2, 3]).unwrap();
    assert_eq!(story.go_through(id), 2999);
    assert_eq!(story.state.order.payment_status, PaymentStatus::Refunded);
    let refunds: Vec<_> = story.state.payments[0].refunds.iter().map(|refund| refund.amount.0).collect();
    assert_eq!(refunds, [2999]);
}

#[test]
fn no_more_goes_back_than_is_left() {
    let mut story = Story::of(&[(1000, 3)], &[3]);
    let (first, second) = (story.request(&[1]).unwrap(), story.request(&[2]).unwrap());
    let given = &mut story.state.payments[0];
    given.amount_refunded = Amount(1500);
    assert_eq!(story.go_through(first), 1000);
    assert_eq!(story.go_through(second), 500, "all that is left");
    assert_eq!(story.state.order.payment_status, PaymentStatus::Refunded);
}

/// Changes the order to one with an uncaptured or partly captured payment.
fn unpaid(mut story: Story, captured: i64) -> Story {
    let (state, status) = match captured {
        0 => (PaymentState::Pending, PaymentStatus::NotPaid),
        _ => (PaymentState::Captured, PaymentStatus::PartiallyPaid),
    };
    story.state.payments[0] = payment(&story.state.order, state, captured, captured, 0);
    (story.state.order.amount_paid, story.state.order.payment_status) = (Amount(captured), status);
    story
}

#[test]
fn goods_that_were_never_paid_are_settled_when_they_are_received() {
    let mut story = unpaid(Story::of(&[(1000, 2)], &[2]), 0);
    let (first, second) = (story.request(&[1]).unwrap(), story.request(&[1]).unwrap());
    for id in [first, second] {
        story.step(id, &ReturnTransition::Approve).unwrap();
    }
    let (back, moved) = story.receive(first).unwrap();
    assert_eq!((back.status, back.amount_refunded, moved), (ReturnStatus::Completed, Amount::ZERO, 1));
    // The buyer keeps one unit and owes its price.
    let order = &story.state.order;
    assert_eq!(
        (order.status, order.amount_payable(), order.amount_due()),
        (OrderStatus::Placed, Amount(1000), Amount(1000))
    );
    assert_eq!(code(story.step(first, &ReturnTransition::Refund)), "invalid_transition");
    let (off, moved) = story.step(second, &ReturnTransition::Receive { restock: false }).unwrap();
    assert_eq!((off.status, moved), (ReturnStatus::Completed, 0));
    // Nothing of the order remains.
    let order = &story.state.order;
    assert_eq!((order.status, order.payment_status), (OrderStatus::Canceled, PaymentStatus::Voided));
    assert_eq!((story.state.payments[0].state, order.amount_due()), (PaymentState::Voided, Amount::ZERO));
    assert!(order.canceled_at.is_some());
}

#[test]
fn an_unpaid_return_that_an_earlier_release_received_is_settled_by_its_refund() {
    let mut story = unpaid(Story::of(&[(1000, 1)], &[1]), 0);
    let id = story.request(&[1]).unwrap();
    story.returns[0].status = ReturnStatus::Received;
    assert_eq!(story.step(id, &ReturnTransition::Refund).unwrap().0.amount_refunded, Amount::ZERO);
    assert_eq!(story.state.order.status, OrderStatus::Canceled);
}

#[test]
fn an_order_with_a_payment_that_cannot_be_called_off_waits_for_it() {
    let mut story = unpaid(Story::of(&[(1000, 1)], &[1]), 0);
    let id = story.request(&[1]).unwrap();
    story.step(id, &ReturnTransition::Approve).unwrap();
    story.state.payments[0].remote.mismatch = Some("Another amount.".to_owned());
    let state = story.state.clone();
    let return_context = ReturnContext { returns: &story.returns, levels: &[], is_remote: &|_| true };
    let step = ReturnTransition::Receive { restock: false };
    let decided = step_return(state, return_context, &story.returns[0], &step, "staff", &mut story.context).unwrap();
    story.apply(decided.batch);
    assert_eq!((story.returns[0].status, story.state.order.status), (ReturnStatus::Completed, OrderStatus::Placed));
}

#[test]
fn what_was_not_paid_of_returned_goods_is_not_owed() {
    // A refused shipment, next to one that was paid on delivery: 10.00 of 15.00.
    let mut story = unpaid(Story::of(&[(1000, 1), (500, 1)], &[1, 1]), 1000);
    story.state.shipments = vec![
        shipment(&story.state.order, ShipmentStatus::Delivered, &[1, 0]),
        shipment(&story.state.order, ShipmentStatus::Shipped, &[0, 1]),
    ];
    let id = story.request(&[0, 1]).unwrap();
    assert_eq!(story.go_through(id), 0, "it was not paid");
    let order = &story.state.order;
    assert_eq!((order.amount_due(), order.payment_status), (Amount::ZERO, PaymentStatus::Paid));
    assert_eq!((order.status, order.fulfillment_status), (OrderStatus::Completed, FulfillmentStatus::Delivered));
    // If the goods were paid in part, that part is refunded.
    let mut story = unpaid(Story::of(&[(1000, 1), (500, 1)], &[1, 1]), 1200);
    let id = story.request(&[0, 1]).unwrap();
    assert_eq!((story.go_through(id), story.state.order.amount_due()), (200, Amount::ZERO));
}

#[test]
fn goods_that_cost_nothing_are_settled() {
    let mut story = Story::of(&[(0, 1)], &[1]);
    let id = story.request(&[1]).unwrap();
    story.step(id, &ReturnTransition::Approve).unwrap();
    assert_eq!(story.receive(id).unwrap().0.status, ReturnStatus::Completed);
}

#[test]
fn the_rest_comes_back_once() {
    let mut story = Story::of(&[(1000, 4)], &[3]);
    let open = story.request(&[1]).unwrap();
    let levels = story.levels();
    let rest = |story: &mut Story| {
        let mut batch = Batch::new(&mut story.context);
        return_rest(&story.state, &story.returns, &levels, Amount(1500), &mut story.context, &mut batch).unwrap();
        batch
    };
    let batch = rest(&mut story);
    let state = story.state.order.clone();
    let mut settled = batch.clone();
    settle(state, &story.state.payments, &story.state.shipments, &mut story.context, &mut settled);
    assert_eq!(story.apply(settled), 2, "one of the three is on its way with its own return");
    let done = &story.returns[1];
    assert_eq!((done.status, done.restocked), (ReturnStatus::Completed, true));
    assert_eq!((done.refund_amount, done.amount_refunded), (Amount(2000), Amount(1500)));
    assert!(rest(&mut story).is_empty());
    story.step(open, &ReturnTransition::Approve).unwrap();
    assert_eq!(story.receive(open).unwrap().1, 1);
    assert_eq!(code(story.request(&[1])), "invalid_transition");
}

#[test]
fn an_order_has_not_returns_without_end() {
    let mut story = Story::of(&[(1000, 1)], &[1]);
    for _ in 0..MAX_RETURNS {
        let id = story.request(&[1]).unwrap();
        story.step(id, &ReturnTransition::Cancel).unwrap();
    }
    assert_eq!(code(story.request(&[1])), "invalid_transition");
}

#[test]
fn the_history_says_what_and_why() {
    let mut story = Story::of(&[(1000, 2)], &[2]);
    let id = story.request(&[2]).unwrap();
    let before = &story.returns[0];
    let step = ReturnTransition::Reject("worn".to_owned());
    let state = story.state.clone();
    let return_context = ReturnContext { returns: &story.returns, levels: &[], is_remote: &|_| false };
    let decided = step_return(state, return_context, before, &step, "staff", &mut context()).unwrap();
    let entry = |write: &Write| match write {
        Write::Orders(crate::batch::OrdersWrite::History(entry)) => Some((entry.event.clone(), entry.detail.clone())),
        _ => None,
    };
    let entries: Vec<_> = decided.batch.writes.iter().filter_map(entry).collect();
    let detail = "2 of SKU-0 are not taken back: worn";
    assert_eq!(entries, [("return_rejected".to_owned(), detail.to_owned())]);
    assert_eq!(decided.reply.id, id);
}

proptest! {
    /// However returns are requested and canceled, the live ones are worth no more than their units, and those of a
    /// whole line are worth the line.
    #[test]
    fn parts_sum_to_the_whole(
        price in 0_i64..2000, quantity in 1_i64..12, discount in 0_i64..2000, tax in 0_i64..500, added: bool,
        steps in proptest::collection::vec((1_i64..4, any::<bool>()), 1..30),
    ) {
        let mut order = order(&[(price, quantity)], 700);
        let discount = discount.min(price * quantity);
        let line = &mut order.items[0];
        (line.discount, line.tax) = (Amount(discount), Amount(tax));
        (order.discount_total, order.tax_total) = (Amount(discount), Amount(tax));
        let whole = price * quantity - discount + if added { tax } else { 0 };
        order.total = Amount(whole + 700);
        order.explanation.prices_include_tax = !added;
        let mut story = Story::of_order(order, &[quantity]);
        let mut requested = Vec::new();
        for (many, keep) in steps {
            if let Ok(id) = story.request(&[many]) {
                requested.push(id);
            }
            if !keep && requested.len() > 1 {
                story.step(requested.remove(0), &ReturnTransition::Cancel).unwrap();
            }
        }
        while story.request(&[1]).is_ok() {}
        let live = story.returns.iter().filter(|returned| returned.status.is_live());
        let (mut sum, mut units) = (0, 0);
        for returned in live {
            prop_assert!(returned.refund_amount >= Amount::ZERO);
            sum += returned.refund_amount.0;
            units += returned.items[0].quantity;
        }
        prop_assert_eq!((sum, units), (whole, quantity));
    }
}
