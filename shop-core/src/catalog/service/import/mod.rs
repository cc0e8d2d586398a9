//! The import of products from table rows.

use super::Catalog;
use super::products::NewStock;
use crate::actor::Actor;
use crate::catalog::import::{ImportTarget, ProductOfRows, given_slug, name, read, skus};
use crate::catalog::operations::{Mode, product_fields};
use crate::cells::{CellError, Cells, Imported};
use crate::error::{Error, Result};
use crate::field::Field;
use crate::id::CategoryId;
use crate::model::catalog::{Product, ProductStatus};

/// The maximum number of attempts to import a product that others change concurrently.
const ATTEMPTS: u32 = 10;

/// Returns which slugs must not be derived from a name; see [`Catalog::import_product`].
pub type ReservedSlugs<'a> = &'a (dyn Fn(&str) -> bool + Sync);

impl Catalog<'_> {
    /// Creates or changes the product that some rows describe (see
    /// [`PRODUCT_COLUMNS`](crate::catalog::PRODUCT_COLUMNS)). The rows must all describe the same product. It is found
    /// by their SKUs, else by the given slug, else (without a slug) by its exact name; otherwise it is created. A slug
    /// derived from the name is not used to find a product: a new product gets a number appended if its slug is taken,
    /// and never one of the `reserved` slugs, which other rows of the table give.
    ///
    /// A cell sets a value. A blank cell clears `description`, `category`, `compare_at_price` and `barcode`; any other
    /// blank cell, and a missing column, changes nothing. Variants without a row stay as they are, and so does the
    /// stock of variants that already exist. Importing the same rows again changes nothing.
    ///
    /// # Errors
    /// Those of [`Actor::require_staff`] and of the store. Invalid rows are not an error but [`Imported::Refused`].
    pub async fn import_product(&self, actor: &Actor, rows: &[Cells], reserved: ReservedSlugs<'_>) -> Result<Imported> {
        let target = self.find_imported(actor, rows).await?;
        self.import_found(actor, rows, target, reserved).await
    }

    /// Finds the stored product that some rows describe. A caller that imports several products concurrently learns
    /// from the [keys](ImportTarget::keys) of the result which imports must wait for others.
    ///
    /// # Errors
    /// Those of [`Actor::require_staff`] and of the store.
    pub async fn find_imported(&self, actor: &Actor, rows: &[Cells]) -> Result<ImportTarget> {
        actor.require_staff()?;
        let store = self.shop.store();
        let all: Vec<String> = skus(rows).map(str::to_owned).collect();
        let products = if all.is_empty() { Vec::new() } else { store.products_by_skus(&all).await? };
        let mut stored: Option<&Product> = None;
        let mut wrong = Vec::new();
        for (row, cells) in rows.iter().enumerate() {
            let Some(sku) = cells.get("sku").map(str::trim) else { continue };
            let owner = products.iter().find(|product| product.variants.iter().any(|variant| variant.sku == sku));
            match (owner, stored) {
                (Some(product), Some(known)) if product.id != known.id => {
                    let why = format!("This sku belongs to the product {}.", product.slug);
                    wrong.push(CellError { row, column: "sku".to_owned(), why });
                }
                (owner, None) => stored = owner,
                _ => {}
            }
        }
        let mut stored = stored.cloned();
        match rows.first().map(|first| (given_slug(first), name(first))) {
            Some((Some(slug), _)) if stored.is_none() => stored = store.product_by_slug(slug).await?,
            Some((None, Some(name))) if stored.is_none() => {
                let mut named = store.products_by_name(&name).await?.into_iter();
                stored = named.next();
                if named.next().is_some_and(|other| other.status != ProductStatus::Archived) {
                    let why = "Several products have this name: give the slug or a sku.".to_owned();
                    wrong.push(CellError { row: 0, column: "name".to_owned(), why });
                }
            }
            _ => {}
        }
        Ok(ImportTarget { stored, wrong })
    }

    /// Imports rows as [`Catalog::import_product`] does, with a target that [`Catalog::find_imported`] just returned.
    ///
    /// # Errors
    /// As [`Catalog::import_product`].
    pub async fn import_found(
        &self,
        actor: &Actor,
        rows: &[Cells],
        mut target: ImportTarget,
        reserved: ReservedSlugs<'_>,
    ) -> Result<Imported> {
        actor.require_staff()?;
        for _ in 1..ATTEMPTS {
            match self.import_once(actor, rows, target, reserved).await {
                // The product was changed since it was read.
                Err(Error::VersionMismatch) => target = self.find_imported(actor, rows).await?,
                done => return done,
            }
        }
        self.import_once(actor, rows, target, reserved).await
    }

    async fn import_once(
        &self,
        actor: &Actor,
        rows: &[Cells],
        target: ImportTarget,
        reserved: ReservedSlugs<'_>,
    ) -> Result<Imported> {
        let ImportTarget { stored, mut wrong } = target;
        let category = match self.category_of_rows(rows).await? {
            Ok(category) => category,
            Err(cell) => {
                wrong.push(cell);
                Field::Missing
            }
        };
        let (product, cells) = read(rows, stored.as_ref(), category);
        wrong.extend(cells);
        if stored.as_ref().is_some_and(|stored| stored.status == ProductStatus::Archived)
            && !product.input.status.is_present()
        {
            let why = "The product was deleted: give the status active or draft to bring it back.".to_owned();
            wrong.push(CellError { row: 0, column: "status".to_owned(), why });
        }
        if !wrong.is_empty() {
            return self.all_refused(&product, stored.as_ref(), wrong);
        }
        let input = product.input.clone();
        let written = match &stored {
            // The rows were compared with this version.
            Some(stored) => {
                let how = (Mode::Merge, NewStock::Recorded);
                self.change(actor, stored.id, input, Some(stored.version), how).await
            }
            None => self.create(actor, input, reserved).await,
        };
        match (written, stored) {
            (Ok(view), Some(stored)) if view.product.version == stored.version => Ok(Imported::Unchanged),
            (Ok(_), Some(_)) => Ok(Imported::Changed),
            (Ok(_), None) => Ok(Imported::Created),
            (Err(error), _) => product.refused(error),
        }
    }

    /// Refuses invalid rows, and adds the other problems of their cells.
    fn all_refused(
        self,
        product: &ProductOfRows,
        stored: Option<&Product>,
        mut wrong: Vec<CellError>,
    ) -> Result<Imported> {
        let mode = if stored.is_some() { Mode::Merge } else { Mode::Create };
        if let Err(error) = product_fields(product.input.clone(), mode, self.shop.settings().currency)
            && let Imported::Refused(cells) = product.refused(error)?
        {
            wrong.extend(cells);
        }
        Ok(Imported::Refused(wrong))
    }

    async fn category_of_rows(&self, rows: &[Cells]) -> Result<Result<Field<CategoryId>, CellError>> {
        let Some(first) = rows.first() else { return Ok(Ok(Field::Missing)) };
        let slug = match first.clearing("category") {
            Field::Given(slug) => slug,
            field => return Ok(Ok(if field == Field::Null { Field::Null } else { Field::Missing })),
        };
        let found = self.shop.store().category_by_slug(slug.trim()).await?;
        Ok(found.map(|category| category.id.into()).ok_or_else(|| {
            let why = "There is no such category.".to_owned();
            CellError { row: 0, column: "category".to_owned(), why }
        }))
    }
}

#[cfg(test)]
mod tests;
