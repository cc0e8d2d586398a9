//! The decisions about products and categories: pure functions from input and loaded rows to the rows to write.

mod attributes;
mod categories;
mod check;
mod products;
mod skus;
mod variants;

pub(crate) use categories::{category_fields, change_category, create_category, delete_category};
pub(crate) use check::{MAX_IMAGES, MAX_VARIANTS, ProductFields, product_fields};
pub(crate) use products::{
    StoredVariants, archive, archived, build, derived_slugs, numbered_slug, write_changed, write_new,
};

use crate::field::{Checks, Field};
use crate::validate;

/// How a call treats missing fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Creates a row: missing fields take their defaults.
    Create,
    /// Replaces all fields: missing ones take their defaults, except identifiers (slug, SKU), which stay.
    Replace,
    /// Changes the given fields: missing ones stay.
    Merge,
}

impl Mode {
    /// Whether missing fields take their defaults.
    pub(crate) fn is_whole(self) -> bool {
        self != Self::Merge
    }

    /// Checks the slug. When all fields are given, blank counts as missing.
    fn slug(self, checks: &mut Checks, slug: Field<String>) -> Option<String> {
        if self.is_whole() {
            checks.optional("slug", slug, validate::or_blank(validate::slug)).flatten()
        } else {
            checks.replace("slug", slug, validate::slug)
        }
    }
}
