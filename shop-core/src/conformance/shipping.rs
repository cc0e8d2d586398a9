//! Address books, shipping rates and shipments.

use crate::batch::{Conflict, Entity, Precondition, Unique};
use crate::id::{MethodId, OrderId, UserId};
use crate::model::shipping::{
    Method, Rate, SavedAddress, Shipment, ShipmentFilter, ShipmentStatus, Tier, TrackingEvent, TrackingStatus,
};
use crate::money::{Amount, Currency};

use super::fixtures::{far_away, long_ago, wild, wild_address};
use super::generic::{Ends, check_list, everything, life, same_set};
use super::lab::{CaseResult, Lab, accepted, refused, same};
use super::rows::{delete, insert, next, update};

pub(super) async fn addresses_live(mut lab: Lab) -> CaseResult {
    let user = lab.user();
    accepted(lab.commit([insert(&user)]).await)?;
    let first = lab.address(&user);
    let second = next(&first, |address| {
        address.address = wild_address();
        address.is_default = true;
        address.created_at = long_ago();
        address.updated_at = far_away();
    });
    let id = first.id;
    life(&mut lab, first, second, Ends::Deleted, async |store| store.address(id).await).await
}

pub(super) async fn a_person_has_one_default_address(mut lab: Lab) -> CaseResult {
    let (user, other) = (lab.user(), lab.user());
    accepted(lab.commit([insert(&user), insert(&other)]).await)?;
    let set = |default| move |address: &mut SavedAddress| address.is_default = default;
    let defaulted = |address: SavedAddress| SavedAddress { is_default: true, ..address };
    let (home, work) = (defaulted(lab.address(&user)), lab.address(&user));
    let others = defaulted(lab.address(&other));
    let store = lab.store.clone();
    same(&store.default_address(user.id).await?, &None)?;
    accepted(lab.commit([insert(&work)]).await)?;
    same(&store.default_address(user.id).await?, &None)?;
    accepted(lab.commit([insert(&home), insert(&others)]).await)?;
    same(&store.default_address(user.id).await?, &Some(home.clone()))?;

    let taken = Conflict::Exists(Unique::DefaultAddress);
    let second = defaulted(lab.address(&user));
    refused(lab.commit([insert(&second)]).await, taken)?;
    refused(lab.commit([update(&next(&work, set(true)))]).await, taken)?;
    same(&store.default_address(user.id).await?, &Some(home.clone()))?;

    // Checked when the whole batch is written: a swap works in either order.
    let (home, work) = (next(&home, set(false)), next(&work, set(true)));
    accepted(lab.commit([update(&work), update(&home)]).await)?;
    same(&store.default_address(user.id).await?, &Some(work.clone()))?;
    let (home, work) = (next(&home, set(true)), next(&work, set(false)));
    accepted(lab.commit([update(&work), update(&home)]).await)?;
    same(&store.default_address(user.id).await?, &Some(home.clone()))?;
    accepted(lab.commit([insert(&second), delete(&home)]).await)?;
    same(&store.default_address(user.id).await?, &Some(second.clone()))?;
    // There may also be no default.
    accepted(lab.commit([delete(&second)]).await)?;
    same(&store.default_address(user.id).await?, &None)?;
    same(&store.default_address(other.id).await?, &Some(others))
}

pub(super) async fn an_address_book_has_a_limit(mut lab: Lab) -> CaseResult {
    let (user, other) = (lab.user(), lab.user());
    accepted(lab.commit([insert(&user), insert(&other)]).await)?;
    let (home, work, third) = (lab.address(&user), lab.address(&user), lab.address(&user));
    let others = lab.address(&other);
    let room = |limit| [Precondition::AddressesBelow(user.id, limit)];
    let full = Conflict::AddressBookFull(user.id);
    refused(lab.commit_if(room(0), [insert(&home)]).await, full)?;
    accepted(lab.commit_if(room(2), [insert(&home), insert(&others)]).await)?;
    accepted(lab.commit_if(room(2), [insert(&work)]).await)?;
    refused(lab.commit_if(room(2), [insert(&third)]).await, full)?;
    same(&lab.store.address(third.id).await?, &None)?;
    // Checked before the writes, but addresses deleted earlier make room.
    refused(lab.commit_if(room(2), [delete(&work), insert(&third)]).await, full)?;
    accepted(lab.commit([delete(&work)]).await)?;
    accepted(lab.commit_if(room(2), [insert(&third)]).await)?;
    accepted(lab.commit_if([Precondition::AddressesBelow(other.id, 2)], [update(&next(&others, |_| ()))]).await)
}

pub(super) async fn address_books_are_paged(mut lab: Lab) -> CaseResult {
    let (user, other) = (lab.user(), lab.user());
    accepted(lab.commit([insert(&user), insert(&other)]).await)?;
    let mut addresses = Vec::new();
    for number in 0..7 {
        if number % 2 == 0 {
            lab.tick();
        }
        addresses.push(lab.address(&user));
        let elsewhere = lab.address(&other);
        accepted(lab.commit([insert(&elsewhere)]).await)?;
    }
    accepted(lab.commit(addresses.iter().rev().map(insert)).await)?;
    check_list(&addresses, async |request| lab.store.list_addresses(user.id, request).await).await?;
    let nobody = lab.id::<UserId>();
    check_list(&[], async |request| lab.store.list_addresses(nobody, request).await).await
}

pub(super) async fn zones_live(mut lab: Lab) -> CaseResult {
    let first = lab.zone();
    let second = next(&first, |zone| {
        zone.name = wild();
        zone.countries = vec!["*".to_owned(), wild(), "AD".to_owned()];
        zone.created_at = far_away();
    });
    let id = first.id;
    life(&mut lab, first, second, Ends::Deleted, async |store| store.zone(id).await).await
}

pub(super) async fn methods_live(mut lab: Lab) -> CaseResult {
    let (zone, other) = (lab.zone(), lab.zone());
    accepted(lab.commit([insert(&zone), insert(&other)]).await)?;
    let first = lab.method(&zone);
    let second = next(&first, |method| {
        method.name = wild();
        method.zone_id = other.id;
        method.carrier = Some(wild());
        method.currency = "KWD".parse().unwrap_or(Currency::USD);
        method.rate = Rate::ByWeight {
            tiers: vec![
                Tier { up_to: Some(0), price: Amount(0) },
                Tier { up_to: Some(i64::MAX), price: Amount::MAX },
                Tier { up_to: None, price: Amount(1) },
            ],
        };
        method.free_over = Some(Amount::MAX);
        method.min_days = Some(0);
        method.max_days = Some(i64::MAX);
        method.active = false;
        method.created_at = long_ago();
    });
    let id = first.id;
    let read = async |store: &dyn crate::store::Store| Ok(store.method(id).await?.map(|(method, _)| method));
    life(&mut lab, first, second, Ends::Deleted, read).await
}

pub(super) async fn a_method_needs_its_zone(mut lab: Lab) -> CaseResult {
    let (zone, gone) = (lab.zone(), lab.zone());
    let method = lab.method(&zone);
    let nowhere = lab.method(&gone);
    let missing = Conflict::Stale(Entity::Zone, gone.id.0);
    accepted(lab.commit([insert(&zone), insert(&method)]).await)?;
    refused(lab.commit([insert(&nowhere)]).await, missing)?;
    let moved = next(&method, |method| method.zone_id = gone.id);
    refused(lab.commit([update(&moved)]).await, missing)?;
    same(&lab.store.method(nowhere.id).await?, &None)?;

    // A method prevents the deletion of its zone; a delete must have the right version.
    refused(lab.commit([delete(&zone)]).await, Conflict::InUse(Entity::Zone, zone.id.0))?;
    refused(lab.commit([delete(&next(&zone, |_| ()))]).await, Conflict::Stale(Entity::Zone, zone.id.0))?;
    same(&lab.store.method(method.id).await?, &Some((method.clone(), zone.clone())))?;
    accepted(lab.commit([delete(&method), delete(&zone)]).await)?;
    same(&lab.store.zone(zone.id).await?, &None)?;
    same(&lab.store.method(method.id).await?, &None)
}

pub(super) async fn shipping_rates_are_read_whole(mut lab: Lab) -> CaseResult {
    same(&lab.store.shipping_rates().await?, &(vec![], vec![]))?;
    let (home, world) = (lab.zone(), lab.zone());
    let methods = vec![
        lab.method(&world),
        Method { active: false, rate: Rate::BySubtotal { tiers: vec![] }, ..lab.method(&home) },
        lab.method(&home),
    ];
    accepted(lab.commit([insert(&world), insert(&home)]).await)?;
    accepted(lab.commit(methods.iter().rev().map(insert)).await)?;
    same(&lab.store.shipping_rates().await?, &(vec![home, world.clone()], methods.clone()))?;
    let Some(first) = methods.first() else { return Ok(()) };
    same(&lab.store.method(first.id).await?, &Some((first.clone(), world)))?;
    let nothing = lab.id::<MethodId>();
    same(&lab.store.method(nothing).await?, &None)
}

pub(super) async fn zones_and_methods_are_paged(mut lab: Lab) -> CaseResult {
    let mut zones = Vec::new();
    let mut methods = Vec::new();
    for number in 0..7 {
        if number % 2 == 0 {
            lab.tick();
        }
        let zone = lab.zone();
        methods.push(Method { active: number % 3 != 0, ..lab.method(&zone) });
        zones.push(zone);
    }
    accepted(lab.commit(zones.iter().rev().map(insert)).await)?;
    accepted(lab.commit(methods.iter().rev().map(insert)).await)?;
    check_list(&zones, async |request| lab.store.list_zones(request).await).await?;
    for active in [None, Some(true), Some(false)] {
        let wanted = methods.iter().filter(|method| active.is_none_or(|active| method.active == active));
        let wanted: Vec<_> = wanted.cloned().collect();
        check_list(&wanted, async |request| lab.store.list_methods(active, request).await).await?;
    }
    Ok(())
}

pub(super) async fn parcels_live(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let first = lab.shipment(&world.order);
    let second = next(&first, |shipment| {
        shipment.items.reverse();
        shipment.items.iter_mut().for_each(|item| item.quantity = i64::MAX);
        shipment.carrier = Some(wild());
        shipment.tracking_number = Some(wild());
        shipment.status = ShipmentStatus::Delivered;
        let news = |status, occurred_at| TrackingEvent { status, description: wild(), location: None, occurred_at };
        shipment.events = vec![
            news(TrackingStatus::OutForDelivery, far_away()),
            TrackingEvent { location: Some(wild()), ..news(TrackingStatus::Exception, long_ago()) },
            news(TrackingStatus::Exception, long_ago()),
        ];
        shipment.created_at = long_ago();
        shipment.shipped_at = Some(long_ago());
        shipment.delivered_at = Some(far_away());
    });
    let id = first.id;
    life(&mut lab, first, second, Ends::Never, async |store| store.shipment(id).await).await
}

pub(super) async fn shipments_are_found(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let (cart, other) = lab.order(&world.product);
    accepted(lab.commit([insert(&cart), insert(&other)]).await)?;
    let numbered = |number: &str, shipment: Shipment| Shipment { tracking_number: Some(number.to_owned()), ..shipment };
    let mut shipments = Vec::new();
    for (order, number) in [(&world.order, "T1"), (&other, "T2"), (&world.order, "T1"), (&other, " t\u{a0}1 ")] {
        lab.tick();
        shipments.push(numbered(number, lab.shipment(order)));
    }
    let plain = lab.shipment(&other);
    shipments.push(plain);
    accepted(lab.commit(shipments.iter().rev().map(insert)).await)?;
    let [first, second, third, fourth, fifth] = shipments.as_slice() else { return Ok(()) };
    let store = lab.store.clone();
    // Shipments may share a tracking number, and carriers reuse numbers after some years.
    let tracked = async |key: &str, limit| store.shipments_by_tracking_key(key, limit).await;
    same(&tracked("T1", 10).await?, &vec![fourth.clone(), third.clone(), first.clone()])?;
    same(&tracked("T1", 2).await?, &vec![fourth.clone(), third.clone()])?;
    same(&tracked("T2", 10).await?, &vec![second.clone()])?;
    for unknown in ["", "t1", "T 1", "T%", "\0"] {
        same(&tracked(unknown, 10).await?, &vec![])?;
    }
    same(&store.shipments_of_orders(&[other.id, world.order.id]).await?, &shipments)?;
    same(&store.shipments_of_orders(&[world.order.id]).await?, &vec![first.clone(), third.clone()])?;
    same(&store.shipments_of_orders(&[]).await?, &vec![])?;
    same(&store.shipments_of_orders(&[lab.id::<OrderId>()]).await?, &vec![])?;
    let renumbered = next(third, |shipment| shipment.tracking_number = Some("T3".to_owned()));
    accepted(lab.commit([update(&renumbered)]).await)?;
    same(&tracked("T1", 10).await?, &vec![fourth.clone(), first.clone()])?;
    same(&tracked("T3", 10).await?, &vec![renumbered.clone()])?;

    let shipped = next(fifth, |shipment| shipment.status = ShipmentStatus::Shipped);
    accepted(lab.commit([update(&shipped)]).await)?;
    let all = ShipmentFilter::default;
    let status = |status| ShipmentFilter { status: Some(status), ..all() };
    let cases: Vec<(ShipmentFilter, Vec<&Shipment>)> = vec![
        (all(), vec![first, second, &renumbered, fourth, &shipped]),
        (ShipmentFilter { order_id: Some(other.id), ..all() }, vec![second, fourth, &shipped]),
        (status(ShipmentStatus::Shipped), vec![&shipped]),
        (status(ShipmentStatus::Delivered), vec![]),
        (
            ShipmentFilter { order_id: Some(world.order.id), ..status(ShipmentStatus::Pending) },
            vec![first, &renumbered],
        ),
    ];
    for (filter, wanted) in cases {
        same_set(store.list_shipments(&filter, &everything()), &wanted, &filter).await?;
    }
    Ok(())
}

pub(super) async fn shipments_are_paged(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let mut shipments = Vec::new();
    for number in 0..7 {
        if number % 2 == 0 {
            lab.tick();
        }
        shipments.push(lab.shipment(&world.order));
    }
    accepted(lab.commit(shipments.iter().rev().map(insert)).await)?;
    let filter = ShipmentFilter::default();
    check_list(&shipments, async |request| lab.store.list_shipments(&filter, request).await).await
}
