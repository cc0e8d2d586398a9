//! The rows of one product: collecting them within limits, and finding the stored rows that they affect.

use super::{OF_PRODUCT, Product};
use crate::catalog::operations::{MAX_IMAGES, MAX_VARIANTS, derived_slugs};
use crate::cells::{CellError, Cells};
use crate::validate;

/// The maximum number of rows of one product: one per variant and one per image.
const MAX_ROWS: usize = MAX_VARIANTS + MAX_IMAGES;
/// The maximum size of the rows of one product in bytes, the same as for a request body.
const MAX_SIZE: usize = 1024 * 1024;

/// The rows of one product, collected from a table. Cells that repeat the first row are dropped, and rows beyond the
/// limits of a product are refused.
#[derive(Debug, Clone, Default)]
pub struct ProductRows {
    rows: Vec<Cells>,
    size: usize,
}

impl ProductRows {
    /// Adds a row. Returns false, and drops the row, if it only repeats the first one.
    ///
    /// # Errors
    /// The reason why the product cannot have this row.
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

/// The stored product that some rows describe, if there is one; see
/// [`Catalog::find_imported`](crate::catalog::Catalog::find_imported).
#[derive(Debug, Clone)]
pub struct ImportTarget {
    /// The stored product; `None` when the rows describe a new one.
    pub(in crate::catalog) stored: Option<Product>,
    /// The cells that refer to another product, or to several.
    pub(in crate::catalog) wrong: Vec<CellError>,
}

impl ImportTarget {
    /// The names of everything that importing these rows may read or write. Imports that share a name must run in the
    /// order of their rows; others may run concurrently.
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

/// The SKUs in the rows.
pub(in crate::catalog) fn skus(rows: &[Cells]) -> impl Iterator<Item = &str> {
    rows.iter().filter_map(|row| row.get("sku")).map(str::trim)
}

/// The slug in the row.
#[must_use]
pub fn given_slug(row: &Cells) -> Option<&str> {
    row.get("slug").map(str::trim)
}

/// The name in the row, as it would be stored; `None` when it is missing or invalid.
pub(in crate::catalog) fn name(row: &Cells) -> Option<String> {
    validate::text(1, 255)(row.get("name")?.to_owned()).ok()
}
