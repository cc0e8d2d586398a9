//! Resolves and describes order lines.

use crate::error::Result;
use crate::field::Checks;
use crate::id::OrderItemId;
use crate::model::orders::{Order, OrderItem};

/// The order lines, with quantities, that the input field `items` lists; in the order of the input.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) for lines that the order does not have, or quantities above the ordered
/// ones.
pub(crate) fn ordered_lines(order: &Order, items: impl Iterator<Item = (OrderItemId, i64)>) -> Result<Vec<&OrderItem>> {
    let mut checks = Checks::new();
    let mut lines = Vec::new();
    for (index, (id, quantity)) in items.enumerate() {
        match order.items.iter().find(|line| line.id == id) {
            None => checks.refuse(&format!("items.{index}.order_item_id"), "The order has no such item."),
            Some(line) if quantity > line.quantity => {
                let ordered = format!("Only {} of it were ordered.", line.quantity);
                checks.refuse(&format!("items.{index}.quantity"), ordered)
            }
            Some(line) => {
                lines.push(line);
                Some(())
            }
        };
    }
    checks.finish()?;
    Ok(lines)
}

/// The most lines that a sentence lists.
const MAX_NAMED: usize = 5;

/// Lists quantities and SKUs for a sentence: `2 of MUG, 1 of TEE`.
pub(crate) fn named<'a>(items: impl ExactSizeIterator<Item = (i64, &'a str)>) -> String {
    let more = items.len().saturating_sub(MAX_NAMED);
    let mut goods: Vec<_> = items.take(MAX_NAMED).map(|(quantity, sku)| format!("{quantity} of {sku}")).collect();
    if more > 0 {
        goods.push(format!("{more} more"));
    }
    goods.join(", ")
}
