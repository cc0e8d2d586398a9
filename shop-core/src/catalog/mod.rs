//! Products, variants and categories.

mod import;
mod input;
mod operations;
mod price_history;
mod service;
mod view;

pub use import::{ImportTarget, PRODUCT_COLUMNS, ProductRows, given_slug, is_image_row, product_of_row, product_rows};
pub use input::{CategoryInput, ImageInput, ProductInput, ProductQuery, VariantInput};
pub(crate) use operations::derived_slugs;
#[cfg(test)]
pub(crate) use price_history::next_periods;
pub use service::{Catalog, ReservedSlugs};
pub use view::ProductView;

pub use crate::batch::CatalogWrite;
pub use crate::model::catalog::{
    Category, CategorySort, CategoryTree, FoundProduct, Image, MAX_CATEGORIES, PricePeriod, Product, ProductFilter,
    ProductSort, ProductStatus, REDUCTION_WINDOW, SearchDocument, Variant, name_key,
};
pub use crate::store::CatalogRepository;
