//! Orders that staff put together for somebody: a cart with prices of its own, placed as any other.

use super::place::{Placement, place};
use super::status::record_for_staff;
use crate::batch::{Batch, Change, expect_version};
use crate::cart::{Cart, CartItem, CartStatus, Goods};
use crate::clock::Moment;
use crate::error::{Error, Result};
use crate::execute::Decision;
use crate::field::Checks;
use crate::money::{Amount, Currency};
use crate::orders::input::{CheckedDraft, CheckedDraftItem, Recipient};
use crate::orders::{Draft, DraftItem, OrderView};

/// A new draft.
///
/// # Errors
/// As [`change_draft`].
pub(in crate::orders) fn create_draft(
    input: CheckedDraft,
    currency: Currency,
    goods: &Goods,
    moment: &mut Moment,
) -> Result<Decision<Draft>> {
    let empty = Draft {
        id: moment.id(),
        customer_id: None,
        email: None,
        currency,
        items: Vec::new(),
        note: String::new(),
        created_at: moment.now(),
        updated_at: moment.now(),
        version: 1,
    };
    let draft = apply(empty, input, goods)?;
    let mut batch = Batch::new(moment);
    batch.write(Change::Insert(draft.clone()));
    Ok(Decision { batch, reply: draft })
}

/// A draft with what changes of it.
///
/// # Errors
/// [`Error::Invalid`] naming lines that are not on sale, that name one variant twice, or that cost too much together.
pub(in crate::orders) fn change_draft(
    before: &Draft,
    input: CheckedDraft,
    goods: &Goods,
    moment: &mut Moment,
) -> Result<Decision<Draft>> {
    let after = apply(before.clone(), input, goods)?;
    if after == *before {
        return Ok(Decision::unchanged(moment, after));
    }
    let after = Draft { updated_at: moment.now(), version: before.version + 1, ..after };
    let mut batch = Batch::new(moment);
    batch.write(Change::Update(after.clone()));
    Ok(Decision { batch, reply: after })
}

/// A draft is thrown away.
pub(in crate::orders) fn delete_draft(draft: &Draft, moment: &mut Moment) -> Decision<()> {
    let mut batch = Batch::new(moment);
    batch.write(gone(draft));
    Decision { batch, reply: () }
}

/// A draft becomes an order, as a cart does ([`place`]): with its prices, the reasons of which go into the history, for
/// staff only.
/// `placement` is of the draft's [cart](cart_of), `goods` are what its lines are about before they were
/// [priced](priced).
///
/// # Errors
/// As [`place`].
pub(in crate::orders) fn place_draft(
    draft: &Draft,
    goods: &Goods,
    placement: Placement<'_>,
    moment: &mut Moment,
) -> Result<Decision<OrderView>> {
    let role = placement.role;
    let mut decision = place(placement, moment)?;
    let batch = &mut decision.batch;
    // Of two that place it at once, one fails here.
    batch.write(gone(draft));
    let order = &decision.reply.order;
    for item in &draft.items {
        let (Some(price), Some((_, variant))) = (&item.price, goods.find(item.variant_id)) else { continue };
        let format = |amount| order.currency.format_amount(amount);
        let (now, before) = (format(price.unit_price), format(variant.price));
        let (sku, currency) = (&variant.sku, order.currency);
        let detail = format!("{sku} costs {now} instead of {before} {currency}: {}", price.reason);
        record_for_staff(batch, moment, order.id, "price_overridden", role, detail);
    }
    Ok(decision)
}

/// The cart that a draft stands for: new, so that it is written with the order and becomes one at most.
pub(in crate::orders) fn cart_of(draft: &Draft, moment: &mut Moment) -> Cart {
    let items = draft.items.iter();
    let item = |item: &DraftItem| CartItem { id: moment.id(), variant_id: item.variant_id, quantity: item.quantity };
    Cart {
        items: items.map(item).collect(),
        customer_id: draft.customer_id,
        status: CartStatus::Open,
        id: draft.cart_id(),
        ..crate::cart::operations::open(draft.customer_id, draft.currency, moment)
    }
}

/// What the lines of a draft are about, at the draft's prices. A cart has a line per variant, so no other line is
/// touched.
pub(in crate::orders) fn priced(draft: &Draft, mut goods: Goods) -> Goods {
    for product in &mut goods.products {
        for variant in &mut product.variants {
            let of_variant = draft.items.iter().find(|item| item.variant_id == variant.id);
            if let Some(price) = of_variant.and_then(|item| item.price.as_ref()) {
                variant.price = price.unit_price;
            }
        }
    }
    goods
}

fn gone(draft: &Draft) -> Change<Draft> {
    Change::Delete { id: draft.id.0, version: draft.version }
}

fn apply(mut draft: Draft, input: CheckedDraft, goods: &Goods) -> Result<Draft> {
    match input.recipient {
        Some(Recipient::Customer(customer)) => (draft.customer_id, draft.email) = (Some(customer), None),
        Some(Recipient::Email(email)) => (draft.customer_id, draft.email) = (None, Some(email)),
        None => {}
    }
    if let Some(items) = input.items {
        draft.items = lines(items, draft.currency, goods)?;
    }
    if let Some(note) = input.note {
        draft.note = note;
    }
    Ok(draft)
}

fn lines(items: Vec<CheckedDraftItem>, currency: Currency, goods: &Goods) -> Result<Vec<DraftItem>> {
    let mut checks = Checks::new();
    let mut lines: Vec<DraftItem> = Vec::with_capacity(items.len());
    let mut total = Amount::ZERO;
    for (index, item) in items.into_iter().enumerate() {
        let field = format!("items.{index}.{}", item.variant.field());
        let mut variants = goods.products.iter().flat_map(|product| &product.variants);
        let named = variants.find(|variant| item.variant.is_of(variant));
        let Some((_, variant)) = named.and_then(|variant| goods.on_sale(variant.id, currency)) else {
            checks.refuse::<()>(&field, "This is not on sale.");
            continue;
        };
        if lines.iter().any(|line| line.variant_id == variant.id) {
            checks.refuse::<()>(&field, "This variant is listed twice.");
        }
        let unit_price = item.price.as_ref().map_or(variant.price, |price| price.unit_price);
        // Saturated sums are too large, too.
        total = Amount(total.0.saturating_add(unit_price.0.saturating_mul(item.quantity)));
        lines.push(DraftItem { variant_id: variant.id, quantity: item.quantity, price: item.price });
    }
    if total > Amount::MAX {
        checks.refuse::<()>("items", "The total would be too large.");
    }
    checks.finish()?;
    Ok(lines)
}

/// What is not there is not found; what has changed is refused.
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
