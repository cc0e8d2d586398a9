//! Products as rows of a table: one row for each variant, what concerns the whole product in the first of them (or the
//! same in all).

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::input::{ProductInput, VariantInput};
use super::model::{Product, ProductStatus, Variant};
use crate::error::{Error, Result};
use crate::field::Field;
use crate::id::CategoryId;
use crate::import::{CellError, Cells, Imported};
use crate::validate;
use crate::word::Word as _;

/// The columns of a table of products, in their usual order.
///
/// `slug`, `name`, `description`, `status`, `category` (the slug of one), `images` (JSON: `[{"url": …, "alt": …}]`),
/// `attributes` (a JSON object) and `currency` (that of all prices, if it is said: another one than the shop's is refused)
/// are the product's; `option1_name` to `option5_name` name its options. The others are of
/// the variant: `sku`, `price` and `compare_at_price` in major units of the shop's currency, `option1_value` to
/// `option5_value`, `weight_grams`, `barcode`, `tax_class`, and `stock`: how many of a new product's variant lie at the
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

/// The columns that concern the whole product.
const OF_PRODUCT: [&str; 13] = [
    "slug",
    "name",
    "description",
    "status",
    "category",
    "images",
    "attributes",
    "currency",
    "option1_name",
    "option2_name",
    "option3_name",
    "option4_name",
    "option5_name",
];

/// How many options a product may have, each with a column for its name and one for its value.
const OPTIONS: std::ops::RangeInclusive<usize> = 1..=5;

/// Which product a row speaks of: the next row that speaks of the same is about another variant of it. By its slug, else
/// by its name, else (a row about one variant alone) by its sku; `None` when it says none of them.
#[must_use]
pub fn product_of_row(row: &Cells) -> Option<String> {
    ["slug", "name", "sku"].iter().find_map(|column| Some(format!("{column} {}", row.get(column)?.trim())))
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
    /// The numbers of the options that are named.
    options: Vec<usize>,
}

/// The slug of the product that rows speak of: theirs, or the one that their name makes.
pub(super) fn slug_of(rows: &[Cells]) -> Option<String> {
    let first = rows.first()?;
    let named = || first.get("name").map(|name| validate::slugify(name, "product"));
    first.get("slug").map(|slug| slug.trim().to_owned()).or_else(named)
}

/// Reads the rows of one product, which is `stored` already or new. A variant that no row speaks of stays as it is; one
/// without a sku is found by the values of its options.
///
/// # Errors
/// The cells that are at odds with those of another row.
pub(super) fn read(
    rows: &[Cells],
    stored: Option<&Product>,
    category: Field<CategoryId>,
) -> Result<ProductOfRows, Vec<CellError>> {
    let wrong = contradictions(rows);
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let nothing = Cells::default();
    let first = rows.first().unwrap_or(&nothing);
    let named: Vec<(usize, &str)> =
        OPTIONS.filter_map(|number| Some((number, first.get(&name_of(number))?.trim()))).collect();
    let has_options = OPTIONS.map(name_of).any(|column| first.has(&column));
    let mut all: Vec<(Option<usize>, VariantInput)> = Vec::new();
    for variant in stored.into_iter().flat_map(Product::live_variants) {
        all.push((None, VariantInput { id: variant.id.into(), ..VariantInput::default() }));
    }
    for (index, row) in rows.iter().enumerate() {
        let mut input = variant(row, has_options.then_some(named.as_slice()));
        let found = stored.and_then(|stored| found(stored, &input, rows.len() == 1));
        if stored.is_some() {
            input.stock = Field::Missing;
        }
        match all
            .iter_mut()
            .find(|(row, listed)| row.is_none() && found.is_some() && listed.id.given() == found.as_ref())
        {
            Some(place) => *place = (Some(index), VariantInput { id: place.1.id.clone(), ..input }),
            None => all.push((Some(index), input)),
        }
    }
    let (rows, variants) = all.into_iter().unzip();
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
        images: json(first, "images", "Must be a JSON array of objects with url and alt."),
        attributes: json(first, "attributes", "Must be a JSON object."),
        currency: first.field("currency"),
        ..ProductInput::default()
    };
    let input = if stored.is_some() { kept(input) } else { input };
    Ok(ProductOfRows { input, rows, options: named.into_iter().map(|(number, _)| number).collect() })
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
            if cells.get(column).is_some_and(|text| first.get(column) != Some(text)) {
                let why = "Differs from the first row of this product.".to_owned();
                wrong.push(CellError { row, column: column.to_owned(), why });
            }
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
        price: row.field("price").map(|price| price.trim().to_owned()),
        compare_at_price: row.clearing("compare_at_price").map(|price| price.trim().to_owned()),
        options: options
            .map_or(Field::Missing, |named| named.iter().filter_map(value).collect::<BTreeMap<_, _>>().into()),
        weight_grams: row.number("weight_grams"),
        barcode: row.clearing("barcode"),
        tax_class: row.field("tax_class"),
        stock: row.number("stock"),
    }
}

/// The stored variant that a row speaks of: by its sku, else by the values of its options, else it is the only one.
fn found(stored: &Product, input: &VariantInput, alone: bool) -> Option<crate::id::VariantId> {
    let live: Vec<&Variant> = stored.live_variants().collect();
    let variant = match (input.sku.given(), input.options.given(), live.as_slice()) {
        (Some(sku), _, _) => live.iter().find(|variant| variant.sku == *sku).copied(),
        (None, Some(options), _) if !options.is_empty() => live.iter().find(|one| one.options == *options).copied(),
        (None, _, [only]) if alone => Some(*only),
        _ => None,
    };
    variant.map(|variant| variant.id)
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
