//! The decisions about products and categories: plain functions from what was given and loaded to what is to be
//! written.

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

/// How a call says what it does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The thing is new: what is absent takes its default.
    Create,
    /// The thing is given whole: what is absent takes its default, except what names it (slug, sku).
    Replace,
    /// A part is given: what is absent stays.
    Merge,
}

impl Mode {
    /// True when what is absent takes its default.
    pub(crate) fn is_whole(self) -> bool {
        self != Self::Merge
    }

    /// The name in addresses. In a whole, blank is as good as absent.
    fn slug(self, checks: &mut Checks, slug: Field<String>) -> Option<String> {
        if self.is_whole() {
            checks.optional("slug", slug, validate::or_blank(validate::slug)).flatten()
        } else {
            checks.replace("slug", slug, validate::slug)
        }
    }
}
