//! Which products a search finds, and in which order.

use crate::model::catalog::{FoundProduct, Product, ProductFilter, ProductSort, ProductStatus};
use crate::page::{PageRequest, Position, Sort};
use crate::text;

use super::generic::check_list;
use super::lab::{CaseResult, Lab, accepted, check, same};
use super::rows::{insert, next, update};

/// The products that match a query, best first.
async fn search(lab: &Lab, query: &str) -> CaseResult<Vec<Product>> {
    let filter = ProductFilter { search: text::query_tokens(query), ..ProductFilter::default() };
    let order = vec![Sort { key: ProductSort::Relevance, descending: false }];
    let request = PageRequest { order, size: 100, position: Position::Number(1) };
    Ok(lab.store.list_products(&filter, &request).await?.items)
}

async fn finds(lab: &Lab, query: &str, wanted: &[&Product]) -> CaseResult {
    let names = |products: &[Product]| products.iter().map(|product| product.name.clone()).collect::<Vec<_>>();
    let found = search(lab, query).await?;
    let wanted: Vec<Product> = wanted.iter().map(|product| (*product).clone()).collect();
    check(found == wanted, format_args!("{query:?}: wanted {:?}\n  got    {:?}", names(&wanted), names(&found)))
}

pub(super) async fn all_words_match_as_prefixes(mut lab: Lab) -> CaseResult {
    let green = lab.product("Green Tea");
    let pot = Product { description: "For tea-drinkers; holds 1.5 l.".to_owned(), ..lab.product("Pot") };
    let cafe = lab.product("Crème brûlée Café");
    let tokyo = Product { description: "東京タワー".to_owned(), ..lab.product("ΣΊΣΥΦΟΣ") };
    accepted(lab.commit([&green, &pot, &cafe, &tokyo].map(insert)).await)?;
    finds(&lab, "tea", &[&green, &pot]).await?;
    finds(&lab, "TE", &[&green, &pot]).await?;
    finds(&lab, "tea green", &[&green]).await?;
    finds(&lab, "gre te", &[&green]).await?;
    finds(&lab, "pot tea", &[&pot]).await?;
    finds(&lab, "drinkers 5", &[&pot]).await?;
    finds(&lab, "green pot", &[]).await?;
    // A word's prefix matches, but not its middle, and not a longer word.
    finds(&lab, "reen", &[]).await?;
    finds(&lab, "greens", &[]).await?;
    finds(&lab, "creme BRULEE", &[&cafe]).await?;
    finds(&lab, "crèmé café", &[&cafe]).await?;
    finds(&lab, "cafe\u{301}", &[&cafe]).await?;
    finds(&lab, "σίσυφος", &[&tokyo]).await?;
    finds(&lab, "東京", &[&tokyo]).await?;
    finds(&lab, "タワー", &[]).await
}

pub(super) async fn words_are_words_and_no_syntax(mut lab: Lab) -> CaseResult {
    let named = lab.product("and or not near 100");
    let plain = lab.product("Plain");
    accepted(lab.commit([&named, &plain].map(insert)).await)?;
    for query in ["and", "OR", "not", "NEAR", "AND OR NOT", "\"and\"", "and*", "name:and", "near(or, 100)", "and -or"] {
        let wanted: &[&Product] = if query.contains("name") { &[] } else { &[&named] };
        finds(&lab, query, wanted).await?;
    }
    // The words of a filter are folded, but a store must not assume that they are free of its own syntax.
    for word in ["%", "_", "*", "\"", "'", "a\"", "or*", "^and", "plain)", "{name}", "\\"] {
        let filter = ProductFilter { search: vec![word.to_owned()], ..ProductFilter::default() };
        let page = lab.store.list_products(&filter, &PageRequest::default()).await?;
        check(page.items.is_empty(), format_args!("the word {word:?} found something"))?;
    }
    // An empty query finds everything.
    same(&search(&lab, " -- ").await?.len(), &2)
}

pub(super) async fn skus_are_found(mut lab: Lab) -> CaseResult {
    let mut tea = lab.product("Tea");
    tea.variants.iter_mut().zip(["GRN-100", "ÄB/7"]).for_each(|(variant, sku)| sku.clone_into(&mut variant.sku));
    // Archived variants too: staff search for them.
    tea.variants.iter_mut().take(1).for_each(|variant| variant.archived = true);
    accepted(lab.commit([insert(&tea)]).await)?;
    for query in ["grn", "grn-100", "100", "ab", "ÄB/7", "7 tea grn"] {
        finds(&lab, query, &[&tea]).await?;
    }
    finds(&lab, "grn100", &[]).await
}

pub(super) async fn the_field_that_matched_decides_the_rank(mut lab: Lab) -> CaseResult {
    let described = Product { description: "like green tea".to_owned(), ..lab.product("Matcha") };
    let mut by_sku = lab.product("Green");
    by_sku.variants.iter_mut().take(1).for_each(|variant| "TEA-1".clone_into(&mut variant.sku));
    // Repetition does not count, and neither does the length of the text.
    let later =
        Product { description: "green tea ".repeat(50), ..lab.product("Tea, the green one, with many more words") };
    let partly = Product { description: "tea".to_owned(), ..lab.product("Green leaves") };
    let latest = lab.product("Green tea");
    accepted(lab.commit([&latest, &partly, &later, &by_sku, &described].map(insert)).await)?;
    finds(&lab, "green tea", &[&later, &latest, &by_sku, &described, &partly]).await?;
    finds(&lab, "green", &[&by_sku, &later, &partly, &latest, &described]).await?;
    finds(&lab, "te", &[&later, &latest, &by_sku, &described, &partly]).await
}

pub(super) async fn a_changed_product_is_found_by_its_new_words(mut lab: Lab) -> CaseResult {
    let tea = lab.product("Tea");
    accepted(lab.commit([insert(&tea)]).await)?;
    let coffee = next(&tea, |product| {
        product.name = "Coffee".into();
        product.description = "black".into();
        product.status = ProductStatus::Draft;
    });
    accepted(lab.commit([update(&coffee)]).await)?;
    finds(&lab, "tea", &[]).await?;
    finds(&lab, "coffee black", &[&coffee]).await?;
    let filter =
        |status| ProductFilter { search: vec!["coffee".to_owned()], status: Some(status), ..ProductFilter::default() };
    let request = PageRequest::default();
    same(&lab.store.list_products(&filter(ProductStatus::Active), &request).await?.items, &vec![])?;
    same(&lab.store.list_products(&filter(ProductStatus::Draft), &request).await?.items, &vec![coffee])
}

pub(super) async fn what_is_found_is_paged(mut lab: Lab) -> CaseResult {
    let words = text::query_tokens("green tea");
    let mut rows = Vec::new();
    for (name, description) in [
        ("Green tea", ""),
        ("Green", "tea"),
        ("Tea green", "tea"),
        ("Pot", "green tea"),
        ("Green teapot", ""),
        ("Leaf", "tea that is green"),
    ] {
        let product = Product { description: description.to_owned(), ..lab.product(name) };
        accepted(lab.commit([insert(&product)]).await)?;
        let rank = product.search_document().rank(&words).unwrap_or_default();
        rows.push(FoundProduct { rank, product });
    }
    let other = lab.product("Green coffee");
    accepted(lab.commit([insert(&other)]).await)?;
    let filter = ProductFilter { search: words.clone(), ..ProductFilter::default() };
    check_list(&rows, async |request| {
        let page = lab.store.list_products(&filter, request).await?;
        Ok(page.map(|product| {
            let rank = product.search_document().rank(&words).unwrap_or_default();
            FoundProduct { rank, product }
        }))
    })
    .await
}
