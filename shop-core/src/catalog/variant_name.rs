//! How callers name a variant.

use super::model::Variant;
use crate::id::VariantId;

/// By what a variant is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VariantName {
    Id(VariantId),
    Sku(String),
}

impl VariantName {
    /// The field it came in.
    pub(crate) fn field(&self) -> &'static str {
        match self {
            Self::Id(_) => "variant_id",
            Self::Sku(_) => "sku",
        }
    }

    /// Whether it is the name of this one.
    pub(crate) fn is_of(&self, variant: &Variant) -> bool {
        match self {
            Self::Id(id) => variant.id == *id,
            Self::Sku(sku) => variant.sku == *sku,
        }
    }
}
