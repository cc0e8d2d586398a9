//! Request and response bodies of the catalog.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use poem_openapi::types::Any;
use poem_openapi::{Enum, Object};
use serde::Serialize;
use serde_json::Value;
use shop_core::catalog::{self, CategoryInput, ImageInput, ProductInput, ProductView, VariantInput};
use shop_core::field::Field;
use shop_core::validate::MEDIA_PATH;
use uuid::Uuid;

use crate::answer::RequestUrl;
use crate::field::{Money, Nullable, Optional, Required};

/// Whether a product is offered: `draft` is in preparation, `archived` was taken out of the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(super) enum ProductStatus {
    /// In preparation; only staff see it.
    Draft,
    /// Offered to everyone.
    Active,
    /// Taken out of the catalog.
    Archived,
}

impl From<catalog::ProductStatus> for ProductStatus {
    fn from(status: catalog::ProductStatus) -> Self {
        match status {
            catalog::ProductStatus::Draft => Self::Draft,
            catalog::ProductStatus::Active => Self::Active,
            catalog::ProductStatus::Archived => Self::Archived,
        }
    }
}

impl From<ProductStatus> for catalog::ProductStatus {
    fn from(status: ProductStatus) -> Self {
        match status {
            ProductStatus::Draft => Self::Draft,
            ProductStatus::Active => Self::Active,
            ProductStatus::Archived => Self::Archived,
        }
    }
}

/// Free-form attributes: any JSON object.
type Attributes = BTreeMap<String, Any<Value>>;

macro_rules! product_request {
    ($(#[$doc:meta])* $name:ident, $product_name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Object)]
        pub(super) struct $name {
            /// 1 to 255 characters.
            name: $product_name<String>,
            /// The name in URLs; derived from `name` by default.
            slug: Optional<String>,
            /// At most 20,000 characters.
            description: Optional<String>,
            /// Defaults to `active`.
            status: Optional<ProductStatus>,
            category_id: Nullable<Uuid>,
            /// The names of the options that distinguish the variants, at most 5.
            options: Optional<Vec<String>>,
            /// All variants, at most 200. Stored variants are matched by `id`, then by `sku`; those not listed are
            /// archived.
            variants: Optional<Vec<VariantRequest>>,
            /// At most 50.
            images: Optional<Vec<ImageRequest>>,
            /// Free-form attributes: at most 100 names and 32 KiB.
            attributes: Optional<Attributes>,
            /// The price of the only variant. With several variants, it is their lowest price and changes nothing.
            price: Optional<Money>,
            /// Currency of all prices (ISO 4217). If given, it must be the currency of the shop.
            currency: Nullable<String>,
            /// The SKU of the only variant.
            sku: Nullable<String>,
            /// The initial stock of the only variant; only for a new product.
            stock: Optional<i64>,
            /// A higher price to show next to the price of the only variant.
            compare_at_price: Nullable<Money>,
            /// The weight of the only variant.
            weight_grams: Optional<i64>,
            /// EAN, UPC or similar code of the only variant.
            barcode: Nullable<String>,
            /// Selects the tax rates of the only variant. Defaults to `standard`.
            tax_class: Optional<String>,
        }

        impl From<$name> for ProductInput {
            fn from(request: $name) -> Self {
                Self {
                    name: request.name.into(),
                    slug: request.slug.into(),
                    description: request.description.into(),
                    status: request.status.into_field(),
                    category_id: request.category_id.into_field(),
                    options: request.options.into(),
                    variants: request.variants.into_list(),
                    images: request.images.into_list(),
                    attributes: object(request.attributes.into()),
                    price: request.price.into_field(),
                    currency: request.currency.into(),
                    sku: request.sku.into(),
                    stock: request.stock.into(),
                    compare_at_price: request.compare_at_price.into_field(),
                    weight_grams: request.weight_grams.into(),
                    barcode: request.barcode.into(),
                    tax_class: request.tax_class.into(),
                }
            }
        }
    };
}

product_request! {
    /// A product, with `name` and either `price`, or `options` and `variants`.
    ProductRequest, Required
}

product_request! {
    /// Changes to a product.
    ProductPatch, Optional
}

fn object(attributes: Field<Attributes>) -> Field<Value> {
    attributes.map(|map| Value::Object(map.into_iter().map(|(name, value)| (name, value.0)).collect()))
}

/// One variant of a product.
#[derive(Debug, Object)]
pub(super) struct VariantRequest {
    /// The id of a stored variant.
    id: Optional<Uuid>,
    /// Generated for a new variant by default.
    sku: Optional<String>,
    price: Optional<Money>,
    /// A higher price to show next to `price`.
    compare_at_price: Nullable<Money>,
    /// The variant's value for each option of the product.
    options: Optional<BTreeMap<String, String>>,
    weight_grams: Optional<i64>,
    /// EAN, UPC or similar code.
    barcode: Nullable<String>,
    /// Selects the tax rates. Defaults to `standard`.
    tax_class: Optional<String>,
    /// The initial stock; only for a new product.
    stock: Optional<i64>,
}

impl From<VariantRequest> for VariantInput {
    fn from(request: VariantRequest) -> Self {
        Self {
            id: request.id.into_field(),
            sku: request.sku.into(),
            price: request.price.into_field(),
            compare_at_price: request.compare_at_price.into_field(),
            options: request.options.into(),
            weight_grams: request.weight_grams.into(),
            barcode: request.barcode.into(),
            tax_class: request.tax_class.into(),
            stock: request.stock.into(),
        }
    }
}

/// An image of a product.
#[derive(Debug, Object)]
pub(super) struct ImageRequest {
    /// An http(s) URL, or a path below `/media/`.
    url: Required<String>,
    /// Alternative text for users who cannot see the image.
    alt: Optional<String>,
}

impl From<ImageRequest> for ImageInput {
    fn from(request: ImageRequest) -> Self {
        Self { url: request.url.into(), alt: request.alt.into() }
    }
}

/// A product with its variants.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Product")]
pub(super) struct ProductBody {
    id: Uuid,
    slug: String,
    name: String,
    description: String,
    status: ProductStatus,
    category_id: Option<Uuid>,
    /// The lowest price of its variants.
    price: Money,
    /// ISO 4217.
    currency: String,
    /// Null if there are several variants.
    sku: Option<String>,
    options: Vec<String>,
    variants: Vec<VariantBody>,
    images: Vec<ImageBody>,
    attributes: Attributes,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A variant of a product, with its availability.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Variant")]
pub(super) struct VariantBody {
    id: Uuid,
    sku: String,
    price: Money,
    compare_at_price: Option<Money>,
    /// The lowest price in the 30 days before the price was reduced (Directive 98/6/EC, article 6a), which must be
    /// shown with every reduction in the European Union. Null if `compare_at_price` is not higher than `price`, or if
    /// no earlier price is known.
    lowest_price_30_days: Option<Money>,
    options: BTreeMap<String, String>,
    weight_grams: i64,
    barcode: Option<String>,
    tax_class: String,
    /// The unreserved stock; null if stock is not tracked.
    available: Option<i64>,
    /// Whether at least one can be sold now.
    in_stock: bool,
}

/// An image of a product.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Image")]
pub(super) struct ImageBody {
    /// An http(s) URL.
    url: String,
    alt: String,
}

/// The input of a request to `url`. Links to the shop's own images are stored as paths, so that they stay valid if the
/// shop's URL changes.
pub(super) fn product_input(request: impl Into<ProductInput>, url: &RequestUrl) -> ProductInput {
    let mut input = request.into();
    if let Field::Given(images) = &mut input.images {
        for image in images {
            image.url = std::mem::take(&mut image.url).map(|link| url.own_path(link, MEDIA_PATH));
        }
    }
    input
}

impl ProductBody {
    /// The body for a request to `url`. Links to the shop's own images start with the URL that the client used.
    pub(super) fn new(view: ProductView, url: &RequestUrl) -> Self {
        let sku = view.sku().map(str::to_owned);
        let (product, availability) = view.into_parts();
        let currency = product.currency;
        let price = Money::new(product.lowest_price(), currency);
        let offered = product.variants.into_iter().filter(|variant| !variant.archived);
        let variants = offered.zip(availability).map(|(variant, availability)| VariantBody {
            id: variant.id.0,
            sku: variant.sku,
            price: Money::new(variant.price, currency),
            compare_at_price: variant.compare_at_price.map(|price| Money::new(price, currency)),
            lowest_price_30_days: variant.lowest_price_30_days.map(|price| Money::new(price, currency)),
            options: variant.options,
            weight_grams: variant.weight_grams,
            barcode: variant.barcode,
            tax_class: variant.tax_class,
            available: availability.available,
            in_stock: availability.in_stock,
        });
        let images = product.images.into_iter().map(|image| ImageBody { url: url.absolute(image.url), alt: image.alt });
        Self {
            id: product.id.0,
            slug: product.slug,
            name: product.name,
            description: product.description,
            status: product.status.into(),
            category_id: product.category_id.map(|id| id.0),
            price,
            currency: currency.code().to_owned(),
            sku,
            options: product.options,
            variants: variants.collect(),
            images: images.collect(),
            attributes: product.attributes.into_iter().map(|(name, value)| (name, Any(value))).collect(),
            version: product.version,
            created_at: product.created_at,
            updated_at: product.updated_at,
        }
    }
}

macro_rules! category_request {
    ($(#[$doc:meta])* $name:ident, $category_name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Object)]
        pub(super) struct $name {
            /// 1 to 255 characters.
            name: $category_name<String>,
            /// The name in URLs; derived from `name` by default.
            slug: Optional<String>,
            /// At most 20,000 characters.
            description: Optional<String>,
            /// The parent category; null for a top-level category.
            parent_id: Nullable<Uuid>,
            /// Position among its siblings.
            position: Optional<i64>,
        }

        impl From<$name> for CategoryInput {
            fn from(request: $name) -> Self {
                Self {
                    name: request.name.into(),
                    slug: request.slug.into(),
                    description: request.description.into(),
                    parent_id: request.parent_id.into_field(),
                    position: request.position.into(),
                }
            }
        }
    };
}

category_request! {
    /// A category.
    CategoryRequest, Required
}

category_request! {
    /// Changes to a category.
    CategoryPatch, Optional
}

/// A node of the category tree.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Category")]
pub(super) struct CategoryBody {
    id: Uuid,
    slug: String,
    name: String,
    description: String,
    parent_id: Option<Uuid>,
    position: i64,
    version: i64,
}

impl From<catalog::Category> for CategoryBody {
    fn from(category: catalog::Category) -> Self {
        Self {
            id: category.id.0,
            slug: category.slug,
            name: category.name,
            description: category.description,
            parent_id: category.parent_id.map(|id| id.0),
            position: category.position,
            version: category.version,
        }
    }
}
