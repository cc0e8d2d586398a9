//! Payments with their refunds.

use shop_core::batch::{Change, Conflict, Unique};
use shop_core::payments::Payment;
use uuid::Uuid;

use super::change::WriteRow;
use super::effects::Effects;
use super::part::TableOperation;
use super::statement_runner::{ApplyError, ApplyResult, StatementRunner};
use super::table::children_of;
use super::tables::{Operation, TableId};

const PUT_REFUNDS: TableOperation = Operation::PutNew.on(TableId::Refund);

impl WriteRow for Payment {
    fn effects<'b, E: Effects<'b>>(change: &'b Change<Self>, to: &mut E) -> Result<(), E::Stop> {
        match change {
            Change::Insert(payment) | Change::Update(payment) => to.grouped(PUT_REFUNDS, || children_of(payment)),
            Change::Delete { .. } => Ok(()),
        }
    }

    async fn apply(runner: &mut StatementRunner<'_>, change: &Change<Self>) -> ApplyResult {
        let done = runner.change(change).await;
        let (Change::Insert(payment) | Change::Update(payment)) = change else { return done };
        if let Err(ApplyError::Conflict(Conflict::Exists(Unique::LivePayment))) = done
            && others_refund(runner, payment).await?
        {
            // Checked first: see the order of the unique keys of `Payment`.
            return Err(Conflict::Exists(Unique::OtherId).into());
        }
        done?;
        for row in children_of(payment) {
            runner.write(PUT_REFUNDS, row, Some(Conflict::Exists(Unique::OtherId))).await?;
        }
        Ok(())
    }
}

/// True if one of the refunds belongs to another payment.
async fn others_refund(runner: &mut StatementRunner<'_>, payment: &Payment) -> Result<bool, ApplyError> {
    let ids: Vec<Uuid> = payment.refunds.iter().map(|refund| refund.id.0).collect();
    runner.exists("SELECT 1 FROM refunds WHERE id = ANY ($1) AND payment_id <> $2", (ids, payment.id.0)).await
}
