//! Products as table rows: one row per variant. Columns of the product are filled in its first row, or repeated in all.

mod images;
mod rows;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::input::{ProductInput, VariantInput};
use crate::cells::{CellError, Cells, Imported, is_scientific};
use crate::error::{Error, Result};
use crate::field::Field;
use crate::id::CategoryId;
use crate::model::catalog::{Product, ProductStatus, Variant};
use crate::string_enum::StringEnum as _;
use crate::validate;

use images::images;
pub use rows::{ImportTarget, ProductRows, given_slug};
pub(super) use rows::{name, skus};

/// The columns of a product table, in their usual order.
///
/// Columns of the product: `slug`, `name`, `description`, `status`, `category` (the slug of a category), `images`
/// (JSON: `[{"url": …, "alt": …}]`, or the URL of one image; another row of the product may add an image, and needs no
/// other cell), `attributes` (a JSON object) and `currency` (of all prices; if given, it must be the shop's).
/// `option1_name` to `option5_name` name its options.
///
/// Columns of the variant: `sku`, `price` and `compare_at_price` in major units of the shop's currency, `option1_value`
/// to `option5_value`, `weight_grams`, `barcode`, `tax_class`, and `stock`: the initial stock of a new variant at the
/// default location.
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

/// The columns that describe the whole product and are the same in all of its rows. (`images` may differ.)
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

/// The columns that describe one variant, besides its option values.
const OF_VARIANT: [&str; 7] = ["sku", "price", "compare_at_price", "weight_grams", "barcode", "tax_class", "stock"];

/// The numbers of the option columns: each option has a column for its name and one for its value.
const OPTIONS: std::ops::RangeInclusive<usize> = 1..=5;

/// Identifies the product of a row; consecutive rows with the same result are variants of one product. Uses the slug,
/// else the name, else the SKU (a row about a single variant); `None` when the row has none of them.
#[must_use]
pub fn product_of_row(row: &Cells) -> Option<String> {
    ["slug", "name", "sku"].iter().find_map(|column| Some(format!("{column} {}", row.get(column)?.trim())))
}

/// Whether a row contains only an image, and so belongs to the product of the previous row.
#[must_use]
pub fn is_image_row(row: &Cells) -> bool {
    row.get("images").is_some() && !describes_variant(row) && OF_PRODUCT.iter().all(|column| row.get(column).is_none())
}

fn describes_variant(row: &Cells) -> bool {
    OF_VARIANT.iter().any(|column| row.get(column).is_some())
        || OPTIONS.map(value_of).any(|column| row.get(&column).is_some())
}

/// Converts a product into rows that [import](super::Catalog::import_product) reads back as the same product: one row
/// per offered variant. `category` is the slug of the product's category.
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
        ("status", product.status.as_str().to_owned()),
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

/// The rows of one product as the input of a single call, with the origin of each value.
#[derive(Debug)]
pub(super) struct ProductOfRows {
    /// The input of the call.
    pub(super) input: ProductInput,
    /// For each variant of the input, the row that describes it; `None` for a variant that stays unchanged.
    rows: Vec<Option<usize>>,
    /// For each image of the input, the row that gave it.
    image_rows: Vec<usize>,
    /// The numbers of the option columns that have a name.
    options: Vec<usize>,
}

/// Reads the rows of one product, which is `stored` or new. A stored variant that no row describes stays unchanged; a
/// row without SKU is matched by its option values. Also returns the cells that contradict another row or cannot be
/// used; if there are any, the input must not be written.
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
    let input = if stored.is_some() { without_nulls(input) } else { input };
    let options = named.into_iter().map(|(number, _)| number).collect();
    (ProductOfRows { input, rows, image_rows, options }, wrong)
}

/// The variants that the product is to have, each with the row that describes it: first the stored ones, changed by
/// their rows, then the new ones.
fn variants(
    rows: &[Cells],
    options: Option<&[(usize, &str)]>,
    stored: Option<&Product>,
    wrong: &mut Vec<CellError>,
) -> (Vec<Option<usize>>, Vec<VariantInput>) {
    let keep = |variant: &Variant| (None, VariantInput { id: variant.id.into(), ..VariantInput::default() });
    let mut all: Vec<(Option<usize>, VariantInput)> =
        stored.into_iter().flat_map(Product::live_variants).map(keep).collect();
    let mut of_variants: Vec<(usize, &Cells)> =
        rows.iter().enumerate().filter(|(_, row)| describes_variant(row)).collect();
    if of_variants.is_empty() && stored.is_none() {
        // Missing cells of a new product are reported on its first row.
        of_variants.extend(rows.first().map(|row| (0, row)));
    }
    for (index, row) in &of_variants {
        let mut input = variant(row, options);
        let found = stored.and_then(|stored| found(stored, &input, of_variants.len() == 1));
        if found.is_some() {
            // Only new variants get initial stock: a stored one may have been sold or counted in the meantime.
            input.stock = Field::Missing;
        }
        wrong.extend(unusable(*index, row, options.unwrap_or_default(), stored));
        let is_of = |row: &Option<usize>, listed: &VariantInput| {
            row.is_none() && found.is_some_and(|found| listed.id.given() == Some(&found.id))
        };
        match all.iter_mut().find(|(row, listed)| is_of(row, listed)) {
            Some(entry) => *entry = (Some(*index), VariantInput { id: entry.1.id.clone(), ..input }),
            None => all.push((Some(*index), input)),
        }
    }
    all.into_iter().unzip()
}

/// Turns null into an empty value for stored fields that cannot be null.
fn without_nulls(input: ProductInput) -> ProductInput {
    let description = match input.description {
        Field::Null => String::new().into(),
        description => description,
    };
    ProductInput { description, ..input }
}

/// The cells of product columns that differ from the first row.
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

/// The cells of a variant that lost their value in a spreadsheet, or that would have no effect.
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

/// Finds the stored variant that a row describes: by its SKU (archived variants included), else by its option values,
/// else the only variant.
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
    let Some(text) = row.get("status") else { return Field::Missing };
    validate::string_enum(text.trim()).map_or_else(Field::Wrong, Field::Given)
}

fn json<T: DeserializeOwned>(row: &Cells, column: &str, why: &str) -> Field<T> {
    let Some(text) = row.get(column) else { return Field::Missing };
    serde_json::from_str(text).map_or_else(|_| Field::Wrong(why.to_owned()), Field::Given)
}

impl ProductOfRows {
    /// Maps the error of a refused call to cells of the rows.
    ///
    /// # Errors
    /// Returns an error that concerns no cell.
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

    /// The row and column of a field of the input.
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
