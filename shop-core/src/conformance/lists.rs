//! Data that a store keeps to make lists fast: results must always match the rows, and
//! [`Store::miscounted`](crate::store::Store::miscounted) must find nothing.

use crate::batch::{CatalogWrite, InventoryWrite, StockSettings, Write};
use crate::model::accounts::UserFilter;
use crate::model::catalog::{Category, FoundProduct, Product, ProductFilter, ProductStatus};
use crate::model::inventory::{Location, MovementFilter};
use crate::model::orders::{FulfillmentStatus, Order, OrderFilter, OrderStatus, PaymentStatus};
use crate::model::payments::{Payment, PaymentFilter, PaymentState};
use crate::money::Amount;

use super::fixtures::tracked_level;
use super::generic::{check_list, everything, same_set};
use super::lab::{CaseFailure, CaseResult, Lab, accepted, same};
use super::rows::{delete, insert, next, update};
use super::stock::{add, delta, settings_of};

fn found(products: &[&Product]) -> Vec<FoundProduct> {
    products.iter().map(|product| FoundProduct { rank: 0, product: (*product).clone() }).collect()
}

/// Checks that the list under a filter contains exactly these products.
async fn lists(lab: &Lab, filter: &ProductFilter, wanted: &[&Product]) -> CaseResult {
    let page = async {
        let page = lab.store.list_products(filter, &everything()).await?;
        Ok(page.map(|product| FoundProduct { rank: 0, product }))
    };
    same_set(page, &found(wanted).iter().collect::<Vec<_>>(), filter).await?;
    same(&lab.store.miscounted().await?, &vec![])
}

/// Checks the same in every order and on every page.
async fn walks(lab: &Lab, filter: &ProductFilter, wanted: &[&Product]) -> CaseResult {
    let fetch = async |request: &_| {
        let page = lab.store.list_products(filter, request).await?;
        Ok(page.map(|product| FoundProduct { rank: 0, product }))
    };
    check_list(&found(wanted), fetch)
        .await
        .map_err(|failure| CaseFailure::new(format!("{failure}\n  under {filter:?}")))
}

async fn in_stock(lab: &Lab, product: &Product, truth: bool) -> CaseResult {
    let filter = |in_stock| ProductFilter { in_stock: Some(in_stock), ..ProductFilter::default() };
    lists(lab, &filter(truth), &[product]).await?;
    lists(lab, &filter(!truth), &[]).await
}

pub(super) async fn products_come_into_stock_and_go_out_of_it(mut lab: Lab) -> CaseResult {
    let (here, there) = (Location { is_default: true, ..lab.location() }, lab.location());
    let product = lab.product("Tea");
    accepted(lab.commit([insert(&here), insert(&there), insert(&product)]).await)?;
    in_stock(&lab, &product, false).await?;
    let [first, second] = product.variants.as_slice() else { return Ok(()) };
    let one = tracked_level(&product, first, &here, 0);
    let (other, far) = (tracked_level(&product, second, &here, 0), tracked_level(&product, first, &there, 1));
    let set = |settings: StockSettings| Write::from(InventoryWrite::Settings(settings));
    let tracked = |level, tracked| set(StockSettings { tracked: Some(tracked), ..settings_of(level) });
    let backorder = |level, backorder| set(StockSettings { backorder: Some(backorder), ..settings_of(level) });
    let threshold = set(StockSettings { low_stock_threshold: Some(9), ..settings_of(&one) });
    let steps: Vec<(Vec<Write>, bool)> = vec![
        (vec![add(&one), add(&other)], false),
        (vec![delta(&one, 2, 0)], true),
        (vec![delta(&one, 0, 1)], true),
        (vec![delta(&one, 0, 1)], false),
        (vec![delta(&one, 0, -1)], true),
        (vec![delta(&one, -1, 0)], false),
        // Both variants count.
        (vec![delta(&other, 1, 0)], true),
        (vec![delta(&one, 3, 0), delta(&other, -1, 0)], true),
        (vec![delta(&one, -3, 0)], false),
        // One level after the other, back and forth in one batch.
        (vec![delta(&other, 1, 0), delta(&other, -1, 0)], false),
        (vec![tracked(&one, false)], true),
        (vec![tracked(&one, true)], false),
        (vec![backorder(&one, true)], true),
        (vec![backorder(&one, false)], false),
        (vec![threshold], false),
        (vec![add(&far)], true),
        (vec![delta(&far, -1, 0)], false),
        (vec![tracked(&far, false)], true),
        // The location's levels are empty.
        (vec![delete(&there)], false),
        (vec![delta(&one, 5, 0)], true),
    ];
    for (writes, truth) in steps {
        let context = format!("{writes:?}");
        accepted(lab.commit(writes).await)?;
        in_stock(&lab, &product, truth)
            .await
            .map_err(|failure| CaseFailure::new(format!("{failure}\n  after {context}")))?;
    }
    let archive = |product: &Product, archived| {
        next(product, |row| row.variants.iter_mut().take(1).for_each(|variant| variant.archived = archived))
    };
    let gone = archive(&product, true);
    accepted(lab.commit([update(&gone)]).await)?;
    in_stock(&lab, &gone, false).await?;
    let back = archive(&gone, false);
    accepted(lab.commit([update(&back)]).await)?;
    in_stock(&lab, &back, true).await
}

pub(super) async fn products_move_between_lists(mut lab: Lab) -> CaseResult {
    let root = lab.category("root", None);
    let (below, other) = (lab.category("below", Some(&root)), lab.category("other", None));
    accepted(lab.commit([&root, &below, &other].map(insert)).await)?;
    let of = |category: Option<&Category>, status, price, product: Product| {
        let mut product = Product { category_id: category.map(|category| category.id), status, ..product };
        product.variants.iter_mut().for_each(|variant| variant.price = Amount(price));
        product
    };
    let a = of(Some(&root), ProductStatus::Active, 10, lab.product("Tea"));
    let b = of(Some(&below), ProductStatus::Active, 20, lab.product("Coffee"));
    let c = of(None, ProductStatus::Draft, 30, lab.product("Cocoa"));
    accepted(lab.commit([&a, &b, &c].map(insert)).await)?;
    let all = ProductFilter::default;
    let status = |status| ProductFilter { status: Some(status), ..all() };
    let category = |category: &Category| ProductFilter { category: Some(category.id), ..all() };
    let prices = |min, max| ProductFilter { min_price: Some(Amount(min)), max_price: Some(Amount(max)), ..all() };
    lists(&lab, &all(), &[&a, &b, &c]).await?;
    lists(&lab, &status(ProductStatus::Active), &[&a, &b]).await?;
    walks(&lab, &category(&root), &[&a, &b]).await?;
    lists(&lab, &category(&below), &[&b]).await?;
    lists(&lab, &category(&other), &[]).await?;
    walks(&lab, &prices(15, 30), &[&b, &c]).await?;
    lists(&lab, &ProductFilter { min_price: Some(Amount(11)), ..status(ProductStatus::Active) }, &[&b]).await?;

    // Products change their category, status, price and name.
    let b = next(&b, |row| row.category_id = Some(other.id));
    let a = next(&of(None, ProductStatus::Archived, 25, a), |row| row.name = "Zest".into());
    accepted(lab.commit([update(&a), update(&b)]).await)?;
    lists(&lab, &all(), &[&a, &b, &c]).await?;
    lists(&lab, &status(ProductStatus::Active), &[&b]).await?;
    lists(&lab, &status(ProductStatus::Archived), &[&a]).await?;
    lists(&lab, &category(&root), &[]).await?;
    lists(&lab, &category(&other), &[&b]).await?;
    lists(&lab, &prices(15, 30), &[&a, &b, &c]).await?;

    // The tree changes: one category moves below another, and is deleted.
    let tree = lab.store.category_tree().await?.version;
    let moved = next(&other, |row| row.parent_id = Some(below.id));
    let reshape = Write::from(CatalogWrite::ReshapeTree { from: tree });
    accepted(lab.commit([reshape, update(&moved)]).await)?;
    lists(&lab, &category(&root), &[&b]).await?;
    lists(&lab, &ProductFilter { max_price: Some(Amount(20)), ..category(&root) }, &[&b]).await?;
    accepted(lab.commit([delete(&moved)]).await)?;
    let b = next(&b, |row| row.category_id = None);
    lists(&lab, &category(&root), &[]).await?;
    lists(&lab, &ProductFilter { max_price: Some(Amount(20)), ..category(&root) }, &[]).await?;
    lists(&lab, &all(), &[&a, &b, &c]).await
}

pub(super) async fn counts_follow_orders_and_payments(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let mut orders = vec![world.order.clone()];
    for _ in 0..4 {
        lab.tick();
        let (cart, order) = lab.order(&world.product);
        accepted(lab.commit([insert(&cart), insert(&order)]).await)?;
        orders.push(order);
    }
    let statuses = |order: &Order| (order.status, order.payment_status, order.fulfillment_status);
    for turn in 0..3 {
        let all = OrderFilter::default();
        check_list(&orders, async |request| lab.store.list_orders(&all, request).await).await?;
        let asked = orders.iter().map(statuses).collect::<Vec<_>>();
        for (status, payment_status, fulfillment_status) in asked {
            let filter = OrderFilter {
                status: Some(status),
                payment_status: (turn > 0).then_some(payment_status),
                fulfillment_status: (turn > 1).then_some(fulfillment_status),
                ..OrderFilter::default()
            };
            let is_wanted = |order: &&Order| {
                order.status == status
                    && filter.payment_status.is_none_or(|status| order.payment_status == status)
                    && filter.fulfillment_status.is_none_or(|status| order.fulfillment_status == status)
            };
            let wanted: Vec<_> = orders.iter().filter(is_wanted).collect();
            same_set(lab.store.list_orders(&filter, &everything()), &wanted, &filter).await?;
        }
        same(&lab.store.miscounted().await?, &vec![])?;
        for order in orders.iter_mut().skip(turn).take(2) {
            *order = next(order, |row| match turn {
                0 => row.payment_status = PaymentStatus::Paid,
                1 => row.fulfillment_status = FulfillmentStatus::Fulfilled,
                _ => row.status = OrderStatus::Completed,
            });
        }
        accepted(lab.commit(orders.iter().skip(turn).take(2).map(update)).await)?;
    }
    let payment = lab.payment(&world.order);
    accepted(lab.commit([insert(&payment)]).await)?;
    let failed = next(&payment, |row| row.state = PaymentState::Failed);
    let state = |state| PaymentFilter { state: Some(state), ..PaymentFilter::default() };
    let list = async |lab: &Lab, filter: &PaymentFilter, wanted: &[&Payment]| {
        same_set(lab.store.list_payments(filter, &everything()), wanted, filter).await
    };
    list(&lab, &state(payment.state), &[&payment]).await?;
    accepted(lab.commit([update(&failed)]).await)?;
    list(&lab, &state(payment.state), &[]).await?;
    list(&lab, &state(PaymentState::Failed), &[&failed]).await?;
    same(&lab.store.miscounted().await?, &vec![])
}

pub(super) async fn counts_follow_people_and_the_ledger(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let count = async |lab: &Lab, is_active, is_staff| -> CaseResult<Option<u64>> {
        let filter = UserFilter { search: None, is_active, is_staff };
        Ok(lab.store.list_users(&filter, &everything()).await?.total)
    };
    let (active, staff) = (count(&lab, Some(true), None).await?, count(&lab, None, Some(true)).await?);
    let person = lab.user();
    accepted(lab.commit([insert(&person)]).await)?;
    same(&count(&lab, Some(true), None).await?, &active.map(|count| count + 1))?;
    let promoted = next(&person, |row| (row.is_active, row.is_staff) = (false, true));
    accepted(lab.commit([update(&promoted)]).await)?;
    same(
        &(count(&lab, Some(true), None).await?, count(&lab, None, Some(true)).await?),
        &(active, staff.map(|count| count + 1)),
    )?;

    let level = tracked_level(&world.product, &world.variant(), &world.location, 0);
    accepted(lab.commit([add(&level)]).await)?;
    for wanted in 1..=3 {
        let movement = lab.movement(&level, 1);
        accepted(lab.commit([delta(&level, movement.delta, 0), InventoryWrite::Movement(movement).into()]).await)?;
        for (location_id, wanted) in [(None, wanted), (Some(level.location_id), wanted), (Some(lab.id()), 0)] {
            let filter = MovementFilter { location_id, ..MovementFilter::default() };
            same(&lab.store.list_movements(&filter, &everything()).await?.total, &Some(wanted))?;
        }
    }
    same(&lab.store.miscounted().await?, &vec![])
}

/// Page data that a store remembers must not outlive a change.
pub(super) async fn pages_by_number_are_those_of_the_moment(mut lab: Lab) -> CaseResult {
    let mut products: Vec<Product> = (0..7).map(|_| lab.product("Tea")).collect();
    accepted(lab.commit(products.iter().map(insert)).await)?;
    for turn in 0..3 {
        let rows: Vec<&Product> = products.iter().collect();
        // Each order with several page sizes: what one leaves behind is used by the next.
        walks(&lab, &ProductFilter::default(), &rows).await?;
        let filter = ProductFilter { search: vec!["tea".to_owned()], ..ProductFilter::default() };
        for _ in 0..2 {
            lists(&lab, &filter, &rows).await?;
        }
        match turn {
            // A product is added before all others, one changes its position, one gets other words.
            0 => {
                lab.tick();
                products.push(lab.product("Tea"));
                accepted(lab.commit(products.last().map(insert)).await)?;
            }
            1 => {
                let changed = products
                    .first()
                    .map(|row| next(row, |row| row.variants.iter_mut().for_each(|v| v.price = Amount(1))));
                accepted(lab.commit(changed.as_ref().map(update)).await)?;
                products.splice(..1, changed);
            }
            _ => {
                let changed = products.get(2).map(|row| next(row, |row| row.description = format!("Tea {turn}")));
                accepted(lab.commit(changed.as_ref().map(update)).await)?;
                products.splice(2..3, changed);
            }
        }
    }
    Ok(())
}

/// Each batch takes the last unit of one variant; neither may assume that the other's is left.
pub(super) async fn a_product_is_out_of_stock_when_all_have_taken_the_last(mut lab: Lab) -> CaseResult {
    let here = Location { is_default: true, ..lab.location() };
    accepted(lab.commit([insert(&here)]).await)?;
    for _ in 0..10 {
        let product = lab.product("Tea");
        accepted(lab.commit([insert(&product)]).await)?;
        let levels: Vec<_> =
            product.variants.iter().map(|variant| tracked_level(&product, variant, &here, 1)).collect();
        accepted(lab.commit(levels.iter().map(add)).await)?;
        let batches: Vec<_> = levels.iter().map(|level| lab.batch([delta(level, 0, 1)])).collect();
        for committed in lab.race_batches(batches).await {
            accepted(committed)?;
        }
        let filter = ProductFilter { in_stock: Some(true), ..ProductFilter::default() };
        lists(&lab, &filter, &[]).await?;
    }
    Ok(())
}
