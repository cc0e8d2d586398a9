//! Calls of staff: catalog, stock and shipping rates.

use serde_json::{Value, json};

use super::call::{Run, call, input};
use super::known::{Known, News};
use super::{promotions, taxes};
use crate::catalog::{CategoryInput, ProductInput, ProductView};
use crate::inventory::{AdjustmentInput, LocationInput, StockInput, TransferInput};
use crate::model::catalog::Category;
use crate::model::inventory::Location;
use crate::model::shipping::{Method, Zone};
use crate::shipping::{MethodInput, ZoneInput};

fn product(view: &ProductView) -> Vec<News> {
    let product = &view.product;
    let variants = product.variants.iter().map(|variant| News::Variant(variant.id, variant.sku.clone()));
    [News::Product(product.id, product.slug.clone())].into_iter().chain(variants).collect()
}

fn category(category: &Category) -> Vec<News> {
    vec![News::Category(category.id)]
}

fn location(location: &Location) -> Vec<News> {
    vec![News::Location(location.id)]
}

fn zone(zone: &Zone) -> Vec<News> {
    vec![News::Zone(zone.id)]
}

fn method(method: &Method) -> Vec<News> {
    vec![News::Method(method.id)]
}

fn product_fields(known: &mut Known) -> Value {
    let (number, word) = (known.number(), known.word());
    let mut fields = json!({"name": format!("{word} {}", known.word()), "description": known.word(),
        "status": known.one_of(&["active", "active", "active", "active", "active", "draft", "archived"])});
    if known.once_in(2)
        && let Some(fields) = fields.as_object_mut()
    {
        fields.insert("category_id".to_owned(), json!(known.category()));
    }
    if let Some(fields) = fields.as_object_mut() {
        if known.once_in(2) {
            fields.insert("price".to_owned(), json!(known.amount()));
            if known.once_in(2) {
                fields.insert("compare_at_price".to_owned(), json!(known.amount()));
            }
            fields.insert("sku".to_owned(), json!(if known.once_in(6) { known.sku() } else { format!("S-{number}") }));
        } else {
            let variants: Vec<_> = ["S", "M"]
                .iter()
                .map(|size| {
                    json!({"sku": format!("V-{number}-{size}"), "price": known.amount(),
                        "compare_at_price": known.once_in(2).then(|| known.amount()), "options": {"size": size},
                        "weight_grams": known.below(900), "stock": known.below(60)})
                })
                .collect();
            fields.insert("options".to_owned(), json!(["size"]));
            fields.insert("variants".to_owned(), json!(variants));
        }
    }
    fields
}

fn shipping_rates(known: &mut Known) -> (String, Run) {
    let staff = known.staff();
    let (zone_id, method_id) = (known.zone(), known.method());
    match known.below(7) {
        0 | 1 => {
            let countries = known.one_of(&["*", "*", "*", "*", "*", "GB"]);
            let fields = json!({"name": known.word(), "countries": [countries]});
            call!(
                "create_zone",
                [staff, fields],
                |shop| shop.shipping().create_zone(&staff, input::<ZoneInput>(fields)),
                zone
            )
        }
        2 if known.once_in(2) => {
            call!("delete_zone", [staff, zone_id], |shop| shop.shipping().delete_zone(&staff, zone_id))
        }
        3 if known.once_in(4) => {
            call!("delete_method", [staff, method_id], |shop| shop.shipping().delete_method(&staff, method_id))
        }
        4 => {
            let fields = json!({"active": !known.once_in(6), "free_over": known.amount()});
            call!("change_method", [staff, method_id, fields], |shop| shop.shipping().change_method(
                &staff,
                method_id,
                input::<MethodInput>(fields)
            ))
        }
        _ => {
            let rate = if known.once_in(2) {
                json!({"type": "flat", "price": known.amount()})
            } else {
                json!({"type": "by_weight", "tiers": [{"up_to": 1000, "price": "4.00"}, {"up_to": null, "price": "9.00"}]})
            };
            let fields = json!({"name": known.word(), "zone_id": zone_id, "rate": rate});
            call!(
                "create_method",
                [staff, fields],
                |shop| shop.shipping().create_method(&staff, input::<MethodInput>(fields)),
                method
            )
        }
    }
}

fn stock(known: &mut Known) -> (String, Run) {
    let (staff, sku, key) = (known.staff(), known.sku(), known.key());
    let (one, other, variant) = (known.location(), known.location(), known.variant());
    match known.below(8) {
        0..=2 => {
            let reason = known.one_of(&["received", "received", "damaged", "lost", "correction", "bogus"]);
            let delta = i64::from(known.below(60)) * if known.once_in(4) { -1 } else { 1 };
            let mut fields = json!({"sku": sku, "delta": delta, "reason": reason});
            if known.once_in(2)
                && let Some(fields) = fields.as_object_mut()
            {
                fields.insert("location_id".to_owned(), json!(one));
            }
            call!("adjust", [staff, fields, key], |shop| shop.inventory().adjust(
                &staff,
                input::<AdjustmentInput>(fields),
                key.as_ref()
            ))
        }
        3 => {
            let fields =
                json!({"sku": sku, "from_location_id": one, "to_location_id": other, "quantity": known.below(9)});
            call!("transfer", [staff, fields, key], |shop| shop.inventory().transfer(
                &staff,
                input::<TransferInput>(fields),
                key.as_ref()
            ))
        }
        4 => {
            let fields = json!({"tracked": !known.once_in(5), "backorder": known.once_in(4),
                "low_stock_threshold": known.below(5)});
            call!("change_stock", [staff, variant, fields], |shop| shop.inventory().change_stock(
                &staff,
                variant,
                input::<StockInput>(fields)
            ))
        }
        5 => {
            let fields = json!({"name": known.word(), "code": format!("loc-{}", known.below(8)),
                "priority": known.below(5), "is_default": known.once_in(3)});
            call!(
                "create_location",
                [staff, fields],
                |shop| shop.inventory().create_location(&staff, input::<LocationInput>(fields)),
                location
            )
        }
        6 => {
            let fields = json!({"priority": known.below(9), "is_default": known.once_in(2)});
            call!("change_location", [staff, one, fields], |shop| shop.inventory().change_location(
                &staff,
                one,
                input::<LocationInput>(fields),
                false
            ))
        }
        _ => call!("delete_location", [staff, one], |shop| shop.inventory().delete_location(&staff, one)),
    }
}

pub(super) fn draw(known: &mut Known) -> (String, Run) {
    let staff = known.staff();
    let (id, category_id, expected) = (known.product(), known.category(), known.expected());
    match known.below(16) {
        0..=3 => {
            let fields = product_fields(known);
            call!(
                "create_product",
                [staff, fields],
                |shop| shop.catalog().create_product(&staff, input::<ProductInput>(fields)),
                product
            )
        }
        4 => {
            let fields = json!({"name": known.word(), "status": "active", "category_id": category_id});
            call!(
                "update_product",
                [staff, id, fields, expected],
                |shop| shop.catalog().update_product(&staff, id, input::<ProductInput>(fields), expected),
                product
            )
        }
        5 if known.once_in(3) => {
            let fields = product_fields(known);
            call!(
                "replace_product",
                [staff, id, fields, expected],
                |shop| shop.catalog().replace_product(&staff, id, input::<ProductInput>(fields), expected),
                product
            )
        }
        6 if known.once_in(8) => {
            call!("delete_product", [staff, id, expected], |shop| shop.catalog().delete_product(&staff, id, expected))
        }
        5..=7 => {
            let mut fields = json!({"name": known.word(), "position": known.below(4)});
            if known.once_in(2)
                && let Some(fields) = fields.as_object_mut()
            {
                fields.insert("parent_id".to_owned(), json!(category_id));
            }
            call!(
                "create_category",
                [staff, fields],
                |shop| shop.catalog().create_category(&staff, input::<CategoryInput>(fields)),
                category
            )
        }
        8 => {
            let fields = json!({"parent_id": known.category(), "name": known.word()});
            call!("update_category", [staff, category_id, fields, expected], |shop| shop.catalog().update_category(
                &staff,
                category_id,
                input::<CategoryInput>(fields),
                expected
            ))
        }
        9 if known.once_in(2) => call!("delete_category", [staff, category_id, expected], |shop| shop
            .catalog()
            .delete_category(&staff, category_id, expected)),
        9..=12 => stock(known),
        13 if known.once_in(2) => promotions::draw(known),
        14 if known.once_in(3) => taxes::draw(known),
        _ => shipping_rates(known),
    }
}
