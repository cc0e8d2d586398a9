//! Imports of table rows, as a spreadsheet holds them.
//!
//! A row is a [`Cells`]. Each import documents its columns
//! ([`Catalog::import_product`](crate::catalog::Catalog::import_product),
//! [`Inventory::import_stock`](crate::inventory::Inventory::import_stock)). The caller reads the table (its file,
//! separators and header line), makes one call per product or stock level, and gets every invalid cell reported. To try
//! a whole table without writing, make the calls on a [`DryRun`].

use std::sync::Arc;

use crate::actor::Actor;
use crate::batch::{Batch, Change, InventoryWrite, RowWrite, Write};
use crate::catalog::{ReservedSlugs, derived_slugs, given_slug};
use crate::error::{Error, Result};
use crate::idempotency::IdempotencyKey;
use crate::model::catalog::{Category, Product};
use crate::shop::Shop;
use crate::store::{CommitError, Store};

pub use crate::cells::{CellError, Cells, Imported};

/// An import into a copy, so that each row is checked against the shop as the previous rows would have left it.
///
/// Before each call it copies what the rows refer to into a scratch store, unless it is there already, and then makes
/// the same call there. The shop itself is only read.
#[derive(Debug, Clone)]
pub struct DryRun {
    shop: Shop,
    copy: Shop,
}

impl DryRun {
    /// Starts a dry run on an empty store, which must be discarded afterwards.
    ///
    /// # Errors
    /// Those of the two stores.
    pub async fn new(shop: &Shop, scratch: Arc<dyn Store>) -> Result<Self> {
        let run = Self { shop: shop.clone(), copy: shop.over(scratch) };
        let locations = shop.store().locations().await?;
        run.put(locations.into_iter().map(|location| RowWrite::Location(Change::Insert(location)).into())).await?;
        Ok(run)
    }

    /// See [`Catalog::import_product`](crate::catalog::Catalog::import_product).
    ///
    /// # Errors
    /// The same as there.
    pub async fn import_product(&self, actor: &Actor, rows: &[Cells], reserved: ReservedSlugs<'_>) -> Result<Imported> {
        actor.require_staff()?;
        let store = self.shop.store();
        let skus: Vec<String> = rows.iter().filter_map(|row| row.get("sku")).map(|sku| sku.trim().to_owned()).collect();
        let mut products = store.products_by_skus(&skus).await?;
        if let Some(first) = rows.first() {
            products.extend(self.products_named(first, reserved).await?);
            if let Some(slug) = first.get("category")
                && let Some(category) = store.category_by_slug(slug.trim()).await?
            {
                self.put_category(category).await?;
            }
        }
        for product in products {
            self.put_product(product).await?;
        }
        self.copy.catalog().import_product(actor, rows, reserved).await
    }

    /// The products that a product's first row names, by slug or by name.
    async fn products_named(&self, first: &Cells, reserved: ReservedSlugs<'_>) -> Result<Vec<Product>> {
        let (store, copy) = (self.shop.store(), self.copy.store());
        if let Some(slug) = given_slug(first) {
            return Ok(store.product_by_slug(slug).await?.into_iter().collect());
        }
        let Some(name) = first.get("name").map(str::trim) else { return Ok(Vec::new()) };
        let mut products = store.products_by_name(name).await?;
        // A new product gets the first free one of these slugs; copy the products that hold those before it.
        for slug in derived_slugs(name) {
            let taken = store.product_by_slug(&slug).await?;
            let free = taken.is_none() && !reserved(&slug) && copy.product_by_slug(&slug).await?.is_none();
            products.extend(taken);
            if free {
                break;
            }
        }
        Ok(products)
    }

    /// See [`Inventory::import_stock`](crate::inventory::Inventory::import_stock).
    ///
    /// # Errors
    /// The same as there.
    pub async fn import_stock(&self, actor: &Actor, row: &Cells, key: Option<&IdempotencyKey>) -> Result<Imported> {
        actor.require_staff()?;
        if let Some(sku) = row.get("sku")
            && let Some(product) = self.shop.store().product_by_sku(sku.trim()).await?
        {
            self.put_product(product).await?;
        }
        if let Some(scope) = crate::inventory::Inventory::import_key(actor, key)
            && let Some(record) = self.shop.store().idempotency_record(&scope).await?
        {
            self.put([Write::IdempotencyRecord(record)]).await?;
        }
        self.copy.inventory().import_stock(actor, row, key).await
    }

    async fn put_product(&self, product: Product) -> Result<()> {
        let copy = self.copy.store();
        if copy.product(product.id).await?.is_some() {
            return Ok(());
        }
        if let Some(id) = product.category_id
            && copy.category(id).await?.is_none()
            && let Some(category) = self.shop.store().category(id).await?
        {
            self.put_category(category).await?;
        }
        let variants: Vec<_> = product.variants.iter().map(|variant| variant.id).collect();
        let levels = self.shop.store().stock_of(&variants).await?;
        let product = Write::from(RowWrite::Product(Change::Insert(product)));
        let levels = levels.into_iter().map(|level| InventoryWrite::InsertLevel(level).into());
        self.put([product].into_iter().chain(levels)).await
    }

    async fn put_category(&self, category: Category) -> Result<()> {
        // Its place in the tree makes no difference to its products.
        let category = Category { parent_id: None, ..category };
        self.put([RowWrite::Category(Change::Insert(category)).into()]).await
    }

    /// Writes to the copy; a conflict means that the rows are there already.
    async fn put(&self, writes: impl IntoIterator<Item = Write>) -> Result<()> {
        let mut batch = Batch::new(&mut self.copy.context());
        for write in writes {
            batch.write(write);
        }
        match self.copy.store().commit(Arc::new(batch)).await {
            Ok(()) | Err(CommitError::Conflict(_)) => Ok(()),
            Err(CommitError::Store(error)) => Err(error.into()),
            Err(CommitError::OutcomeUnknown(source)) => Err(Error::Fault(source)),
        }
    }
}
