//! Payments with their refunds.

use shop_core::batch::{Change, Conflict, Unique};
use shop_core::payments::{Payment, PaymentsWrite, RemoteState};
use shop_core::secret::Sealed;
use uuid::Uuid;

use super::part::Part;
use super::plain::{Applied, Failure, Plain};
use super::table::{Record, Table};
use super::value::{Kind, Row};
use shop_core::word::Word as _;

pub(super) static PAYMENTS: Table = Table {
    name: "payments",
    columns: &[
        ("id", Kind::Id),
        ("order_id", Kind::Id),
        ("gateway", Kind::Text),
        ("amount", Kind::Int),
        ("currency", Kind::Text),
        ("state", Kind::Text),
        ("amount_authorized", Kind::Int),
        ("amount_captured", Kind::Int),
        ("amount_refunded", Kind::Int),
        ("gateway_reference", Kind::Text),
        ("failure", Kind::Text),
        ("created_at", Kind::Time),
        ("updated_at", Kind::Time),
        ("version", Kind::Int),
        ("asking", Kind::Id),
        ("asking_step", Kind::Text),
        ("look_at", Kind::Time),
        ("client_secret", Kind::Text),
        ("mismatch", Kind::Text),
        ("confirmed_at", Kind::Time),
    ],
    key: 1,
    uniques: &[(
        Unique::LivePayment,
        "old.order_id = new.order_id AND old.state IN ('pending', 'requires_action', 'authorized', 'captured')
            AND new.state IN ('pending', 'requires_action', 'authorized', 'captured')",
    )],
    counted: &["state", "gateway"],
};

impl Record for Payment {
    const TABLE: &'static Table = &PAYMENTS;

    fn put(&self, row: &mut Row) {
        row.id(self.id).id(self.order_id).text(&self.gateway).int(self.amount.0).text(self.currency.code());
        row.text(self.state.word()).int(self.amount_authorized.0).int(self.amount_captured.0);
        row.int(self.amount_refunded.0).optional_text(self.gateway_reference.as_deref());
        row.optional_text(self.failure.as_deref()).time(self.created_at).time(self.updated_at).int(self.version);
        let RemoteState { asking, look_at, client_secret, mismatch, confirmed_at } = &self.remote;
        row.optional_id(asking.map(|asking| asking.intent)).optional_text(asking.map(|asking| asking.step.word()));
        row.optional_time(*look_at).optional_text(client_secret.as_ref().map(Sealed::stored));
        row.optional_text(mismatch.as_deref()).optional_time(*confirmed_at);
    }
}

pub(super) static REFUNDS: Table = Table {
    name: "refunds",
    columns: &[
        ("id", Kind::Id),
        ("payment_id", Kind::Id),
        ("amount", Kind::Int),
        ("state", Kind::Text),
        ("reason", Kind::Text),
        ("created_at", Kind::Time),
        ("gateway_reference", Kind::Text),
        ("taxes", Kind::Json),
    ],
    key: 1,
    uniques: &[],
    counted: &[],
};

/// The rows of a payment's refunds.
pub(super) fn refunds(payment: &Payment) -> impl Iterator<Item = Row> {
    payment.refunds.iter().map(|refund| {
        let mut row = Row::default();
        row.id(refund.id).id(payment.id).int(refund.amount.0).text(refund.state.word()).text(&refund.reason);
        row.time(refund.created_at).optional_text(refund.gateway_reference.as_deref()).json(&refund.taxes);
        row
    })
}

/// Applies a write of payments.
pub(super) async fn apply(plain: &mut Plain<'_>, write: &PaymentsWrite) -> Applied {
    let PaymentsWrite::Payment(change) = write;
    let done = plain.change(change, false).await;
    let (Change::Insert(payment) | Change::Update(payment)) = change else { return done };
    if let Err(Failure::Conflict(Conflict::Exists(Unique::LivePayment))) = done
        && others_refund(plain, payment).await?
    {
        // Judged before: see the order of the unique keys in `PaymentsWrite`.
        return Err(Conflict::Exists(Unique::OtherId).into());
    }
    done?;
    for row in refunds(payment) {
        plain.insert_unless(Part::PutRefunds, row, Unique::OtherId).await?;
    }
    Ok(())
}

/// True when one of the refunds belongs to another payment.
async fn others_refund(plain: &mut Plain<'_>, payment: &Payment) -> Result<bool, Failure> {
    let ids: Vec<Uuid> = payment.refunds.iter().map(|refund| refund.id.0).collect();
    plain.exists("SELECT 1 FROM refunds WHERE id = ANY ($1) AND payment_id <> $2", (ids, payment.id.0)).await
}
