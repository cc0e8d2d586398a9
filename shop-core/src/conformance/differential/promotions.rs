//! Calls of staff about promotions.

use serde_json::{Value, json};

use super::call::{Run, call, input};
use super::known::{Known, News};
use crate::model::promotions::CountedPromotion;
use crate::promotions::PromotionInput;

fn promotion(counted: &CountedPromotion) -> Vec<News> {
    vec![News::Promotion(counted.promotion.id)]
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

pub(super) fn draw(known: &mut Known) -> (String, Run) {
    let (staff, expected) = (known.staff(), known.expected());
    let id = known.promotion();
    match known.below(7) {
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
        _ => call!("delete_promotion", [staff, id, expected], |shop| shop
            .catalog()
            .delete_promotion(&staff, id, expected)),
    }
}
