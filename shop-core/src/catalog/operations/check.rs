//! Checks of product inputs. All wrong fields are reported at once.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value};

use super::Mode;
use super::attributes::attributes;
use super::variants::check_combinations;
use crate::catalog::{ImageInput, ProductInput, VariantInput};
use crate::error::Result;
use crate::field::{Checks, Field};
use crate::id::{CategoryId, VariantId};
use crate::model::catalog::{Image, ProductStatus};
use crate::model::taxes::STANDARD_TAX_CLASS;
use crate::money::{Amount, Currency};
use crate::text::caseless;
use crate::validate;

/// The maximum length of a description, in characters.
pub(super) const MAX_DESCRIPTION: usize = 20_000;
const MAX_OPTIONS: usize = 5;
/// The maximum number of live variants of a product.
pub(crate) const MAX_VARIANTS: usize = 200;
/// The maximum number of images of a product.
pub(crate) const MAX_IMAGES: usize = 50;
/// In grams: a thousand metric tons.
const MAX_WEIGHT: i64 = 1_000_000_000;
const MAX_STOCK: i64 = 1_000_000_000;

/// The checked fields of a product. `None` keeps the stored value, or selects the default for a new product.
#[derive(Debug, Clone, Default)]
#[expect(clippy::option_option, reason = "to keep a category and to clear it are two things")]
pub(crate) struct ProductFields {
    pub(crate) name: Option<String>,
    pub(crate) slug: Option<String>,
    pub(super) description: Option<String>,
    pub(super) status: Option<ProductStatus>,
    pub(crate) category_id: Option<Option<CategoryId>>,
    pub(super) options: Option<Vec<String>>,
    pub(super) images: Option<Vec<Image>>,
    pub(super) attributes: Option<Map<String, Value>>,
    /// The fields of the only variant that were given outside of the list.
    pub(super) single: VariantFields,
    /// A partial change has a null or blank SKU. Responses show this for several variants; for a single one it is an
    /// error.
    pub(super) clears_sku: bool,
    /// The complete list of variants.
    pub(super) variants: Option<Vec<VariantFields>>,
}

/// The checked fields of a variant; `None` as in [`ProductFields`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::option_option, reason = "to keep a value and to clear it are two things")]
pub(crate) struct VariantFields {
    pub(super) id: Option<VariantId>,
    pub(crate) sku: Option<String>,
    pub(super) price: Option<Amount>,
    pub(super) compare_at_price: Option<Option<Amount>>,
    pub(super) options: Option<BTreeMap<String, String>>,
    pub(super) weight_grams: Option<i64>,
    pub(super) barcode: Option<Option<String>>,
    pub(super) tax_class: Option<String>,
    pub(super) stock: Option<i64>,
}

/// Checks the input of a product whose prices are in `currency`.
pub(crate) fn product_fields(input: ProductInput, mode: Mode, currency: Currency) -> Result<ProductFields> {
    let mut checks = Checks::new();
    let name = if mode.is_whole() || !input.name.is_missing() {
        checks.required("name", input.name, validate::text(1, 255))
    } else {
        None
    };
    let slug = mode.slug(&mut checks, input.slug);
    let description =
        checks.filled(mode.is_whole(), "description", input.description, validate::multiline(0, MAX_DESCRIPTION));
    let status = if input.status == Field::Null {
        checks.refuse("status", "This field may not be null.")
    } else {
        checks.optional("status", input.status, Ok)
    };
    let category_id = checks.change("category_id", input.category_id, Ok);
    let options = checks.filled(mode.is_whole(), "options", input.options, Ok);
    let options = options.map(|options| check_options(&mut checks, options));
    let images = checks.filled(mode.is_whole(), "images", input.images, Ok);
    let images = images.map(|images| check_images(&mut checks, images));
    let attributes = checks.filled(mode.is_whole(), "attributes", input.attributes, attributes);
    let variants = checks.filled(mode.is_whole(), "variants", input.variants, Ok);
    let variants = variants.map(|variants| check_variants(&mut checks, variants, mode, currency));
    let priceless = !input.price.is_present();
    if mode.is_whole() || !priceless || input.compare_at_price.is_present() || variants.is_some() {
        checks.optional("currency", input.currency, validate::amounts_in(currency));
    }
    let clears_sku = !mode.is_whole() && is_nothing(&input.sku);
    let single = VariantInput {
        id: Field::Missing,
        sku: input.sku,
        price: input.price,
        compare_at_price: input.compare_at_price,
        options: Field::Missing,
        weight_grams: input.weight_grams,
        barcode: input.barcode,
        tax_class: input.tax_class,
        stock: input.stock,
    };
    let single = check_variant(&mut checks, "", single, mode, currency);
    check_variants_given(&mut checks, mode, priceless, options.as_deref(), variants.as_deref());
    checks.finish()?;
    let whole = mode.is_whole();
    Ok(ProductFields {
        name,
        slug,
        description: description.or(whole.then(String::new)),
        status: status.or(whole.then_some(ProductStatus::Active)),
        category_id: category_id.or(whole.then_some(None)),
        options: options.or(whole.then(Vec::new)),
        images: images.or(whole.then(Vec::new)),
        attributes: attributes.or(whole.then(Map::new)),
        single,
        clears_sku,
        variants,
    })
}

/// Checks that a whole product has either a price, or options and variants that fit together.
fn check_variants_given(
    checks: &mut Checks,
    mode: Mode,
    priceless: bool,
    options: Option<&[String]>,
    variants: Option<&[VariantFields]>,
) {
    match variants {
        None if mode.is_whole() => {
            if priceless {
                checks.refuse::<()>("price", "Give either price, or options and variants.");
            }
            if options.is_some_and(|options| !options.is_empty()) {
                checks.refuse::<()>("variants", "Options need variants.");
            }
        }
        // In a partial change the options may be the stored ones; combinations are checked against them later.
        Some(variants) if mode.is_whole() && checks.is_clean() => {
            check_combinations(checks, options.unwrap_or_default(), variants);
        }
        _ => {}
    }
}

fn check_options(checks: &mut Checks, given: Vec<String>) -> Vec<String> {
    if given.len() > MAX_OPTIONS {
        checks.refuse::<()>("options", format!("A product has at most {MAX_OPTIONS} options."));
        return Vec::new();
    }
    let mut seen = HashSet::new();
    let mut options = Vec::with_capacity(given.len());
    for (index, name) in given.into_iter().enumerate() {
        let field = format!("options.{index}");
        match checks.required(&field, Field::Given(name), validate::text(1, 50)) {
            Some(name) if seen.insert(caseless(&name)) => options.push(name),
            Some(_) => checks.refuse(&field, "This option is named twice.").unwrap_or_default(),
            None => {}
        }
    }
    options
}

fn check_images(checks: &mut Checks, given: Vec<ImageInput>) -> Vec<Image> {
    if given.len() > MAX_IMAGES {
        checks.refuse::<()>("images", format!("A product has at most {MAX_IMAGES} images."));
        return Vec::new();
    }
    let mut images = Vec::with_capacity(given.len());
    for (index, image) in given.into_iter().enumerate() {
        let url = checks.required(&format!("images.{index}.url"), image.url, validate::image_url);
        let alt = checks.optional(&format!("images.{index}.alt"), image.alt, validate::text(0, 255));
        if let Some(url) = url {
            images.push(Image { url, alt: alt.unwrap_or_default() });
        }
    }
    images
}

fn check_variants(checks: &mut Checks, given: Vec<VariantInput>, mode: Mode, currency: Currency) -> Vec<VariantFields> {
    if given.is_empty() || given.len() > MAX_VARIANTS {
        checks.refuse::<()>("variants", format!("A product has 1 to {MAX_VARIANTS} variants."));
        return Vec::new();
    }
    // A single variant may take its price from the product's own field.
    let lone = given.len() == 1;
    let (mut skus, mut ids) = (HashSet::new(), HashSet::new());
    let mut variants = Vec::with_capacity(given.len());
    for (index, mut variant) in given.into_iter().enumerate() {
        let prefix = format!("variants.{index}.");
        if mode == Mode::Create {
            // A variant copied from another product is a new one.
            variant.id = Field::Missing;
        }
        let needs_price = mode.is_whole() && !lone && !variant.price.is_present();
        if needs_price {
            checks.refuse::<()>(&format!("{prefix}price"), "This field is required.");
        }
        if mode == Mode::Merge && variant.id.given().is_some() && is_nothing(&variant.sku) {
            checks.refuse::<()>(&format!("{prefix}sku"), "This field may not be null or blank.");
        }
        let fields = check_variant(checks, &prefix, variant, mode, currency);
        if fields.sku.as_ref().is_some_and(|sku| !skus.insert(sku.clone())) {
            checks.refuse::<()>(&format!("{prefix}sku"), "Another variant has this sku.");
        }
        if fields.id.is_some_and(|id| !ids.insert(id)) {
            checks.refuse::<()>(&format!("{prefix}id"), "This variant is named twice.");
        }
        variants.push(fields);
    }
    variants
}

/// Whether a SKU is given as null or blank.
fn is_nothing(sku: &Field<String>) -> bool {
    match sku {
        Field::Null => true,
        Field::Given(text) => text.trim().is_empty(),
        Field::Missing | Field::Wrong(_) => false,
    }
}

fn check_variant(
    checks: &mut Checks,
    prefix: &str,
    input: VariantInput,
    mode: Mode,
    currency: Currency,
) -> VariantFields {
    let named = |field: &str| format!("{prefix}{field}");
    let amount = |text: String| currency.parse_amount(&text);
    let count = |max: i64| validate::between(0, max);
    let compare_at_price = checks.change(&named("compare_at_price"), input.compare_at_price, amount);
    let barcode = checks.change(&named("barcode"), input.barcode, validate::or_blank(validate::text(1, 64)));
    let weight_grams = checks.filled(mode.is_whole(), &named("weight_grams"), input.weight_grams, count(MAX_WEIGHT));
    let tax_class =
        checks.filled(mode.is_whole(), &named("tax_class"), input.tax_class, validate::or_blank(validate::slug));
    let options = checks.filled(mode.is_whole(), &named("options"), input.options, Ok);
    VariantFields {
        id: checks.optional(&named("id"), input.id, Ok),
        sku: checks.optional(&named("sku"), input.sku, validate::or_blank(validate::sku)).flatten(),
        price: checks.filled(mode.is_whole(), &named("price"), input.price, amount),
        compare_at_price,
        options: options.map(|options| check_values(checks, &named("options"), options)),
        weight_grams,
        barcode: barcode.map(Option::flatten),
        tax_class: tax_class.map(|class| class.unwrap_or_else(standard_tax_class)),
        stock: checks.optional(&named("stock"), input.stock, count(MAX_STOCK)),
    }
}

/// Checks the option values of a variant. Their names are compared with the product's options later.
fn check_values(checks: &mut Checks, prefix: &str, given: BTreeMap<String, String>) -> BTreeMap<String, String> {
    if given.len() > MAX_OPTIONS {
        checks.refuse::<()>(prefix, format!("A product has at most {MAX_OPTIONS} options."));
        return BTreeMap::new();
    }
    let mut values = BTreeMap::new();
    for (name, value) in given {
        let name = name.trim().to_owned();
        // Echo a name only if it has a valid length.
        let field = if name.chars().nth(50).is_some() { prefix.to_owned() } else { format!("{prefix}.{name}") };
        if let Some(value) = checks.required(&field, Field::Given(value), validate::text(1, 100)) {
            values.insert(name, value);
        }
    }
    values
}

/// The tax class of a variant that names none.
pub(super) fn standard_tax_class() -> String {
    STANDARD_TAX_CLASS.to_owned()
}
