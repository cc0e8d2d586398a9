//! Address books, shipping rates and shipments.

use shop_core::batch::{Change, Conflict, Entity, RowWrite};
use shop_core::shipping::{Method, SavedAddress, Shipment, Zone};

use super::plain::{Applied, Plain};
use super::table::records;

records! {
    ADDRESSES: SavedAddress;
    ZONES: Zone;
    METHODS: Method;
    SHIPMENTS: Shipment;
}

/// Applies a write of shipping.
pub(super) async fn apply(plain: &mut Plain<'_>, write: &ShippingWrite) -> Applied {
    match write {
        RowWrite::Address(change) => plain.change(change).await,
        RowWrite::Zone(change) => {
            if let Change::Delete { id, version } = change
                && plain.has_version::<Zone>(*id, *version).await?
                && plain.exists("SELECT 1 FROM methods WHERE zone_id = $1", (*id,)).await?
            {
                return Err(Conflict::InUse(Entity::Zone, *id).into());
            }
            plain.change(change).await
        }
        RowWrite::Method(change) => {
            if let Change::Insert(method) | Change::Update(method) = change {
                // A foreign key violation would end the transaction. The zone was already locked, if it exists. The
                // method's own conflicts are reported first.
                if !plain.exists("SELECT 1 FROM zones WHERE id = $1", (method.zone_id.0,)).await? {
                    plain.judge(change).await?;
                    return Err(Conflict::Stale(Entity::Zone, method.zone_id.0).into());
                }
            }
            plain.change(change).await
        }
        RowWrite::Shipment(change) => plain.change(change).await,
    }
}
