//! Verifies that what is stored makes sense as a whole: the rules that hold whatever happened.
//!
//! 1. What lies in stock is the sum of the ledger; what is reserved is the sum of the live reservations, and no more
//!    than there is unless backorders are taken.
//! 2. An order's total is the sum of its parts.
//! 3. `0 ≤ refunded ≤ captured ≤ authorized`, per payment; an order's sums and statuses are those of its payments and
//!    parcels, and no more of it left than was bought, nor came back than had left, nor is given back for it than it cost.
//!    No more of its price is kept than was asked for, what is on its way to or from a gateway is being seen to, and an
//!    intent that a payment waits for is one that will be carried out.
//! 4. A cart became at most one order; an order that is over holds no stock; a promotion's uses are the orders that carry
//!    it and were not canceled.
//!
//! It reads page by page, beside a shop that goes on: what looks wrong is looked at again, and reported only when it
//! stays wrong.

<<<<<<< HEAD
mod orders;
mod pages;
mod rules;
mod stock;
#[cfg(test)]
mod tests;
mod uses;
=======
mod people;

use std::collections::{HashMap, HashSet};
>>>>>>> pay

use crate::error::Result;
use crate::shop::Shop;

/// How often something that looks wrong is looked at before it is reported: between two reads the shop may have moved
/// on, and then both are right.
const LOOKS: u32 = 5;

impl Shop {
    /// Verifies the invariants of everything stored; one sentence for each that is broken, none when all is well.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn check(&self) -> Result<Vec<String>> {
        let mut problems = Vec::new();
        self.check_stock(&mut problems).await?;
        self.check_orders(&mut problems).await?;
        problems.extend(self.check_uses().await?);
        Ok(problems)
    }
<<<<<<< HEAD
=======

    async fn check_stock(&self, problems: &mut Vec<String>) -> Result<()> {
        let mut sums: HashMap<Place, Sums> = HashMap::new();
        let mut pages = Pages::<InventorySort>::new();
        while let Some(request) = pages.next() {
            let page = self.store().list_movements(&MovementFilter::default(), &request).await?;
            pages.turn(page.next);
            for movement in page.items {
                let sums = sums.entry((movement.variant_id, movement.location_id)).or_default();
                sums.moved = sums.moved.saturating_add(movement.delta);
            }
        }
        let live = ReservationFilter { live: Some(true), ..ReservationFilter::default() };
        let mut pages = Pages::<InventorySort>::new();
        while let Some(request) = pages.next() {
            let page = self.store().list_reservations(&live, &request).await?;
            pages.turn(page.next);
            for reservation in page.items {
                let sums = sums.entry((reservation.variant_id, reservation.location_id)).or_default();
                sums.held = sums.held.saturating_add(reservation.remaining);
            }
        }
        let mut suspects: Vec<Place> = Vec::new();
        let mut pages = Pages::<StockSort>::new();
        while let Some(request) = pages.next() {
            let page = self.store().list_stock(&StockFilter::default(), &request).await?;
            pages.turn(page.next);
            for level in page.items {
                let place = (level.variant_id, level.location_id);
                if !stock_problems(place, Some(&level), sums.remove(&place).unwrap_or_default()).is_empty() {
                    suspects.push(place);
                }
            }
        }
        // What is left moved where nothing lies any more: it must have left again.
        suspects.extend(sums.into_iter().filter(|(_, sums)| *sums != Sums::default()).map(|(place, _)| place));
        for place in suspects {
            problems.extend(self.look_at_stock(place).await?);
        }
        Ok(())
    }

    /// What is wrong with one level, if it stays wrong.
    async fn look_at_stock(&self, place: Place) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for _ in 0..LOOKS {
            let mut sums = Sums::default();
            let level = self.level(place).await?;
            let mut pages = Pages::<InventorySort>::new();
            while let Some(request) = pages.next() {
                let filter = MovementFilter {
                    variant_id: Some(place.0),
                    location_id: Some(place.1),
                    ..MovementFilter::default()
                };
                let page = self.store().list_movements(&filter, &request).await?;
                pages.turn(page.next);
                sums.moved = page.items.iter().fold(sums.moved, |sum, movement| sum.saturating_add(movement.delta));
            }
            let mut pages = Pages::<InventorySort>::new();
            while let Some(request) = pages.next() {
                let filter = ReservationFilter {
                    variant_id: Some(place.0),
                    location_id: Some(place.1),
                    live: Some(true),
                    ..ReservationFilter::default()
                };
                let page = self.store().list_reservations(&filter, &request).await?;
                pages.turn(page.next);
                let remaining = page.items.iter().map(|reservation| reservation.remaining);
                sums.held = remaining.fold(sums.held, i64::saturating_add);
            }
            found = stock_problems(place, level.as_ref(), sums);
            if found.is_empty() {
                break;
            }
        }
        Ok(found)
    }

    async fn level(&self, (variant, location): Place) -> Result<Option<StockLevel>> {
        let levels = self.store().stock_of(&[variant]).await?;
        Ok(levels.into_iter().find(|level| level.location_id == location))
    }

    async fn check_orders(&self, problems: &mut Vec<String>) -> Result<()> {
        let mut carts: HashMap<CartId, OrderId> = HashMap::new();
        let mut suspects: HashSet<OrderId> = HashSet::new();
        let mut stuck: HashSet<PaymentId> = HashSet::new();
        let mut pages = Pages::<OrderSort>::new();
        while let Some(request) = pages.next() {
            let page = self.store().list_orders(&OrderFilter::default(), &request).await?;
            pages.turn(page.next);
            let ids: Vec<_> = page.items.iter().map(|order| order.id).collect();
            if ids.is_empty() {
                continue;
            }
            let payments = self.store().payments_of_orders(&ids).await?;
            let shipments = self.store().shipments_of_orders(&ids).await?;
            let returns = self.store().returns_of_orders(&ids).await?;
            for payment in &payments {
                if self.is_stuck(payment).await? {
                    stuck.insert(payment.id);
                }
            }
            for order in &page.items {
                let payments: Vec<_> = payments.iter().filter(|one| one.order_id == order.id).cloned().collect();
                let shipments: Vec<_> = shipments.iter().filter(|one| one.order_id == order.id).cloned().collect();
                let returns: Vec<_> = returns.iter().filter(|one| one.order_id == order.id).cloned().collect();
                if !order_problems(order, &payments, &shipments).is_empty()
                    || !return_problems(order, &shipments, &returns).is_empty()
                {
                    suspects.insert(order.id);
                }
                match carts.insert(order.cart_id, order.id) {
                    Some(other) if other != order.id => {
                        problems.push(format!("Cart {} became the orders {other} and {}.", order.cart_id, order.id));
                    }
                    _ => {}
                }
                let cart = self.store().cart(order.cart_id).await?;
                if cart.is_some_and(|cart| cart.status != CartStatus::Ordered) {
                    problems.push(format!("Cart {} became order {} and is still open.", order.cart_id, order.id));
                }
                if order.status != OrderStatus::Placed {
                    let reservations = self.store().reservations_of(order.id).await?;
                    if reservations.iter().any(|reservation| reservation.status.is_live()) {
                        problems.push(format!("Order {} is over and still holds stock.", order.number));
                    }
                }
            }
        }
        for id in suspects {
            problems.extend(self.look_at_order(id).await?);
        }
        for id in stuck {
            // Its answer may have been recorded between the two reads.
            let now = self.store().payment(id).await?;
            if let Some(payment) = now
                && self.is_stuck(&payment).await?
                && self.store().payment(id).await?.is_some_and(|after| after.version == payment.version)
            {
                problems.push(format!("Payment {id} waits for a call of its gateway that nobody will make."));
            }
        }
        Ok(())
    }

    /// What is wrong with the uses of promotions, if it stays wrong.
    async fn check_uses(&self) -> Result<Vec<String>> {
        let mut suspects: Option<HashSet<PromotionId>> = None;
        let mut found = Vec::new();
        for _ in 0..LOOKS {
            let before = self.uses_of_promotions().await?;
            let mut carried: HashMap<PromotionId, i64> = HashMap::new();
            let mut pages = Pages::<OrderSort>::new();
            while let Some(request) = pages.next() {
                let page = self.store().list_orders(&OrderFilter::default(), &request).await?;
                pages.turn(page.next);
                let live = page.items.iter().filter(|order| order.status != OrderStatus::Canceled);
                for used in live.flat_map(|order| &order.explanation.promotions) {
                    *carried.entry(used.promotion_id).or_default() += 1;
                }
            }
            let wrong: HashMap<PromotionId, i64> = before
                .into_iter()
                .filter(|(id, uses)| carried.get(id).copied().unwrap_or_default() != *uses)
                .filter(|(id, _)| suspects.as_ref().is_none_or(|suspects| suspects.contains(id)))
                .collect();
            found = wrong
                .iter()
                .map(|(id, uses)| {
                    let carried = carried.get(id).copied().unwrap_or_default();
                    format!("Promotion {id}: {uses} uses are counted, {carried} orders carry it.")
                })
                .collect();
            if found.is_empty() {
                break;
            }
            // Somebody may have ordered meanwhile: only what stays wrong is.
            suspects = Some(wrong.into_keys().collect());
        }
        found.sort_unstable();
        Ok(found)
    }

    async fn uses_of_promotions(&self) -> Result<HashMap<PromotionId, i64>> {
        let mut uses = HashMap::new();
        let mut pages = Pages::<PromotionSort>::new();
        while let Some(request) = pages.next() {
            let page = self.store().list_promotions(&PromotionFilter::default(), &request).await?;
            pages.turn(page.next);
            uses.extend(page.items.into_iter().map(|counted| (counted.promotion.id, counted.uses)));
        }
        Ok(uses)
    }

    /// Whether a payment waits for a call that was given up, or is gone.
    async fn is_stuck(&self, payment: &Payment) -> Result<bool> {
        let Some(asking) = payment.remote.asking else { return Ok(false) };
        let intent = self.store().delivery(asking.intent).await?;
        Ok(intent.is_none_or(|intent| intent.status != DeliveryStatus::Pending))
    }

    /// What is wrong with one order, if it stays wrong.
    async fn look_at_order(&self, id: OrderId) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for _ in 0..LOOKS {
            let Some(order) = self.store().order(id).await? else { return Ok(Vec::new()) };
            let payments = self.store().payments_of_orders(&[id]).await?;
            let shipments = self.store().shipments_of_orders(&[id]).await?;
            let returns = self.store().returns_of_orders(&[id]).await?;
            found = order_problems(&order, &payments, &shipments);
            found.extend(return_problems(&order, &shipments, &returns));
            let unchanged = self.store().order(id).await?.is_some_and(|after| after.version() == order.version());
            if found.is_empty() || unchanged {
                break;
            }
        }
        Ok(found)
    }
}

/// What the ledger and the reservations say about one level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    moved: i64,
    held: i64,
}

fn stock_problems((variant, location): Place, level: Option<&StockLevel>, sums: Sums) -> Vec<String> {
    let (on_hand, reserved) = level.map_or((0, 0), |level| (level.on_hand, level.reserved));
    let name = level.map_or_else(|| variant.to_string(), |level| level.sku.clone());
    let mut problems = Vec::new();
    if on_hand != sums.moved {
        problems.push(format!("{name} at {location}: {on_hand} lie there, the ledger says {}.", sums.moved));
    }
    if reserved != sums.held {
        problems.push(format!("{name} at {location}: {reserved} are reserved, live reservations hold {}.", sums.held));
    }
    if reserved < 0 {
        problems.push(format!("{name} at {location}: {reserved} are reserved."));
    }
    if reserved > on_hand && level.is_some_and(|level| level.tracked && !level.backorder) {
        problems.push(format!("{name} at {location}: {reserved} are reserved of {on_hand}."));
    }
    problems
}

fn order_problems(order: &Order, payments: &[Payment], shipments: &[Shipment]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut rule = |holds: bool, what: &str| {
        if !holds {
            problems.push(format!("Order {}: {what}.", order.number));
        }
    };
    let sum = |amounts: &mut dyn Iterator<Item = Amount>| Amount::sum(amounts).ok();
    rule(
        order.items.iter().all(|item| item.unit_price.times(item.quantity).ok() == Some(item.line_total)),
        "a line is not its price times its quantity",
    );
    rule(
        sum(&mut order.items.iter().map(|item| item.line_total)) == Some(order.subtotal),
        "the subtotal is not the sum of the lines",
    );
    rule(
        sum(&mut order.items.iter().map(|item| item.discount)) == Some(order.discount_total),
        "the discount is not the sum of the lines' discounts",
    );
    let taxes = &mut order.items.iter().map(|item| item.tax).chain([order.shipping_tax]);
    rule(sum(taxes) == Some(order.tax_total), "the tax is not the sum of the lines' and the shipping's taxes");
    let added = if order.explanation.prices_include_tax { Amount::ZERO } else { order.tax_total };
    let total = order.subtotal.0 + order.shipping_total.0 + added.0 - order.discount_total.0;
    rule(order.total.0 == total, "the total is not the sum of its parts");
    rule(
        order.items.iter().all(|item| (Amount::ZERO..=item.line_total).contains(&item.discount)),
        "a line's discount is more than the line",
    );

    for payment in payments {
        let refunds = payment.refunds.iter().filter(|refund| refund.state != RefundState::Failed);
        let refunded = sum(&mut refunds.map(|refund| refund.amount));
        rule(refunded == Some(payment.amount_refunded), "a payment's refunds do not add up");
        let ordered = [Amount::ZERO, payment.amount_refunded, payment.amount_captured, payment.amount_authorized];
        rule(ordered.is_sorted(), "a payment breaks 0 ≤ refunded ≤ captured ≤ authorized");
        let sent = payment.refunds.iter().all(|refund| refund.state != RefundState::Pending);
        rule(sent || payment.remote.look_at.is_some(), "a refund is on its way and nobody looks after it");
        rule(payment.currency == order.currency, "a payment has another currency");
    }
    rule(payments.iter().filter(|payment| payment.state.is_live()).count() <= 1, "more than one payment is live");
    rule(
        sum(&mut payments.iter().map(|payment| payment.amount_captured)) == Some(order.amount_paid),
        "what was paid is not the sum of the payments",
    );
    rule(
        sum(&mut payments.iter().map(|payment| payment.amount_refunded)) == Some(order.amount_refunded),
        "what was refunded is not the sum of the payments",
    );
    let kept = order.amount_paid.0.saturating_sub(order.amount_refunded.0);
    rule(kept <= order.total.0, "more was paid than it costs, and not given back");
    rule(order.payment_status == payment_status(order, payments), "the payment status is not that of its payments");
    rule(
        order.fulfillment_status == fulfillment_status(order, shipments),
        "the fulfillment status is not that of its parcels",
    );
    let packed = |id| {
        let live = shipments.iter().filter(|shipment| shipment.status != ShipmentStatus::Canceled);
        let items = live.flat_map(|shipment| &shipment.items).filter(move |item| item.order_item_id == id);
        items.fold(0_i64, |sum, item| sum.saturating_add(item.quantity))
    };
    rule(order.items.iter().all(|item| packed(item.id) <= item.quantity), "more of a line was packed than was bought");
    problems.extend(people::in_payments(order, payments));
    problems
}

fn return_problems(order: &Order, shipments: &[Shipment], returns: &[Return]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut rule = |holds: bool, what: &str| {
        if !holds {
            problems.push(format!("Order {}: {what}.", order.number));
        }
    };
    for line in &order.items {
        rule(
            returned(returns, line.id, ReturnStatus::is_live) <= shipped(shipments, line.id),
            "more of a line is returned than was shipped",
        );
        let live = returns.iter().filter(|one| one.status.is_live()).flat_map(|one| &one.items);
        let amount = Amount::sum(live.filter(|item| item.order_item_id == line.id).map(|item| item.amount)).ok();
        let most = worth(order, line, line.quantity).ok();
        rule(amount.is_some() && amount <= most, "more is to be given back for a line than it cost");
    }
    for one in returns {
        let sum = Amount::sum(one.items.iter().map(|item| item.amount)).ok();
        rule(sum == Some(one.refund_amount), "the amount of a return is not the sum of its lines");
        rule(one.amount_refunded <= one.refund_amount, "more was given back for a return than its goods cost");
        let known = |line| order.items.iter().any(|item| item.id == line);
        rule(one.items.iter().all(|item| known(item.order_item_id)), "a return has a line that the order has not");
        rule(!one.restocked || one.status.is_back(), "goods of a return lie in stock that did not come back");
    }
    problems.extend(people::in_returns(order, returns));
    problems
}

/// Walks a list by cursor, in large pages.
struct Pages<K> {
    next: Option<PageRequest<K>>,
}

impl<K: SortKey> Pages<K> {
    fn new() -> Self {
        let request = PageRequest { size: MAX_PAGE_SIZE, position: Position::Start, ..PageRequest::default() };
        Self { next: Some(request) }
    }

    /// The request of the next page; none after the last.
    fn next(&mut self) -> Option<PageRequest<K>> {
        self.next.take()
    }

    /// Goes on after a page.
    fn turn(&mut self, next: Option<Cursor>) {
        self.next = next.map(|cursor| PageRequest {
            size: MAX_PAGE_SIZE,
            position: Position::Cursor(cursor),
            ..PageRequest::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Batch, Change, Write};
    use crate::execute::Decision;
    use crate::inventory::{InventoryWrite, StockDelta};
    use crate::orders::OrdersWrite;
    use crate::orders::PaymentStatus;
    use crate::orders::fixtures::offer;
    use crate::orders::tests::{order, payment, shipment};
    use crate::payments::PaymentState;
    use crate::testing::{World, block_on, world};

    fn spoil(world: &World, write: impl Into<Write>) {
        let write = write.into();
        let write = &write;
        block_on(world.shop.execute(&crate::Actor::system(), |mut moment| async move {
            let mut batch = Batch::new(&mut moment);
            batch.write(write.clone());
            Ok(Decision { batch, reply: () })
        }))
        .unwrap();
    }

    #[test]
    fn a_sound_shop_has_no_problems() {
        let world = world();
        offer(&world, &vec![(100, 5); 250]);
        assert_eq!(block_on(world.shop.check()).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn stock_without_a_ledger_is_found() {
        let world = world();
        let offer = offer(&world, &[(100, 5), (100, 5)]);
        let level = block_on(world.shop.store().stock_of(&[offer.variant(1)])).unwrap().remove(0);
        let delta =
            StockDelta { variant_id: level.variant_id, location_id: level.location_id, on_hand: 1, reserved: 2 };
        spoil(&world, InventoryWrite::Delta(delta));
        let problems = block_on(world.shop.check()).unwrap();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems.iter().all(|problem| problem.starts_with("SKU-1 at ")));
    }

    #[test]
    fn an_order_that_does_not_add_up_is_found() {
        let world = world();
        let sound = order(&[(1000, 2)], 500);
        spoil(&world, OrdersWrite::Order(Change::Insert(Order { total: Amount(2499), ..sound.clone() })));
        let problems = block_on(world.shop.check()).unwrap();
        assert_eq!(problems, [format!("Order {}: the total is not the sum of its parts.", sound.number)]);
    }

    #[test]
    fn each_rule_of_an_order_is_judged() {
        let sound = order(&[(1000, 2)], 500);
        let paid = payment(&sound, PaymentState::Pending, 0, 0, 0);
        assert!(order_problems(&sound, std::slice::from_ref(&paid), &[]).is_empty());
        let mut broken: Vec<(Order, Vec<Payment>, Vec<Shipment>)> = Vec::new();
        let mut wrong = sound.clone();
        wrong.items[0].quantity = 3;
        broken.push((wrong, vec![], vec![]));
        broken.push((Order { subtotal: Amount(1999), total: Amount(2499), ..sound.clone() }, vec![], vec![]));
        broken.push((Order { discount_total: Amount(1), total: Amount(2499), ..sound.clone() }, vec![], vec![]));
        broken.push((Order { tax_total: Amount(1), total: Amount(2501), ..sound.clone() }, vec![], vec![]));
        broken.push((Order { amount_paid: Amount(1), ..sound.clone() }, vec![], vec![]));
        broken.push((Order { amount_refunded: Amount(1), ..sound.clone() }, vec![], vec![]));
        broken.push((sound.clone(), vec![paid.clone(), paid.clone()], vec![]));
        let voided = Payment { state: PaymentState::Voided, amount_refunded: Amount(1), ..paid.clone() };
        broken.push((Order { amount_refunded: Amount(1), ..sound.clone() }, vec![voided], vec![]));
        broken.push((sound.clone(), vec![Payment { currency: "EUR".parse().unwrap(), ..paid }], vec![]));
        let excess = payment(&sound, PaymentState::Captured, 2501, 2501, 0);
        let rich = Order { amount_paid: Amount(2501), payment_status: PaymentStatus::Paid, ..sound.clone() };
        broken.push((rich, vec![excess], vec![]));
        broken.push((sound.clone(), vec![], vec![shipment(&sound, ShipmentStatus::Shipped, &[1])]));
        broken.push((sound.clone(), vec![], vec![shipment(&sound, ShipmentStatus::Pending, &[3])]));
        for (order, payments, shipments) in broken {
            assert!(!order_problems(&order, &payments, &shipments).is_empty(), "{order:?}");
        }
    }
>>>>>>> pay
}
