//! Products, their variants and the category tree.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{CategoryId, ProductId, VariantId};
use crate::money::{Amount, Currency};
use crate::page::{Sort, SortKey};
use crate::row::Row;
use crate::word::words;

/// Whether a product is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProductStatus {
    /// Being prepared; staff see it.
    Draft,
    /// Offered to everyone.
    Active,
    /// Taken out of the catalog; orders, movements and its sku stay.
    Archived,
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// An http(s) address, or a path below [`MEDIA_PATH`](crate::validate::MEDIA_PATH) for a picture that the shop serves.
    pub url: String,
    /// What it shows, for those who cannot see it.
    pub alt: String,
}

/// A product with all its variants, changed as one.
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
    /// Identity.
    pub id: ProductId,
    /// The name in addresses; unique.
    pub slug: String,
    /// What it is called.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Whether it is offered.
    pub status: ProductStatus,
    /// Where it stands in the tree.
    pub category_id: Option<CategoryId>,
    /// The currency of its prices.
    pub currency: Currency,
    /// The names of the options that tell its variants apart (`["Size"]`), empty for a single variant.
    #[row(json)]
    pub options: Vec<String>,
    /// Pictures in order.
    #[row(json)]
    pub images: Vec<Image>,
    /// Free facts about it.
    #[row(json)]
    pub attributes: serde_json::Map<String, serde_json::Value>,
    /// Its variants in order; archived ones included.
    #[row(children)]
    pub variants: Vec<Variant>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts the changes of the product and its variants.
    pub version: i64,
}

impl Product {
    /// The variants that are offered, in order.
    pub fn live_variants(&self) -> impl Iterator<Item = &Variant> {
        self.variants.iter().filter(|variant| !variant.archived)
    }

    /// The lowest price of an offered variant (zero when there is none): the sort key `price`.
    #[must_use]
    pub fn lowest_price(&self) -> Amount {
        self.live_variants().map(|variant| variant.price).min().unwrap_or_default()
    }

    /// The variant with this id.
    #[must_use]
    pub fn variant(&self, id: VariantId) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.id == id)
    }

    /// True when a buyer may put this variant into a cart, stock aside.
    #[must_use]
    pub fn sells(&self, id: VariantId) -> bool {
        self.status == ProductStatus::Active && self.variant(id).is_some_and(|variant| !variant.archived)
    }
}

/// Something that can be bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "variants", child_of = product_id, position)]
pub struct Variant {
    /// Identity.
    pub id: VariantId,
    /// The stock keeping unit; unique, also among archived variants.
    pub sku: String,
    /// What one costs.
    pub price: Amount,
    /// A higher price to show beside it.
    pub compare_at_price: Option<Amount>,
    /// Its value of each of the product's options.
    #[row(json)]
    pub options: BTreeMap<String, String>,
    /// What one weighs.
    pub weight_grams: i64,
    /// EAN, UPC or the like.
    pub barcode: Option<String>,
    /// Which tax rates apply.
    pub tax_class: String,
    /// No longer offered; kept because orders and movements name it.
    pub archived: bool,
    /// The lowest price of the 30 days before its price was reduced: while it is offered for less than
    /// `compare_at_price`, and where it was offered before ([`PricePeriod`](super::PricePeriod)).
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
    /// Identity.
    pub id: CategoryId,
    /// The name in addresses; unique.
    pub slug: String,
    /// What it is called.
    pub name: String,
    /// What it holds.
    pub description: String,
    /// The node above it.
    pub parent_id: Option<CategoryId>,
    /// Its place among its siblings.
    pub position: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts the changes.
    pub version: i64,
}

/// The whole category tree at one version. A shop has at most [`MAX_CATEGORIES`], so it fits in one read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CategoryTree {
    /// Counts the changes of the tree's shape; a change of shape is guarded by it.
    pub version: i64,
    /// Every node, in no particular order.
    pub categories: Vec<Category>,
}

/// The most categories of one shop: the tree is read whole when it changes.
pub const MAX_CATEGORIES: usize = 5_000;

/// The folded words of a product, per field, that a search looks into. Made by the core so that every store
/// finds the same (see [`crate::text`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchDocument {
    /// Words of the name.
    pub name: Vec<String>,
    /// Words of all skus.
    pub sku: Vec<String>,
    /// Words of the description.
    pub description: Vec<String>,
}

/// Which products a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductFilter {
    /// Folded query words; all must match as prefixes of words of the product. Empty: no search.
    pub search: Vec<String>,
    /// In this category or below it.
    pub category: Option<CategoryId>,
    /// Only this status.
    pub status: Option<ProductStatus>,
    /// Lowest price at least this.
    pub min_price: Option<Amount>,
    /// Lowest price at most this.
    pub max_price: Option<Amount>,
    /// At least one offered variant can be sold now from some location
    /// ([`StockLevel::sells`](crate::inventory::StockLevel::sells)), or none can. A variant without any level cannot.
    pub in_stock: Option<bool>,
}

/// By what a list of products can be ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProductSort {
    /// Folded name.
    Name,
    /// Lowest price.
    Price,
    /// When it was made.
    CreatedAt,
    /// With a search: 0 when all words match in the name, 1 when in name and sku together, 2 otherwise.
    /// Without one: 0 for all.
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

/// By what a list of categories can be ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CategorySort {
    /// Place among its siblings.
    Position,
    /// Folded name.
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

words! {
    ProductStatus { Draft => "draft", Active => "active", Archived => "archived" }
}
