//! The decisions about tax rate rows: create, update, delete.

use super::input::CheckedTaxRate;
use crate::batch::{Batch, Change, Decision};
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::model::taxes::TaxRate;

/// Creates a rate. `taken` is a stored rate of the same class, country and region.
///
/// # Errors
/// [`Error::AlreadyExists`] when there is one.
pub(super) fn create(
    input: CheckedTaxRate,
    taken: Option<&TaxRate>,
    context: &mut DecisionContext,
) -> Result<Decision<TaxRate>> {
    let rate = rate(input, context);
    refuse_second(&rate, taken)?;
    let mut batch = Batch::new(context);
    batch.write(Change::Insert(rate.clone()));
    Ok(Decision { batch, reply: rate })
}

/// Updates a rate. Orders keep the rate they were placed with.
///
/// # Errors
/// As [`create`].
pub(super) fn update(
    before: &TaxRate,
    input: CheckedTaxRate,
    taken: Option<&TaxRate>,
    context: &mut DecisionContext,
) -> Result<Decision<TaxRate>> {
    let rate =
        TaxRate { id: before.id, created_at: before.created_at, version: before.version + 1, ..rate(input, context) };
    refuse_second(&rate, taken)?;
    let mut batch = Batch::new(context);
    batch.write(Change::Update(rate.clone()));
    Ok(Decision { batch, reply: rate })
}

/// Deletes a rate.
pub(super) fn delete(before: &TaxRate, context: &mut DecisionContext) -> Decision<()> {
    let mut batch = Batch::new(context);
    batch.delete(before);
    Decision { batch, reply: () }
}

fn refuse_second(rate: &TaxRate, taken: Option<&TaxRate>) -> Result<()> {
    match taken {
        Some(other) if other.id != rate.id => {
            Err(Error::AlreadyExists { field: "combination of tax_class, country and region" })
        }
        _ => Ok(()),
    }
}

fn rate(input: CheckedTaxRate, context: &mut DecisionContext) -> TaxRate {
    let CheckedTaxRate { name, tax_class, country, region, region_key, rate, applies_to_shipping } = input;
    TaxRate {
        id: context.id(),
        name,
        tax_class,
        country,
        region,
        region_key,
        rate,
        applies_to_shipping,
        created_at: context.now(),
        updated_at: context.now(),
        version: 1,
    }
}
