//! Products out of the rows of a table.

use super::Catalog;
use super::products::NewStock;
use crate::actor::Actor;
use crate::catalog::import::{ImportTarget, ProductOfRows, given_slug, name, read, skus};
use crate::catalog::operations::{Mode, product_fields};
use crate::catalog::{Product, ProductStatus};
use crate::error::{Error, Result};
use crate::field::Field;
use crate::id::CategoryId;
use crate::import::{CellError, Cells, Imported};

/// How often a product is read again that others change at the same time.
const ATTEMPTS: u32 = 10;

/// Which slugs are not to be derived from a name: see [`Catalog::import_product`].
pub type ReservedSlugs<'a> = &'a (dyn Fn(&str) -> bool + Sync);

impl Catalog<'_> {
    /// Makes or changes the one product that some rows speak of (see [`PRODUCT_COLUMNS`](crate::catalog::PRODUCT_COLUMNS)):
    /// the one that has a sku of theirs, else the one with the slug that they give, else (when they give none) the one with
    /// exactly their name, else a new one. A slug that is derived from a name finds nothing: that of a new product gets a
    /// number when it is taken, and is none of the `reserved` ones, those that other rows of the table give.
    ///
    /// A cell says what is to be; a blank one clears `description`, `category`, `compare_at_price` and `barcode` and says
    /// nothing else, as does a column that is not there. A variant that no row speaks of stays as it is, and so does the
    /// stock of a variant that was there. Importing the same rows again changes nothing.
    ///
    /// # Errors
    /// Those of [`Actor::require_staff`], and of the storage. What is wrong with the rows is no error but
    /// [`Imported::Refused`].
    pub async fn import_product(&self, actor: &Actor, rows: &[Cells], reserved: ReservedSlugs<'_>) -> Result<Imported> {
        let target = self.find_imported(actor, rows).await?;
        self.import_found(actor, rows, target, reserved).await
    }

    /// What is stored of the product that some rows speak of. Who imports several products at the same time sees from its
    /// [keys](ImportTarget::keys) which of them must wait for another.
    ///
    /// # Errors
    /// Those of [`Actor::require_staff`], and of the storage.
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

    /// As [`Catalog::import_product`], with what [`Catalog::find_imported`] has just found.
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
                // Somebody has changed the product since it was read.
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
            && !product.input.status.is_said()
        {
            let why = "The product was deleted: give the status active or draft to bring it back.".to_owned();
            wrong.push(CellError { row: 0, column: "status".to_owned(), why });
        }
        if !wrong.is_empty() {
            return self.all_refused(&product, stored.as_ref(), wrong);
        }
        let input = product.input.clone();
        let written = match &stored {
            // What was read is what the rows were compared with.
            Some(stored) => {
                let how = (Mode::Merge, NewStock::Booked);
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

    /// The refusal of rows that are wrong in themselves, with what else is wrong with their cells.
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
