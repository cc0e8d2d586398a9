//! Products and categories.

use crate::batch::{CatalogWrite, Conflict, Entity, InventoryWrite, Precondition, Unique};
use crate::clock::Timestamp;
use crate::id::{ProductId, VariantId};
use crate::model::catalog::{Category, Image, PricePeriod, Product, ProductFilter, ProductStatus, Variant};
use crate::model::inventory::{Location, StockLevel};
use crate::money::{Amount, Currency};

use super::fixtures::{WILD, far_away, long_ago, tracked_level, wild};
use super::generic::{Ends, check_list, everything, life, same_set};
use super::lab::{CaseFailure, CaseResult, Lab, accepted, refused, same};
use super::rows::{delete, insert, next, update};
use crate::model::catalog::FoundProduct;
use chrono::TimeDelta;
use uuid::Uuid;

pub(super) async fn products_live(mut lab: Lab) -> CaseResult {
    let first = Product { options: vec!["Size".to_owned(), WILD.to_owned()], ..lab.product("Tea") };
    let added = Variant {
        price: Amount::MAX,
        compare_at_price: Some(Amount::MAX),
        options: [("Size".to_owned(), WILD.to_owned()), (WILD.to_owned(), String::new())].into(),
        weight_grams: i64::MAX,
        barcode: Some(wild()),
        tax_class: WILD.to_owned(),
        archived: true,
        lowest_price_30_days: Some(Amount::MAX),
        ..lab.variant(WILD)
    };
    let category = lab.category("Drinks", None);
    accepted(lab.commit([insert(&category)]).await)?;
    let second = next(&first, |product| {
        product.slug = wild();
        product.name = wild();
        product.description = "wörd ".repeat(20_000);
        product.status = ProductStatus::Draft;
        product.category_id = Some(category.id);
        product.currency = "KWD".parse().unwrap_or(Currency::USD);
        product.options = Vec::new();
        product.images = vec![
            Image { url: "https://example.com/b?x=1&y=\"".to_owned(), alt: WILD.to_owned() },
            Image { url: "https://example.com/a".to_owned(), alt: String::new() },
        ];
        let attributes = serde_json::json!({
            WILD: [null, true, i64::MAX, i64::MIN, 0.1, "", {"z": {"a": []}}], "": WILD, "b": 1, "a": 2,
        });
        product.attributes = attributes.as_object().cloned().unwrap_or_default();
        // One more variant, in another order.
        product.variants.push(added);
        product.variants.reverse();
        product.created_at = long_ago();
        product.updated_at = far_away();
    });
    let id = first.id;
    life(&mut lab, first, second, Ends::Never, async |store| store.product(id).await).await
}

pub(super) async fn products_are_found(mut lab: Lab) -> CaseResult {
    let tea = lab.product("Tea");
    let mut pot = lab.product("Pot");
    pot.status = ProductStatus::Archived;
    pot.variants.iter_mut().for_each(|variant| variant.archived = true);
    accepted(lab.commit([insert(&tea), insert(&pot)]).await)?;
    let store = lab.store.clone();
    let by_id = |mut products: Vec<Product>| {
        products.sort_by_key(|product| product.id);
        products
    };
    same(&store.product_by_slug(&tea.slug).await?, &Some(tea.clone()))?;
    same(&store.product_by_slug(&tea.slug.to_uppercase()).await?, &None)?;
    let (nobody, nothing) = (lab.id::<ProductId>(), lab.id::<VariantId>());
    let both = vec![tea.clone(), pot.clone()];
    same(&by_id(store.products(&[pot.id, nobody, tea.id, pot.id]).await?), &both)?;
    same(&store.products(&[]).await?, &vec![])?;
    same(&store.products(&[nobody]).await?, &vec![])?;
    let variants: Vec<_> = both.iter().flat_map(|product| product.variants.iter().map(|row| row.id)).collect();
    same(&by_id(store.products_of_variants(&[variants.clone(), vec![nothing]].concat()).await?), &both)?;
    same(&store.products_of_variants(&[]).await?, &vec![])?;
    same(&store.products_of_variants(&[nothing]).await?, &vec![])?;
    for product in &both {
        for variant in &product.variants {
            same(&store.product_by_sku(&variant.sku).await?, &Some(product.clone()))?;
            same(&store.product_by_sku(&variant.sku.to_lowercase()).await?, &None)?;
        }
    }
    let skus: Vec<String> = both.iter().flat_map(|row| row.variants.iter().map(|row| row.sku.clone())).collect();
    let mut unknown: Vec<String> = skus.iter().map(|sku| sku.to_lowercase()).collect();
    unknown.extend(["\0".to_owned(), String::new()]);
    same(&by_id(store.products_by_skus(&[skus.as_slice(), &unknown, &skus].concat()).await?), &both)?;
    same(&store.products_by_skus(&unknown).await?, &vec![])?;
    same(&store.products_by_skus(&[]).await?, &vec![])?;
    Ok(())
}

pub(super) async fn products_are_found_by_their_exact_names(mut lab: Lab) -> CaseResult {
    let named = |lab: &mut Lab, name: &str, status| Product { name: name.to_owned(), status, ..lab.product("Tea") };
    let [gone, gone_too, gone_last] = [(); 3].map(|()| named(&mut lab, "Café", ProductStatus::Archived));
    let [live, live_too, live_last] = [(); 3].map(|()| named(&mut lab, "Café", ProductStatus::Draft));
    // Names that are equal only when folded, and a different name.
    let others = ["Cafe", "café", "Cafe\u{301}", "Café "].map(|name| named(&mut lab, name, ProductStatus::Active));
    let store = lab.store.clone();
    for other in &others {
        accepted(lab.commit([insert(other)]).await)?;
        same(&store.products_by_name("Café").await?, &vec![])?;
    }
    for (product, found) in [
        (&gone, vec![&gone]),
        (&gone_too, vec![&gone, &gone_too]),
        (&gone_last, vec![&gone, &gone_too]),
        (&live, vec![&live, &gone]),
        (&live_too, vec![&live, &live_too]),
        (&live_last, vec![&live, &live_too]),
    ] {
        accepted(lab.commit([insert(product)]).await)?;
        same(&store.products_by_name("Café").await?, &found.into_iter().cloned().collect())?;
    }
    for other in &others {
        same(&store.products_by_name(&other.name).await?, &vec![other.clone()])?;
    }
    for name in ["", "caf", "Caf\0", "%"] {
        same(&store.products_by_name(name).await?, &vec![])?;
    }
    Ok(())
}

/// A period that has not ended.
fn open(variant_id: VariantId, version: i64, price: i64, starts_at: Timestamp) -> PricePeriod {
    PricePeriod { variant_id, version, price: Some(Amount(price)), currency: Currency::USD, starts_at, ends_at: None }
}

fn keep(period: &PricePeriod) -> crate::batch::Write {
    CatalogWrite::PricePeriod(period.clone()).into()
}

/// Sorted by variant and version, because a read may return any order.
fn in_order(mut periods: Vec<PricePeriod>) -> Vec<PricePeriod> {
    periods.sort_by_key(|period| (period.variant_id, period.version));
    periods
}

pub(super) async fn prices_are_kept_by_variant(mut lab: Lab) -> CaseResult {
    let store = lab.store.clone();
    let (tea, pot) = (lab.product("Tea"), lab.product("Pot"));
    accepted(lab.commit([insert(&tea), insert(&pot)]).await)?;
    let ids: Vec<_> = tea.variants.iter().chain(&pot.variants).map(|variant| variant.id).take(3).collect();
    let [one, other, third] = ids.as_slice() else { return Err(CaseFailure::new("three variants")) };
    let begun = lab.now();
    let first = open(*one, 1, 1999, begun);
    let wild = PricePeriod {
        currency: "KWD".parse().unwrap_or(Currency::USD),
        ..open(*other, i64::MAX, i64::MAX, long_ago())
    };
    let unoffered = PricePeriod { price: None, ..open(*third, 1, 0, far_away()) };
    accepted(lab.commit([keep(&first), keep(&wild), keep(&unoffered)]).await)?;
    let all = [*one, *other, *third, *one];
    same(&in_order(store.price_history(&all, None).await?), &in_order(vec![first.clone(), wild.clone(), unoffered]))?;

    // The first period ends and the next begins, in one batch.
    let end = begun + TimeDelta::seconds(1);
    let ended = PricePeriod { ends_at: Some(end), ..first };
    let second = open(*one, 2, 1499, end);
    accepted(lab.commit([keep(&ended), keep(&second)]).await)?;
    let (nothing, just_before) = (lab.id::<VariantId>(), end - TimeDelta::microseconds(1));
    same(&store.price_history(&[*one], None).await?, &vec![second.clone()])?;
    same(&store.price_history(&[*one], Some(end)).await?, &vec![second.clone()])?;
    same(&in_order(store.price_history(&[*one, nothing], Some(just_before)).await?), &vec![ended, second])?;
    same(&store.price_history(&[nothing], Some(long_ago())).await?, &vec![])?;
    same(&store.price_history(&[], None).await?, &vec![])?;
    same(&store.price_history(&[*other], Some(far_away())).await?, &vec![wild])
}

pub(super) async fn prices_that_ended_are_forgotten(mut lab: Lab) -> CaseResult {
    let store = lab.store.clone();
    let tea = lab.product("Tea");
    accepted(lab.commit([insert(&tea)]).await)?;
    let ids: Vec<_> = tea.variants.iter().map(|variant| variant.id).collect();
    let [one, other] = ids.as_slice() else { return Err(CaseFailure::new("two variants")) };
    let limit = lab.now();
    let (before, after) = (limit - TimeDelta::microseconds(1), limit + TimeDelta::microseconds(1));
    let ended = |variant, version, end| PricePeriod { ends_at: Some(end), ..open(variant, version, 100, long_ago()) };
    let gone = [ended(*one, 1, before), ended(*other, 1, long_ago())];
    let stay =
        [ended(*one, 2, limit), ended(*one, 3, after), open(*one, 4, 100, before), open(*other, 2, 100, long_ago())];
    accepted(lab.commit(gone.iter().chain(&stay).map(keep)).await)?;
    accepted(lab.commit([CatalogWrite::ForgetPrices { ended_before: limit }.into()]).await)?;
    let left = store.price_history(&ids, Some(long_ago() - TimeDelta::seconds(1))).await?;
    same(&in_order(left), &in_order(stay.to_vec()))
}

pub(super) async fn slugs_and_skus_are_taken_once(mut lab: Lab) -> CaseResult {
    let mut tea = lab.product("Tea");
    tea.variants.iter_mut().for_each(|variant| variant.archived = true);
    let pot = lab.product("Pot");
    accepted(lab.commit([insert(&tea), insert(&pot)]).await)?;
    let taken = tea.variants.last().cloned().unwrap_or_else(|| lab.variant(""));

    let slug = Product { slug: tea.slug.clone(), ..lab.product("Cup") };
    refused(lab.commit([insert(&slug)]).await, Conflict::Exists(Unique::ProductSlug))?;
    let slug = next(&pot, |product| product.slug.clone_from(&tea.slug));
    refused(lab.commit([update(&slug)]).await, Conflict::Exists(Unique::ProductSlug))?;

    let sku = Product { variants: vec![lab.variant(&taken.sku)], ..lab.product("Cup") };
    refused(lab.commit([insert(&sku)]).await, Conflict::Exists(Unique::VariantSku))?;
    let twin = lab.variant(&taken.sku);
    let sku = next(&pot, |product| product.variants.push(twin.clone()));
    refused(lab.commit([update(&sku)]).await, Conflict::Exists(Unique::VariantSku))?;
    let renamed = next(&pot, |product| product.variants.iter_mut().for_each(|row| row.sku.clone_from(&taken.sku)));
    refused(lab.commit([update(&renamed)]).await, Conflict::Exists(Unique::VariantSku))?;
    let twins = Product { variants: vec![lab.variant("twin"), lab.variant("twin")], ..lab.product("Cup") };
    refused(lab.commit([insert(&twins)]).await, Conflict::Exists(Unique::VariantSku))?;

    let id = Product { variants: vec![Variant { sku: "new".to_owned(), ..taken }], ..lab.product("Cup") };
    refused(lab.commit([insert(&id)]).await, Conflict::Exists(Unique::OtherId))?;
    same(&lab.store.product(pot.id).await?, &Some(pot))
}

pub(super) async fn categories_live(mut lab: Lab) -> CaseResult {
    let root = lab.category("Root", None);
    accepted(lab.commit([insert(&root)]).await)?;
    let first = lab.category("Tea", None);
    let second = next(&first, |category| {
        category.slug = wild();
        category.name = wild();
        category.description = WILD.repeat(100);
        category.parent_id = Some(root.id);
        category.position = i64::MIN;
        category.created_at = long_ago();
        category.updated_at = far_away();
    });
    let id = first.id;
    life(&mut lab, first, second, Ends::Deleted, async |store| store.category(id).await).await
}

pub(super) async fn categories_are_found_by_slug(mut lab: Lab) -> CaseResult {
    let (tea, pot) = (lab.category("Tea", None), lab.category("Pot", None));
    accepted(lab.commit([insert(&tea), insert(&pot)]).await)?;
    same(&lab.store.category_by_slug(&tea.slug).await?, &Some(tea.clone()))?;
    same(&lab.store.category_by_slug("absent").await?, &None)?;
    let twin = Category { slug: tea.slug.clone(), ..lab.category("Tea", None) };
    refused(lab.commit([insert(&twin)]).await, Conflict::Exists(Unique::CategorySlug))?;
    let twin = next(&pot, |category| category.slug.clone_from(&tea.slug));
    refused(lab.commit([update(&twin)]).await, Conflict::Exists(Unique::CategorySlug))?;
    // A deleted category's slug is free.
    accepted(lab.commit([delete(&tea), update(&twin)]).await)?;
    same(&lab.store.category_by_slug(&tea.slug).await?, &Some(twin))
}

pub(super) async fn a_deleted_category_hands_on_its_children(mut lab: Lab) -> CaseResult {
    let root = lab.category("Root", None);
    let (middle, other) = (lab.category("Middle", Some(&root)), lab.category("Other", Some(&root)));
    let (left, right) = (lab.category("Left", Some(&middle)), lab.category("Right", Some(&middle)));
    let leaf = lab.category("Leaf", Some(&left));
    let in_category = |product: Product, category: &Category| Product { category_id: Some(category.id), ..product };
    let loose = in_category(lab.product("Loose"), &middle);
    let kept = in_category(lab.product("Kept"), &left);
    let categories = [&root, &middle, &other, &left, &right, &leaf].map(insert);
    accepted(lab.commit(categories).await)?;
    accepted(lab.commit([insert(&loose), insert(&kept)]).await)?;

    accepted(lab.commit([delete(&middle)]).await)?;
    let moved = |row: &Category, parent| next(row, |category| category.parent_id = parent);
    let (left, right) = (moved(&left, Some(root.id)), moved(&right, Some(root.id)));
    let loose = next(&loose, |product| product.category_id = None);
    let store = lab.store.clone();
    let tree = async || {
        let mut categories = store.category_tree().await?.categories;
        categories.sort_by_key(|category| category.id);
        CaseResult::Ok(categories)
    };
    same(&tree().await?, &vec![root.clone(), other.clone(), left.clone(), right.clone(), leaf.clone()])?;
    same(&store.product(loose.id).await?, &Some(loose.clone()))?;
    same(&store.product(kept.id).await?, &Some(kept))?;

    // The children of a root become roots; a stale delete moves nothing.
    refused(lab.commit([delete(&next(&root, |_| ()))]).await, Conflict::Stale(Entity::Category, root.id.0))?;
    accepted(lab.commit([delete(&root)]).await)?;
    let (left, right, other) = (moved(&left, None), moved(&right, None), moved(&other, None));
    same(&tree().await?, &vec![other, left, right, leaf])
}

pub(super) async fn the_tree_changes_from_version_to_version(mut lab: Lab) -> CaseResult {
    let reshape = |from| CatalogWrite::ReshapeTree { from }.into();
    let stale = Conflict::Stale(Entity::CategoryTree, Uuid::nil());
    let require = |version| [Precondition::Version(Entity::CategoryTree, Uuid::nil(), version)];
    let store = lab.store.clone();
    same(&store.category_tree().await?, &crate::model::catalog::CategoryTree::default())?;
    refused(lab.commit([reshape(1)]).await, stale)?;
    let root = lab.category("Root", None);
    accepted(lab.commit_if(require(0), [reshape(0), insert(&root)]).await)?;
    let tree = store.category_tree().await?;
    same(&tree.version, &1)?;
    same(&tree.categories, &vec![root])?;
    let late = lab.category("Late", None);
    refused(lab.commit([insert(&late), reshape(0)]).await, stale)?;
    refused(lab.commit_if(require(0), [insert(&late)]).await, stale)?;
    same(&store.category(late.id).await?, &None)?;
    accepted(lab.commit_if(require(1), [reshape(1), reshape(2)]).await)?;
    same(&store.category_tree().await?.version, &3)
}

pub(super) async fn products_are_filtered(mut lab: Lab) -> CaseResult {
    let root = lab.category("Root", None);
    let (branch, other) = (lab.category("Branch", Some(&root)), lab.category("Other", None));
    let leaf = lab.category("Leaf", Some(&branch));
    accepted(lab.commit([&root, &branch, &other, &leaf].map(insert)).await)?;
    let mut product = |category: Option<&Category>, prices: [i64; 2], status| {
        let mut product = lab.product("Tea");
        product.category_id = category.map(|category| category.id);
        product.status = status;
        product.variants.iter_mut().zip(prices).for_each(|(variant, price)| variant.price = Amount(price));
        product
    };
    let a = product(Some(&root), [100, 900], ProductStatus::Active);
    let b = product(Some(&leaf), [200, 50], ProductStatus::Active);
    let mut c = product(Some(&other), [300, 10], ProductStatus::Draft);
    // The price of an archived variant does not count.
    c.variants.iter_mut().filter(|row| row.price == Amount(10)).for_each(|row| row.archived = true);
    let mut d = product(None, [700, 700], ProductStatus::Archived);
    d.variants.iter_mut().for_each(|row| row.archived = true);
    accepted(lab.commit([&a, &b, &c, &d].map(insert)).await)?;

    let all = ProductFilter::default;
    let price = |min: Option<i64>, max: Option<i64>| ProductFilter {
        min_price: min.map(Amount),
        max_price: max.map(Amount),
        ..all()
    };
    let below = |category: &Category| ProductFilter { category: Some(category.id), ..all() };
    let status = |status| ProductFilter { status: Some(status), ..all() };
    let cases: Vec<(ProductFilter, Vec<&Product>)> = vec![
        (all(), vec![&a, &b, &c, &d]),
        (status(ProductStatus::Active), vec![&a, &b]),
        (status(ProductStatus::Draft), vec![&c]),
        (status(ProductStatus::Archived), vec![&d]),
        (below(&root), vec![&a, &b]),
        (below(&branch), vec![&b]),
        (below(&leaf), vec![&b]),
        (below(&other), vec![&c]),
        (ProductFilter { category: Some(lab.id()), ..all() }, vec![]),
        (price(Some(50), None), vec![&a, &b, &c]),
        (price(Some(51), None), vec![&a, &c]),
        (price(None, Some(0)), vec![&d]),
        (price(Some(100), Some(300)), vec![&a, &c]),
        (price(Some(301), Some(300)), vec![]),
        (ProductFilter { status: Some(ProductStatus::Active), max_price: Some(Amount(60)), ..below(&root) }, vec![&b]),
    ];
    let wrapped = |product: &Product| FoundProduct { rank: 0, product: product.clone() };
    for (filter, wanted) in cases {
        let wanted: Vec<_> = wanted.into_iter().map(wrapped).collect();
        same_set(list(&lab, &filter), &wanted.iter().collect::<Vec<_>>(), &filter).await?;
    }
    // A product that moves, or whose branch moves, is found in its new place.
    let moved = next(&branch, |category| category.parent_id = Some(other.id));
    let raised = next(&b, |product| product.variants.iter_mut().for_each(|variant| variant.price = Amount(1_000)));
    accepted(lab.commit([update(&moved), update(&raised)]).await)?;
    let filter = ProductFilter { min_price: Some(Amount(1_000)), ..below(&other) };
    same_set(list(&lab, &filter), &[&wrapped(&raised)], &filter).await?;
    same_set(list(&lab, &below(&root)), &[&wrapped(&a)], "below the root").await
}

pub(super) async fn products_are_filtered_by_stock(mut lab: Lab) -> CaseResult {
    let (here, there) = (Location { is_default: true, ..lab.location() }, lab.location());
    accepted(lab.commit([insert(&here), insert(&there)]).await)?;
    let products: Vec<_> = (0..8).map(|_| lab.product("Tea")).collect();
    let [plenty, empty, held, untracked, backorder, elsewhere, archived, none] = products.as_slice() else {
        return Ok(());
    };
    let archived = &next(archived, |row| row.variants.iter_mut().take(1).for_each(|variant| variant.archived = true));
    let archived = &Product { version: 1, ..archived.clone() };
    let rows = [plenty, empty, held, untracked, backorder, elsewhere, archived, none];
    accepted(lab.commit(rows.map(insert)).await)?;
    let level = |product: &Product, location: &Location, on_hand: i64| -> Option<StockLevel> {
        product.variants.first().map(|variant| tracked_level(product, variant, location, on_hand))
    };
    let levels = [
        level(plenty, &here, 2).map(|level| StockLevel { reserved: 1, ..level }),
        level(empty, &here, 0),
        level(held, &here, 2).map(|level| StockLevel { reserved: 2, ..level }),
        level(untracked, &here, 0).map(|level| StockLevel { tracked: false, ..level }),
        level(backorder, &here, -3).map(|level| StockLevel { reserved: 2, backorder: true, ..level }),
        level(elsewhere, &here, 0),
        level(elsewhere, &there, 1),
        level(archived, &here, 9),
    ];
    let writes: Vec<_> = levels.into_iter().flatten().map(|level| InventoryWrite::InsertLevel(level).into()).collect();
    accepted(lab.commit(writes).await)?;

    let wrapped = |products: &[&Product]| -> Vec<FoundProduct> {
        products.iter().map(|product| FoundProduct { rank: 0, product: (*product).clone() }).collect()
    };
    let sells = wrapped(&[plenty, untracked, backorder, elsewhere]);
    let sold_out = wrapped(&[empty, held, archived, none]);
    for (in_stock, wanted) in [(true, &sells), (false, &sold_out)] {
        let filter = ProductFilter { in_stock: Some(in_stock), ..ProductFilter::default() };
        same_set(list(&lab, &filter), &wanted.iter().collect::<Vec<_>>(), &filter).await?;
    }
    Ok(())
}

async fn list(lab: &Lab, filter: &ProductFilter) -> crate::store::StoreResult<crate::page::Page<FoundProduct>> {
    let page = lab.store.list_products(filter, &everything()).await?;
    Ok(page.map(|product| FoundProduct { rank: 0, product }))
}

pub(super) async fn products_are_paged(mut lab: Lab) -> CaseResult {
    let mut products = Vec::new();
    for (name, price) in
        [("tea", 2), ("Tea", 1), ("zebra", 2), ("éclair", 3), ("Eclair", 0), ("", 2), ("10", 1), ("9", 2)]
    {
        if products.len() % 3 == 0 {
            lab.tick();
        }
        let mut product = lab.product(name);
        product.variants.iter_mut().for_each(|variant| variant.price = Amount(price));
        products.push(product);
    }
    products.push(Product { created_at: long_ago(), ..lab.product("tea") });
    accepted(lab.commit(products.iter().rev().map(insert)).await)?;
    let rows: Vec<_> = products.into_iter().map(|product| FoundProduct { rank: 0, product }).collect();
    let filter = ProductFilter::default();
    check_list(&rows, async |request| {
        let page = lab.store.list_products(&filter, request).await?;
        Ok(page.map(|product| FoundProduct { rank: 0, product }))
    })
    .await
}

pub(super) async fn categories_are_paged(mut lab: Lab) -> CaseResult {
    let mut categories = Vec::new();
    for (name, position) in [("b", 0), ("B", 0), ("á", 0), ("c", -1), ("a", i64::MAX), ("z", i64::MIN), ("y", 2)] {
        categories.push(Category { position, ..lab.category(name, None) });
    }
    accepted(lab.commit(categories.iter().rev().map(insert)).await)?;
    check_list(&categories, async |request| lab.store.list_categories(request).await).await
}
