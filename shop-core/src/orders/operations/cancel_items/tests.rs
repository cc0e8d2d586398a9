use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::batch::{Change, OrdersWrite, OutboxWrite, RowWrite, Versioned, Write};
use crate::model::inventory::ReservationStatus;
use crate::model::orders::{FulfillmentStatus, HistoryEntry, Order, PaymentStatus};
use crate::model::outbox::EventKind;
use crate::model::payments::PaymentState;
use crate::model::shipping::ShipmentItem;
use crate::orders::input::{CheckedReturn, CheckedReturnItem};
use crate::orders::operations::{ReturnContext, ReturnTransition, request_return, step_return};
use crate::orders::tests::{context, order as placed, payment, reservation, shipment};
use crate::string_enum::StringEnum as _;

/// An order to which batches are applied.
pub(in crate::orders::operations) struct Story {
    pub(in crate::orders::operations) state: OrderState,
    pub(in crate::orders::operations) returns: Vec<Return>,
    pub(in crate::orders::operations) context: DecisionContext,
    /// The events and the history of the last batch.
    pub(in crate::orders::operations) told: Vec<String>,
}

impl Story {
    /// A fully reserved order of these lines, with this captured amount and these shipments.
    pub(in crate::orders::operations) fn of(
        order: Order,
        captured: i64,
        shipments: &[(ShipmentStatus, &[i64])],
    ) -> Self {
        let shipments: Vec<_> = (2..)
            .zip(shipments)
            .map(|(n, (status, items))| Shipment {
                id: uuid::Uuid::from_u128(n).into(),
                ..shipment(&order, *status, items)
            })
            .collect();
        let held = |item: &OrderItem| reservation(&order, item, item.quantity - shipped(&shipments, item.id));
        let reservations = order.items.iter().map(held).collect();
        let (state, status) = match captured {
            0 => (PaymentState::Pending, PaymentStatus::NotPaid),
            part if part < order.total.0 => (PaymentState::Captured, PaymentStatus::PartiallyPaid),
            _ => (PaymentState::Captured, PaymentStatus::Paid),
        };
        let payments = vec![payment(&order, state, captured, captured, 0)];
        let order = Order { amount_paid: Amount(captured), payment_status: status, ..order };
        let state = OrderState { order, payments, shipments, reservations, limits: HashMap::new() };
        Self { state, returns: Vec::new(), context: context(), told: Vec::new() }
    }

    pub(in crate::orders::operations) fn apply(&mut self, batch: Batch) {
        self.told.clear();
        for write in batch.writes {
            match write {
                Write::Row(RowWrite::Order(Change::Update(row))) => {
                    assert_eq!(row.version, self.state.order.version + 1);
                    self.state.order = row;
                }
                Write::Row(RowWrite::Return(Change::Insert(row))) => self.returns.push(row),
                Write::Row(RowWrite::Return(Change::Update(row))) => {
                    put(&mut self.returns, row);
                }
                Write::Row(RowWrite::Payment(Change::Update(row))) => {
                    put(&mut self.state.payments, row);
                }
                Write::Row(RowWrite::Shipment(Change::Update(row))) => {
                    put(&mut self.state.shipments, row);
                }
                Write::Row(RowWrite::Reservation(Change::Update(row))) => {
                    put(&mut self.state.reservations, row);
                }
                Write::Orders(OrdersWrite::History(HistoryEntry { event, .. })) => self.told.push(event),
                Write::Outbox(OutboxWrite::Event(event)) => self.told.push(event.kind.as_str().to_owned()),
                _ => {}
            }
        }
    }

    fn input(&self, quantities: &[i64], refund: bool) -> CheckedCancelItems {
        let lines = self.state.order.items.iter().zip(quantities).filter(|(_, quantity)| **quantity > 0);
        let items = lines.map(|(item, quantity)| ShipmentItem { order_item_id: item.id, quantity: *quantity });
        CheckedCancelItems { items: items.collect(), reason: "gone".to_owned(), refund }
    }

    fn cancel(&mut self, quantities: &[i64], refund: bool) -> Result<()> {
        let input = self.input(quantities, refund);
        let state = self.state.clone();
        let decided = cancel_items(state, &self.returns, &input, &|_| false, "staff", &mut self.context)?;
        let reply = decided.reply.order.clone();
        self.apply(decided.batch);
        assert_eq!(reply, self.state.order);
        Ok(())
    }

    fn give_back(&mut self, line: usize, quantity: i64) -> Result<()> {
        let order_item_id = self.state.order.items[line].id;
        let items = vec![CheckedReturnItem { order_item_id, quantity, reason: String::new() }];
        let input = CheckedReturn { items, note: String::new() };
        let decided = request_return(self.state.clone(), &self.returns, input, "guest", &mut self.context)?;
        self.apply(decided.batch);
        for step in [ReturnTransition::Approve, ReturnTransition::Receive { restock: false }] {
            let (state, before) = (self.state.clone(), self.returns.last().unwrap());
            let return_context = ReturnContext { returns: &self.returns, levels: &[], is_remote: &|_| false };
            let decided = step_return(state, return_context, before, &step, "staff", &mut self.context)?;
            self.apply(decided.batch);
        }
        Ok(())
    }

    pub(in crate::orders::operations) fn held(&self) -> Vec<i64> {
        let of = |item: &OrderItem| {
            let held = self.state.reservations.iter().filter(|held| held.order_item_id == item.id);
            held.map(|held| held.remaining).sum()
        };
        self.state.order.items.iter().map(of).collect()
    }
}

/// Replaces a row with its next version.
fn put<T: Versioned>(rows: &mut [T], row: T) {
    let stored = rows.iter_mut().find(|stored| stored.key() == row.key()).unwrap();
    assert_eq!(row.version(), stored.version() + 1);
    *stored = row;
}

fn code(result: Result<()>) -> &'static str {
    result.map_or_else(|error| error.code(), |()| "done")
}

#[test]
fn an_order_without_what_cannot_be_delivered_is_completed() {
    let mut story = Story::of(placed(&[(1000, 2)], 500), 2500, &[(ShipmentStatus::Delivered, &[1])]);
    story.cancel(&[1], true).unwrap();
    let order = &story.state.order;
    assert_eq!((order.status, order.fulfillment_status), (OrderStatus::Completed, FulfillmentStatus::Delivered));
    assert_eq!((order.payment_status, order.amount_refunded), (PaymentStatus::Paid, Amount(1000)));
    assert_eq!((order.total, order.amount_canceled(), order.amount_due()), (Amount(2500), Amount(1000), Amount::ZERO));
    assert_eq!(story.held(), [0]);
    let told = ["items_canceled", "payment.refunded", "refund_created", "completed", "order.completed"];
    assert_eq!(story.told, told);
}

#[test]
fn only_what_has_not_left_is_canceled_and_not_once_it_is_over() {
    let mut story = Story::of(placed(&[(1000, 3), (500, 1)], 0), 3500, &[(ShipmentStatus::Shipped, &[1, 0])]);
    assert_eq!(code(story.cancel(&[4, 0], true)), "invalid");
    assert_eq!(code(story.cancel(&[3, 0], true)), "invalid_transition");
    story.cancel(&[1, 0], true).unwrap();
    assert_eq!(code(story.cancel(&[2, 0], true)), "invalid_transition");
    story.cancel(&[1, 0], true).unwrap();
    assert_eq!(
        (story.held(), story.state.order.fulfillment_status),
        (vec![0, 1], FulfillmentStatus::PartiallyFulfilled)
    );
    for status in [OrderStatus::Canceled, OrderStatus::Completed] {
        story.state.order.status = status;
        assert_eq!(code(story.cancel(&[0, 1], true)), "invalid_transition");
    }
}

#[test]
fn when_nothing_remains_the_order_is_canceled_and_keeps_no_money() {
    let mut story = Story::of(placed(&[(1000, 2), (500, 1)], 300), 2800, &[]);
    story.cancel(&[1, 0], true).unwrap();
    assert_eq!((story.state.order.status, story.state.order.amount_refunded), (OrderStatus::Placed, Amount(1000)));
    assert_eq!(code(story.cancel(&[1, 1], false)), "invalid", "a canceled order keeps no money");
    story.cancel(&[1, 1], true).unwrap();
    let order = &story.state.order;
    assert_eq!((order.status, order.payment_status), (OrderStatus::Canceled, PaymentStatus::Refunded));
    assert_eq!((order.amount_refunded, story.held()), (Amount(2800), vec![0, 0]), "the shipping, too");
    // Without captured money, there is nothing to refund.
    let mut story = Story::of(placed(&[(1000, 2)], 300), 0, &[]);
    story.cancel(&[2], false).unwrap();
    assert_eq!(story.state.order.payment_status, PaymentStatus::Voided);
}

#[test]
fn an_unpaid_order_of_which_the_rest_came_back_is_canceled() {
    let mut story = Story::of(placed(&[(1000, 2)], 300), 0, &[(ShipmentStatus::Shipped, &[1])]);
    story.give_back(0, 1).unwrap();
    assert_eq!((story.state.order.status, story.held()), (OrderStatus::Placed, vec![1]));
    story.cancel(&[1], true).unwrap();
    assert_eq!((story.state.order.status, story.held()), (OrderStatus::Canceled, vec![0]));
    assert_eq!(story.state.payments[0].state, PaymentState::Voided);
}

#[test]
fn a_payment_that_waits_waits_for_less() {
    let mut story = Story::of(placed(&[(1000, 2)], 500), 0, &[]);
    story.cancel(&[1], true).unwrap();
    let (order, waits) = (&story.state.order, &story.state.payments[0]);
    assert_eq!((order.amount_due(), order.payment_status), (Amount(1500), PaymentStatus::NotPaid));
    assert_eq!((waits.amount, waits.state), (Amount(1500), PaymentState::Pending));
    // If the rest is free, the payment is voided.
    let mut story = Story::of(order_with_a_gift(), 0, &[]);
    story.cancel(&[1, 0], true).unwrap();
    assert_eq!(story.state.payments[0].state, PaymentState::Voided);
    assert_eq!(story.state.order.payment_status, PaymentStatus::Paid);
}

fn order_with_a_gift() -> Order {
    placed(&[(1000, 1), (0, 1)], 0)
}

#[test]
fn only_what_was_received_beyond_the_rest_goes_back() {
    // 25.00 in total; 10.00 are canceled, then 5.00.
    for (captured, refunded, due) in
        [(1000, [0, 0], 0), (2000, [500, 1000], 0), (2500, [1000, 1500], 0), (700, [0, 0], 300)]
    {
        let mut story = Story::of(placed(&[(1000, 1), (500, 1), (1000, 1)], 0), captured, &[]);
        for (quantities, back) in [[1, 0, 0], [0, 1, 0]].iter().zip(refunded) {
            story.cancel(quantities, true).unwrap();
            assert_eq!(story.state.order.amount_refunded, Amount(back), "{captured} {quantities:?}");
        }
        assert_eq!(story.state.order.amount_due(), Amount(due), "{captured}");
    }
}

#[test]
fn an_order_that_is_paid_by_it_says_so_once() {
    let mut story = Story::of(placed(&[(1000, 2)], 500), 1500, &[]);
    story.state.order.hold_until = Some(story.context.now());
    for held in &mut story.state.reservations {
        held.status = ReservationStatus::Held;
    }
    story.cancel(&[1], true).unwrap();
    let order = &story.state.order;
    assert_eq!((order.payment_status, order.hold_until), (PaymentStatus::Paid, None));
    assert_eq!(story.state.reservations[0].status, ReservationStatus::Committed);
    let paid = |story: &Story| story.told.iter().filter(|told| *told == EventKind::OrderPaid.as_str()).count();
    assert_eq!(paid(&story), 1);
    let mut story = Story::of(placed(&[(1000, 3)], 500), 3500, &[]);
    story.cancel(&[1], true).unwrap();
    assert_eq!(paid(&story), 0);
}

#[test]
fn the_money_is_kept_when_staff_say_so() {
    let mut story = Story::of(placed(&[(1000, 3)], 500), 3500, &[]);
    story.cancel(&[1], false).unwrap();
    let order = &story.state.order;
    assert_eq!((order.payment_status, order.amount_refunded), (PaymentStatus::Paid, Amount::ZERO));
    story.cancel(&[1], true).unwrap();
    assert_eq!(story.state.order.amount_refunded, Amount(1000), "only for what is canceled now");
}

#[test]
fn shipments_that_wait_to_leave_are_unpacked_as_far_as_needed() {
    use ShipmentStatus as S;
    let shipments: &[(S, &[i64])] = &[(S::Pending, &[1, 1]), (S::Pending, &[1, 0]), (S::Shipped, &[1, 0])];
    let statuses = |story: &Story| story.state.shipments.iter().map(|shipment| shipment.status).collect::<Vec<_>>();
    let mut story = Story::of(placed(&[(1000, 4), (500, 1)], 0), 4500, shipments);
    story.cancel(&[1, 0], true).unwrap();
    assert_eq!(statuses(&story), [S::Pending, S::Pending, S::Shipped], "one is in no shipment");
    story.cancel(&[1, 0], true).unwrap();
    assert_eq!(statuses(&story), [S::Pending, S::Canceled, S::Shipped]);
    story.cancel(&[0, 1], true).unwrap();
    assert_eq!(statuses(&story), [S::Canceled, S::Canceled, S::Shipped]);
    assert_eq!(story.held(), [1, 0]);
    let left =
        crate::shipping::operations::shippable(&story.state.order, &story.state.shipments, &story.state.reservations);
    assert_eq!(left.iter().map(|(_, quantity)| *quantity).collect::<Vec<_>>(), [1, 0]);
}

proptest! {
    /// In whatever parts a line is canceled, shipped and returned, the parts sum to the line.
    #[test]
    fn parts_sum_to_the_line(
        price in 0_i64..2000, quantity in 1_i64..12, discount in 0_i64..2000, tax in 0_i64..500, added: bool,
        left in 0_i64..12, parts in proptest::collection::vec((1_i64..4, any::<bool>()), 30),
    ) {
        let mut order = placed(&[(price, quantity), (77, 1)], 700);
        let (discount, left) = (discount.min(price * quantity), left.min(quantity));
        let line = &mut order.items[0];
        (line.discount, line.tax) = (Amount(discount), Amount(tax));
        (order.discount_total, order.tax_total) = (Amount(discount), Amount(tax));
        let whole = price * quantity - discount + if added { tax } else { 0 };
        order.total = Amount(whole + 777);
        order.explanation.prices_include_tax = !added;
        let total = order.total.0;
        let mut story = Story::of(order, total, &[(ShipmentStatus::Shipped, &[left, 0])]);
        let (mut canceled, mut returned) = (0, 0);
        for (part, cancels) in parts {
            if cancels {
                let part = part.min(quantity - left - canceled);
                if part > 0 {
                    story.cancel(&[part, 0], true).unwrap();
                    canceled += part;
                }
            } else if part <= left - returned {
                story.give_back(0, part).unwrap();
                returned += part;
            }
        }
        let back = story.returns.iter().map(|one| one.refund_amount.0).sum::<i64>();
        let off = story.state.order.amount_canceled().0;
        prop_assert!(back >= 0 && off >= 0);
        prop_assert_eq!(story.state.order.amount_refunded.0, off);
        if canceled + returned == quantity {
            prop_assert_eq!(off + back, whole);
        }
        prop_assert_eq!(story.state.order.amount_payable().0, total - off);
    }
}
