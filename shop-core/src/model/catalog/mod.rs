//! Products, their variants and the category tree.

mod price_period;
mod search;
mod variant_name;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{CategoryId, ProductId, VariantId};
use crate::money::{Amount, Currency};
use crate::page::{Sort, SortKey};
use crate::row::Row;
use crate::string_enum::string_enums;

pub(crate) use price_period::PRICE_MEMORY;
pub use price_period::{PricePeriod, REDUCTION_WINDOW};
pub use search::{FoundProduct, name_key};
pub(crate) use variant_name::VariantName;

/// The status of a product; only an active product is on sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProductStatus {
    /// In preparation; visible only to staff.
    Draft,
    /// On sale to everyone.
    Active,
    /// Removed from the catalog; orders, stock movements and its SKUs stay.
    Archived,
}

/// An image of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// An http(s) URL, or a path below [`MEDIA_PATH`](crate::validate::MEDIA_PATH) for an image that the shop serves.
    pub url: String,
    /// The alternative text, for those who cannot see the image.
    pub alt: String,
}

/// A product with all its variants, changed as a unit.
///
/// # Writes
/// A product is written with all its variants and is never deleted. An update names every variant that the product has:
/// variants are added or changed by id and take the given order; none is removed. The search words are replaced
/// ([`Product::search_document`]), and the stock levels of the variants take over their SKUs; movements and
/// reservations keep theirs. Unique keys, in this order: the id of a variant among all products
/// ([`Unique::OtherId`](crate::batch::Unique::OtherId)), [`Unique::ProductSlug`](crate::batch::Unique::ProductSlug),
/// [`Unique::VariantSku`](crate::batch::Unique::VariantSku).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Row)]
#[row(table = "products", entity = Product, derived(name_key: String, price: Amount = lowest_price))]
#[row(unique(ProductSlug: slug))]
pub struct Product {
    /// The primary key.
    pub id: ProductId,
    /// The name in URLs; unique.
    pub slug: String,
    /// The display name, 1 to 255 characters.
    pub name: String,
    /// The description, at most 20,000 characters.
    pub description: String,
    /// Whether the product is on sale.
    pub status: ProductStatus,
    /// The category that the product belongs to.
    pub category_id: Option<CategoryId>,
    /// The currency of all its prices.
    pub currency: Currency,
    /// The names of the options that distinguish its variants (`["Size"]`); empty for a single variant.
    #[row(json)]
    pub options: Vec<String>,
    /// The images in order.
    #[row(json)]
    pub images: Vec<Image>,
    /// Custom data.
    #[row(json)]
    pub attributes: serde_json::Map<String, serde_json::Value>,
    /// The variants in order, including archived ones.
    #[row(children)]
    pub variants: Vec<Variant>,
    /// When the product was created.
    pub created_at: Timestamp,
    /// When the product was last changed.
    pub updated_at: Timestamp,
    /// The number of changes of the product and its variants, for optimistic locking.
    pub version: i64,
}

impl Product {
    /// The variants that are not archived, in order.
    pub fn live_variants(&self) -> impl Iterator<Item = &Variant> {
        self.variants.iter().filter(|variant| !variant.archived)
    }

    /// The lowest price of the live variants (zero when there is none): the sort key `price`.
    #[must_use]
    pub fn lowest_price(&self) -> Amount {
        self.live_variants().map(|variant| variant.price).min().unwrap_or_default()
    }

    /// Returns the variant with this id, archived or not.
    #[must_use]
    pub fn variant(&self, id: VariantId) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.id == id)
    }

    /// Whether a buyer may add this variant to a cart, regardless of stock.
    #[must_use]
    pub fn sells(&self, id: VariantId) -> bool {
        self.status == ProductStatus::Active && self.variant(id).is_some_and(|variant| !variant.archived)
    }
}

/// A variant of a product: what a buyer actually buys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "variants", child_of = product_id, position)]
#[row(unique(VariantSku: sku))]
pub struct Variant {
    /// The primary key.
    pub id: VariantId,
    /// The stock keeping unit; unique, also among archived variants.
    pub sku: String,
    /// The price of one unit, in the product's currency.
    pub price: Amount,
    /// A higher price to show next to the price.
    pub compare_at_price: Option<Amount>,
    /// The variant's value for each of the product's options.
    #[row(json)]
    pub options: BTreeMap<String, String>,
    /// The weight of one unit, in grams.
    pub weight_grams: i64,
    /// The EAN, UPC or other barcode.
    pub barcode: Option<String>,
    /// The tax class, which selects the tax rates.
    pub tax_class: String,
    /// Whether the variant is no longer on sale; it is kept because orders and stock movements refer to it.
    pub archived: bool,
    /// The lowest price of the 30 days before the current reduction. Only while the variant is on sale for less than
    /// `compare_at_price`, and only if it was on sale before ([`PricePeriod`](crate::catalog::PricePeriod)).
    #[serde(default)]
    pub lowest_price_30_days: Option<Amount>,
}

/// A node of the category tree.
///
/// # Writes
/// Unique key: [`Unique::CategorySlug`](crate::batch::Unique::CategorySlug). Deleting a category moves its children to
/// its parent and removes its products from it; the version of each of those rows goes up by one, and nothing else in
/// them changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "categories", entity = Category, deletable, derived(name_key: String))]
#[row(unique(CategorySlug: slug))]
pub struct Category {
    /// The primary key.
    pub id: CategoryId,
    /// The name in URLs; unique.
    pub slug: String,
    /// The display name, 1 to 255 characters.
    pub name: String,
    /// The description, at most 20,000 characters.
    pub description: String,
    /// The parent category; `None` for a top-level category.
    pub parent_id: Option<CategoryId>,
    /// The position among its siblings.
    pub position: i64,
    /// When the category was created.
    pub created_at: Timestamp,
    /// When the category was last changed.
    pub updated_at: Timestamp,
    /// The number of changes, for optimistic locking.
    pub version: i64,
}

/// The whole category tree at one version. A shop has at most [`MAX_CATEGORIES`], so one read returns all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CategoryTree {
    /// The number of changes of the tree's shape; guards the next change of shape.
    pub version: i64,
    /// Every category, in no particular order.
    pub categories: Vec<Category>,
}

/// The maximum number of categories in a shop; limited because a change of the tree reads all of it.
pub const MAX_CATEGORIES: usize = 5_000;

/// The folded words of a product that a search looks into, by field. The core computes them, so that every store finds
/// the same products (see [`crate::text`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchDocument {
    /// The words of the name.
    pub name: Vec<String>,
    /// The words of all SKUs.
    pub sku: Vec<String>,
    /// The words of the description.
    pub description: Vec<String>,
}

/// The filter of a product list; criteria are combined with AND.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductFilter {
    /// Folded query words; each must match as a prefix of a word of the product. Empty: no search.
    pub search: Vec<String>,
    /// Only products in this category or its descendants.
    pub category: Option<CategoryId>,
    /// Only products with this status.
    pub status: Option<ProductStatus>,
    /// Only products whose lowest price is at least this.
    pub min_price: Option<Amount>,
    /// Only products whose lowest price is at most this.
    pub max_price: Option<Amount>,
    /// Whether at least one live variant can be sold now from some location
    /// ([`StockLevel::sells`](crate::inventory::StockLevel::sells)), or none can. A variant without any stock level
    /// cannot.
    pub in_stock: Option<bool>,
}

/// The sort keys of a product list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProductSort {
    /// By folded name.
    Name,
    /// By lowest price.
    Price,
    /// By creation time.
    CreatedAt,
    /// By relevance. With a search: 0 when all words match in the name, 1 when in name and SKU together, 2 otherwise.
    /// Without a search: 0 for all.
    Relevance,
}

impl SortKey for ProductSort {
    fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Price => "price",
            Self::CreatedAt => "created_at",
            Self::Relevance => "relevance",
        }
    }
    fn all() -> &'static [Self] {
        &[Self::Name, Self::Price, Self::CreatedAt, Self::Relevance]
    }
    fn default_order() -> Vec<Sort<Self>> {
        vec![Sort { key: Self::CreatedAt, descending: true }]
    }
}

/// The sort keys of a category list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CategorySort {
    /// By position among its siblings.
    Position,
    /// By folded name.
    Name,
}

impl SortKey for CategorySort {
    fn name(self) -> &'static str {
        match self {
            Self::Position => "position",
            Self::Name => "name",
        }
    }
    fn all() -> &'static [Self] {
        &[Self::Position, Self::Name]
    }
    fn default_order() -> Vec<Sort<Self>> {
        vec![Sort { key: Self::Position, descending: false }, Sort { key: Self::Name, descending: false }]
    }
}

string_enums! {
    ProductStatus { Draft => "draft", Active => "active", Archived => "archived" }
}
