//! Products, variants and categories.

mod model;
mod repository;
mod search;
mod service;

pub use model::{
    Category, CategorySort, CategoryTree, Image, MAX_CATEGORIES, Product, ProductFilter, ProductSort, ProductStatus,
    SearchDocument, Variant,
};
pub use repository::{CatalogRepository, CatalogWrite};
pub use search::FoundProduct;
pub use service::Catalog;
