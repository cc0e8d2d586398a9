//! Requirements for every batch: all or nothing, only once, in order, refused by name.

use crate::batch::{
    AccountsWrite, Batch, CatalogWrite, Conflict, Entity, InventoryWrite, OrdersWrite, OutboxWrite, Precondition,
    Unique, Write,
};
use crate::model::accounts::User;
use crate::model::cart::Cart;
use crate::model::catalog::{CategoryTree, Product, ProductFilter};
use crate::model::inventory::{Location, MovementFilter, StockDelta, StockLevel};
use crate::model::orders::Order;
use crate::model::payments::{Payment, PaymentState};
use crate::model::shipping::SavedAddress;
use crate::secret::KeyFingerprint;

use super::fixtures::{World, tracked_level};
use super::generic::everything;
use super::lab::{CaseFailure, CaseResult, Lab, accepted, check, refused, same};
use super::rows::{delete, insert, next, update};

pub(super) async fn an_empty_store_answers(lab: Lab) -> CaseResult {
    let store = &lab.store;
    store.ping().await?;
    same(&store.category_tree().await?, &CategoryTree::default())?;
    same(&store.locations().await?, &vec![])?;
    let page = store.list_products(&ProductFilter::default(), &everything()).await?;
    same(&(page.items, page.total, page.next, page.previous), &(vec![], Some(0), None, None))?;
    same(&store.unrelayed_events(1).await?, &vec![])
}

/// If a store offers a snapshot, later commits are not visible in it, and nothing can be committed to it.
pub(super) async fn a_snapshot_stays_as_it_was(mut lab: Lab) -> CaseResult {
    let (before, after) = (lab.product("Before"), lab.product("After"));
    accepted(lab.commit([insert(&before)]).await)?;
    let Some(snapshot) = lab.store.read_snapshot().await? else { return Ok(()) };
    accepted(lab.commit([insert(&after)]).await)?;
    for (store, is_there) in [(&snapshot, false), (&lab.store, true)] {
        // Each kind of read: by key, several that agree, a list, and everything.
        same(&store.product(before.id).await?.is_some(), &true)?;
        same(&store.product(after.id).await?.is_some(), &is_there)?;
        let skus: Vec<_> = after.variants.iter().map(|variant| variant.sku.clone()).collect();
        same(&!store.products_by_skus(&skus).await?.is_empty(), &is_there)?;
        let page = store.list_products(&ProductFilter::default(), &everything()).await?;
        same(&page.items.len(), &(1 + usize::from(is_there)))?;
        same(&store.miscounted().await?, &vec![])?;
    }
    let location = lab.location();
    let late = lab.batch([insert(&location)]);
    check(snapshot.commit(std::sync::Arc::new(late)).await.is_err(), "a snapshot accepted a commit")?;
    same(&lab.store.locations().await?, &vec![])
}

pub(super) async fn the_fingerprint_of_the_key_is_kept(lab: Lab) -> CaseResult {
    let store = &lab.store;
    let [one, two, three] = [1, 2, 3].map(|byte| KeyFingerprint::from_bytes([byte; 32]));
    same(&store.key_fingerprint().await?, &None)?;
    // It must not replace a fingerprint that does not exist.
    store.keep_key_fingerprint(Some(two), one).await?;
    same(&store.key_fingerprint().await?, &None)?;
    store.keep_key_fingerprint(None, one).await?;
    same(&store.key_fingerprint().await?, &Some(one))?;
    // It must replace only the expected one.
    for known in [None, Some(two)] {
        store.keep_key_fingerprint(known, three).await?;
        same(&store.key_fingerprint().await?, &Some(one))?;
    }
    store.keep_key_fingerprint(Some(one), two).await?;
    same(&store.key_fingerprint().await?, &Some(two))
}

/// One write of every kind, each of which passes, and the checks of their effects.
struct Everything {
    writes: Vec<Write>,
    seen: Vec<VisibilityCheck>,
}

type VisibilityCheck = Box<dyn for<'a> Fn(&'a Lab) -> futures_util::future::LocalBoxFuture<'a, CaseResult<bool>>>;

fn everything_at_once(lab: &mut Lab, world: &World, spare: &Location) -> Everything {
    let (user, product) = (lab.user(), lab.product("Pot"));
    let (session, otp) = (lab.session(&user), lab.otp(&user));
    let (category, cart) = (lab.category("Drinks", None), lab.cart(&product));
    let ordered = next(&world.order, |order| order.note = "changed".into());
    let (bought, order) = lab.order(&product);
    let (history, payment) = (lab.history(&world.order), lab.payment(&world.order));
    let (draft, returned) = (lab.draft(&world.product), lab.order_return(&world.order));
    let (address, zone) = (SavedAddress { is_default: true, ..lab.address(&user) }, lab.zone());
    let (method, shipment) = (lab.method(&zone), lab.shipment(&world.order));
    let level = tracked_level(&world.product, &world.variant(), &world.location, 5);
    let second = world.product.variants.last().cloned().unwrap_or_else(|| world.variant());
    let added = tracked_level(&world.product, &second, &world.location, 1);
    let (movement, reservation) = (lab.movement(&level, 1), lab.reservation(&world.order, &level));
    let (event, delivery, record) = (lab.event(), lab.delivery("shop", user.id.0), lab.idempotency_record());
    let (webhook, details) = (lab.webhook(), lab.details());
    let (variant_id, location_id) = (level.variant_id, level.location_id);
    let writes = vec![
        insert(&user),
        insert(&session),
        AccountsWrite::PutOtp(otp).into(),
        CatalogWrite::ReshapeTree { from: 0 }.into(),
        insert(&category),
        insert(&product),
        insert(&cart),
        update(&ordered),
        insert(&bought),
        insert(&order),
        OrdersWrite::History(history).into(),
        insert(&draft),
        insert(&returned),
        insert(&payment),
        insert(&address),
        insert(&zone),
        insert(&method),
        insert(&shipment),
        delete(spare),
        InventoryWrite::Delta(StockDelta { variant_id, location_id, on_hand: 1, reserved: 1 }).into(),
        InventoryWrite::InsertLevel(added).into(),
        InventoryWrite::Movement(movement).into(),
        insert(&reservation),
        OutboxWrite::Event(event).into(),
        insert(&delivery),
        insert(&webhook),
        insert(&details),
        record.clone().into(),
    ];
    macro_rules! seen {
        ($($(let $name:ident = $value:expr;)* |$store:ident| $seen:expr,)+) => {
            vec![$({
                $(let $name = $value;)*
                let seen: VisibilityCheck = Box::new(move |lab| {
                    let $store = &lab.store;
                    $(let $name = $name.clone();)*
                    Box::pin(async move { Ok($seen) })
                });
                seen
            },)+]
        };
    }
    let order_id = world.order.id;
    let seen = seen! {
        let id = user.id; |store| store.user(id).await?.is_some(),
        let key = user.email_key; |store| store.user_by_email(&key).await?.is_some(),
        let id = session.id; |store| store.session(id).await?.is_some(),
        let id = user.id; |store| store.otp(id).await?.is_some(),
        |store| store.category_tree().await?.version == 1,
        let id = category.id; |store| store.category(id).await?.is_some(),
        let id = product.id; |store| store.product(id).await?.is_some(),
        let sku = product.variants.first().map(|row| row.sku.clone()).unwrap_or_default();
            |store| store.product_by_sku(&sku).await?.is_some(),
        |store| store.list_products(
            &ProductFilter { search: vec!["pot".to_owned()], ..ProductFilter::default() }, &everything(),
        ).await?.total == Some(1),
        let id = cart.id; |store| store.cart(id).await?.is_some(),
        let id = order_id; |store| store.order(id).await?.is_some_and(|order| order.version == 2),
        let id = bought.id; |store| store.order_of_cart(id).await?.is_some(),
        let id = order_id; |store| !store.history(id).await?.is_empty(),
        let id = draft.id; |store| store.draft(id).await?.is_some(),
        let id = returned.id; |store| store.order_return(id).await?.is_some(),
        let id = payment.id; |store| store.payment(id).await?.is_some(),
        let id = user.id; |store| store.default_address(id).await?.is_some(),
        let id = zone.id; |store| store.zone(id).await?.is_some(),
        let id = method.id; |store| store.method(id).await?.is_some(),
        let id = shipment.id; |store| store.shipment(id).await?.is_some(),
        let id = spare.id; |store| store.location(id).await?.is_none(),
        let id = variant_id; |store| store.stock_of(&[id]).await?.iter().any(|level| level.on_hand == 6),
        let id = second.id; |store| !store.stock_of(&[id]).await?.is_empty(),
        |store| store.list_movements(&MovementFilter::default(), &everything()).await?.total == Some(1),
        let id = order_id; |store| !store.reservations_of(id).await?.is_empty(),
        |store| !store.unrelayed_events(1).await?.is_empty(),
        let id = delivery.id; |store| store.delivery(id).await?.is_some(),
        let id = webhook.id; |store| store.webhook(id).await?.is_some(),
        |store| store.shop_details().await?.is_some(),
        let key = record.key; |store| store.idempotency_record(&key).await?.is_some(),
    };
    Everything { writes, seen }
}

pub(super) async fn a_batch_is_applied_whole_or_not_at_all(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let spare = lab.location();
    let level = tracked_level(&world.product, &world.variant(), &world.location, 5);
    accepted(lab.commit([insert(&spare), InventoryWrite::InsertLevel(level.clone()).into()]).await)?;
    let Everything { writes, seen } = everything_at_once(&mut lab, &world, &spare);

    // Whichever write fails last.
    let stranger = lab.user();
    let twin = Location { code: world.location.code.clone(), ..lab.location() };
    let second_default = Location { is_default: true, ..lab.location() };
    let too_much =
        StockDelta { variant_id: level.variant_id, location_id: level.location_id, on_hand: 0, reserved: 99 };
    let failing = [
        (update(&next(&stranger, |_| ())), Conflict::Stale(Entity::User, stranger.id.0)),
        (insert(&twin), Conflict::Exists(Unique::LocationCode)),
        (insert(&second_default), Conflict::Exists(Unique::DefaultLocation)),
        (InventoryWrite::Delta(too_much).into(), Conflict::Stock(level.variant_id, Some(level.location_id))),
        (insert(&world.order), Conflict::Exists(Unique::Id(Entity::Order))),
    ];
    for (last, conflict) in failing {
        let all = writes.iter().cloned().chain([last]);
        refused(lab.commit(all.collect::<Vec<_>>()).await, conflict)?;
        for (number, seen) in seen.iter().enumerate() {
            check(!seen(&lab).await?, format_args!("check {number} saw a write of a batch refused by {conflict:?}"))?;
        }
    }
    accepted(lab.commit(writes).await)?;
    for (number, seen) in seen.iter().enumerate() {
        check(seen(&lab).await?, format_args!("check {number} does not see its write"))?;
    }
    Ok(())
}

pub(super) async fn a_batch_happens_once(mut lab: Lab) -> CaseResult {
    let user = lab.user();
    let batch = lab.batch([insert(&user)]);
    accepted(lab.submit(batch.clone()).await)?;
    // Checked before anything else.
    refused(lab.submit(batch.clone()).await, Conflict::Exists(Unique::Operation))?;
    let preconditions = vec![Precondition::Version(Entity::User, user.id.0, 9)];
    let stale = Batch { preconditions, ..batch.clone() };
    refused(lab.submit(stale).await, Conflict::Exists(Unique::Operation))?;
    let other = Batch { writes: vec![insert(&lab.user())], ..batch };
    refused(lab.submit(other).await, Conflict::Exists(Unique::Operation))?;
    same(&lab.store.user(user.id).await?, &Some(user))
}

pub(super) async fn a_refused_batch_leaves_no_trace(mut lab: Lab) -> CaseResult {
    let (user, other) = (lab.user(), lab.user());
    let early = lab.batch([update(&next(&user, |_| ())), insert(&other)]);
    refused(lab.submit(early.clone()).await, Conflict::Stale(Entity::User, user.id.0))?;
    accepted(lab.commit([insert(&user)]).await)?;
    // Neither its operation id nor any key was taken.
    accepted(lab.submit(early.clone()).await)?;
    refused(lab.submit(early).await, Conflict::Exists(Unique::Operation))
}

pub(super) async fn the_first_failed_guard_is_named(mut lab: Lab) -> CaseResult {
    let (user, absent, missing) = (lab.user(), lab.user(), lab.user());
    let session = lab.session(&user);
    accepted(lab.commit([insert(&user)]).await)?;
    let taken = Conflict::Exists(Unique::Id(Entity::User));
    let stale = |user: &crate::model::accounts::User| Conflict::Stale(Entity::User, user.id.0);
    let version = |user: &crate::model::accounts::User| Precondition::Version(Entity::User, user.id.0, user.version);
    let live = Precondition::LiveSession(session.id, user.id);

    let both = [insert(&user), update(&next(&absent, |_| ()))];
    refused(lab.commit(both.clone()).await, taken)?;
    let [first, second] = both.clone();
    refused(lab.commit([second, first]).await, stale(&absent))?;
    refused(lab.commit_if([version(&missing), live], both.clone()).await, stale(&missing))?;
    refused(
        lab.commit_if([version(&user), live, version(&missing)], both.clone()).await,
        Conflict::Revoked(session.id),
    )?;
    refused(lab.commit_if([version(&user)], both).await, taken)?;
    // Checks on the whole batch come last.
    let nowhere = lab.location();
    refused(lab.commit([insert(&nowhere), insert(&user)]).await, taken)?;
    refused(lab.commit([insert(&nowhere)]).await, Conflict::Exists(Unique::DefaultLocation))
}

pub(super) async fn the_first_unique_key_is_named(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let named =
        async |lab: &mut Lab, write: Write, unique| refused(lab.commit([write]).await, Conflict::Exists(unique));
    let user = User { username: Some("ada".into()), username_key: Some("ada".into()), ..lab.user() };
    accepted(lab.commit([insert(&user)]).await)?;
    let twin = User { id: lab.id(), ..user };
    named(&mut lab, insert(&twin), Unique::UserEmail).await?;
    let twin = Order { id: lab.id(), ..world.order.clone() };
    named(&mut lab, insert(&twin), Unique::OrderNumber).await?;

    let (tea, pot) = (lab.product("Tea"), lab.product("Pot"));
    accepted(lab.commit([insert(&tea), insert(&pot)]).await)?;
    let twin = Product { id: lab.id(), ..tea.clone() };
    named(&mut lab, insert(&twin), Unique::OtherId).await?;
    let stolen = next(&pot, |product| {
        product.slug.clone_from(&tea.slug);
        product.variants.extend(tea.variants.iter().cloned());
    });
    named(&mut lab, update(&stolen), Unique::OtherId).await?;
    let sku = tea.variants.first().map_or("", |variant| variant.sku.as_str());
    let same_words = Product { slug: tea.slug.clone(), variants: vec![lab.variant(sku)], ..lab.product("Cup") };
    named(&mut lab, insert(&same_words), Unique::ProductSlug).await?;

    let voided = Payment { state: PaymentState::Voided, refunds: vec![lab.refund(1)], ..lab.payment(&world.order) };
    let spare = Payment { state: PaymentState::Voided, ..lab.payment(&world.order) };
    let live = lab.payment(&world.order);
    accepted(lab.commit([insert(&voided), insert(&spare), insert(&live)]).await)?;
    let twin = Payment { refunds: voided.refunds.clone(), ..lab.payment(&world.order) };
    named(&mut lab, insert(&twin), Unique::OtherId).await?;
    let revived = next(&spare, |payment| {
        payment.state = PaymentState::Captured;
        payment.refunds.clone_from(&voided.refunds);
    });
    named(&mut lab, update(&revived), Unique::OtherId).await
}

pub(super) async fn a_requirement_holds_before_the_writes(mut lab: Lab) -> CaseResult {
    let user = lab.user();
    accepted(lab.commit([insert(&user)]).await)?;
    let second = next(&user, |user| user.first_name = "Ada".into());
    let require = |version| [Precondition::Version(Entity::User, user.id.0, version)];
    refused(lab.commit_if(require(2), [update(&second)]).await, Conflict::Stale(Entity::User, user.id.0))?;
    accepted(lab.commit_if(require(1), [update(&second)]).await)
}

pub(super) async fn a_write_sees_those_before_it(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let user = lab.user();
    let cart = Cart { customer_id: Some(user.id), ..lab.cart(&world.product) };
    let renamed = next(&user, |user| user.first_name = "Ada".into());
    let changed = next(&renamed, |user| user.last_name = "Lovelace".into());
    accepted(lab.commit([insert(&user), update(&renamed), insert(&cart), update(&changed)]).await)?;
    same(&lab.store.user(user.id).await?, &Some(changed))?;

    let zone = lab.zone();
    let method = lab.method(&zone);
    accepted(lab.commit([insert(&zone), insert(&method), delete(&method), delete(&zone)]).await)?;
    same(&lab.store.shipping_rates().await?, &(vec![], vec![]))?;

    let location = lab.location();
    let level = tracked_level(&world.product, &world.variant(), &location, 0);
    let by = |on_hand, reserved| {
        let (variant_id, location_id) = (level.variant_id, level.location_id);
        Write::from(InventoryWrite::Delta(StockDelta { variant_id, location_id, on_hand, reserved }))
    };
    let writes = [insert(&location), InventoryWrite::InsertLevel(level.clone()).into(), by(3, 0), by(0, 2), by(-1, 0)];
    accepted(lab.commit(writes).await)?;
    let wanted = StockLevel { on_hand: 2, reserved: 2, ..level };
    same(&lab.store.stock_of(&[wanted.variant_id]).await?, &vec![wanted])
}

pub(super) async fn a_large_batch_passes(mut lab: Lab) -> CaseResult {
    let mut people: Vec<_> = (0..1_000).map(|_| lab.user()).collect();
    let taken = people.first().cloned();
    let writes: Vec<_> = people.iter().chain(&taken).map(insert).collect();
    refused(lab.commit(writes).await, Conflict::Exists(Unique::Id(Entity::User)))?;
    accepted(lab.commit(people.iter().map(insert)).await)?;
    let last = people.pop().ok_or_else(|| CaseFailure::new("there is no user"))?;
    same(&lab.store.user(last.id).await?, &Some(last))
}
