//! Validation of inputs. Reports every invalid field at once.

use super::import::Counted;
use crate::batch::StockSettings;
use crate::cells::Cells;
use crate::error::Result;
use crate::field::{Checks, Field};
use crate::id::{LocationId, VariantId};
use crate::inventory::operations::{Adjustment, ChangedLocation, Transfer};
use crate::inventory::{AdjustmentInput, LocationInput, StockInput, TransferInput};
use crate::model::catalog::VariantName;
use crate::model::inventory::MovementReason;
use crate::validate::{self, between};

/// The most units in one call. Far beyond any shop; a thousand million such calls still fit into an `i64`.
pub(super) const MAX_COUNT: i64 = 1_000_000_000;
const MAX_PRIORITY: i64 = 1_000_000;

/// With `whole`, absent fields take their defaults, except those that identify the location.
pub(super) fn location(input: LocationInput, whole: bool) -> Result<ChangedLocation> {
    let mut checks = Checks::new();
    let name = if whole || !input.name.is_missing() {
        checks.required("name", input.name, validate::text(1, 100))
    } else {
        None
    };
    let code = checks.filled(whole, "code", input.code, validate::code);
    let country = checks.change("country", input.country, validate::or_blank(validate::country));
    let priority = checks.filled(whole, "priority", input.priority, between(0, MAX_PRIORITY));
    let is_default = checks.filled(whole, "is_default", input.is_default, Ok);
    checks.finish()?;
    let country = country.map(Option::flatten);
    Ok(ChangedLocation {
        name,
        code,
        country: if whole { Some(country.flatten()) } else { country },
        priority: if whole { Some(priority.unwrap_or_default()) } else { priority },
        is_default,
    })
}

pub(super) fn settings(variant_id: VariantId, input: StockInput) -> Result<StockSettings> {
    let mut checks = Checks::new();
    let threshold = input.low_stock_threshold;
    let settings = StockSettings {
        variant_id,
        location_id: checks.optional("location_id", input.location_id, Ok),
        low_stock_threshold: checks.replace("low_stock_threshold", threshold, between(0, MAX_COUNT)),
        tracked: checks.replace("tracked", input.tracked, Ok),
        backorder: checks.replace("backorder", input.backorder, Ok),
    };
    checks.finish()?;
    Ok(settings)
}

pub(super) fn adjustment(input: AdjustmentInput) -> Result<(VariantName, Option<LocationId>, Adjustment)> {
    let mut checks = Checks::new();
    let variant = variant_name(&mut checks, input.sku, input.variant_id);
    let location = checks.optional("location_id", input.location_id, Ok);
    let delta = checks.required("delta", input.delta, |delta| match delta {
        0 => Err("Must not be 0.".to_owned()),
        _ => between(-MAX_COUNT, MAX_COUNT)(delta),
    });
    let reason = checks.required("reason", input.reason, |reason| reason_of_staff(&reason));
    let note = checks.optional("note", input.note, validate::note).unwrap_or_default();
    match (variant, delta, reason) {
        (Some(variant), Some(delta), Some(reason)) if checks.is_clean() => {
            Ok((variant, location, Adjustment { delta, reason, note }))
        }
        _ => Err(checks.into_error()),
    }
}

/// Validates a CSV row with the stock of one variant.
pub(super) fn counted(row: &Cells) -> Result<(VariantName, Counted)> {
    let mut checks = Checks::new();
    let variant = checks.required("sku", row.field("sku").map(|sku| sku.trim().to_owned()), validate::sku);
    let on_hand = checks.optional("on_hand", row.number("on_hand"), between(0, MAX_COUNT));
    let delta = checks.optional("delta", row.number("delta"), between(-MAX_COUNT, MAX_COUNT));
    match (row.get("on_hand"), row.get("delta")) {
        (None, None) => checks.refuse::<()>("on_hand", "Give either on_hand or delta."),
        (Some(_), Some(_)) => checks.refuse("delta", "Give either on_hand or delta, not both."),
        _ => None,
    };
    let reason = checks.optional("reason", row.field("reason"), |reason| reason_of_staff(reason.trim()));
    let note = checks.optional("note", row.field("note"), validate::note).unwrap_or_default();
    match variant {
        Some(sku) if checks.is_clean() => {
            let reason = reason.unwrap_or(MovementReason::Correction);
            Ok((VariantName::Sku(sku), Counted { on_hand, delta: delta.unwrap_or_default(), reason, note }))
        }
        _ => Err(checks.into_error()),
    }
}

pub(super) fn transfer(input: TransferInput) -> Result<(VariantName, Transfer)> {
    let mut checks = Checks::new();
    let variant = variant_name(&mut checks, input.sku, input.variant_id);
    let from = checks.required("from_location_id", input.from_location_id, Ok);
    let to = checks.required("to_location_id", input.to_location_id, |to| {
        if Some(to) == from { Err("Must be another location than from_location_id.".to_owned()) } else { Ok(to) }
    });
    let quantity = checks.required("quantity", input.quantity, between(1, MAX_COUNT));
    let note = checks.optional("note", input.note, validate::note).unwrap_or_default();
    match (variant, from, to, quantity) {
        (Some(variant), Some(from), Some(to), Some(quantity)) if checks.is_clean() => {
            Ok((variant, Transfer { from, to, quantity, note }))
        }
        _ => Err(checks.into_error()),
    }
}

fn variant_name(checks: &mut Checks, sku: Field<String>, variant_id: Field<VariantId>) -> Option<VariantName> {
    match (sku.is_present(), variant_id.is_present()) {
        (false, false) => checks.refuse("sku", "Give either sku or variant_id."),
        (true, true) => {
            let unreadable = [checks.unreadable("sku", &sku), checks.unreadable("variant_id", &variant_id)];
            if unreadable.contains(&true) {
                return None;
            }
            checks.refuse("sku", "Give either sku or variant_id, not both.")
        }
        (true, false) => checks.required("sku", sku, validate::sku).map(VariantName::Sku),
        (false, true) => checks.required("variant_id", variant_id, Ok).map(VariantName::Id),
    }
}

fn reason_of_staff(reason: &str) -> Result<MovementReason, String> {
    match reason {
        "received" => Ok(MovementReason::Received),
        "returned" => Ok(MovementReason::Returned),
        "damaged" => Ok(MovementReason::Damaged),
        "lost" => Ok(MovementReason::Lost),
        "correction" => Ok(MovementReason::Correction),
        _ => Err("Must be one of: received, returned, damaged, lost, correction.".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn named<T: std::fmt::Debug>(refused: Result<T>) -> Vec<String> {
        match refused {
            Err(Error::Invalid(invalid)) => invalid.fields.into_keys().collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_wrong_field_is_named() {
        assert_eq!(named(adjustment(AdjustmentInput::default())), ["delta", "reason", "sku"]);
        let input = AdjustmentInput {
            sku: "A".into(),
            variant_id: VariantId(uuid::Uuid::nil()).into(),
            delta: 0.into(),
            reason: "shipped".into(),
            note: "x".repeat(2_001).into(),
            location_id: Field::Wrong("Must be a UUID.".into()),
        };
        assert_eq!(named(adjustment(input)), ["delta", "location_id", "note", "reason", "sku"]);
        let unreadable = AdjustmentInput {
            sku: Field::Wrong("Must be a string.".into()),
            variant_id: Field::Wrong("Must be a UUID.".into()),
            ..AdjustmentInput::default()
        };
        assert_eq!(named(adjustment(unreadable)), ["delta", "reason", "sku", "variant_id"]);
        let place = LocationId(uuid::Uuid::nil());
        let input = TransferInput {
            sku: "A".into(),
            from_location_id: place.into(),
            to_location_id: place.into(),
            quantity: 0.into(),
            ..TransferInput::default()
        };
        assert_eq!(named(transfer(input)), ["quantity", "to_location_id"]);
        assert_eq!(named(location(LocationInput::default(), true)), ["name"]);
        let input = LocationInput {
            name: Field::Null,
            code: "Not A Code".into(),
            country: "ZZ".into(),
            priority: (-1).into(),
            is_default: Field::Wrong("Must be true or false.".into()),
        };
        assert_eq!(named(location(input, false)), ["code", "country", "is_default", "name", "priority"]);
        let nothing = || LocationInput {
            name: "Main".into(),
            code: Field::Null,
            country: Field::Null,
            priority: Field::Null,
            is_default: Field::Null,
        };
        assert!(location(nothing(), true).is_ok());
        assert_eq!(named(location(nothing(), false)), ["code", "is_default", "priority"]);
        let nothing = StockInput {
            low_stock_threshold: Field::Null,
            tracked: Field::Null,
            backorder: Field::Null,
            location_id: Field::Null,
        };
        assert_eq!(
            named(settings(VariantId(uuid::Uuid::nil()), nothing)),
            ["backorder", "low_stock_threshold", "tracked"]
        );
    }

    #[test]
    fn counts_are_bounded() {
        for delta in [-MAX_COUNT - 1, MAX_COUNT + 1, i64::MIN, i64::MAX] {
            let input =
                AdjustmentInput { sku: "A".into(), delta: delta.into(), reason: "lost".into(), ..Default::default() };
            assert_eq!(named(adjustment(input)), ["delta"]);
        }
    }

    #[test]
    fn a_whole_location_takes_defaults_and_a_part_keeps_what_is_there() {
        let input = || LocationInput { name: "Main".into(), ..LocationInput::default() };
        let whole = location(input(), true).unwrap();
        assert_eq!((whole.country, whole.priority, whole.code), (Some(None), Some(0), None));
        let part = location(input(), false).unwrap();
        assert_eq!((part.country, part.priority, part.is_default), (None, None, None));
    }
}
