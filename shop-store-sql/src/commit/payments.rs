//! Payments with their refunds.

use std::sync::LazyLock;

use shop_core::batch::{Change, Conflict, Unique};
use shop_core::payments::{Payment, Refund};
use uuid::Uuid;

use super::part::Part;
use super::plain::{Applied, Failure, Plain};
use super::table::{Table, children_of, records};

records! {
    PAYMENTS: Payment, counted by &["state", "gateway"], applied by apply;
}

pub(super) static REFUNDS: LazyLock<Table> = LazyLock::new(Table::of::<Refund>);

/// Applies a change of a payment.
pub(super) async fn apply(plain: &mut Plain<'_>, change: &Change<Payment>) -> Applied {
    let done = plain.change(change).await;
    let (Change::Insert(payment) | Change::Update(payment)) = change else { return done };
    if let Err(Failure::Conflict(Conflict::Exists(Unique::LivePayment))) = done
        && others_refund(plain, payment).await?
    {
        // Checked first: see the order of the unique keys of `Payment`.
        return Err(Conflict::Exists(Unique::OtherId).into());
    }
    done?;
    for row in children_of(payment) {
        plain.insert_unless(Part::PutRefunds, row, Unique::OtherId).await?;
    }
    Ok(())
}

/// True if one of the refunds belongs to another payment.
async fn others_refund(plain: &mut Plain<'_>, payment: &Payment) -> Result<bool, Failure> {
    let ids: Vec<Uuid> = payment.refunds.iter().map(|refund| refund.id.0).collect();
    plain.exists("SELECT 1 FROM refunds WHERE id = ANY ($1) AND payment_id <> $2", (ids, payment.id.0)).await
}
