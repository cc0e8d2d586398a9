//! Address books, shipping rates and shipments.

use shop_core::batch::{Change, Conflict, Entity};
use shop_core::shipping::{Method, SavedAddress, Zone};

use super::change::WriteRow;
use super::effects::{Effects, Related};
use super::statement_runner::{ApplyResult, StatementRunner};
use super::tables::{Operation, TableId};

impl WriteRow for SavedAddress {
    fn effects<'b, E: Effects<'b>>(change: &'b Change<Self>, to: &mut E) -> Result<(), E::Stop> {
        if let Change::Insert(address) | Change::Update(address) = change {
            to.also(Related::AddressBook(address.user_id.0));
        }
        Ok(())
    }
}

impl WriteRow for Zone {
    async fn apply(runner: &mut StatementRunner<'_>, change: &Change<Self>) -> ApplyResult {
        if let Change::Delete { id, version } = change
            && runner.has_version::<Self>(*id, *version).await?
            && runner.exists("SELECT 1 FROM methods WHERE zone_id = $1", (*id,)).await?
        {
            return Err(Conflict::InUse(Entity::Zone, *id).into());
        }
        runner.change(change).await
    }
}

impl WriteRow for Method {
    fn effects<'b, E: Effects<'b>>(change: &'b Change<Self>, to: &mut E) -> Result<(), E::Stop> {
        match change {
            Change::Insert(method) | Change::Update(method) => {
                to.lock(Operation::ShareKey.on(TableId::Zone), &[method.zone_id.0], None)
            }
            Change::Delete { .. } => Ok(()),
        }
    }

    async fn apply(runner: &mut StatementRunner<'_>, change: &Change<Self>) -> ApplyResult {
        if let Change::Insert(method) | Change::Update(method) = change {
            // A violated foreign key would end the transaction. The zone, if it exists, is locked already. A conflict
            // of the method itself is reported first.
            if !runner.exists("SELECT 1 FROM zones WHERE id = $1", (method.zone_id.0,)).await? {
                runner.judge(change).await?;
                return Err(Conflict::Stale(Entity::Zone, method.zone_id.0).into());
            }
        }
        runner.change(change).await
    }
}
