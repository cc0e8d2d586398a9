//! Address books, shipping rates and shipments.

use shop_core::batch::{Change, Conflict, Entity};
use shop_core::shipping::{Method, SavedAddress, Shipment, Zone};

use super::plain::{Applied, Plain};
use super::table::records;

records! {
    ADDRESSES: SavedAddress;
    ZONES: Zone, applied by apply_zone;
    METHODS: Method, applied by apply_method;
    SHIPMENTS: Shipment;
}

async fn apply_zone(plain: &mut Plain<'_>, change: &Change<Zone>) -> Applied {
    if let Change::Delete { id, version } = change
        && plain.has_version::<Zone>(*id, *version).await?
        && plain.exists("SELECT 1 FROM methods WHERE zone_id = $1", (*id,)).await?
    {
        return Err(Conflict::InUse(Entity::Zone, *id).into());
    }
    plain.change(change).await
}

async fn apply_method(plain: &mut Plain<'_>, change: &Change<Method>) -> Applied {
    if let Change::Insert(method) | Change::Update(method) = change {
        // A violated foreign key would end the transaction. The zone, if it exists, is locked already. A conflict of the
        // method itself is reported first.
        if !plain.exists("SELECT 1 FROM zones WHERE id = $1", (method.zone_id.0,)).await? {
            plain.judge(change).await?;
            return Err(Conflict::Stale(Entity::Zone, method.zone_id.0).into());
        }
    }
    plain.change(change).await
}
