//! Places that hold stock.

use super::{Inventory, checks};
use crate::actor::Actor;
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::execute::Decision;
use crate::id::LocationId;
use crate::inventory::operations::{change_location, create_location, delete_location};
use crate::inventory::{InventorySort, Location, LocationInput, StockFilter, StockSort};
use crate::page::{MAX_PAGE_SIZE, Page, PageRequest, Position};

impl Inventory<'_> {
    /// One location.
    ///
    /// # Errors
    /// [`Error::NotFound`]; those of [`Actor::require_staff`].
    pub async fn location(&self, actor: &Actor, id: LocationId) -> Result<Location> {
        actor.require_staff()?;
        self.shop.store().location(id).await?.ok_or(Error::NotFound)
    }

    /// The locations.
    ///
    /// # Errors
    /// Those of [`Actor::require_staff`].
    pub async fn list_locations(&self, actor: &Actor, page: &PageRequest<InventorySort>) -> Result<Page<Location>> {
        actor.require_staff()?;
        Ok(self.shop.store().list_locations(page).await?)
    }

    /// Makes a location.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::AlreadyExists`] for the code; those of [`Actor::require_staff`].
    pub async fn create_location(&self, actor: &Actor, input: LocationInput) -> Result<Location> {
        actor.require_staff()?;
        let fields = &checks::location(input, true)?;
        self.shop
            .execute(actor, |mut moment| async move {
                let all = self.shop.store().locations().await?;
                let mut batch = Batch::new(&mut moment);
                let reply = create_location(&mut batch, &mut moment, &all, fields)?;
                Ok(Decision { batch, reply })
            })
            .await
    }

    /// Replaces a location (`whole`: what is absent takes its default, except its code and whether it is the
    /// default), or changes a part of it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`]; [`Error::AlreadyExists`] for the code;
    /// [`Error::InvalidTransition`] when the shop would be left without a default location; those of
    /// [`Actor::require_staff`].
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
            .execute(actor, |mut moment| async move {
                let all = self.shop.store().locations().await?;
                let mut batch = Batch::new(&mut moment);
                let reply = change_location(&mut batch, &all, id, fields)?;
                Ok(Decision { batch, reply })
            })
            .await
    }

    /// Takes a location away.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::InUse`] for the default location and one that holds stock; those of
    /// [`Actor::require_staff`].
    pub async fn delete_location(&self, actor: &Actor, id: LocationId) -> Result<()> {
        actor.require_staff()?;
        self.shop
            .execute(actor, |mut moment| async move {
                let all = self.shop.store().locations().await?;
                let mut batch = Batch::new(&mut moment);
                delete_location(&mut batch, &all, id, self.holds_stock(id).await?)?;
                Ok(Decision { batch, reply: () })
            })
            .await
    }

    /// Whether anything lies or is reserved at a location. It walks through its levels until it finds one: slow
    /// only for the rare deletion of a place where many things once lay.
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
