//! Requests about a cart, not yet checked.

use serde::Deserialize;

use crate::field::{Checks, Field};
use crate::id::{ProductId, VariantId};
use crate::validate;
use crate::validate::MAX_QUANTITY;

/// Longer than any code, in characters.
const MAX_CODE_LENGTH: usize = 50;

/// A request to add an item to a cart. Exactly one of `variant_id`, `sku` and `product_id` names it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct AddItem {
    /// The variant to add.
    pub variant_id: Field<VariantId>,
    /// The SKU of the variant, instead of its id.
    pub sku: Field<String>,
    /// The product, instead of the variant, when it has only one variant.
    pub product_id: Field<ProductId>,
    /// The quantity to add, 1 to 10,000; 1 by default.
    pub quantity: Field<i64>,
}

/// A request to change the quantity of a line.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct SetQuantity {
    /// The new quantity, 0 to 10,000; 0 removes the line.
    pub quantity: Field<i64>,
}

/// A request to add a coupon to a cart.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct AddCoupon {
    /// The coupon code, in any spelling.
    pub code: Field<String>,
}

/// The destination for which to list shipping options.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ShippingOptions {
    /// The country as ISO 3166-1 alpha-2.
    pub country: Field<String>,
    /// Accepted for carriers that price by postal code; no rate of this shop does.
    pub postal_code: Field<String>,
}

/// The item that a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RequestedItem {
    Variant(VariantId),
    Sku(String),
    Product(ProductId),
}

impl RequestedItem {
    /// The input field that named the item.
    pub(super) fn field(&self) -> &'static str {
        match self {
            Self::Variant(_) => "variant_id",
            Self::Sku(_) => "sku",
            Self::Product(_) => "product_id",
        }
    }
}

impl AddItem {
    /// Returns the named item and its quantity, and records every problem.
    pub(super) fn check(self, checks: &mut Checks) -> Option<(RequestedItem, i64)> {
        let given = [
            ("variant_id", self.variant_id.is_present()),
            ("sku", self.sku.is_present()),
            ("product_id", self.product_id.is_present()),
        ];
        let named: Vec<_> = given.into_iter().filter_map(|(name, said)| said.then_some(name)).collect();
        if named.len() > 1 {
            for name in &named {
                checks.refuse::<()>(name, "Give exactly one of variant_id, sku and product_id.");
            }
        } else if named.is_empty() {
            checks.refuse::<()>("variant_id", "Give one of variant_id, sku and product_id.");
        }
        let variant = checks.optional("variant_id", self.variant_id, Ok).map(RequestedItem::Variant);
        let sku = checks.optional("sku", self.sku, validate::sku).map(RequestedItem::Sku);
        let product = checks.optional("product_id", self.product_id, Ok).map(RequestedItem::Product);
        let quantity = match self.quantity {
            Field::Missing => Some(1),
            quantity => checks.required("quantity", quantity, validate::quantity),
        };
        Some((variant.or(sku).or(product)?, quantity?))
    }
}

impl SetQuantity {
    /// Returns the quantity, and records a problem with it.
    pub(super) fn check(self, checks: &mut Checks) -> Option<i64> {
        checks.required("quantity", self.quantity, |quantity| match quantity {
            0 => Ok(0),
            ..0 => Err("Ensure this value is greater than or equal to 0.".to_owned()),
            _ => validate::quantity(quantity),
        })
    }
}

impl AddCoupon {
    /// Returns the code, and records a problem with it.
    pub(super) fn check(self, checks: &mut Checks) -> Option<String> {
        checks.required("code", self.code, validate::text(1, MAX_CODE_LENGTH))
    }
}

impl ShippingOptions {
    /// Returns the country, and records every problem.
    pub(super) fn check(self, checks: &mut Checks) -> Option<String> {
        checks.optional("postal_code", self.postal_code, validate::or_blank(validate::text(1, 20)));
        checks.required("country", self.country, validate::country)
    }
}

/// The message for a quantity that a line cannot hold.
pub(super) fn too_many() -> String {
    format!("Ensure this value is less than or equal to {MAX_QUANTITY}.")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::error::Error;

    fn refused(input: AddItem) -> Vec<String> {
        let mut checks = Checks::new();
        input.check(&mut checks);
        let Err(Error::Invalid(invalid)) = checks.finish() else { return Vec::new() };
        invalid.fields.into_keys().collect()
    }

    #[test]
    fn exactly_one_name_and_a_sensible_quantity() {
        let id = Uuid::from_u128(1);
        let variant = || AddItem { variant_id: VariantId(id).into(), ..AddItem::default() };
        let mut checks = Checks::new();
        assert_eq!(variant().check(&mut checks), Some((RequestedItem::Variant(VariantId(id)), 1)));
        let by_sku = AddItem { sku: " A-1 ".into(), quantity: 10_000.into(), ..AddItem::default() };
        assert_eq!(by_sku.check(&mut checks), Some((RequestedItem::Sku("A-1".into()), 10_000)));
        assert!(checks.is_clean());

        assert_eq!(refused(AddItem::default()), ["variant_id"]);
        assert_eq!(refused(AddItem { sku: "A".into(), ..variant() }), ["sku", "variant_id"]);
        assert_eq!(refused(AddItem { product_id: ProductId(id).into(), ..variant() }), ["product_id", "variant_id"]);
        for quantity in [0, -1, 10_001, i64::MIN, i64::MAX] {
            assert_eq!(refused(AddItem { quantity: quantity.into(), ..variant() }), ["quantity"]);
        }
        assert_eq!(refused(AddItem { quantity: Field::Null, ..AddItem::default() }), ["quantity", "variant_id"]);
        assert_eq!(refused(AddItem { variant_id: Field::Wrong("no".into()), ..AddItem::default() }), ["variant_id"]);
    }

    #[test]
    fn a_quantity_of_nothing_removes() {
        let mut checks = Checks::new();
        assert_eq!(SetQuantity { quantity: 0.into() }.check(&mut checks), Some(0));
        assert!(checks.is_clean());
        assert_eq!(SetQuantity { quantity: (-1).into() }.check(&mut checks), None);
        assert_eq!(SetQuantity::default().check(&mut checks), None);
        assert_eq!(SetQuantity { quantity: 10_001.into() }.check(&mut checks), None);
    }
}
