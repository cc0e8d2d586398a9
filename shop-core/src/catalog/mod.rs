//! Products, variants and categories; promotions and tax rates.

mod import;
mod input;
mod model;
mod operations;
mod price_history;
mod promotions;
mod repository;
mod rules;
mod search;
mod service;
mod tax;
mod variant_name;
mod view;

pub use import::{ImportTarget, PRODUCT_COLUMNS, ProductRows, given_slug, is_image_row, product_of_row, product_rows};
pub use input::{CategoryInput, ImageInput, ProductInput, ProductQuery, VariantInput};
pub use model::{
    Category, CategorySort, CategoryTree, Image, MAX_CATEGORIES, Product, ProductFilter, ProductSort, ProductStatus,
    SearchDocument, Variant,
};
pub(crate) use operations::derived_slugs;
pub(crate) use price_history::PRICE_MEMORY;
#[cfg(test)]
pub(crate) use price_history::next_periods;
pub use price_history::{PricePeriod, REDUCTION_WINDOW};
pub use promotions::{
    CountedPromotion, Counter, Offer, Promotion, PromotionFilter, PromotionInput, PromotionKind, PromotionSort, UNPAID,
    UsesDelta, code_key,
};
pub use repository::{CatalogRepository, CatalogWrite};
pub use rules::{Customer, Offered, PriceRules, RulesQuery};
pub use search::{FoundProduct, name_key};
pub use service::{Catalog, ReservedSlugs};
pub(crate) use tax::region_key;
pub use tax::{STANDARD_TAX_CLASS, TaxRate, TaxRateInput};
pub(crate) use variant_name::VariantName;
pub use view::ProductView;
