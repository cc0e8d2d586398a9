//! Stock levels: how counts and settings change.

use crate::batch::{Conflict, Entity, InventoryWrite, Precondition, StockSettings, Unique, Write};
use crate::id::LocationId;
use crate::model::inventory::{StockDelta, StockFilter, StockLevel};
use crate::page::PageRequest;

use super::fixtures::tracked_level;
use super::lab::{CaseFailure, CaseResult, Lab, accepted, refused, same};
use super::rows::{insert, next, update};

pub(super) fn add(level: &StockLevel) -> Write {
    InventoryWrite::InsertLevel(level.clone()).into()
}

pub(super) fn delta(level: &StockLevel, on_hand: i64, reserved: i64) -> Write {
    let (variant_id, location_id) = (level.variant_id, level.location_id);
    InventoryWrite::Delta(StockDelta { variant_id, location_id, on_hand, reserved }).into()
}

pub(super) async fn level_of(lab: &Lab, level: &StockLevel) -> CaseResult<Option<StockLevel>> {
    let levels = lab.store.stock_of(&[level.variant_id]).await?;
    Ok(levels.into_iter().find(|stored| stored.location_id == level.location_id))
}

pub(super) fn settings_of(level: &StockLevel) -> StockSettings {
    StockSettings {
        variant_id: level.variant_id,
        location_id: Some(level.location_id),
        low_stock_threshold: None,
        tracked: None,
        backorder: None,
    }
}

pub(super) async fn levels_are_added_once(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let plain = tracked_level(&world.product, &world.variant(), &world.location, 3);
    let level = StockLevel {
        on_hand: i64::MIN,
        reserved: i64::MAX,
        backordered: 7,
        low_stock_threshold: i64::MIN,
        tracked: false,
        backorder: true,
        ..plain.clone()
    };
    accepted(lab.commit([add(&level)]).await)?;
    same(&level_of(&lab, &level).await?, &Some(level.clone()))?;
    refused(lab.commit([add(&plain)]).await, Conflict::Exists(Unique::StockLevel))?;
    let nowhere = lab.id::<LocationId>();
    let lost = StockLevel { location_id: nowhere, ..plain };
    refused(lab.commit([add(&lost)]).await, Conflict::Stale(Entity::Location, nowhere.0))?;
    same(&lab.store.stock_of(&[level.variant_id]).await?, &vec![level])
}

pub(super) async fn levels_follow_a_new_sku(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let level = tracked_level(&world.product, &world.variant(), &world.location, 3);
    accepted(lab.commit([add(&level)]).await)?;
    let renamed = next(&world.product, |product| {
        for variant in &mut product.variants {
            variant.sku.push_str("-new");
        }
    });
    accepted(lab.commit([update(&renamed)]).await)?;
    let sku = format!("{}-new", level.sku);
    let level = StockLevel { sku: sku.clone(), ..level };
    same(&level_of(&lab, &level).await?, &Some(level.clone()))?;
    let filter = StockFilter { sku: Some(sku), ..StockFilter::default() };
    same(&lab.store.list_stock(&filter, &PageRequest::default()).await?.items, &vec![level])
}

/// The rule of [`StockDelta`], row by row: counts (on hand, reserved) and flags before, the delta, and whether it
/// passes. All missing units are backordered before.
pub(super) async fn a_delta_is_judged_where_it_is_written(mut lab: Lab) -> CaseResult {
    const TRACKED: (bool, bool) = (true, false);
    const BACKORDER: (bool, bool) = (true, true);
    const UNTRACKED: (bool, bool) = (false, false);
    let world = lab.world().await?;
    let rows = [
        // Reserving takes only what is available.
        ((5, 2), TRACKED, (0, 3), true),
        ((5, 2), TRACKED, (0, 4), false),
        ((0, 0), TRACKED, (0, 1), false),
        ((0, 0), BACKORDER, (0, 1), true),
        ((-3, 2), BACKORDER, (0, 10_000), true),
        // Untracked stock is not reserved.
        ((5, 0), UNTRACKED, (0, 1), false),
        ((5, 0), (false, true), (0, 1), false),
        // Removing units must leave what is reserved.
        ((5, 2), TRACKED, (-3, 0), true),
        ((5, 2), TRACKED, (-4, 0), false),
        ((5, 2), UNTRACKED, (-3, 0), true),
        ((5, 2), UNTRACKED, (-4, 0), false),
        ((5, 2), BACKORDER, (-9, 0), true),
        // Shipping reduces both.
        ((5, 2), TRACKED, (-2, -2), true),
        ((5, 2), TRACKED, (-3, -3), false),
        ((2, 2), TRACKED, (-2, -1), false),
        ((1, 2), BACKORDER, (-2, -2), true),
        ((1, 2), TRACKED, (-2, -2), true),
        ((0, 5), TRACKED, (-5, -5), true),
        ((-1, 1), TRACKED, (-1, -1), true),
        // No more is released than is held.
        ((5, 2), TRACKED, (0, -2), true),
        ((5, 2), TRACKED, (0, -3), false),
        ((5, 2), BACKORDER, (0, -3), false),
        ((5, 2), UNTRACKED, (0, -3), false),
        ((5, 2), UNTRACKED, (0, -1), true),
        // A delta that takes nothing passes, even if there is too little.
        ((1, 5), TRACKED, (1, 0), true),
        ((1, 5), TRACKED, (0, -1), true),
        ((1, 5), TRACKED, (2, -1), true),
        ((1, 5), TRACKED, (0, 0), true),
        ((1, 5), TRACKED, (-1, 0), false),
        ((1, 5), TRACKED, (0, 1), false),
        ((1, 5), TRACKED, (1, 1), false),
        ((1, 5), TRACKED, (9, 1), true),
        // Receiving and reserving at once.
        ((0, 0), TRACKED, (3, 3), true),
        ((0, 0), TRACKED, (3, 4), false),
        // Counts that overflow.
        ((i64::MAX, 0), TRACKED, (1, 0), false),
        ((i64::MIN, 0), BACKORDER, (-1, 0), false),
        ((0, i64::MAX), BACKORDER, (0, 1), false),
        ((i64::MAX, 0), TRACKED, (0, i64::MAX), true),
    ];
    let mut product = lab.product("Tea");
    product.variants = (0..rows.len()).map(|number| lab.variant(&format!("row-{number}"))).collect();
    accepted(lab.commit([insert(&product)]).await)?;
    for (((on_hand, reserved), (tracked, backorder), by, passes), variant) in rows.into_iter().zip(&product.variants) {
        let level = tracked_level(&product, variant, &world.location, on_hand);
        let level = StockLevel { reserved, tracked, backorder, ..level };
        let level = StockLevel { backordered: level.missing(), ..level };
        accepted(lab.commit([add(&level)]).await)?;
        let committed = lab.commit([delta(&level, by.0, by.1)]).await;
        let wanted = if passes {
            accepted(committed).map_err(|failure| CaseFailure::new(format!("{level:?} by {by:?}: {failure}")))?;
            let (variant_id, location_id) = (level.variant_id, level.location_id);
            let by = StockDelta { variant_id, location_id, on_hand: by.0, reserved: by.1 };
            by.apply(&level).ok_or_else(|| CaseFailure::new(format!("{level:?} by {by:?}")))?
        } else {
            let conflict = Conflict::Stock(level.variant_id, Some(level.location_id));
            refused(committed, conflict)
                .map_err(|failure| CaseFailure::new(format!("{level:?} by {by:?}: {failure}")))?;
            level
        };
        same(&level_of(&lab, &wanted).await?, &Some(wanted))?;
    }
    Ok(())
}

/// Units promised before they are in stock are counted as backordered until they arrive or are released.
pub(super) async fn backorders_are_counted(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let level = tracked_level(&world.product, &world.variant(), &world.location, 2);
    let level = StockLevel { backorder: true, ..level };
    accepted(lab.commit([add(&level)]).await)?;
    // On hand, reserved, whether it passes, and what is backordered afterwards.
    let steps = [
        (0, 1, true, 0),
        (0, 4, true, 3),
        // One unit is lost. It was not backordered, so not all can ship.
        (-1, 0, true, 3),
        (-5, -5, false, 3),
        (-4, -4, true, 3),
        (1, 0, true, 3),
        (-1, -1, true, 3),
        // Arrivals and releases end backorders.
        (2, 0, true, 1),
        (0, 2, true, 3),
        (0, -1, true, 2),
        (9, 0, true, 0),
    ];
    for (step, (on_hand, reserved, passes, backordered)) in steps.into_iter().enumerate() {
        let committed = lab.commit([delta(&level, on_hand, reserved)]).await;
        let conflict = Conflict::Stock(level.variant_id, Some(level.location_id));
        let judged = if passes { accepted(committed) } else { refused(committed, conflict) };
        judged.map_err(|failure| CaseFailure::new(format!("step {step}: {failure}")))?;
        let stored = level_of(&lab, &level).await?.map(|stored| (step, stored.backordered));
        same(&stored, &Some((step, backordered)))?;
    }
    Ok(())
}

/// Once backorders are switched off, there are no new ones; open ones are shipped.
pub(super) async fn backorders_can_be_switched_off(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let level = tracked_level(&world.product, &world.variant(), &world.location, 1);
    let level = StockLevel { backorder: true, ..level };
    accepted(lab.commit([add(&level), delta(&level, 0, 3)]).await)?;
    let off = StockSettings { backorder: Some(false), ..settings_of(&level) };
    accepted(lab.commit([InventoryWrite::Settings(off).into()]).await)?;
    let conflict = Conflict::Stock(level.variant_id, Some(level.location_id));
    refused(lab.commit([delta(&level, 0, 1)]).await, conflict)?;
    accepted(lab.commit([delta(&level, -3, -3)]).await)?;
    refused(lab.commit([delta(&level, 0, 1)]).await, conflict)?;
    let after = StockLevel { on_hand: -2, backordered: 2, backorder: false, ..level.clone() };
    same(&level_of(&lab, &level).await?, &Some(after))?;
    accepted(lab.commit([delta(&level, 3, 0)]).await)?;
    accepted(lab.commit([delta(&level, 0, 1)]).await)?;
    let after = StockLevel { on_hand: 1, reserved: 1, backorder: false, ..level.clone() };
    same(&level_of(&lab, &level).await?, &Some(after))
}

pub(super) async fn a_delta_needs_its_level(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let elsewhere = lab.location();
    accepted(lab.commit([insert(&elsewhere)]).await)?;
    let level = tracked_level(&world.product, &world.variant(), &world.location, 5);
    let missing = StockLevel { location_id: elsewhere.id, ..level.clone() };
    accepted(lab.commit([add(&level)]).await)?;
    let conflict = Conflict::Stock(missing.variant_id, Some(missing.location_id));
    refused(lab.commit([delta(&missing, 1, 0)]).await, conflict)?;
    refused(lab.commit([delta(&level, 1, 0), delta(&missing, 0, 0)]).await, conflict)?;
    same(&level_of(&lab, &level).await?, &Some(level.clone()))?;
    // Two lines of one cart share one stock item: the second sees what the first took.
    let twice = [delta(&level, 0, 3), delta(&level, 0, 3)];
    refused(lab.commit(twice).await, Conflict::Stock(level.variant_id, Some(level.location_id)))?;
    accepted(lab.commit([delta(&level, 0, 3), delta(&level, 0, 2)]).await)?;
    same(&level_of(&lab, &level).await?, &Some(StockLevel { reserved: 5, ..level.clone() }))?;
    // A level from the same batch counts too.
    accepted(lab.commit([add(&missing), delta(&missing, -5, 0)]).await)
}

pub(super) async fn settings_keep_the_counts(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let there = lab.location();
    accepted(lab.commit([insert(&there)]).await)?;
    let here = tracked_level(&world.product, &world.variant(), &world.location, 5);
    let there = tracked_level(&world.product, &world.variant(), &there, 0);
    let set = |settings: StockSettings| [Write::from(InventoryWrite::Settings(settings))];
    let absent = Conflict::Stock(here.variant_id, None);
    let everywhere = StockSettings { location_id: None, ..settings_of(&here) };
    refused(lab.commit(set(everywhere)).await, absent)?;
    accepted(lab.commit([add(&here), delta(&here, 0, 2)]).await)?;
    let here = StockLevel { reserved: 2, ..here };
    refused(lab.commit(set(settings_of(&there))).await, Conflict::Stock(here.variant_id, Some(there.location_id)))?;
    accepted(lab.commit([add(&there)]).await)?;

    // One location, one setting at a time.
    accepted(lab.commit(set(StockSettings { low_stock_threshold: Some(-7), ..settings_of(&here) })).await)?;
    let here = StockLevel { low_stock_threshold: -7, ..here };
    same(&level_of(&lab, &here).await?, &Some(here.clone()))?;
    same(&level_of(&lab, &there).await?, &Some(there.clone()))?;
    accepted(lab.commit(set(StockSettings { tracked: Some(false), ..settings_of(&here) })).await)?;
    let here = StockLevel { tracked: false, ..here };
    same(&level_of(&lab, &here).await?, &Some(here.clone()))?;
    accepted(lab.commit(set(settings_of(&here))).await)?;
    same(&level_of(&lab, &here).await?, &Some(here.clone()))?;

    // All locations at once.
    let all = StockSettings { low_stock_threshold: Some(3), tracked: Some(true), backorder: Some(true), ..everywhere };
    accepted(lab.commit(set(all)).await)?;
    let all = |level| StockLevel { low_stock_threshold: 3, tracked: true, backorder: true, ..level };
    let (here, there) = (all(here), all(there));
    same(&level_of(&lab, &here).await?, &Some(here.clone()))?;
    same(&level_of(&lab, &there).await?, &Some(there.clone()))?;

    // Lost units must be replaced before a level becomes strict; one level that lacks units refuses the whole change.
    accepted(lab.commit([delta(&here, 0, 3)]).await)?;
    accepted(lab.commit([delta(&here, -4, 0)]).await)?;
    let here = StockLevel { on_hand: 1, reserved: 5, ..here };
    let strict = StockSettings { backorder: Some(false), ..everywhere };
    refused(lab.commit(set(strict)).await, absent)?;
    let only_here = StockSettings { location_id: Some(here.location_id), ..strict };
    refused(lab.commit(set(only_here)).await, Conflict::Stock(here.variant_id, Some(here.location_id)))?;
    same(&level_of(&lab, &there).await?, &Some(there.clone()))?;
    accepted(lab.commit(set(StockSettings { tracked: Some(false), ..only_here })).await)?;
    refused(
        lab.commit(set(StockSettings { tracked: Some(true), ..settings_of(&here) })).await,
        Conflict::Stock(here.variant_id, Some(here.location_id)),
    )?;
    accepted(lab.commit(set(StockSettings { location_id: Some(there.location_id), ..strict })).await)?;
    accepted(lab.commit([delta(&here, 4, 0)]).await)?;
    accepted(lab.commit(set(StockSettings { tracked: Some(true), ..strict })).await)?;
    let here = StockLevel { on_hand: 5, backorder: false, ..here };
    same(&level_of(&lab, &here).await?, &Some(here))
}

pub(super) async fn an_untracked_level_can_be_required(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let level = tracked_level(&world.product, &world.variant(), &world.location, 0);
    let preconditions = [Precondition::Untracked(level.variant_id, level.location_id)];
    let conflict = Conflict::Stock(level.variant_id, Some(level.location_id));
    let harmless = |lab: &mut Lab| [Write::from(lab.idempotency_record())];
    let write = harmless(&mut lab);
    refused(lab.commit_if(preconditions, write).await, conflict)?;
    accepted(lab.commit([add(&level)]).await)?;
    let write = harmless(&mut lab);
    refused(lab.commit_if(preconditions, write).await, conflict)?;
    let untracked = StockSettings { tracked: Some(false), ..settings_of(&level) };
    accepted(lab.commit([InventoryWrite::Settings(untracked).into()]).await)?;
    let write = harmless(&mut lab);
    accepted(lab.commit_if(preconditions, write).await)
}
