//! Locations, and the lists of stock, reservations and the stock ledger.

use crate::batch::{Conflict, Entity, InventoryWrite, StockSettings, Unique, Write};
use crate::id::{OrderId, VariantId};
use crate::model::inventory::{
    Location, Movement, MovementFilter, MovementReason, Reservation, ReservationFilter, ReservationStatus, StockFilter,
    StockLevel,
};

use super::fixtures::{World, far_away, long_ago, tracked_level, wild};
use super::generic::{Ends, check_list, everything, life, same_set};
use super::lab::{CaseFailure, CaseResult, Lab, accepted, check, refused, same};
use super::rows::{delete, insert, next, update};
use super::stock::{add, delta, level_of, settings_of};

pub(super) async fn locations_live(mut lab: Lab) -> CaseResult {
    lab.world().await?;
    let first = lab.location();
    let second = next(&first, |location| {
        location.name = wild();
        location.code = wild();
        location.country = Some("ZZ".to_owned());
        location.priority = i64::MIN;
        location.created_at = far_away();
    });
    let id = first.id;
    life(&mut lab, first, second, Ends::Deleted, async |store| store.location(id).await).await
}

pub(super) async fn a_location_has_a_code_of_its_own(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let other = lab.location();
    accepted(lab.commit([insert(&other)]).await)?;
    let twin = Location { code: other.code.clone(), ..lab.location() };
    refused(lab.commit([insert(&twin)]).await, Conflict::Exists(Unique::LocationCode))?;
    let twin = next(&world.location, |location| location.code.clone_from(&other.code));
    refused(lab.commit([update(&twin)]).await, Conflict::Exists(Unique::LocationCode))?;
    accepted(lab.commit([delete(&other), update(&twin)]).await)
}

pub(super) async fn exactly_one_location_is_the_default(mut lab: Lab) -> CaseResult {
    let set = |default| move |location: &mut Location| location.is_default = default;
    let wrong = Conflict::Exists(Unique::DefaultLocation);
    let (first, second) = (Location { is_default: true, ..lab.location() }, lab.location());
    // No default location.
    refused(lab.commit([insert(&second)]).await, wrong)?;
    same(&lab.store.locations().await?, &vec![])?;
    accepted(lab.commit([insert(&second), insert(&first)]).await)?;
    // Two, and none again.
    let third = Location { is_default: true, ..lab.location() };
    refused(lab.commit([insert(&third)]).await, wrong)?;
    refused(lab.commit([update(&next(&second, set(true)))]).await, wrong)?;
    refused(lab.commit([update(&next(&first, set(false)))]).await, wrong)?;
    refused(lab.commit([delete(&first)]).await, wrong)?;
    refused(lab.commit([delete(&first), delete(&second)]).await, wrong)?;
    same(&lab.store.location(first.id).await?, &Some(first.clone()))?;

    // Checked when the whole batch is written: a swap works in either order.
    let (first, second) = (next(&first, set(false)), next(&second, set(true)));
    accepted(lab.commit([update(&second), update(&first)]).await)?;
    let (first, second) = (next(&first, set(true)), next(&second, set(false)));
    accepted(lab.commit([update(&second), update(&first)]).await)?;
    accepted(lab.commit([delete(&first), insert(&third)]).await)?;
    let mut wanted = vec![second, third];
    wanted.sort_by_key(|location| (location.priority, location.id));
    same(&lab.store.locations().await?, &wanted)
}

pub(super) async fn a_location_with_stock_stays(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let location = lab.location();
    let level = tracked_level(&world.product, &world.variant(), &location, 1);
    let movement = lab.movement(&level, 1);
    let kept = InventoryWrite::Movement(movement.clone()).into();
    accepted(lab.commit([insert(&location), add(&level), kept]).await)?;
    let in_use = Conflict::InUse(Entity::Location, location.id.0);
    refused(lab.commit([delete(&location)]).await, in_use)?;
    // None on hand, but one reserved.
    let settings = StockSettings { backorder: Some(true), ..settings_of(&level) };
    accepted(lab.commit([InventoryWrite::Settings(settings).into(), delta(&level, -1, 1)]).await)?;
    refused(lab.commit([delete(&location)]).await, in_use)?;
    // Negative on hand.
    accepted(lab.commit([delta(&level, -1, -1)]).await)?;
    refused(lab.commit([delete(&location)]).await, in_use)?;
    same(&level_of(&lab, &level).await?.map(|level| level.on_hand), &Some(-1))?;
    refused(lab.commit([delete(&next(&location, |_| ()))]).await, Conflict::Stale(Entity::Location, location.id.0))?;

    // Empty levels are deleted with it; its ledger entries stay.
    accepted(lab.commit([delta(&level, 1, 0), delete(&location)]).await)?;
    same(&lab.store.location(location.id).await?, &None)?;
    same(&lab.store.stock_of(&[level.variant_id]).await?, &vec![])?;
    let filter = MovementFilter { location_id: Some(location.id), ..MovementFilter::default() };
    same(&lab.store.list_movements(&filter, &everything()).await?.items, &vec![movement])
}

pub(super) async fn locations_are_listed(mut lab: Lab) -> CaseResult {
    let mut locations = Vec::new();
    for (priority, country) in [(5, None), (-1, Some("US")), (5, None), (0, None), (i64::MAX, None), (i64::MIN, None)] {
        if locations.len() % 2 == 0 {
            lab.tick();
        }
        let country = country.map(str::to_owned);
        locations.push(Location { priority, country, is_default: locations.is_empty(), ..lab.location() });
    }
    accepted(lab.commit(locations.iter().rev().map(insert)).await)?;
    check_list(&locations, async |request| lab.store.list_locations(request).await).await?;
    locations.sort_by_key(|location| (location.priority, location.id));
    same(&lab.store.locations().await?, &locations)
}

/// Three locations (the first is the world's), with levels of both variants at each.
async fn stocked(lab: &mut Lab, world: &World) -> CaseResult<Vec<StockLevel>> {
    let (second, third) = (Location { priority: -1, ..lab.location() }, lab.location());
    accepted(lab.commit([insert(&second), insert(&third)]).await)?;
    let mut levels = Vec::new();
    for location in [&third, &world.location, &second] {
        for variant in &world.product.variants {
            levels.push(tracked_level(&world.product, variant, location, 1));
        }
    }
    accepted(lab.commit(levels.iter().map(add)).await)?;
    // By priority, then location, then variant.
    let place = |level: &StockLevel| (level.location_id != second.id, level.location_id, level.variant_id);
    levels.sort_by_key(place);
    Ok(levels)
}

pub(super) async fn stock_comes_by_priority(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let levels = stocked(&mut lab, &world).await?;
    let variants: Vec<VariantId> = world.product.variants.iter().rev().map(|variant| variant.id).collect();
    same(&lab.store.stock_of(&variants).await?, &levels)?;
    let first = world.variant().id;
    let wanted: Vec<_> = levels.into_iter().filter(|level| level.variant_id == first).collect();
    let nothing = lab.id::<VariantId>();
    same(&lab.store.stock_of(&[first, nothing]).await?, &wanted)?;
    same(&lab.store.stock_of(&[]).await?, &vec![])
}

type Wanted<'a> = Box<dyn Fn(&StockLevel) -> bool + 'a>;

pub(super) async fn stock_is_listed(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let mut levels = stocked(&mut lab, &world).await?;
    let other = lab.product("Pot");
    accepted(lab.commit([insert(&other)]).await)?;
    for (variant, tracked) in other.variants.iter().zip([true, false]) {
        let level = tracked_level(&other, variant, &world.location, 0);
        let level = StockLevel { tracked, low_stock_threshold: 2, ..level };
        accepted(lab.commit([add(&level)]).await)?;
        levels.push(level);
    }
    let everything_listed = StockFilter::default();
    check_list(&levels, async |request| lab.store.list_stock(&everything_listed, request).await).await?;

    let sku = world.variant().sku;
    let all = StockFilter::default;
    let here = world.location.id;
    let cases: Vec<(StockFilter, Wanted<'_>)> = vec![
        (StockFilter { sku: Some(sku.clone()), ..all() }, Box::new(|level| level.sku == sku)),
        (StockFilter { sku: Some(sku.to_lowercase()), ..all() }, Box::new(|_| false)),
        (StockFilter { variant_id: Some(world.variant().id), ..all() }, Box::new(|level| level.sku == sku)),
        (StockFilter { product_id: Some(other.id), ..all() }, Box::new(|level| level.product_id == other.id)),
        (StockFilter { location_id: Some(here), ..all() }, Box::new(|level| level.location_id == here)),
        (
            StockFilter { location_id: Some(here), product_id: Some(world.product.id), ..all() },
            Box::new(|level| level.location_id == here && level.product_id == world.product.id),
        ),
        (StockFilter { low: true, ..all() }, Box::new(|level| level.low_stock_threshold == 2 && level.tracked)),
    ];
    for (filter, wanted) in cases {
        let wanted: Vec<_> = levels.iter().filter(|level| wanted(level)).cloned().collect();
        check_list(&wanted, async |request| lab.store.list_stock(&filter, request).await).await?;
    }
    // Low means that what is available has reached the threshold.
    let Some(level) = levels.iter().find(|level| level.on_hand == 1) else { return Ok(()) };
    accepted(lab.commit([delta(level, 0, 1)]).await)?;
    let low = StockFilter { low: true, sku: Some(level.sku.clone()), ..all() };
    let held = StockLevel { reserved: 1, ..level.clone() };
    same(&lab.store.list_stock(&low, &everything()).await?.items, &vec![held])
}

pub(super) async fn the_ledger_is_listed(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let levels = stocked(&mut lab, &world).await?;
    let reasons = [
        MovementReason::Received,
        MovementReason::Returned,
        MovementReason::Damaged,
        MovementReason::Lost,
        MovementReason::Correction,
        MovementReason::Shipped,
        MovementReason::Transfer,
    ];
    let mut movements = Vec::new();
    for (reason, level) in reasons.into_iter().zip(levels.iter().cycle()) {
        if movements.len() % 2 == 0 {
            lab.tick();
        }
        let order_id = (movements.len() < 3).then_some(world.order.id);
        let quantity = if movements.is_empty() { i64::MIN } else { 1 };
        movements.push(Movement { reason, note: wild(), order_id, ..lab.movement(level, quantity) });
    }
    movements.push(Movement {
        created_at: long_ago(),
        delta: i64::MAX,
        ..levels.first().map(|level| lab.movement(level, 1)).ok_or_else(|| CaseFailure::new("no level"))?
    });
    let write = |movement: &Movement| Write::from(InventoryWrite::Movement(movement.clone()));
    accepted(lab.commit(movements.iter().rev().map(write)).await)?;
    for movement in movements.iter().take(1) {
        refused(lab.commit([write(movement)]).await, Conflict::Exists(Unique::OtherId))?;
    }
    let filter = MovementFilter::default();
    check_list(&movements, async |request| lab.store.list_movements(&filter, request).await).await?;
    let all = MovementFilter::default;
    let variant = world.variant();
    let here = world.location.id;
    let order = world.order.id;
    for filter in [
        MovementFilter { sku: Some(variant.sku.clone()), ..all() },
        MovementFilter { variant_id: Some(variant.id), ..all() },
        MovementFilter { location_id: Some(here), ..all() },
        MovementFilter { order_id: Some(order), ..all() },
        MovementFilter { order_id: Some(order), variant_id: Some(variant.id), ..all() },
        MovementFilter { order_id: Some(lab.id::<OrderId>()), ..all() },
    ] {
        let wanted = movements.iter().filter(|movement| {
            filter.sku.as_ref().is_none_or(|sku| movement.sku == *sku)
                && filter.variant_id.is_none_or(|variant| movement.variant_id == variant)
                && filter.location_id.is_none_or(|location| movement.location_id == location)
                && filter.order_id.is_none_or(|order| movement.order_id == Some(order))
        });
        same_set(lab.store.list_movements(&filter, &everything()), &wanted.collect::<Vec<_>>(), &filter).await?;
    }
    Ok(())
}

pub(super) async fn reservations_live(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let level = tracked_level(&world.product, &world.variant(), &world.location, 5);
    accepted(lab.commit([add(&level)]).await)?;
    let first = lab.reservation(&world.order, &level);
    let second = next(&first, |reservation| {
        reservation.sku = wild();
        reservation.quantity = i64::MAX;
        reservation.remaining = 0;
        reservation.status = ReservationStatus::Expired;
        reservation.created_at = far_away();
    });
    let id = first.id;
    let order = world.order.id;
    life(&mut lab, first, second, Ends::Never, async |store| {
        Ok(store.reservations_of(order).await?.into_iter().find(|reservation| reservation.id == id))
    })
    .await
}

pub(super) async fn reservations_are_listed(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let levels = stocked(&mut lab, &world).await?;
    let (cart, other) = lab.order(&world.product);
    accepted(lab.commit([insert(&cart), insert(&other)]).await)?;
    let statuses = [
        ReservationStatus::Held,
        ReservationStatus::Committed,
        ReservationStatus::Consumed,
        ReservationStatus::Released,
        ReservationStatus::Expired,
    ];
    let mut reservations = Vec::new();
    for ((status, level), order) in statuses
        .into_iter()
        .cycle()
        .zip(levels.iter().cycle())
        .zip([&world.order, &world.order, &other].into_iter().cycle())
        .take(8)
    {
        if reservations.len() % 2 == 0 {
            lab.tick();
        }
        reservations.push(Reservation { status, ..lab.reservation(order, level) });
    }
    accepted(lab.commit(reservations.iter().rev().map(insert)).await)?;
    let filter = ReservationFilter::default();
    check_list(&reservations, async |request| lab.store.list_reservations(&filter, request).await).await?;
    let of = |order: OrderId| -> Vec<Reservation> {
        reservations.iter().filter(|reservation| reservation.order_id == order).cloned().collect()
    };
    for order in [world.order.id, other.id, lab.id()] {
        same(&lab.store.reservations_of(order).await?, &of(order))?;
    }
    let all = ReservationFilter::default;
    let variant = world.variant();
    for filter in [
        ReservationFilter { variant_id: Some(variant.id), ..all() },
        ReservationFilter { location_id: Some(world.location.id), ..all() },
        ReservationFilter { order_id: Some(other.id), ..all() },
        ReservationFilter { live: Some(true), ..all() },
        ReservationFilter { live: Some(false), ..all() },
        ReservationFilter { live: Some(true), order_id: Some(world.order.id), ..all() },
    ] {
        let wanted = reservations.iter().filter(|reservation| {
            filter.variant_id.is_none_or(|variant| reservation.variant_id == variant)
                && filter.location_id.is_none_or(|location| reservation.location_id == location)
                && filter.order_id.is_none_or(|order| reservation.order_id == order)
                && filter.live.is_none_or(|live| reservation.status.is_live() == live)
        });
        let wanted: Vec<_> = wanted.collect();
        check(!wanted.is_empty(), format_args!("the case is of no use: {filter:?}"))?;
        same_set(lab.store.list_reservations(&filter, &everything()), &wanted, &filter).await?;
    }
    Ok(())
}
