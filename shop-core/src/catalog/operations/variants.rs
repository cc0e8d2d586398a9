//! The variants of a product: merging a given list with the stored one.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::check::{ProductFields, VariantFields, standard_tax_class};
use super::{Mode, skus};
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::field::Checks;
use crate::model::catalog::{Product, Variant};
use crate::money::Amount;
use crate::text::caseless;

/// Returns the variants of a product after a change: live ones in the given order, then archived ones.
pub(super) fn merge(
    stored: Option<&Product>,
    fields: &ProductFields,
    name: &str,
    options: &[String],
    mode: Mode,
    context: &mut DecisionContext,
) -> Result<Vec<Variant>> {
    let none = Vec::new();
    let stored = stored.map_or(&none, |product| &product.variants);
    let wanted = wanted(stored, fields, mode)?;
    if fields.clears_sku && wanted.len() == 1 {
        return Err(Error::invalid("sku", "This field may not be null or blank."));
    }
    let mut checks = Checks::new();
    let matched = matched(&mut checks, stored, &wanted);
    let mut merged = Vec::with_capacity(wanted.len().max(stored.len()));
    for (index, (fields, found)) in wanted.iter().zip(&matched).enumerate() {
        let price = match (fields.price, found) {
            (Some(price), _) => price,
            (None, Some(found)) if mode == Mode::Merge => found.price,
            _ => checks.refuse(&format!("variants.{index}.price"), "This field is required.").unwrap_or_default(),
        };
        merged.push(variant(fields, *found, price, mode, name, context));
    }
    check_stored_combinations(&mut checks, options, &merged);
    checks.finish()?;
    let kept: HashSet<_> = merged.iter().map(|variant| variant.id).collect();
    let archived = stored.iter().filter(|variant| !kept.contains(&variant.id));
    merged.extend(archived.map(|variant| Variant { archived: true, ..variant.clone() }));
    // Two variants may swap SKUs, but a SKU that another variant keeps is taken, even if that one is archived.
    let mut skus = HashSet::new();
    if !merged.iter().all(|variant| skus.insert(variant.sku.as_str())) {
        return Err(Error::AlreadyExists { field: "sku" });
    }
    Ok(merged)
}

/// Returns the requested variants, from the list or from the product's own fields.
fn wanted(stored: &[Variant], fields: &ProductFields, mode: Mode) -> Result<Vec<VariantFields>> {
    let live: Vec<&Variant> = stored.iter().filter(|variant| !variant.archived).collect();
    let single = &fields.single;
    if let Some(variants) = &fields.variants {
        return match variants.as_slice() {
            [only] => Ok(vec![agreed(only, single)?]),
            several => Ok(several.to_vec()),
        };
    }
    if let [only] = live.as_slice() {
        // The product's own fields describe its only variant.
        let options = if mode == Mode::Merge { None } else { Some(BTreeMap::new()) };
        return Ok(vec![VariantFields { id: Some(only.id), options, ..single.clone() }]);
    }
    if mode.is_whole() {
        return Ok(vec![VariantFields { options: Some(BTreeMap::new()), ..single.clone() }]);
    }
    if *single != VariantFields::default() && !echoes(single, &live) {
        return Err(Error::invalid("variants", "This product has several variants; give them all."));
    }
    Ok(live.iter().map(|variant| VariantFields { id: Some(variant.id), ..VariantFields::default() }).collect())
}

/// Whether the single-variant fields only repeat what responses show for several variants: the lowest price.
fn echoes(single: &VariantFields, live: &[&Variant]) -> bool {
    let lowest = live.iter().map(|variant| variant.price).min();
    *single == VariantFields { price: lowest, ..VariantFields::default() }
}

/// Combines the only variant of the list with the product's own fields. A value may be given in either place or, if
/// equal, in both. Different values are an error, because guessing which one is meant would be wrong.
fn agreed(listed: &VariantFields, single: &VariantFields) -> Result<VariantFields> {
    let mut checks = Checks::new();
    let mut all = listed.clone();
    macro_rules! agree {
        ($($field:ident),+) => {$(
            match (&listed.$field, &single.$field) {
                (Some(here), Some(there)) if here != there => {
                    let why = concat!("Differs from variants.0.", stringify!($field), ".");
                    checks.refuse::<()>(stringify!($field), why);
                }
                (None, Some(there)) => all.$field = Some(there.clone()),
                _ => {}
            }
        )+};
    }
    agree!(sku, price, compare_at_price, weight_grams, barcode, tax_class, stock);
    checks.finish()?;
    Ok(all)
}

/// Finds the stored variant of each requested one: by id, else by SKU.
fn matched<'a>(checks: &mut Checks, stored: &'a [Variant], wanted: &[VariantFields]) -> Vec<Option<&'a Variant>> {
    let named: HashSet<_> = wanted.iter().filter_map(|fields| fields.id).collect();
    let find = |(index, fields): (usize, &VariantFields)| match (fields.id, &fields.sku) {
        (Some(id), _) => {
            let found = stored.iter().find(|variant| variant.id == id);
            found.or_else(|| checks.refuse(&format!("variants.{index}.id"), "This product has no such variant."))
        }
        (None, Some(sku)) => stored.iter().find(|variant| variant.sku == *sku && !named.contains(&variant.id)),
        (None, None) => None,
    };
    wanted.iter().enumerate().map(find).collect()
}

fn variant(
    fields: &VariantFields,
    found: Option<&Variant>,
    price: Amount,
    mode: Mode,
    name: &str,
    context: &mut DecisionContext,
) -> Variant {
    let kept = found.filter(|_| mode == Mode::Merge);
    let options = fields.options.clone().or_else(|| kept.map(|kept| kept.options.clone())).unwrap_or_default();
    let sku = fields.sku.clone().or_else(|| found.map(|found| found.sku.clone()));
    let compare_at_price = fields.compare_at_price.unwrap_or_else(|| kept.and_then(|kept| kept.compare_at_price));
    let barcode = fields.barcode.clone().unwrap_or_else(|| kept.and_then(|kept| kept.barcode.clone()));
    let tax_class = fields.tax_class.clone().or_else(|| kept.map(|kept| kept.tax_class.clone()));
    Variant {
        id: found.map_or_else(|| context.id(), |found| found.id),
        sku: sku.unwrap_or_else(|| skus::draw(context, name, &options)),
        price,
        compare_at_price,
        options,
        weight_grams: fields.weight_grams.or(kept.map(|kept| kept.weight_grams)).unwrap_or_default(),
        barcode,
        tax_class: tax_class.unwrap_or_else(standard_tax_class),
        archived: false,
        lowest_price_30_days: found.and_then(|found| found.lowest_price_30_days),
    }
}

/// Checks that each variant has a value for every option and for no other, and that no two have the same values.
pub(super) fn check_combinations(checks: &mut Checks, options: &[String], variants: &[VariantFields]) {
    let nothing = BTreeMap::new();
    let values = variants.iter().map(|fields| fields.options.as_ref().unwrap_or(&nothing));
    judge_combinations(checks, options, values);
}

fn check_stored_combinations(checks: &mut Checks, options: &[String], variants: &[Variant]) {
    judge_combinations(checks, options, variants.iter().map(|variant| &variant.options));
}

fn judge_combinations<'a>(
    checks: &mut Checks,
    options: &[String],
    variants: impl Iterator<Item = &'a BTreeMap<String, String>>,
) {
    let mut seen: HashMap<Vec<String>, usize> = HashMap::new();
    for (index, values) in variants.enumerate() {
        let field = format!("variants.{index}.options");
        let missing: Vec<_> = options.iter().filter(|option| !values.contains_key(*option)).cloned().collect();
        if !missing.is_empty() {
            checks.refuse::<()>(&field, format!("A value is missing for: {}.", missing.join(", ")));
            continue;
        }
        if values.len() > options.len() {
            checks.refuse::<()>(&field, "There are values for options that the product does not have.");
            continue;
        }
        let combination = values.values().map(|value| caseless(value)).collect();
        if let Some(first) = seen.insert(combination, index) {
            checks.refuse::<()>(&field, format!("These are the options of variants.{first} too."));
        }
    }
}
