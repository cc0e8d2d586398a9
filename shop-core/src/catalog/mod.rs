//! Products, variants and categories.

mod import;
mod input;
mod model;
mod operations;
mod repository;
mod search;
mod service;
mod view;

pub use import::{PRODUCT_COLUMNS, product_of_row, product_rows};
pub use input::{CategoryInput, ImageInput, ProductInput, ProductQuery, VariantInput};
pub use model::{
    Category, CategorySort, CategoryTree, Image, MAX_CATEGORIES, Product, ProductFilter, ProductSort, ProductStatus,
    SearchDocument, Variant,
};
pub use repository::{CatalogRepository, CatalogWrite};
pub use search::FoundProduct;
pub use service::Catalog;
pub use view::ProductView;
