//! What callers give for products, categories and lists of products.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::model::ProductStatus;
use crate::field::Field;
use crate::id::{CategoryId, VariantId};

/// A product, whole or in part: either with one variant, described by the fields of the product itself (`price`,
/// `sku`, …), or with `options` and `variants`.
///
/// Of a product with one variant, a field given both here and in `variants` must be the same in both; of one with
/// several, `price` and `sku` here are what answers show (the lowest price, null) and change nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProductInput {
    /// What it is called, 1 to 255 characters.
    pub name: Field<String>,
    /// The name in addresses; derived from the name of a new product when absent.
    pub slug: Field<String>,
    /// What it is, at most 20,000 characters.
    pub description: Field<String>,
    /// Whether it is offered (active).
    pub status: Field<ProductStatus>,
    /// Where it stands in the tree.
    pub category_id: Field<CategoryId>,
    /// The names of the options that tell the variants apart, at most 5.
    pub options: Field<Vec<String>>,
    /// All variants, at most 200. The stored ones are found by `id`, then `sku`; those not named are archived.
    pub variants: Field<Vec<VariantInput>>,
    /// Pictures, at most 50.
    pub images: Field<Vec<ImageInput>>,
    /// Free facts: a JSON object of at most 100 names and 32 KiB.
    pub attributes: Field<serde_json::Value>,
    /// What the one variant costs, in major units.
    pub price: Field<String>,
    /// That of all prices, if anything is said: the shop's.
    pub currency: Field<String>,
    /// The sku of the one variant; made up when absent.
    pub sku: Field<String>,
    /// How many of the one variant lie at the default location; only for a new product (0).
    pub stock: Field<i64>,
    /// A higher price to show beside that of the one variant.
    pub compare_at_price: Field<String>,
    /// What the one variant weighs, at most 10^9 (0).
    pub weight_grams: Field<i64>,
    /// EAN, UPC or the like of the one variant.
    pub barcode: Field<String>,
    /// Which tax rates apply to the one variant (standard).
    pub tax_class: Field<String>,
}

/// One variant; see [`ProductInput`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VariantInput {
    /// Which of the stored ones.
    pub id: Field<VariantId>,
    /// The sku; made up for a new variant when absent.
    pub sku: Field<String>,
    /// What one costs, in major units.
    pub price: Field<String>,
    /// A higher price to show beside it.
    pub compare_at_price: Field<String>,
    /// Its value of each of the product's options.
    pub options: Field<BTreeMap<String, String>>,
    /// What one weighs (0).
    pub weight_grams: Field<i64>,
    /// EAN, UPC or the like.
    pub barcode: Field<String>,
    /// Which tax rates apply (standard).
    pub tax_class: Field<String>,
    /// How many lie at the default location; only for a new product (0).
    pub stock: Field<i64>,
}

/// A picture.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageInput {
    /// An http(s) address, or a path below [`MEDIA_PATH`](crate::validate::MEDIA_PATH).
    pub url: Field<String>,
    /// What it shows, at most 255 characters.
    pub alt: Field<String>,
}

/// A category, whole or in part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CategoryInput {
    /// What it is called, 1 to 255 characters.
    pub name: Field<String>,
    /// The name in addresses; derived from the name of a new category when absent.
    pub slug: Field<String>,
    /// What it holds, at most 20,000 characters.
    pub description: Field<String>,
    /// The node above it; null for the top.
    pub parent_id: Field<CategoryId>,
    /// Its place among its siblings, 0 to 1,000,000 (0).
    pub position: Field<i64>,
}

/// Which products a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductQuery {
    /// Words that all must be found in name, sku or description, as beginnings of words.
    pub search: Field<String>,
    /// Id or slug of a category; those below it are included.
    pub category: Field<String>,
    /// Only this status; for staff, others see active products whatever they ask for.
    pub status: Field<ProductStatus>,
    /// Lowest price at least this, in major units.
    pub min_price: Field<String>,
    /// Lowest price at most this, in major units.
    pub max_price: Field<String>,
    /// Whether at least one variant can be sold now.
    pub in_stock: Field<bool>,
}

impl ProductQuery {
    /// The order of a list that names none: by relevance when something is searched.
    #[must_use]
    pub fn ordering<'a>(&self, named: Option<&'a str>) -> Option<&'a str> {
        let searched = self.search.given().is_some_and(|search| !search.trim().is_empty());
        match named {
            None | Some("") if searched => Some("relevance"),
            other => other,
        }
    }
}
