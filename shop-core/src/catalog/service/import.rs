//! Products out of the rows of a table.

use super::Catalog;
use crate::actor::Actor;
use crate::catalog::import::{read, slug_of};
use crate::catalog::{Product, ProductInput, ProductView};
use crate::error::{Error, Result};
use crate::field::Field;
use crate::id::CategoryId;
use crate::import::{CellError, Cells, Imported};

/// How often a product is read anew that others change at the same time.
const ATTEMPTS: u32 = 10;

impl Catalog<'_> {
    /// Makes or changes the one product that some rows speak of (see [`PRODUCT_COLUMNS`](crate::catalog::PRODUCT_COLUMNS)):
    /// the one that has a sku of theirs, else the one with their slug (or the slug that their name makes), else a new one.
    ///
    /// A cell says what is to be; a blank one clears `description`, `category`, `compare_at_price` and `barcode` and says
    /// nothing else, as does a column that is not there. A variant that no row speaks of stays as it is, and so does the
    /// stock of a product that was there. Importing the same rows again changes nothing.
    ///
    /// # Errors
    /// Those of [`Actor::require_staff`], and of the storage. What is wrong with the rows is no error but
    /// [`Imported::Refused`].
    pub async fn import_product(&self, actor: &Actor, rows: &[Cells]) -> Result<Imported> {
        actor.require_staff()?;
        for _ in 1..ATTEMPTS {
            match self.import_once(actor, rows).await {
                // Somebody has changed the product since it was read.
                Err(Error::VersionMismatch) => {}
                done => return done,
            }
        }
        self.import_once(actor, rows).await
    }

    async fn import_once(&self, actor: &Actor, rows: &[Cells]) -> Result<Imported> {
        let (stored, mut wrong) = self.stored(rows).await?;
        let category = match self.category_of_rows(rows).await? {
            Ok(category) => category,
            Err(cell) => {
                wrong.push(cell);
                Field::Missing
            }
        };
        let product = match read(rows, stored.as_ref(), category) {
            Ok(product) if wrong.is_empty() => product,
            Ok(_) => return Ok(Imported::Refused(wrong)),
            Err(cells) => {
                wrong.extend(cells);
                return Ok(Imported::Refused(wrong));
            }
        };
        match (self.write(actor, stored.as_ref(), product.input.clone()).await, stored) {
            (Ok(view), Some(stored)) if view.product.version == stored.version => Ok(Imported::Unchanged),
            (Ok(_), Some(_)) => Ok(Imported::Changed),
            (Ok(_), None) => Ok(Imported::Created),
            (Err(error), _) => product.refused(error),
        }
    }

    async fn write(&self, actor: &Actor, stored: Option<&Product>, input: ProductInput) -> Result<ProductView> {
        match stored {
            // What was read is what the rows were compared with.
            Some(stored) => self.update_product(actor, stored.id, input, Some(stored.version)).await,
            None => self.create_product(actor, input).await,
        }
    }

    /// The product that rows speak of, and the skus that are another one's.
    async fn stored(&self, rows: &[Cells]) -> Result<(Option<Product>, Vec<CellError>)> {
        let store = self.shop.store();
        let mut found: Option<Product> = None;
        let mut wrong = Vec::new();
        for (row, cells) in rows.iter().enumerate() {
            let Some(sku) = cells.get("sku") else { continue };
            match (store.product_by_sku(sku.trim()).await?, &found) {
                (Some(product), None) => found = Some(product),
                (Some(product), Some(known)) if product.id != known.id => {
                    let why = format!("This sku belongs to the product {}.", product.slug);
                    wrong.push(CellError { row, column: "sku".to_owned(), why });
                }
                _ => {}
            }
        }
        if found.is_none()
            && let Some(slug) = slug_of(rows)
        {
            found = store.product_by_slug(&slug).await?;
        }
        Ok((found, wrong))
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
