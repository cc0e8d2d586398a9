//! The calls about shipments: created and updated by staff, tracked by anyone who knows the number.

use std::collections::BTreeSet;

use super::Shipping;
use crate::actor::Actor;
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::id::ShipmentId;
use crate::idempotency::{IdempotencyKey, Replayable};
use crate::lifecycle::OrderState;
use crate::model::inventory::StockLevel;
use crate::model::shipping::{Shipment, ShipmentFilter, ShipmentStatus, ShippingSort, tracking_key};
use crate::page::{Page, PageRequest};
use crate::shipping::operations::{create_shipment, track_shipment, update_shipment};
use crate::shipping::{ShipmentChange, ShipmentInput, Tracking, TrackingInput};

/// The maximum number of shipments returned for one tracking number: staff may enter the same text for many shipments.
const MAX_TRACKED: u32 = 100;

impl Shipping<'_> {
    /// Lists the shipments, for staff.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`].
    pub async fn shipments(
        &self,
        actor: &Actor,
        filter: &ShipmentFilter,
        page: &PageRequest<ShippingSort>,
    ) -> Result<Page<Shipment>> {
        actor.require_staff()?;
        Ok(self.shop.store().list_shipments(filter, page).await?)
    }

    /// Returns one shipment, for staff.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::NotFound`].
    pub async fn shipment(&self, actor: &Actor, id: ShipmentId) -> Result<Shipment> {
        actor.require_staff()?;
        self.shop.store().shipment(id).await?.ok_or(Error::NotFound)
    }

    /// Creates a shipment of an order: the given items, or everything that is left. Its stock stays reserved until it
    /// leaves.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::Invalid`], [`Error::NotFound`] (the order),
    /// [`Error::InvalidTransition`] when the order cannot ship now, or not these quantities.
    pub async fn create_shipment(
        &self,
        actor: &Actor,
        input: ShipmentInput,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<Shipment>> {
        actor.require_staff()?;
        let input = &input.check()?;
        self.shop
            .execute_once(actor, "shipping.create_shipment", key, |mut context| async move {
                let state = self.shop.order_state(input.order_id, &mut context).await?;
                create_shipment(state, input.clone(), actor.role(), &mut context)
            })
            .await
    }

    /// Changes the carrier or the tracking number of a shipment.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::Invalid`], [`Error::NotFound`].
    pub async fn change_shipment(&self, actor: &Actor, id: ShipmentId, change: ShipmentChange) -> Result<Shipment> {
        actor.require_staff()?;
        let change = &change;
        self.shop
            .execute(actor, |mut context| async move {
                let (state, before) = self.load(id, &mut context).await?;
                let (carrier, number) = change.clone().check(&before)?;
                Ok(update_shipment(state, &before, carrier, number, &mut context))
            })
            .await
    }

    /// Records a tracking event of a shipment, with its effects on the stock and the order.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::Invalid`], [`Error::NotFound`],
    /// [`Error::InvalidTransition`] when the event does not fit the shipment's status, [`Error::InsufficientStock`]
    /// when more leaves than was in stock and backordered.
    pub async fn track_shipment(
        &self,
        actor: &Actor,
        id: ShipmentId,
        news: TrackingInput,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<Shipment>> {
        actor.require_staff()?;
        let news = &news.check(self.shop.context().now())?;
        let operation = format!("shipping.track_shipment:{id}");
        self.shop
            .execute_once(actor, &operation, key, |mut context| async move {
                loop {
                    let (state, before) = self.load(id, &mut context).await?;
                    let levels = match before.status {
                        ShipmentStatus::Pending => self.levels(&state).await?,
                        ShipmentStatus::Shipped | ShipmentStatus::Delivered | ShipmentStatus::Canceled => Vec::new(),
                    };
                    let decided = track_shipment(state, &before, news.clone(), &levels, actor.role(), &mut context);
                    // The levels may be newer than the order: if another call has changed the shipment in the meantime,
                    // stock is not insufficient.
                    if !matches!(decided, Err(Error::InsufficientStock { .. }))
                        || self.shop.store().shipment(id).await?.is_some_and(|now| now.version == before.version)
                    {
                        return decided;
                    }
                }
            })
            .await
    }

    /// The public data of the newest hundred shipments with this tracking number, which is [normalized](tracking_key)
    /// first.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn tracking(&self, tracking_number: &str) -> Result<Tracking> {
        let key = tracking_key(tracking_number);
        let shipments = self.shop.store().shipments_by_tracking_key(&key, MAX_TRACKED).await?;
        Tracking::of(shipments).ok_or(Error::NotFound)
    }

    /// The stock levels of the order's reserved variants.
    async fn levels(&self, state: &OrderState) -> Result<Vec<StockLevel>> {
        let variants: BTreeSet<_> = state.reservations.iter().map(|held| held.variant_id).collect();
        Ok(self.shop.store().stock_of(&variants.into_iter().collect::<Vec<_>>()).await?)
    }

    /// A shipment with the state of its order, consistent with one version of the order.
    async fn load(&self, id: ShipmentId, context: &mut DecisionContext) -> Result<(OrderState, Shipment)> {
        let shipment = self.shop.store().shipment(id).await?.ok_or(Error::NotFound)?;
        let state = self.shop.order_state(shipment.order_id, context).await?;
        // Read again with the order, whose version guards it.
        let shipment = state.shipments.iter().find(|stored| stored.id == id).cloned().unwrap_or(shipment);
        Ok((state, shipment))
    }
}
