//! Decisions about products.

use serde_json::json;

use super::Mode;
use super::check::ProductFields;
use super::variants::merge;
use crate::batch::{Batch, CatalogWrite, Change, InventoryWrite};
use crate::catalog::ProductView;
use crate::catalog::price_history::{next_periods, set_lowest_prices};
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::id::LocationId;
use crate::model::catalog::{PricePeriod, Product, ProductStatus, Variant};
use crate::model::inventory::{Movement, MovementReason, StockLevel};
use crate::model::outbox::EventKind;
use crate::money::Currency;
use crate::validate::slugify;

/// Builds a new product from the fields, or applies them to the stored one. `slug` is a free slug for a new product
/// without one.
///
/// # Errors
/// [`Error::Invalid`] for invalid variants; [`Error::AlreadyExists`] for a SKU that another variant of the product has;
/// [`Error::InvalidTransition`] when the shop's currency changed and only some prices are given in the new one.
pub(crate) fn build(
    stored: Option<&Product>,
    fields: &ProductFields,
    slug: Option<String>,
    mode: Mode,
    currency: Currency,
    context: &mut DecisionContext,
) -> Result<Product> {
    let name = fields.name.as_deref().or(stored.map(|product| product.name.as_str())).unwrap_or_default();
    let options = fields.options.as_deref().or(stored.map(|product| product.options.as_slice())).unwrap_or_default();
    let variants = merge(stored, fields, name, options, mode, context)?;
    let slug = fields.slug.clone().or_else(|| stored.map(|product| product.slug.clone())).or(slug);
    let currency = match stored {
        Some(product) if product.currency != currency => recurrent(product, fields, currency)?,
        _ => currency,
    };
    Ok(Product {
        id: stored.map_or_else(|| context.id(), |product| product.id),
        slug: slug.unwrap_or_default(),
        name: name.to_owned(),
        description: take(fields.description.as_ref(), stored.map(|product| &product.description)),
        status: fields.status.or(stored.map(|product| product.status)).unwrap_or(ProductStatus::Active),
        category_id: fields.category_id.unwrap_or_else(|| stored.and_then(|product| product.category_id)),
        currency,
        options: options.to_vec(),
        images: take(fields.images.as_ref(), stored.map(|product| &product.images)),
        attributes: take(fields.attributes.as_ref(), stored.map(|product| &product.attributes)),
        variants,
        created_at: stored.map_or_else(|| context.now(), |product| product.created_at),
        updated_at: stored.map_or_else(|| context.now(), |product| product.updated_at),
        version: stored.map_or(1, |product| product.version),
    })
}

fn take<T: Clone + Default>(given: Option<&T>, stored: Option<&T>) -> T {
    given.or(stored).cloned().unwrap_or_default()
}

/// Chooses the currency of a product that is priced in another one: given prices are in the shop's current currency.
fn recurrent(product: &Product, fields: &ProductFields, currency: Currency) -> Result<Currency> {
    let listed = fields.variants.as_deref().unwrap_or_default();
    let any = fields.single.price.is_some() || listed.iter().any(|variant| variant.price.is_some());
    let all = match listed {
        [] => fields.single.price.is_some(),
        [only] => only.price.or(fields.single.price).is_some(),
        several => several.iter().all(|variant| variant.price.is_some()),
    };
    match (any, all) {
        (false, _) => Ok(product.currency),
        (true, true) => Ok(currency),
        (true, false) => Err(Error::transition(format!(
            "This product is priced in {}; give the prices of all its variants in {currency}.",
            product.currency
        ))),
    }
}

/// The candidates for the slug of a product that is created without one; the first free one is used.
pub(crate) fn derived_slugs(name: &str) -> impl Iterator<Item = String> {
    let base = slug_base(name);
    (1..10_u32).map(move |number| if number == 1 { base.clone() } else { format!("{base}-{number}") })
}

/// The slug of a name with a number at the end.
pub(crate) fn numbered_slug(name: &str, number: u32) -> String {
    format!("{}-{number}", slug_base(name))
}

fn slug_base(name: &str) -> String {
    let mut base = slugify(name, "product");
    // Leave room for a number at the end.
    base.truncate(80);
    base.truncate(base.trim_end_matches('-').len());
    base
}

/// Writes a new product, with the initial stock of its variants at one location.
pub(crate) fn write_new(
    batch: &mut Batch,
    context: &mut DecisionContext,
    mut product: Product,
    fields: &ProductFields,
    place: LocationId,
) -> ProductView {
    set_lowest_prices(None, &mut product, &[], context.now());
    batch.write(Change::Insert(product.clone()));
    write_prices(batch, context, None, &product, &[]);
    let mut levels = Vec::with_capacity(product.variants.len());
    let listed = fields.variants.as_deref().unwrap_or_default();
    for (index, variant) in product.variants.iter().enumerate() {
        let alone = if product.variants.len() == 1 { fields.single.stock } else { None };
        let stock = listed.get(index).and_then(|fields| fields.stock).or(alone).unwrap_or_default();
        levels.push(open_level(batch, context, &product, variant, place, stock));
    }
    emit_event(batch, context, EventKind::ProductCreated, &product);
    ProductView::new(product, &levels)
}

/// The stored rows of a product's variants.
pub(crate) struct StoredVariants {
    /// The stock levels of all variants.
    pub(crate) levels: Vec<StockLevel>,
    /// The price periods of the variants that [`needs_history`](crate::catalog::price_history::needs_history) returned.
    pub(crate) history: Vec<PricePeriod>,
}

/// Writes a changed product; an unchanged one is not written. New variants get a stock level at the given location,
/// with the initial stock from `fields`.
pub(crate) fn write_changed(
    batch: &mut Batch,
    context: &mut DecisionContext,
    stored: &Product,
    mut product: Product,
    StoredVariants { mut levels, history }: StoredVariants,
    (place, fields): (LocationId, Option<&ProductFields>),
) -> ProductView {
    set_lowest_prices(Some(stored), &mut product, &history, context.now());
    if product == *stored {
        return ProductView::new(product, &levels);
    }
    product.version = stored.version + 1;
    product.updated_at = context.now();
    batch.write(Change::Update(product.clone()));
    write_prices(batch, context, Some(stored), &product, &history);
    let listed = fields.and_then(|fields| fields.variants.as_deref()).unwrap_or_default();
    for (index, variant) in product.variants.iter().enumerate() {
        if stored.variant(variant.id).is_none() {
            let stock = listed.get(index).and_then(|fields| fields.stock).unwrap_or_default();
            levels.push(open_level(batch, context, &product, variant, place, stock));
        }
    }
    let gone = product.status == ProductStatus::Archived && stored.status != ProductStatus::Archived;
    let kind = if gone { EventKind::ProductDeleted } else { EventKind::ProductUpdated };
    emit_event(batch, context, kind, &product);
    ProductView::new(product, &levels)
}

/// Returns the product with the status archived; `None` when it already is.
pub(crate) fn archived(product: &Product) -> Option<Product> {
    let is_in = product.status != ProductStatus::Archived;
    is_in.then(|| Product { status: ProductStatus::Archived, ..product.clone() })
}

/// Writes that a product was archived.
pub(crate) fn archive(
    batch: &mut Batch,
    context: &mut DecisionContext,
    product: &Product,
    mut archived: Product,
    history: &[PricePeriod],
) {
    set_lowest_prices(Some(product), &mut archived, history, context.now());
    archived.version = product.version + 1;
    archived.updated_at = context.now();
    write_prices(batch, context, Some(product), &archived, history);
    emit_event(batch, context, EventKind::ProductDeleted, &archived);
    batch.write(Change::Update(archived));
}

fn write_prices(
    batch: &mut Batch,
    context: &DecisionContext,
    stored: Option<&Product>,
    product: &Product,
    history: &[PricePeriod],
) {
    for period in next_periods(stored, product, history, context.now()) {
        batch.write(CatalogWrite::PricePeriod(period));
    }
}

/// Creates a tracked stock level for a new variant, and records its initial stock as received.
fn open_level(
    batch: &mut Batch,
    context: &mut DecisionContext,
    product: &Product,
    variant: &Variant,
    location_id: LocationId,
    stock: i64,
) -> StockLevel {
    let level = StockLevel {
        variant_id: variant.id,
        product_id: product.id,
        sku: variant.sku.clone(),
        location_id,
        on_hand: stock,
        reserved: 0,
        backordered: 0,
        low_stock_threshold: 0,
        tracked: true,
        backorder: false,
    };
    batch.write(InventoryWrite::InsertLevel(level.clone()));
    if stock != 0 {
        batch.write(InventoryWrite::Movement(Movement {
            id: context.id(),
            variant_id: variant.id,
            sku: variant.sku.clone(),
            location_id,
            delta: stock,
            reason: MovementReason::Received,
            note: "Initial stock".to_owned(),
            order_id: None,
            created_at: context.now(),
        }));
    }
    level
}

fn emit_event(batch: &mut Batch, context: &mut DecisionContext, kind: EventKind, product: &Product) {
    let data = json!({
        "id": product.id,
        "slug": product.slug,
        "name": product.name,
        "status": product.status,
        "price": product.currency.format_amount(product.lowest_price()),
        "currency": product.currency,
        "version": product.version,
    });
    batch.event(context, kind, product.id, data);
}
