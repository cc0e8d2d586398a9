//! Changes of stock by staff.

use super::stock::view;
use super::{Inventory, checks};
use crate::actor::Actor;
use crate::batch::{Batch, Decision};
use crate::error::{Error, Result};
use crate::id::{LocationId, VariantId};
use crate::idempotency::{IdempotencyKey, Replayable};
use crate::inventory::operations::{Stocked, adjust, change_settings, transfer};
use crate::inventory::{AdjustmentInput, StockInput, StockView, TransferInput, TransferView};
use crate::model::catalog::VariantName;
use crate::model::inventory::Movement;

impl Inventory<'_> {
    /// Changes the settings of a variant's stock at one location, or at all of them.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown variant; [`Error::Invalid`], also for an unknown location;
    /// [`Error::InsufficientStock`] if tracking is switched on, or backorders off, while more units are reserved than
    /// are on hand or backordered; those of [`Actor::require_staff`].
    pub async fn change_stock(&self, actor: &Actor, variant_id: VariantId, input: StockInput) -> Result<StockView> {
        actor.require_staff()?;
        let settings = checks::settings(variant_id, input)?;
        self.shop
            .execute(actor, |mut context| async move {
                let name = VariantName::Id(variant_id);
                let mut stocked = self.stocked(&name).await?.ok_or(Error::NotFound)?;
                let place = self.place("location_id", settings.location_id).await?;
                let mut batch = Batch::new(&mut context);
                change_settings(&mut batch, &mut stocked, place, &settings)?;
                let reply = view(stocked, settings.location_id).ok_or(Error::NotFound)?;
                Ok(Decision { batch, reply })
            })
            .await
    }

    /// Corrects the units on hand at one location.
    ///
    /// # Errors
    /// [`Error::Invalid`], also for an unknown variant or location; [`Error::InsufficientStock`] if fewer units would
    /// remain than are reserved, unless backorders are allowed, or fewer than 0; those of [`Actor::require_staff`] and
    /// of idempotency.
    pub async fn adjust(
        &self,
        actor: &Actor,
        input: AdjustmentInput,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<Movement>> {
        actor.require_staff()?;
        let (name, location_id, adjustment) = &checks::adjustment(input)?;
        self.shop
            .execute_once(actor, "inventory.adjust", key, |mut context| async move {
                let stocked = self.named(name).await?;
                let place = self.place("location_id", *location_id).await?;
                let mut batch = Batch::new(&mut context);
                let reply = adjust(&mut batch, &mut context, &stocked, place, adjustment)?;
                Ok(Decision { batch, reply })
            })
            .await
    }

    /// Moves available units to another location.
    ///
    /// # Errors
    /// [`Error::Invalid`], also for an unknown variant or location; [`Error::InsufficientStock`] if fewer units are
    /// available; those of [`Actor::require_staff`] and of idempotency.
    pub async fn transfer(
        &self,
        actor: &Actor,
        input: TransferInput,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<TransferView>> {
        actor.require_staff()?;
        let (name, wanted) = &checks::transfer(input)?;
        self.shop
            .execute_once(actor, "inventory.transfer", key, |mut context| async move {
                let stocked = self.named(name).await?;
                self.place("from_location_id", Some(wanted.from)).await?;
                self.place("to_location_id", Some(wanted.to)).await?;
                let mut batch = Batch::new(&mut context);
                let reply = transfer(&mut batch, &mut context, &stocked, wanted)?;
                Ok(Decision { batch, reply })
            })
            .await
    }

    pub(super) async fn named(&self, name: &VariantName) -> Result<Stocked> {
        let unknown = || Error::invalid(name.field(), "There is no such variant.");
        self.stocked(name).await?.ok_or_else(unknown)
    }

    /// The given location if it exists, or the default location.
    async fn place(&self, field: &str, id: Option<LocationId>) -> Result<LocationId> {
        match id {
            Some(id) => match self.shop.store().location(id).await? {
                Some(location) => Ok(location.id),
                None => Err(Error::invalid(field, "There is no such location.")),
            },
            None => self.default_location().await,
        }
    }

    /// The location for stock changes that name none.
    pub(crate) async fn default_location(&self) -> Result<LocationId> {
        let locations = self.shop.store().locations().await?;
        let default = locations.iter().find(|location| location.is_default);
        default.map(|location| location.id).ok_or_else(|| Error::fault("the shop has no default location"))
    }
}
