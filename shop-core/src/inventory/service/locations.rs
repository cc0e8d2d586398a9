//! Calls for locations.

use super::{Inventory, checks};
use crate::actor::Actor;
use crate::batch::{Batch, Decision};
use crate::error::{Error, Result};
use crate::id::LocationId;
use crate::inventory::LocationInput;
use crate::inventory::operations::{change_location, create_location, delete_location};
use crate::model::inventory::{InventorySort, Location, StockFilter, StockSort};
use crate::page::{MAX_PAGE_SIZE, Page, PageRequest, Position};

impl Inventory<'_> {
    /// Returns one location.
    ///
    /// # Errors
    /// [`Error::NotFound`]; those of [`Actor::require_staff`].
    pub async fn location(&self, actor: &Actor, id: LocationId) -> Result<Location> {
        actor.require_staff()?;
        self.shop.store().location(id).await?.ok_or(Error::NotFound)
    }

    /// Lists the locations.
    ///
    /// # Errors
    /// Those of [`Actor::require_staff`].
    pub async fn list_locations(&self, actor: &Actor, page: &PageRequest<InventorySort>) -> Result<Page<Location>> {
        actor.require_staff()?;
        Ok(self.shop.store().list_locations(page).await?)
    }

    /// Creates a location.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::AlreadyExists`] for the code; those of [`Actor::require_staff`].
    pub async fn create_location(&self, actor: &Actor, input: LocationInput) -> Result<Location> {
        actor.require_staff()?;
        let fields = &checks::location(input, true)?;
        self.shop
            .execute(actor, |mut context| async move {
                let all = self.shop.store().locations().await?;
                let mut batch = Batch::new(&mut context);
                let reply = create_location(&mut batch, &mut context, &all, fields)?;
                Ok(Decision { batch, reply })
            })
            .await
    }

    /// Changes the given fields of a location. With `whole`, replaces it: absent fields take their defaults, except the
    /// code and whether it is the default location.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`]; [`Error::AlreadyExists`] for the code; [`Error::InvalidTransition`] if
    /// the shop would have no default location; those of [`Actor::require_staff`].
    pub async fn change_location(
        &self,
        actor: &Actor,
        id: LocationId,
        input: LocationInput,
        whole: bool,
    ) -> Result<Location> {
        actor.require_staff()?;
        let fields = &checks::location(input, whole)?;
        self.shop
            .execute(actor, |mut context| async move {
                let all = self.shop.store().locations().await?;
                let mut batch = Batch::new(&mut context);
                let reply = change_location(&mut batch, &all, id, fields)?;
                Ok(Decision { batch, reply })
            })
            .await
    }

    /// Deletes a location.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::InUse`] for the default location and for a location that holds stock; those of
    /// [`Actor::require_staff`].
    pub async fn delete_location(&self, actor: &Actor, id: LocationId) -> Result<()> {
        actor.require_staff()?;
        self.shop
            .execute(actor, |mut context| async move {
                let all = self.shop.store().locations().await?;
                let mut batch = Batch::new(&mut context);
                delete_location(&mut batch, &all, id, self.holds_stock(id).await?)?;
                Ok(Decision { batch, reply: () })
            })
            .await
    }

    /// Whether any units are on hand or reserved at a location. Scans the location's levels until it finds one. This is
    /// slow only when a location that once held many variants is deleted, which is rare.
    async fn holds_stock(&self, id: LocationId) -> Result<bool> {
        let filter = StockFilter { location_id: Some(id), ..StockFilter::default() };
        let mut request =
            PageRequest::<StockSort> { size: MAX_PAGE_SIZE, position: Position::Start, ..PageRequest::default() };
        loop {
            let page = self.shop.store().list_stock(&filter, &request).await?;
            if page.items.iter().any(|level| level.on_hand != 0 || level.reserved != 0) {
                return Ok(true);
            }
            let Some(next) = page.next else { return Ok(false) };
            request.position = Position::Cursor(next);
        }
    }
}
