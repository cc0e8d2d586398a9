//! Reserves stock for order lines, and releases or ships it.

use crate::batch::{Batch, Change, InventoryWrite, Precondition, Write};
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::id::{LocationId, OrderId, OrderItemId, VariantId};
use crate::model::inventory::{Movement, MovementReason, Reservation, ReservationStatus, StockDelta, StockLevel};

use super::allocation::Allocation;

/// An order line that needs stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockLine<'a> {
    /// The order.
    pub order_id: OrderId,
    /// The line within the order.
    pub order_item_id: OrderItemId,
    /// The variant to reserve.
    pub variant_id: VariantId,
    /// SKU of the variant.
    pub sku: &'a str,
}

/// Reserves an allocation: one reservation and one guarded count change per location, and `stock.low` for each level
/// that becomes low. For an untracked variant, requires that it is still untracked at commit.
pub fn reserve(
    batch: &mut Batch,
    context: &mut DecisionContext,
    line: StockLine<'_>,
    allocation: &Allocation,
    status: ReservationStatus,
) -> Vec<Reservation> {
    if let Some(location) = allocation.untracked {
        batch.require(Precondition::Untracked(line.variant_id, location));
    }
    let mut reservations = Vec::with_capacity(allocation.parts.len());
    for &(location_id, quantity) in &allocation.parts {
        let reservation = Reservation {
            id: context.id(),
            order_id: line.order_id,
            order_item_id: line.order_item_id,
            variant_id: line.variant_id,
            sku: line.sku.to_owned(),
            location_id,
            quantity,
            remaining: quantity,
            status,
            created_at: context.now(),
            version: 1,
        };
        delta(batch, line.variant_id, location_id, 0, quantity);
        batch.write(Change::Insert(reservation.clone()));
        reservations.push(reservation);
    }
    for low in &allocation.low {
        low.emit_event(batch, context);
    }
    reservations
}

/// Releases whatever the live ones of these reservations still hold. `into` is [`ReservationStatus::Released`] or
/// [`ReservationStatus::Expired`]. Only held reservations expire; committed ones are always released.
pub fn end_reservations(batch: &mut Batch, reservations: &[Reservation], into: ReservationStatus) {
    for reservation in reservations.iter().filter(|reservation| reservation.status.is_live()) {
        let status = match (reservation.status, into) {
            (ReservationStatus::Held, ReservationStatus::Expired) => ReservationStatus::Expired,
            _ => ReservationStatus::Released,
        };
        delta(batch, reservation.variant_id, reservation.location_id, 0, -reservation.remaining);
        let ended = Reservation { status, remaining: 0, version: reservation.version + 1, ..reservation.clone() };
        batch.write(Change::Update(ended));
    }
}

/// Releases `quantity` units of one line that will not ship, or everything that is held if that is less. `reservations`
/// are all those of the line and are changed in place. Releases from the last ones first, because shipments take from
/// the first ones.
pub fn release(batch: &mut Batch, reservations: &mut [Reservation], quantity: i64) {
    let mut missing = quantity;
    for reservation in reservations.iter_mut().rev().filter(|reservation| reservation.status.is_live()) {
        let released = reservation.remaining.min(missing);
        if released <= 0 {
            continue;
        }
        missing -= released;
        reservation.remaining -= released;
        reservation.version += 1;
        if reservation.remaining == 0 {
            reservation.status = ReservationStatus::Released;
        }
        delta(batch, reservation.variant_id, reservation.location_id, 0, -released);
        batch.write(Change::Update(reservation.clone()));
    }
}

/// Commits held reservations once the payment has arrived.
pub fn commit_held(batch: &mut Batch, reservations: &[Reservation]) {
    for reservation in reservations.iter().filter(|reservation| reservation.status == ReservationStatus::Held) {
        let status = ReservationStatus::Committed;
        let committed = Reservation { status, version: reservation.version + 1, ..reservation.clone() };
        batch.write(Change::Update(committed));
    }
}

/// Ships `quantity` units of one line. `reservations` are all those of the line and are changed in place.
///
/// They are consumed in order; each lowers the counts and adds a ledger entry. An untracked line has no reservations,
/// so nothing happens.
///
/// # Errors
/// [`Error::InvalidTransition`] if fewer units are held than would leave.
pub fn consume(
    batch: &mut Batch,
    context: &mut DecisionContext,
    reservations: &mut [Reservation],
    quantity: i64,
    order_id: OrderId,
) -> Result<()> {
    if reservations.is_empty() {
        return Ok(());
    }
    let mut missing = quantity;
    for reservation in reservations.iter_mut().filter(|reservation| reservation.status.is_live()) {
        let taken = reservation.remaining.min(missing);
        if taken <= 0 {
            continue;
        }
        missing -= taken;
        reservation.remaining -= taken;
        reservation.version += 1;
        if reservation.remaining == 0 {
            reservation.status = ReservationStatus::Consumed;
        }
        delta(batch, reservation.variant_id, reservation.location_id, -taken, -taken);
        batch.write(Change::Update(reservation.clone()));
        batch.write(InventoryWrite::Movement(Movement {
            id: context.id(),
            variant_id: reservation.variant_id,
            sku: reservation.sku.clone(),
            location_id: reservation.location_id,
            delta: -taken,
            reason: MovementReason::Shipped,
            note: String::new(),
            order_id: Some(order_id),
            created_at: context.now(),
        }));
    }
    if missing > 0 {
        return Err(Error::transition("More would leave than is reserved for this order."));
    }
    Ok(())
}

/// Checks the count changes of a batch against these levels, to return an error with a detailed message. The store
/// checks them again.
///
/// # Errors
/// [`Error::InsufficientStock`] if a level does not allow its change.
pub(crate) fn may_change(batch: &Batch, levels: &[StockLevel]) -> Result<()> {
    let mut levels = levels.to_vec();
    for write in &batch.writes {
        let Write::Inventory(InventoryWrite::Delta(delta)) = write else { continue };
        let place = (delta.variant_id, delta.location_id);
        let Some(level) = levels.iter_mut().find(|level| (level.variant_id, level.location_id) == place) else {
            continue;
        };
        *level = delta.apply(level).ok_or_else(|| {
            let StockLevel { sku, on_hand, backordered, .. } = &*level;
            let detail = format!("{on_hand} of {sku} lie there, and only {backordered} were backordered.");
            Error::InsufficientStock { detail }
        })?;
    }
    Ok(())
}

/// Puts returned units of an order back into stock at `location_id`. The level must exist.
pub fn restock(
    batch: &mut Batch,
    context: &mut DecisionContext,
    variant_id: VariantId,
    sku: &str,
    location_id: LocationId,
    quantity: i64,
    order_id: OrderId,
) {
    delta(batch, variant_id, location_id, quantity, 0);
    batch.write(InventoryWrite::Movement(Movement {
        id: context.id(),
        variant_id,
        sku: sku.to_owned(),
        location_id,
        delta: quantity,
        reason: MovementReason::Returned,
        note: String::new(),
        order_id: Some(order_id),
        created_at: context.now(),
    }));
}

/// Adds one guarded change of counts to the batch.
pub(super) fn delta(batch: &mut Batch, variant_id: VariantId, location_id: LocationId, on_hand: i64, reserved: i64) {
    batch.write(InventoryWrite::Delta(StockDelta { variant_id, location_id, on_hand, reserved }));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::RowWrite;
    use crate::inventory::operations::allocate;
    use crate::inventory::operations::fixtures::{context, deltas, level, location, movements, untracked, variant};

    fn line() -> StockLine<'static> {
        let order_id = OrderId(uuid::Uuid::from_u128(7));
        StockLine { order_id, order_item_id: OrderItemId(uuid::Uuid::from_u128(8)), variant_id: variant(), sku: "A" }
    }

    fn reserved(quantity: i64, status: ReservationStatus) -> (Batch, Vec<Reservation>) {
        let mut context = context();
        let mut batch = Batch::new(&mut context);
        let allocation = allocate(&[level(1, 4, 0), level(2, 3, 0), level(3, 2, 0)], "A", quantity).unwrap();
        let reservations = reserve(&mut batch, &mut context, line(), &allocation, status);
        (batch, reservations)
    }

    #[test]
    fn reserving_holds_each_part() {
        let (batch, reservations) = reserved(6, ReservationStatus::Held);
        assert_eq!(reservations.iter().map(|held| held.remaining).collect::<Vec<_>>(), [4, 2]);
        assert_eq!(deltas(&batch), [(location(1), 0, 4), (location(2), 0, 2)]);
        assert!(batch.preconditions.is_empty());
    }

    #[test]
    fn what_is_not_counted_must_stay_so() {
        let mut context = context();
        let mut batch = Batch::new(&mut context);
        let allocation = allocate(&[untracked(1)], "A", 6).unwrap();
        assert!(reserve(&mut batch, &mut context, line(), &allocation, ReservationStatus::Held).is_empty());
        assert_eq!(batch.preconditions, [Precondition::Untracked(variant(), location(1))]);
        assert!(batch.is_empty());
        consume(&mut batch, &mut context, &mut [], 6, line().order_id).unwrap();
        assert!(batch.is_empty());
    }

    #[test]
    fn ending_gives_back_what_is_left_and_once() {
        let (_, mut reservations) = reserved(6, ReservationStatus::Held);
        reservations[1].status = ReservationStatus::Committed;
        reservations[1].remaining = 1;
        for (into, expected) in [
            (ReservationStatus::Expired, [ReservationStatus::Expired, ReservationStatus::Released]),
            (ReservationStatus::Released, [ReservationStatus::Released, ReservationStatus::Released]),
        ] {
            let mut batch = Batch::new(&mut context());
            end_reservations(&mut batch, &reservations, into);
            assert_eq!(deltas(&batch), [(location(1), 0, -4), (location(2), 0, -1)]);
            let ended: Vec<_> = written(&batch);
            assert_eq!(ended.iter().map(|held| held.status).collect::<Vec<_>>(), expected);
            assert!(ended.iter().all(|held| held.remaining == 0 && held.version == 2));
            let mut again = Batch::new(&mut context());
            end_reservations(&mut again, &ended, into);
            commit_held(&mut again, &ended);
            assert!(again.is_empty());
        }
    }

    #[test]
    fn items_that_are_canceled_are_released_from_the_last_place_on() {
        let (_, mut reservations) = reserved(6, ReservationStatus::Committed);
        let mut batch = Batch::new(&mut context());
        release(&mut batch, &mut reservations, 3);
        assert_eq!(deltas(&batch), [(location(2), 0, -2), (location(1), 0, -1)]);
        assert_eq!(written(&batch), [reservations[1].clone(), reservations[0].clone()]);
        let after: Vec<_> = reservations.iter().map(|held| (held.remaining, held.status, held.version)).collect();
        assert_eq!(after, [(3, ReservationStatus::Committed, 2), (0, ReservationStatus::Released, 2)]);
        let mut context = context();
        let mut batch = Batch::new(&mut context);
        consume(&mut batch, &mut context, &mut reservations, 2, line().order_id).unwrap();
        release(&mut batch, &mut reservations, 9);
        assert_eq!((reservations[0].remaining, reservations[0].status), (0, ReservationStatus::Released));
        let mut batch = Batch::new(&mut context);
        release(&mut batch, &mut reservations, 1);
        assert!(batch.is_empty());
    }

    #[test]
    fn committing_changes_no_counts() {
        let (_, reservations) = reserved(6, ReservationStatus::Held);
        let mut batch = Batch::new(&mut context());
        commit_held(&mut batch, &reservations);
        assert_eq!(deltas(&batch), []);
        assert!(written(&batch).iter().all(|held| held.status == ReservationStatus::Committed && held.remaining > 0));
    }

    #[test]
    fn more_than_is_held_cannot_leave() {
        let (_, mut reservations) = reserved(6, ReservationStatus::Committed);
        let mut context = context();
        let mut batch = Batch::new(&mut context);
        let refused = consume(&mut batch, &mut context, &mut reservations, 7, line().order_id);
        assert!(matches!(refused, Err(Error::InvalidTransition { .. })));
    }

    #[test]
    fn returned_goods_lie_there_again() {
        let mut context = context();
        let mut batch = Batch::new(&mut context);
        restock(&mut batch, &mut context, variant(), "A", location(2), 3, line().order_id);
        assert_eq!(deltas(&batch), [(location(2), 3, 0)]);
        assert_eq!(movements(&batch), [(location(2), 3, MovementReason::Returned)]);
    }

    fn written(batch: &Batch) -> Vec<Reservation> {
        let reservation = |write: &Write| match write {
            Write::Row(RowWrite::Reservation(Change::Update(reservation))) => Some(reservation.clone()),
            _ => None,
        };
        batch.writes.iter().filter_map(reservation).collect()
    }

    proptest! {
        #[test]
        fn what_leaves_in_shipments_is_what_was_held(
            quantity in 1..=9_i64,
            shipments in proptest::collection::vec(1..5_i64, 1..9),
        ) {
            let (_, mut reservations) = reserved(quantity, ReservationStatus::Committed);
            let mut left = quantity;
            let mut context = context();
            for shipment in shipments {
                let shipment = shipment.min(left);
                if shipment == 0 { break }
                left -= shipment;
                let mut batch = Batch::new(&mut context);
                consume(&mut batch, &mut context, &mut reservations, shipment, line().order_id).unwrap();
                prop_assert_eq!(movements(&batch).iter().map(|(_, delta, _)| delta).sum::<i64>(), -shipment);
                prop_assert!(deltas(&batch).iter().all(|(_, on_hand, reserved)| on_hand == reserved && *on_hand < 0));
                prop_assert_eq!(reservations.iter().map(|held| held.remaining).sum::<i64>(), left);
                for held in &reservations {
                    prop_assert_eq!(held.remaining == 0, held.status == ReservationStatus::Consumed);
                }
            }
        }
    }
}
