//! Request and response bodies of the catalog.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use poem_openapi::types::Any;
use serde_json::Value;
use shop_core::catalog::{
    Category, CategoryInput, Image, ImageInput, ProductInput, ProductStatus, ProductView, Variant, VariantInput,
};
use shop_core::field::Field;
use shop_core::money::Currency;
use shop_core::validate::MEDIA_PATH;
use uuid::Uuid;

use crate::api::macros::{bodies, requests};
use crate::field::{Choice, Money};
use crate::response::RequestUrl;

/// Free-form attributes: any JSON object.
type Attributes = BTreeMap<String, Any<Value>>;

requests! {
    /// A product, with `name` and either `price`, or `options` and `variants`.
    ProductRequest,
    /// Changes to a product.
    ProductPatch => ProductInput {
        /// 1 to 255 characters.
        name: Needed<String>,
        /// The name in URLs; derived from `name` by default.
        slug: Optional<String>,
        /// At most 20,000 characters.
        description: Optional<String>,
        /// Defaults to `active`.
        status: Optional<Choice<ProductStatus>>,
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

    /// One variant of a product.
    VariantRequest => VariantInput {
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

    /// An image of a product.
    ImageRequest => ImageInput {
        /// An http(s) URL, or a path below `/media/`.
        url: Required<String>,
        /// Alternative text for users who cannot see the image.
        alt: Optional<String>,
    }

    /// A category.
    CategoryRequest,
    /// Changes to a category.
    CategoryPatch => CategoryInput {
        /// 1 to 255 characters.
        name: Needed<String>,
        /// The name in URLs; derived from `name` by default.
        slug: Optional<String>,
        /// At most 20,000 characters.
        description: Optional<String>,
        /// The parent category; null for a top-level category.
        parent_id: Nullable<Uuid>,
        /// Position among its siblings.
        position: Optional<i64>,
    }
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

bodies! {
    /// A product with its variants.
    ProductBody as "Product" new(product: ProductView, url: &RequestUrl) with {
        let sku = product.sku().map(str::to_owned);
        let (product, availability) = product.into_parts();
        let currency = product.currency;
        let price = Money::new(product.lowest_price(), currency);
        let offered = product.variants.into_iter().filter(|variant| !variant.archived);
        let variants = offered.zip(availability).map(|(variant, stock)| {
            VariantBody::new(variant, stock.available, stock.in_stock, currency)
        });
    } {
        id: Uuid,
        slug: String,
        name: String,
        description: String,
        status: Choice<ProductStatus>,
        category_id: Option<Uuid>,
        /// The lowest price of its variants.
        price: Money = price,
        /// ISO 4217.
        currency: String,
        /// Null if there are several variants.
        sku: Option<String> = sku,
        options: Vec<String>,
        variants: Vec<VariantBody> = variants.collect(),
        // Links to the shop's own images start with the URL that the client used.
        images: Vec<ImageBody> = product.images.into_iter().map(|image| ImageBody::new(image, url)).collect(),
        attributes: Attributes,
        version: i64,
        created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>,
    }

    /// A variant of a product, with its availability.
    VariantBody as "Variant" new(variant: Variant, available: Option<i64>, in_stock: bool, currency: Currency) with {
        let money = |amount| Money::new(amount, currency);
    } {
        id: Uuid,
        sku: String,
        price: Money = money(variant.price),
        compare_at_price: Option<Money> = variant.compare_at_price.map(money),
        /// The lowest price in the 30 days before the price was reduced (Directive 98/6/EC, article 6a), which must be
        #[doc = "shown with every reduction in the European Union. Null if `compare_at_price` is not higher than \
                 `price`, or if"]
        /// no earlier price is known.
        lowest_price_30_days: Option<Money> = variant.lowest_price_30_days.map(money),
        options: BTreeMap<String, String>,
        weight_grams: i64,
        barcode: Option<String>,
        tax_class: String,
        /// The unreserved stock; null if stock is not tracked.
        available: Option<i64> = available,
        /// Whether at least one can be sold now.
        in_stock: bool = in_stock,
    }

    /// An image of a product.
    ImageBody as "Image" new(image: Image, url: &RequestUrl) {
        /// An http(s) URL.
        url: String = url.absolute(image.url),
        alt: String,
    }

    /// A node of the category tree.
    CategoryBody as "Category" from(category: Category) {
        id: Uuid,
        slug: String,
        name: String,
        description: String,
        parent_id: Option<Uuid>,
        position: i64,
        version: i64,
    }
}
