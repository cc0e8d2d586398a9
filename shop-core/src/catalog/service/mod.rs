//! The calls about the catalog: each loads, decides and commits. Everyone may read active products; only staff may
//! write.

mod categories;
mod import;
mod products;
mod reading;
#[cfg(test)]
mod tests;

use uuid::Uuid;

pub use import::ReservedSlugs;

use crate::shop::Shop;

/// The calls about the catalog; see [`Shop`].
#[derive(Debug, Clone, Copy)]
pub struct Catalog<'a> {
    pub(crate) shop: &'a Shop,
}

impl Shop {
    /// Products, variants, categories, promotions and tax rates.
    #[must_use]
    pub fn catalog(&self) -> Catalog<'_> {
        Catalog { shop: self }
    }
}

/// Parses an id or slug from a URL; no slug parses as an id.
fn id_or_slug(name: &str) -> Result<Uuid, &str> {
    Uuid::try_parse(name).map_err(|_| name)
}
