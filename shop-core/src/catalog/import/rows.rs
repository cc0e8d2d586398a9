//! The rows of one product: gathered within bounds, and what they may meet in the shop.

use super::{OF_PRODUCT, Product};
use crate::catalog::operations::{MAX_IMAGES, MAX_VARIANTS, derived_slugs};
use crate::import::{CellError, Cells};
use crate::validate;

/// A product has at most so many rows: one for each variant, and one for each image.
const MAX_ROWS: usize = MAX_VARIANTS + MAX_IMAGES;
/// The most that the rows of one product hold together, in bytes: as much as the body of a request.
const MAX_SIZE: usize = 1024 * 1024;

/// The rows of one product, as they are gathered from a table. What a row repeats of the first is not kept, and neither
/// is more than a product can have.
#[derive(Debug, Clone, Default)]
pub struct ProductRows {
    rows: Vec<Cells>,
    size: usize,
}

impl ProductRows {
    /// Adds a row. False when it repeats the first and says nothing else; then it is not kept.
    ///
    /// # Errors
    /// Why the product cannot have this row.
    pub fn push(&mut self, mut row: Cells) -> Result<bool, String> {
        if let Some(first) = self.rows.first() {
            row.drop_repeated(first, &OF_PRODUCT);
            row.drop_repeated(first, &["images"]);
            if row.is_blank() {
                return Ok(false);
            }
        }
        if self.rows.len() == MAX_ROWS {
            return Err(format!("A product has at most {MAX_VARIANTS} variants and {MAX_IMAGES} images."));
        }
        self.size += row.size();
        if self.size > MAX_SIZE {
            return Err(format!("The rows of this product have more than {MAX_SIZE} bytes."));
        }
        self.rows.push(row);
        Ok(true)
    }

    /// The rows that were kept.
    #[must_use]
    pub fn into_rows(self) -> Vec<Cells> {
        self.rows
    }
}

/// The stored product that some rows speak of, as far as there is one; see
/// [`Catalog::find_imported`](crate::catalog::Catalog::find_imported).
#[derive(Debug, Clone)]
pub struct ImportTarget {
    /// The stored product.
    pub(in crate::catalog) stored: Option<Product>,
    /// The cells that speak of other products.
    pub(in crate::catalog) wrong: Vec<CellError>,
}

impl ImportTarget {
    /// What the import of these rows may read or write, as names. The imports of rows that share a name must be made in
    /// the order of the rows; others can be made at the same time.
    #[must_use]
    pub fn keys(&self, rows: &[Cells]) -> Vec<String> {
        let mut keys: Vec<String> = skus(rows).map(|sku| format!("sku {sku}")).collect();
        let slug = |slug: &str| format!("slug {slug}");
        let (given, name) = rows.first().map_or((None, None), |first| (given_slug(first), name(first)));
        keys.extend(given.map(slug));
        if let Some(name) = &name {
            keys.push(format!("name {name}"));
        }
        match (&self.stored, given, &name) {
            (Some(stored), ..) => {
                keys.extend([format!("product {}", stored.id), format!("name {}", stored.name), slug(&stored.slug)]);
            }
            (None, None, Some(name)) => keys.extend(derived_slugs(name).map(|derived| slug(&derived))),
            _ => {}
        }
        keys
    }
}

/// The skus of rows.
pub(in crate::catalog) fn skus(rows: &[Cells]) -> impl Iterator<Item = &str> {
    rows.iter().filter_map(|row| row.get("sku")).map(str::trim)
}

/// The slug that a row gives.
#[must_use]
pub fn given_slug(row: &Cells) -> Option<&str> {
    row.get("slug").map(str::trim)
}

/// The name that a row gives, as it is stored; `None` when it is none.
pub(in crate::catalog) fn name(row: &Cells) -> Option<String> {
    validate::text(1, 255)(row.get("name")?.to_owned()).ok()
}
