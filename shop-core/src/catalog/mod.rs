//! Products, variants and categories; promotions and tax rates.

mod import;
mod input;
mod operations;
mod price_history;
mod promotions;
mod service;
mod tax;
mod view;

pub use import::{ImportTarget, PRODUCT_COLUMNS, ProductRows, given_slug, is_image_row, product_of_row, product_rows};
pub use input::{CategoryInput, ImageInput, ProductInput, ProductQuery, VariantInput};
pub(crate) use operations::derived_slugs;
#[cfg(test)]
pub(crate) use price_history::next_periods;
pub use promotions::PromotionInput;
pub use service::{Catalog, ReservedSlugs};
pub use tax::TaxRateInput;
pub use view::ProductView;

pub use crate::batch::CatalogWrite;
pub use crate::model::catalog::{
    Category, CategorySort, CategoryTree, CountedOffer, CountedPromotion, Counter, Customer, FoundProduct, Image,
    MAX_CATEGORIES, Offer, PricePeriod, PriceRules, Product, ProductFilter, ProductSort, ProductStatus, Promotion,
    PromotionFilter, PromotionKind, PromotionSort, REDUCTION_WINDOW, RulesQuery, STANDARD_TAX_CLASS, SearchDocument,
    TaxRate, UNPAID, UsesDelta, Variant, code_key, name_key,
};
pub use crate::store::CatalogRepository;
