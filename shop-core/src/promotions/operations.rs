//! The decisions about promotion rows: create, update, delete.

use super::input::CheckedPromotion;
use crate::batch::{Batch, Change, Decision};
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::model::promotions::{Promotion, code_key};

/// Creates a promotion. `taken` is a stored promotion with the same code.
///
/// # Errors
/// [`Error::AlreadyExists`] when there is one.
pub(super) fn create(
    input: CheckedPromotion,
    taken: Option<&Promotion>,
    context: &mut DecisionContext,
) -> Result<Decision<Promotion>> {
    let promotion = promotion(input, context);
    refuse_second(&promotion, taken)?;
    let mut batch = Batch::new(context);
    batch.write(Change::Insert(promotion.clone()));
    Ok(Decision { batch, reply: promotion })
}

/// Updates a promotion. Concurrent orders that used the old one are decided again; placed orders keep their discounts.
///
/// # Errors
/// As [`create`].
pub(super) fn update(
    before: &Promotion,
    input: CheckedPromotion,
    taken: Option<&Promotion>,
    context: &mut DecisionContext,
) -> Result<Decision<Promotion>> {
    let promotion = Promotion {
        id: before.id,
        created_at: before.created_at,
        version: before.version + 1,
        ..promotion(input, context)
    };
    refuse_second(&promotion, taken)?;
    let mut batch = Batch::new(context);
    batch.write(Change::Update(promotion.clone()));
    Ok(Decision { batch, reply: promotion })
}

/// Deletes a promotion. Its counts stay, because orders that used it may still be canceled.
pub(super) fn delete(before: &Promotion, context: &mut DecisionContext) -> Decision<()> {
    let mut batch = Batch::new(context);
    batch.delete(before);
    Decision { batch, reply: () }
}

fn refuse_second(promotion: &Promotion, taken: Option<&Promotion>) -> Result<()> {
    match taken {
        Some(other) if other.id != promotion.id => Err(Error::AlreadyExists { field: "code" }),
        _ => Ok(()),
    }
}

fn promotion(input: CheckedPromotion, context: &mut DecisionContext) -> Promotion {
    Promotion {
        id: context.id(),
        name: input.name,
        code_key: input.code.as_deref().map(code_key),
        code: input.code,
        currency: input.currency,
        offer: input.offer,
        min_subtotal: input.min_subtotal,
        product_ids: input.product_ids,
        category_ids: input.category_ids,
        customer_ids: input.customer_ids,
        first_order_only: input.first_order_only,
        starts_at: input.starts_at,
        ends_at: input.ends_at,
        usage_limit: input.usage_limit,
        usage_limit_per_customer: input.usage_limit_per_customer,
        combinable: input.combinable,
        priority: input.priority,
        active: input.active,
        created_at: context.now(),
        updated_at: context.now(),
        version: 1,
    }
}
