//! Reads of stock, the ledger and reservations.

use uuid::Uuid;

use super::Inventory;
use crate::actor::Actor;
use crate::error::{Error, Result};
use crate::id::{LocationId, VariantId};
use crate::inventory::operations::Stocked;
use crate::inventory::{ReservationQuery, StockView};
use crate::model::catalog::VariantName;
use crate::model::inventory::{
    InventorySort, Movement, MovementFilter, Reservation, StockFilter, StockLevel, StockSort,
};
use crate::page::{Page, PageRequest};

impl Inventory<'_> {
    /// Lists stock levels, one per variant and location.
    ///
    /// # Errors
    /// Those of [`Actor::require_staff`].
    pub async fn list_stock(
        &self,
        actor: &Actor,
        filter: &StockFilter,
        page: &PageRequest<StockSort>,
    ) -> Result<Page<StockLevel>> {
        actor.require_staff()?;
        Ok(self.shop.store().list_stock(filter, page).await?)
    }

    /// Returns the stock of one variant: the totals over all locations, or that of one location.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the variant does not exist or has no level at this location; those of
    /// [`Actor::require_staff`].
    pub async fn stock(
        &self,
        actor: &Actor,
        variant_id: VariantId,
        location_id: Option<LocationId>,
    ) -> Result<StockView> {
        actor.require_staff()?;
        let stocked = self.stocked(&VariantName::Id(variant_id)).await?.ok_or(Error::NotFound)?;
        view(stocked, location_id).ok_or(Error::NotFound)
    }

    /// Lists ledger entries.
    ///
    /// # Errors
    /// Those of [`Actor::require_staff`].
    pub async fn list_movements(
        &self,
        actor: &Actor,
        filter: &MovementFilter,
        page: &PageRequest<InventorySort>,
    ) -> Result<Page<Movement>> {
        actor.require_staff()?;
        Ok(self.shop.store().list_movements(filter, page).await?)
    }

    /// Lists reservations, live and ended.
    ///
    /// # Errors
    /// Those of [`Actor::require_staff`].
    pub async fn list_reservations(
        &self,
        actor: &Actor,
        query: &ReservationQuery,
        page: &PageRequest<InventorySort>,
    ) -> Result<Page<Reservation>> {
        actor.require_staff()?;
        let mut filter = query.filter.clone();
        if let Some(sku) = &query.sku {
            let stocked = self.stocked(&VariantName::Sku(sku.clone())).await?;
            let variant = stocked.map(|stocked| stocked.variant_id);
            let wanted = variant.filter(|variant| filter.variant_id.is_none_or(|other| other == *variant));
            // An unknown SKU matches nothing: no variant has the nil id.
            filter.variant_id = Some(wanted.unwrap_or(VariantId(Uuid::nil())));
        }
        Ok(self.shop.store().list_reservations(&filter, page).await?)
    }

    /// A variant and all its levels; `None` if the variant does not exist.
    pub(super) async fn stocked(&self, name: &VariantName) -> Result<Option<Stocked>> {
        let store = self.shop.store();
        let product = match name {
            VariantName::Sku(sku) => store.product_by_sku(sku).await?,
            VariantName::Id(id) => store.products_of_variants(&[*id]).await?.into_iter().next(),
        };
        let Some(product) = product else { return Ok(None) };
        let product_id = product.id;
        let variant = product.variants.into_iter().find(|variant| name.is_of(variant));
        let Some(variant) = variant else { return Ok(None) };
        let levels = store.stock_of(&[variant.id]).await?;
        Ok(Some(Stocked { variant_id: variant.id, product_id, sku: variant.sku, levels }))
    }
}

/// The totals, or one location's stock; `None` if the variant has no level there.
pub(super) fn view(stocked: Stocked, location_id: Option<LocationId>) -> Option<StockView> {
    match location_id {
        None => Some(StockView::totals(stocked.variant_id, stocked.sku, stocked.levels)),
        Some(id) => stocked.levels.into_iter().find(|level| level.location_id == id).map(StockView::from),
    }
}
