//! Generated SKUs, for variants without one.

use std::collections::BTreeMap;

use crate::clock::DecisionContext;
use crate::validate::slugify;

/// Letters and digits that are not easily confused (Crockford's base 32).
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// The number of random letters. With a million products of one name, five of them may collide; the call then tries
/// again.
const DRAWN: usize = 5;
/// A SKU has at most 64 characters.
const MAX_READABLE: usize = 64 - 1 - DRAWN;
const MAX_NAME: usize = 20;
const MAX_VALUE: usize = 8;

/// Draws a readable SKU: the name, the option values, and some random letters that make it unique.
pub(super) fn draw(context: &mut DecisionContext, name: &str, options: &BTreeMap<String, String>) -> String {
    let mut sku = short(name, "item", MAX_NAME);
    for value in options.values() {
        sku.push('-');
        sku.push_str(&short(value, "x", MAX_VALUE));
    }
    sku.truncate(MAX_READABLE);
    sku.push('-');
    for _ in 0..DRAWN {
        let drawn = usize::try_from(context.below(32)).unwrap_or_default();
        sku.push(LETTERS.get(drawn).copied().map_or('0', char::from));
    }
    sku
}

/// Shortens a name to `max` characters, at a word boundary if possible.
fn short(name: &str, fallback: &str, max: usize) -> String {
    let slug = slugify(name, fallback);
    let mut short = String::new();
    for word in slug.split('-') {
        if !short.is_empty() && short.len() + 1 + word.len() > max {
            break;
        }
        if !short.is_empty() {
            short.push('-');
        }
        short.push_str(word.get(..word.len().min(max)).unwrap_or_default());
    }
    short.to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::validate;

    fn context() -> DecisionContext {
        DecisionContext::new(chrono::DateTime::UNIX_EPOCH, [3; 32])
    }

    #[test]
    fn skus_can_be_read() {
        let options = BTreeMap::from([("Color".into(), "Forest Green".into()), ("Size".into(), "M".into())]);
        let sku = draw(&mut context(), "Merino Crew Neck Sweater, unisex", &options);
        assert!(sku.starts_with("MERINO-CREW-NECK-FOREST-M-"), "{sku}");
        assert!(draw(&mut context(), "抹茶", &BTreeMap::new()).starts_with("ITEM-"));
    }

    proptest! {
        #[test]
        fn every_drawn_sku_is_one(name in ".{0,80}|[a-z]{0,80}", values in proptest::collection::vec(".{0,30}", 0..=5)) {
            let options = values.into_iter().enumerate().map(|(number, value)| (number.to_string(), value)).collect();
            let sku = draw(&mut context(), &name, &options);
            prop_assert_eq!(validate::sku(sku.clone()), Ok(sku));
        }
    }
}
