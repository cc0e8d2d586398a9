//! Products with their variants and search words, and the category tree.

use std::sync::LazyLock;

use shop_core::batch::{Change, Conflict, Entity, Unique};
use shop_core::catalog::{CatalogWrite, Category, Product};
use shop_core::row::Row as _;
use sqlx::postgres::PgArguments;
use uuid::Uuid;

use super::change::WriteRow;
use super::effects::{Effects, Related};
use super::statement_runner::{ApplyError, ApplyResult, StatementRunner};
use super::table::{children_of, row_of};
use super::tables::{Operation, TableId};
use super::value::{RowValues, bind};
use crate::catalog::search_words;

impl WriteRow for Category {
    fn effects<'b, E: Effects<'b>>(change: &'b Change<Self>, to: &mut E) -> Result<(), E::Stop> {
        if let Change::Delete { id, .. } = change {
            to.also(Related::Category(*id));
        }
        Ok(())
    }

    async fn apply(runner: &mut StatementRunner<'_>, change: &Change<Self>) -> ApplyResult {
        match change {
            Change::Delete { id, version } => delete_category(runner, *id, *version).await,
            _ => runner.change(change).await,
        }
    }
}

impl WriteRow for Product {
    fn row(&self) -> RowValues {
        let mut row = row_of(self);
        row.text(search_words(self));
        row
    }

    fn effects<'b, E: Effects<'b>>(change: &'b Change<Self>, to: &mut E) -> Result<(), E::Stop> {
        let (product, operation) = match change {
            Change::Insert(product) => (product, Operation::Insert),
            Change::Update(product) => {
                to.also(Related::Renamed(&product.variants));
                (product, Operation::Put)
            }
            Change::Delete { .. } => return Ok(()),
        };
        to.grouped(operation.on(TableId::Variant), || children_of(product))
    }

    async fn apply(runner: &mut StatementRunner<'_>, change: &Change<Self>) -> ApplyResult {
        match change {
            Change::Insert(product) => {
                runner.touched.products.insert(product.id.0);
                insert_product(runner, change, product).await
            }
            Change::Update(product) => {
                runner.touched.products.insert(product.id.0);
                update_product(runner, change, product).await
            }
            Change::Delete { .. } => runner.change(change).await,
        }
    }
}

/// The effects of a write of the catalog.
pub(super) fn effects<'b, E: Effects<'b>>(write: &CatalogWrite, to: &mut E) -> Result<(), E::Stop> {
    match write {
        // It is written with its product, which is locked.
        CatalogWrite::PricePeriod(period) => to.put(period),
        CatalogWrite::Uses(delta) => to.uses(delta),
        CatalogWrite::ForgetPrices { .. } => to.unbatchable(),
        CatalogWrite::ReshapeTree { .. } => {
            to.also(Related::Tree);
            to.unbatchable()
        }
    }
}

/// Applies a write of the catalog that is not only a row.
pub(super) async fn apply(runner: &mut StatementRunner<'_>, write: &CatalogWrite) -> ApplyResult {
    match write {
        CatalogWrite::PricePeriod(_) | CatalogWrite::Uses(_) => Ok(()),
        CatalogWrite::ForgetPrices { ended_before } => {
            // Rows that another transaction has locked are left for the next time.
            let sql = "DELETE FROM price_history WHERE (variant_id, version) IN
                (SELECT variant_id, version FROM price_history WHERE ends_at < $1 FOR UPDATE SKIP LOCKED)";
            runner.execute(sql, (*ended_before,)).await?;
            Ok(())
        }
        CatalogWrite::ReshapeTree { from } => {
            let sql = "UPDATE category_tree SET version = version + 1 WHERE one AND version = $1";
            runner.guarded(sql, (*from,), Conflict::Stale(Entity::CategoryTree, Uuid::nil())).await?;
            touch_products(runner);
            Ok(())
        }
    }
}

/// Notes that lists by category changed, whichever products they contain.
fn touch_products(runner: &mut StatementRunner<'_>) {
    runner.counts(Product::TABLE.name, <[String; 3]>::default(), 0);
}

/// The ids and SKUs of a product's variants.
fn ids_and_skus(product: &Product) -> (Vec<Uuid>, Vec<String>) {
    product.variants.iter().map(|variant| (variant.id.0, variant.sku.clone())).unzip()
}

async fn insert_product(runner: &mut StatementRunner<'_>, change: &Change<Product>, product: &Product) -> ApplyResult {
    match runner.change(change).await {
        // Checked first: see the order of the unique keys of `Product`.
        Err(ApplyError::Conflict(Conflict::Exists(Unique::ProductSlug))) if others_variant(runner, product).await? => {
            return Err(Conflict::Exists(Unique::OtherId).into());
        }
        done => done?,
    }
    judge_variants(runner, product).await?;
    match runner.run(Operation::Insert.on(TableId::Variant), children_of(product).collect()).await? {
        0 => Ok(()),
        // Taken since they were checked, or twice in this product.
        _ => Err(named_twice(product).unwrap_or(ApplyError::Again)),
    }
}

async fn update_product(runner: &mut StatementRunner<'_>, change: &Change<Product>, product: &Product) -> ApplyResult {
    match runner.judge(change).await {
        Err(ApplyError::Conflict(Conflict::Exists(Unique::ProductSlug))) if others_variant(runner, product).await? => {
            return Err(Conflict::Exists(Unique::OtherId).into());
        }
        done => done?,
    }
    judge_variants(runner, product).await?;
    if let Some(twice) = named_twice(product) {
        return Err(twice);
    }
    runner.change(change).await?;
    let (ids, skus) = ids_and_skus(product);
    // Two variants may swap their SKUs. So every variant whose SKU changes first gets a temporary SKU that no variant
    // can have.
    let aside =
        "UPDATE variants SET sku = chr(1) || variants.id::text FROM unnest($1::uuid[], $2::text[]) AS new (id, sku)
        WHERE variants.id = new.id AND variants.sku <> new.sku";
    runner.execute(aside, (ids.clone(), skus.clone())).await?;
    put_variants(runner, product).await?;
    // Their stock levels must be found by the new SKU.
    let levels = "UPDATE stock_levels SET sku = new.sku FROM unnest($1::uuid[], $2::text[]) AS new (id, sku)
        WHERE stock_levels.variant_id = new.id AND stock_levels.sku <> new.sku";
    runner.execute(levels, (ids, skus)).await?;
    Ok(())
}

/// Inserts new variants and updates existing ones.
async fn put_variants(runner: &mut StatementRunner<'_>, product: &Product) -> ApplyResult {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        let table = TableId::Variant.table();
        format!(
            "INSERT INTO variants ({}) SELECT {} FROM {} ON CONFLICT (id) DO UPDATE SET {}",
            table.names(""),
            table.stored(),
            table.given(),
            table.assignments("excluded")
        )
    });
    let rows: Vec<RowValues> = children_of(product).collect();
    let mut arguments = PgArguments::default();
    bind(&mut arguments, &TableId::Variant.table().kinds, &rows.iter())?;
    runner.session.execute(SQL.as_str(), arguments).await?;
    Ok(())
}

/// True if one of the variants belongs to another product.
async fn others_variant(runner: &mut StatementRunner<'_>, product: &Product) -> Result<bool, ApplyError> {
    let (ids, _) = ids_and_skus(product);
    runner.exists("SELECT 1 FROM variants WHERE id = ANY ($1) AND product_id <> $2", (ids, product.id.0)).await
}

/// Checks that no variant belongs to another product or has another variant's SKU.
async fn judge_variants(runner: &mut StatementRunner<'_>, product: &Product) -> ApplyResult {
    if others_variant(runner, product).await? {
        return Err(Conflict::Exists(Unique::OtherId).into());
    }
    let (ids, skus) = ids_and_skus(product);
    let taken = "SELECT 1 FROM variants WHERE sku = ANY ($1) AND NOT (product_id = $2 AND id = ANY ($3))";
    if runner.exists(taken, (skus, product.id.0, ids)).await? {
        return Err(Conflict::Exists(Unique::VariantSku).into());
    }
    Ok(())
}

/// The conflict of a product that names an id or a SKU twice.
fn named_twice(product: &Product) -> Option<ApplyError> {
    let mut ids = std::collections::BTreeSet::new();
    let mut skus = std::collections::BTreeSet::new();
    product.variants.iter().find_map(|variant| {
        let unique = match (ids.insert(variant.id), skus.insert(&variant.sku)) {
            (false, _) => Unique::OtherId,
            (true, false) => Unique::VariantSku,
            (true, true) => return None,
        };
        Some(Conflict::Exists(unique).into())
    })
}

async fn delete_category(runner: &mut StatementRunner<'_>, category: Uuid, version: i64) -> ApplyResult {
    let sql = "UPDATE categories SET parent_id = gone.parent_id, version = categories.version + 1
        FROM categories AS gone WHERE gone.id = $1 AND gone.version = $2 AND categories.parent_id = $1";
    runner.execute(sql, (category, version)).await?;
    runner.change(&Change::<Category>::Delete { id: category, version }).await?;
    let products = "UPDATE products SET category_id = NULL, version = version + 1 WHERE category_id = $1 RETURNING id";
    let products = runner.ids(products, (category,)).await?;
    runner.touched.products.extend(products);
    touch_products(runner);
    Ok(())
}
