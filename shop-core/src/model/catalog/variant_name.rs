//! How callers identify a variant.

use crate::id::VariantId;
use crate::model::catalog::Variant;

/// The id or the SKU of a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VariantName {
    Id(VariantId),
    Sku(String),
}

impl VariantName {
    /// The input field that named the variant.
    pub(crate) fn field(&self) -> &'static str {
        match self {
            Self::Id(_) => "variant_id",
            Self::Sku(_) => "sku",
        }
    }

    /// Whether this is the variant.
    pub(crate) fn is_of(&self, variant: &Variant) -> bool {
        match self {
            Self::Id(id) => variant.id == *id,
            Self::Sku(sku) => variant.sku == *sku,
        }
    }
}
