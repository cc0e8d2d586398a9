//! Calls of staff about tax rates.

use serde_json::{Value, json};

use super::call::{Run, call, input};
use super::known::{Known, News};
use crate::model::taxes::TaxRate;
use crate::taxes::TaxRateInput;

fn tax_rate(rate: &TaxRate) -> Vec<News> {
    vec![News::TaxRate(rate.id)]
}

fn tax_rate_fields(known: &mut Known) -> Value {
    let country = known.one_of(&["US", "US", "GB", "XX"]);
    json!({"name": known.word(), "country": country, "rate": known.one_of(&["0.0825", "0.2", "0", "2"]),
        "region": if known.once_in(3) { Some("NY") } else { None }, "applies_to_shipping": known.once_in(2)})
}

pub(super) fn draw(known: &mut Known) -> (String, Run) {
    let (staff, expected) = (known.staff(), known.expected());
    let rate = known.tax_rate();
    match known.below(3) {
        0 | 1 => {
            let fields = tax_rate_fields(known);
            call!(
                "create_tax_rate",
                [staff, fields],
                |shop| shop.catalog().create_tax_rate(&staff, input::<TaxRateInput>(fields)),
                tax_rate
            )
        }
        _ if known.once_in(2) => {
            call!("delete_tax_rate", [staff, rate, expected], |shop| shop
                .catalog()
                .delete_tax_rate(&staff, rate, expected))
        }
        _ => {
            let fields = json!({"rate": known.one_of(&["0.05", "0.19"])});
            call!("change_tax_rate", [staff, rate, fields, expected], |shop| shop.catalog().change_tax_rate(
                &staff,
                rate,
                input::<TaxRateInput>(fields),
                expected
            ))
        }
    }
}
