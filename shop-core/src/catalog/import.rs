//! Products as rows of a table: one row for each variant, what concerns the whole product in the first of them (or the
//! same in all).

mod images;
mod rows;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::input::{ProductInput, VariantInput};
use super::model::{Product, ProductStatus, Variant};
use crate::error::{Error, Result};
use crate::field::Field;
use crate::id::CategoryId;
use crate::import::{CellError, Cells, Imported, is_scientific};
use crate::validate;
use crate::word::Word as _;

use images::images;
pub use rows::{ImportTarget, ProductRows, given_slug};
pub(super) use rows::{name, skus};

/// The columns of a table of products, in their usual order.
///
/// `slug`, `name`, `description`, `status`, `category` (the slug of one), `images` (JSON: `[{"url": …, "alt": …}]`, or the
/// address of one; a further row of the product may add an image, and need say nothing else),
/// `attributes` (a JSON object) and `currency` (that of all prices, if it is said: another one than the shop's is refused)
/// are the product's; `option1_name` to `option5_name` name its options. The others are of
/// the variant: `sku`, `price` and `compare_at_price` in major units of the shop's currency, `option1_value` to
/// `option5_value`, `weight_grams`, `barcode`, `tax_class`, and `stock`: how many of a new variant lie at the default
/// location.
pub const PRODUCT_COLUMNS: [&str; 25] = [
    "slug",
    "name",
    "description",
    "status",
    "category",
    "option1_name",
    "option1_value",
    "option2_name",
    "option2_value",
    "option3_name",
    "option3_value",
    "option4_name",
    "option4_value",
    "option5_name",
    "option5_value",
    "sku",
    "price",
    "compare_at_price",
    "currency",
    "weight_grams",
    "barcode",
    "tax_class",
    "stock",
    "images",
    "attributes",
];

/// The columns that concern the whole product and are the same in all of its rows. (`images` may differ.)
const OF_PRODUCT: [&str; 12] = [
    "slug",
    "name",
    "description",
    "status",
    "category",
    "attributes",
    "currency",
    "option1_name",
    "option2_name",
    "option3_name",
    "option4_name",
    "option5_name",
];

/// The columns that concern one variant, in addition to the values of its options.
const OF_VARIANT: [&str; 7] = ["sku", "price", "compare_at_price", "weight_grams", "barcode", "tax_class", "stock"];

/// How many options a product may have, each with a column for its name and one for its value.
const OPTIONS: std::ops::RangeInclusive<usize> = 1..=5;

/// Which product a row speaks of: the next row that speaks of the same is about another variant of it. By its slug, else
/// by its name, else (a row about one variant alone) by its sku; `None` when it says none of them.
#[must_use]
pub fn product_of_row(row: &Cells) -> Option<String> {
    ["slug", "name", "sku"].iter().find_map(|column| Some(format!("{column} {}", row.get(column)?.trim())))
}

/// Whether a row says nothing but an image: it belongs to the product of the row above.
#[must_use]
pub fn is_image_row(row: &Cells) -> bool {
    row.get("images").is_some() && !says_variant(row) && OF_PRODUCT.iter().all(|column| row.get(column).is_none())
}

fn says_variant(row: &Cells) -> bool {
    OF_VARIANT.iter().any(|column| row.get(column).is_some())
        || OPTIONS.map(value_of).any(|column| row.get(&column).is_some())
}

/// A product as rows that [import](super::Catalog::import_product) takes for the same: one for each variant that is
/// offered. `category` is the slug of the product's.
#[must_use]
pub fn product_rows(product: &Product, category: Option<&str>) -> Vec<Cells> {
    product.live_variants().map(|variant| Cells::new(product_row(product, variant, category))).collect()
}

fn product_row(product: &Product, variant: &Variant, category: Option<&str>) -> Vec<(String, String)> {
    let amount = |amount| product.currency.format_amount(amount);
    let json = |value: Option<String>| value.unwrap_or_default();
    let mut cells: Vec<(String, String)> = [
        ("slug", product.slug.clone()),
        ("name", product.name.clone()),
        ("description", product.description.clone()),
        ("status", product.status.word().to_owned()),
        ("category", category.unwrap_or_default().to_owned()),
        ("sku", variant.sku.clone()),
        ("price", amount(variant.price)),
        ("currency", product.currency.code().to_owned()),
        ("compare_at_price", variant.compare_at_price.map(amount).unwrap_or_default()),
        ("weight_grams", variant.weight_grams.to_string()),
        ("barcode", variant.barcode.clone().unwrap_or_default()),
        ("tax_class", variant.tax_class.clone()),
        ("images", json(serde_json::to_string(&product.images).ok())),
        ("attributes", json(serde_json::to_string(&product.attributes).ok())),
    ]
    .map(|(column, text)| (column.to_owned(), text))
    .into();
    for (number, option) in OPTIONS.zip(product.options.iter().map(Some).chain(std::iter::repeat(None))) {
        let value = option.and_then(|option| variant.options.get(option));
        cells.push((name_of(number), option.cloned().unwrap_or_default()));
        cells.push((value_of(number), value.cloned().unwrap_or_default()));
    }
    cells
}

fn name_of(option: usize) -> String {
    format!("option{option}_name")
}

fn value_of(option: usize) -> String {
    format!("option{option}_value")
}

/// What rows say, as the input of one call.
#[derive(Debug)]
pub(super) struct ProductOfRows {
    /// The input.
    pub(super) input: ProductInput,
    /// Which row speaks of each variant of the input; none of one that stays as it is.
    rows: Vec<Option<usize>>,
    /// Which row gave each image.
    image_rows: Vec<usize>,
    /// The numbers of the options that are named.
    options: Vec<usize>,
}

/// Reads the rows of one product, which is `stored` already or new. A variant that no row speaks of stays as it is; one
/// without a sku is found by the values of its options. With it come the cells that are at odds with those of another row
/// or cannot be used; when there are any, the input must not be written.
pub(super) fn read(
    rows: &[Cells],
    stored: Option<&Product>,
    category: Field<CategoryId>,
) -> (ProductOfRows, Vec<CellError>) {
    let mut wrong = contradictions(rows);
    let nothing = Cells::default();
    let first = rows.first().unwrap_or(&nothing);
    let named: Vec<(usize, &str)> =
        OPTIONS.filter_map(|number| Some((number, first.get(&name_of(number))?.trim()))).collect();
    let has_options = OPTIONS.map(name_of).any(|column| first.has(&column));
    let (images, image_rows) = images(rows, &mut wrong);
    let (rows, variants) = variants(rows, has_options.then_some(named.as_slice()), stored, &mut wrong);
    let input = ProductInput {
        name: first.field("name"),
        slug: first.field("slug"),
        description: first.clearing("description"),
        status: status(first),
        category_id: category,
        options: if has_options {
            named.iter().map(|(_, name)| (*name).to_owned()).collect::<Vec<_>>().into()
        } else {
            Field::Missing
        },
        variants: Field::Given(variants),
        images,
        attributes: json(first, "attributes", "Must be a JSON object."),
        currency: first.field("currency"),
        ..ProductInput::default()
    };
    let input = if stored.is_some() { kept(input) } else { input };
    let options = named.into_iter().map(|(number, _)| number).collect();
    (ProductOfRows { input, rows, image_rows, options }, wrong)
}

/// The variants that the product is to have, and which row speaks of each: those that are stored, changed by their rows,
/// then the new ones.
fn variants(
    rows: &[Cells],
    options: Option<&[(usize, &str)]>,
    stored: Option<&Product>,
    wrong: &mut Vec<CellError>,
) -> (Vec<Option<usize>>, Vec<VariantInput>) {
    let keep = |variant: &Variant| (None, VariantInput { id: variant.id.into(), ..VariantInput::default() });
    let mut all: Vec<(Option<usize>, VariantInput)> =
        stored.into_iter().flat_map(Product::live_variants).map(keep).collect();
    let mut of_variants: Vec<(usize, &Cells)> = rows.iter().enumerate().filter(|(_, row)| says_variant(row)).collect();
    if of_variants.is_empty() && stored.is_none() {
        // What a new product lacks is told of its first row.
        of_variants.extend(rows.first().map(|row| (0, row)));
    }
    for (index, row) in &of_variants {
        let mut input = variant(row, options);
        let found = stored.and_then(|stored| found(stored, &input, of_variants.len() == 1));
        if found.is_some() {
            // It may have been sold and counted since. A new variant's stock is booked.
            input.stock = Field::Missing;
        }
        wrong.extend(unusable(*index, row, options.unwrap_or_default(), stored));
        let is_of = |row: &Option<usize>, listed: &VariantInput| {
            row.is_none() && found.is_some_and(|found| listed.id.given() == Some(&found.id))
        };
        match all.iter_mut().find(|(row, listed)| is_of(row, listed)) {
            Some(place) => *place = (Some(*index), VariantInput { id: place.1.id.clone(), ..input }),
            None => all.push((Some(*index), input)),
        }
    }
    all.into_iter().unzip()
}

/// What cannot be cleared in a product that is there is emptied.
fn kept(input: ProductInput) -> ProductInput {
    let description = match input.description {
        Field::Null => String::new().into(),
        description => description,
    };
    ProductInput { description, ..input }
}

/// Cells of the product itself that say something else than the first row does.
fn contradictions(rows: &[Cells]) -> Vec<CellError> {
    let mut wrong = Vec::new();
    let Some(first) = rows.first() else { return wrong };
    for (row, cells) in rows.iter().enumerate().skip(1) {
        for column in OF_PRODUCT {
            if cells.get(column).is_some_and(|text| first.get(column).map(str::trim) != Some(text.trim())) {
                wrong.push(differs(row, column));
            }
        }
    }
    wrong
}

fn differs(row: usize, column: &str) -> CellError {
    let why = "Differs from the first row of this product.".to_owned();
    CellError { row, column: column.to_owned(), why }
}

/// Cells of a variant that lost what they held, or that would have no effect.
fn unusable(row: usize, cells: &Cells, options: &[(usize, &str)], stored: Option<&Product>) -> Vec<CellError> {
    let mut wrong = Vec::new();
    let mut refuse = |column: String, why: String| wrong.push(CellError { row, column, why });
    let variants = || stored.into_iter().flat_map(|stored| &stored.variants);
    for column in ["sku", "barcode"] {
        let Some(text) = cells.get(column).map(str::trim).filter(|text| is_scientific(text)) else { continue };
        let is_stored = match column {
            "sku" => variants().any(|variant| variant.sku == text),
            _ => variants().any(|variant| variant.barcode.as_deref() == Some(text)),
        };
        if !is_stored {
            let why = "A spreadsheet has rounded this number: enter it again in a column of text.";
            refuse(column.to_owned(), why.to_owned());
        }
    }
    for number in OPTIONS.filter(|number| options.iter().all(|(named, _)| named != number)) {
        if cells.get(&value_of(number)).is_some() {
            refuse(value_of(number), format!("Give the name of this option in {}.", name_of(number)));
        }
    }
    wrong
}

fn variant(row: &Cells, options: Option<&[(usize, &str)]>) -> VariantInput {
    let value =
        |(number, name): &(usize, &str)| Some(((*name).to_owned(), row.get(&value_of(*number))?.trim().to_owned()));
    VariantInput {
        id: Field::Missing,
        sku: row.field("sku").map(|sku| sku.trim().to_owned()),
        price: row.amount("price"),
        compare_at_price: match row.amount("compare_at_price") {
            Field::Missing if row.has("compare_at_price") => Field::Null,
            price => price,
        },
        options: options
            .map_or(Field::Missing, |named| named.iter().filter_map(value).collect::<BTreeMap<_, _>>().into()),
        weight_grams: row.number("weight_grams"),
        barcode: row.clearing("barcode"),
        tax_class: row.field("tax_class"),
        stock: row.number("stock"),
    }
}

/// The stored variant that a row speaks of: by its sku (an archived one, too), else by the values of its options, else it
/// is the only one.
fn found<'s>(stored: &'s Product, input: &VariantInput, alone: bool) -> Option<&'s Variant> {
    let live: Vec<&Variant> = stored.live_variants().collect();
    match (input.sku.given(), input.options.given(), live.as_slice()) {
        (Some(sku), _, _) => stored.variants.iter().find(|variant| variant.sku == *sku),
        (None, Some(options), _) if !options.is_empty() => live.iter().find(|one| one.options == *options).copied(),
        (None, _, [only]) if alone => Some(*only),
        _ => None,
    }
}

fn status(row: &Cells) -> Field<ProductStatus> {
    let Some(word) = row.get("status") else { return Field::Missing };
    validate::word(word.trim()).map_or_else(Field::Wrong, Field::Given)
}

fn json<T: DeserializeOwned>(row: &Cells, column: &str, why: &str) -> Field<T> {
    let Some(text) = row.get(column) else { return Field::Missing };
    serde_json::from_str(text).map_or_else(|_| Field::Wrong(why.to_owned()), Field::Given)
}

impl ProductOfRows {
    /// What a refused call says about the cells of the rows.
    ///
    /// # Errors
    /// What says nothing about them.
    pub(super) fn refused(&self, error: Error) -> Result<Imported> {
        let at = |row, column: &str, why: String| CellError { row, column: column.to_owned(), why };
        Ok(Imported::Refused(match error {
            Error::Invalid(invalid) => {
                let cells = invalid.fields.into_iter().flat_map(|(field, reasons)| {
                    let (row, column) = self.cell(&field);
                    reasons.into_iter().map(move |why| at(row, &column, why))
                });
                cells.collect()
            }
            Error::AlreadyExists { field } => vec![at(0, field, format!("Another product has this {field}."))],
            Error::InvalidTransition { detail } => vec![at(0, "price", detail)],
            error => return Err(error),
        }))
    }

    /// The cell of a field of the input.
    fn cell(&self, field: &str) -> (usize, String) {
        let mut path = field.split('.');
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<usize>().ok());
        match (path.next().unwrap_or_default(), number(path.next())) {
            ("variants", Some(index)) => {
                let row = self.rows.get(index).copied().flatten().unwrap_or_default();
                let column = match path.next().unwrap_or_default() {
                    "options" => self.column_of_value(path.next()),
                    "" | "id" => "sku".to_owned(),
                    column => column.to_owned(),
                };
                (row, column)
            }
            ("variants", None) => (0, "sku".to_owned()),
            ("options", index) => {
                let number = index.and_then(|index| self.options.get(index)).copied().unwrap_or(1);
                (0, name_of(number))
            }
            ("images", index) => {
                let row = index.and_then(|index| self.image_rows.get(index)).copied().unwrap_or_default();
                (row, "images".to_owned())
            }
            ("category_id", _) => (0, "category".to_owned()),
            (column, _) => (0, column.to_owned()),
        }
    }

    fn column_of_value(&self, option: Option<&str>) -> String {
        let mut names = self.input.options.given().into_iter().flatten().zip(&self.options);
        let number = names.find(|(name, _)| Some(name.as_str()) == option).map(|(_, number)| *number);
        value_of(number.or(self.options.first().copied()).unwrap_or(1))
    }
}
