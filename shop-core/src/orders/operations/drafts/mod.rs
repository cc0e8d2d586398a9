//! Draft orders: carts with overridden prices that are placed like any other.

use super::place::{Placement, place};
use crate::batch::{Batch, Change, Decision, expect_version};
use crate::cart::CartContents;
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::field::Checks;
use crate::lifecycle::record_for_staff;
use crate::model::cart::{Cart, CartItem, CartStatus};
use crate::model::orders::{Draft, DraftItem};
use crate::money::{Amount, Currency};
use crate::orders::OrderView;
use crate::orders::input::{CheckedDraft, CheckedDraftItem, Recipient};

/// Creates a draft.
///
/// # Errors
/// As [`change_draft`].
pub(in crate::orders) fn create_draft(
    input: CheckedDraft,
    currency: Currency,
    contents: &CartContents,
    context: &mut DecisionContext,
) -> Result<Decision<Draft>> {
    let empty = Draft {
        id: context.id(),
        customer_id: None,
        email: None,
        currency,
        items: Vec::new(),
        note: String::new(),
        created_at: context.now(),
        updated_at: context.now(),
        version: 1,
    };
    let draft = apply(empty, input, contents)?;
    let mut batch = Batch::new(context);
    batch.write(Change::Insert(draft.clone()));
    Ok(Decision { batch, reply: draft })
}

/// Changes a draft.
///
/// # Errors
/// [`Error::Invalid`] for lines that are not on sale or repeat a variant, or if their total is too large.
pub(in crate::orders) fn change_draft(
    before: &Draft,
    input: CheckedDraft,
    contents: &CartContents,
    context: &mut DecisionContext,
) -> Result<Decision<Draft>> {
    let after = apply(before.clone(), input, contents)?;
    if after == *before {
        return Ok(Decision::unchanged(context, after));
    }
    let after = Draft { updated_at: context.now(), version: before.version + 1, ..after };
    let mut batch = Batch::new(context);
    batch.write(Change::Update(after.clone()));
    Ok(Decision { batch, reply: after })
}

/// Deletes a draft.
pub(in crate::orders) fn delete_draft(draft: &Draft, context: &mut DecisionContext) -> Decision<()> {
    let mut batch = Batch::new(context);
    batch.write(gone(draft));
    Decision { batch, reply: () }
}

/// Places a draft as an order, as [`place`] does with a cart. Records the reasons of overridden prices in the history,
/// for staff only. `placement` is that of the draft's [cart](cart_of); `contents` are the lines' products before they
/// were [priced](priced).
///
/// # Errors
/// As [`place`].
pub(in crate::orders) fn place_draft(
    draft: &Draft,
    contents: &CartContents,
    placement: Placement<'_>,
    context: &mut DecisionContext,
) -> Result<Decision<OrderView>> {
    let role = placement.role;
    let mut decision = place(placement, context)?;
    let batch = &mut decision.batch;
    // If two calls place it concurrently, one fails here.
    batch.write(gone(draft));
    let order = &decision.reply.order;
    for item in &draft.items {
        let (Some(price), Some((_, variant))) = (&item.price, contents.find(item.variant_id)) else { continue };
        let format = |amount| order.currency.format_amount(amount);
        let (now, before) = (format(price.unit_price), format(variant.price));
        let (sku, currency) = (&variant.sku, order.currency);
        let detail = format!("{sku} costs {now} instead of {before} {currency}: {}", price.reason);
        record_for_staff(batch, context, order.id, "price_overridden", role, detail);
    }
    Ok(decision)
}

/// The cart of a draft. It is new, so it is inserted with the order and can become only one.
pub(in crate::orders) fn cart_of(draft: &Draft, context: &mut DecisionContext) -> Cart {
    let items = draft.items.iter();
    let item = |item: &DraftItem| CartItem { id: context.id(), variant_id: item.variant_id, quantity: item.quantity };
    Cart {
        items: items.map(item).collect(),
        customer_id: draft.customer_id,
        status: CartStatus::Open,
        id: draft.cart_id(),
        ..crate::cart::operations::open(draft.customer_id, draft.currency, context)
    }
}

/// The products of a draft's lines with the draft's prices. A cart has one line per variant, so this affects no other
/// line.
pub(in crate::orders) fn priced(draft: &Draft, mut contents: CartContents) -> CartContents {
    for product in &mut contents.products {
        for variant in &mut product.variants {
            let of_variant = draft.items.iter().find(|item| item.variant_id == variant.id);
            if let Some(price) = of_variant.and_then(|item| item.price.as_ref()) {
                variant.price = price.unit_price;
            }
        }
    }
    contents
}

fn gone(draft: &Draft) -> Change<Draft> {
    Change::Delete { id: draft.id.0, version: draft.version }
}

fn apply(mut draft: Draft, input: CheckedDraft, contents: &CartContents) -> Result<Draft> {
    match input.recipient {
        Some(Recipient::Customer(customer)) => (draft.customer_id, draft.email) = (Some(customer), None),
        Some(Recipient::Email(email)) => (draft.customer_id, draft.email) = (None, Some(email)),
        None => {}
    }
    if let Some(items) = input.items {
        draft.items = lines(items, draft.currency, contents)?;
    }
    if let Some(note) = input.note {
        draft.note = note;
    }
    Ok(draft)
}

fn lines(items: Vec<CheckedDraftItem>, currency: Currency, contents: &CartContents) -> Result<Vec<DraftItem>> {
    let mut checks = Checks::new();
    let mut lines: Vec<DraftItem> = Vec::with_capacity(items.len());
    let mut total = Amount::ZERO;
    for (index, item) in items.into_iter().enumerate() {
        let field = format!("items.{index}.{}", item.variant.field());
        let mut variants = contents.products.iter().flat_map(|product| &product.variants);
        let named = variants.find(|variant| item.variant.is_of(variant));
        let Some((_, variant)) = named.and_then(|variant| contents.on_sale(variant.id, currency)) else {
            checks.refuse::<()>(&field, "This is not on sale.");
            continue;
        };
        if lines.iter().any(|line| line.variant_id == variant.id) {
            checks.refuse::<()>(&field, "This variant is listed twice.");
        }
        let unit_price = item.price.as_ref().map_or(variant.price, |price| price.unit_price);
        // A saturated sum is too large as well.
        total = Amount(total.0.saturating_add(unit_price.0.saturating_mul(item.quantity)));
        lines.push(DraftItem { variant_id: variant.id, quantity: item.quantity, price: item.price });
    }
    if total > Amount::MAX {
        checks.refuse::<()>("items", "The total would be too large.");
    }
    checks.finish()?;
    Ok(lines)
}

/// Requires that the draft exists and has the expected version.
///
/// # Errors
/// [`Error::NotFound`], [`Error::VersionMismatch`].
pub(in crate::orders) fn expected_draft(draft: Option<Draft>, expected: Option<i64>) -> Result<Draft> {
    let draft = draft.ok_or(Error::NotFound)?;
    expect_version(&draft, expected)?;
    Ok(draft)
}

#[cfg(test)]
mod tests;
