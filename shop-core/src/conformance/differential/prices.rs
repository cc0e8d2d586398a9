//! Calls of staff about promotions and tax rates.

use serde_json::{Value, json};

use super::call::{Run, call, input};
use super::known::{Known, News};
use crate::catalog::{PromotionInput, TaxRateInput};
use crate::model::catalog::{CountedPromotion, TaxRate};

fn promotion(counted: &CountedPromotion) -> Vec<News> {
    vec![News::Promotion(counted.promotion.id)]
}

fn tax_rate(rate: &TaxRate) -> Vec<News> {
    vec![News::TaxRate(rate.id)]
}

fn promotion_fields(known: &mut Known) -> Value {
    let kind = known.one_of(&["percent", "percent", "fixed", "free_shipping", "buy_x_get_y"]);
    let value = if kind == Some("percent") { (1 + known.below(30)).to_string() } else { known.amount() };
    let mut some = |many| known.once_in(many);
    let (least, limit, per_customer, first, product, category) = (some(3), some(2), some(4), some(6), some(4), some(4));
    json!({
        "name": known.word(), "code": if known.once_in(4) { None } else { Some(known.code()) }, "kind": kind, "value": value,
        "buy_quantity": 1 + known.below(2), "get_quantity": 1,
        "min_subtotal": least.then(|| known.amount()), "usage_limit": limit.then(|| 1 + known.below(3)),
        "usage_limit_per_customer": per_customer.then_some(1), "first_order_only": first,
        "product_ids": if product { vec![known.product()] } else { Vec::new() },
        "category_ids": if category { vec![known.category()] } else { Vec::new() },
        "combinable": !known.once_in(3), "priority": known.below(3), "active": !known.once_in(8),
    })
}

fn tax_rate_fields(known: &mut Known) -> Value {
    let country = known.one_of(&["US", "US", "GB", "XX"]);
    json!({"name": known.word(), "country": country, "rate": known.one_of(&["0.0825", "0.2", "0", "2"]),
        "region": if known.once_in(3) { Some("NY") } else { None }, "applies_to_shipping": known.once_in(2)})
}

pub(super) fn draw(known: &mut Known) -> (String, Run) {
    let (staff, expected) = (known.staff(), known.expected());
    let (id, rate) = (known.promotion(), known.tax_rate());
    match known.below(10) {
        0..=3 => {
            let fields = promotion_fields(known);
            call!(
                "create_promotion",
                [staff, fields],
                |shop| shop.catalog().create_promotion(&staff, input::<PromotionInput>(fields)),
                promotion
            )
        }
        4 => {
            let fields = promotion_fields(known);
            call!("replace_promotion", [staff, id, fields, expected], |shop| shop.catalog().replace_promotion(
                &staff,
                id,
                input::<PromotionInput>(fields),
                expected
            ))
        }
        5 => {
            let fields = json!({"usage_limit": 1 + known.below(4), "active": !known.once_in(4)});
            call!("change_promotion", [staff, id, fields, expected], |shop| shop.catalog().change_promotion(
                &staff,
                id,
                input::<PromotionInput>(fields),
                expected
            ))
        }
        6 => call!("delete_promotion", [staff, id, expected], |shop| shop
            .catalog()
            .delete_promotion(&staff, id, expected)),
        7 | 8 => {
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
