//! The calls about a signed-in user's address book.

use super::Shipping;
use crate::actor::Actor;
use crate::error::{Error, Result};
use crate::id::{AddressId, UserId};
use crate::model::shipping::{Address, SavedAddress, ShippingSort};
use crate::page::{Page, PageRequest};
use crate::shipping::SavedAddressInput;
use crate::shipping::operations::{AddressBook, create_address, delete_address, update_address};

impl Shipping<'_> {
    /// Lists the user's own addresses.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`].
    pub async fn addresses(&self, actor: &Actor, page: &PageRequest<ShippingSort>) -> Result<Page<SavedAddress>> {
        let person = actor.require_user()?;
        Ok(self.shop.store().list_addresses(person.user_id, page).await?)
    }

    /// Returns one of the user's own addresses.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::NotFound`] (also for another user's address).
    pub async fn address(&self, actor: &Actor, id: AddressId) -> Result<SavedAddress> {
        let person = actor.require_user()?;
        self.own_address(person.user_id, id).await
    }

    /// Adds an address. The first becomes the default; a new default replaces the old one.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::Invalid`], also when the address book has
    /// [`MAX_ADDRESSES`](crate::shipping::MAX_ADDRESSES) entries.
    pub async fn create_address(&self, actor: &Actor, input: SavedAddressInput) -> Result<SavedAddress> {
        let person = actor.require_user()?;
        let (address, is_default) = &input.check(None)?;
        self.shop
            .execute(actor, |mut context| async move {
                let book = self.address_book(person.user_id).await?;
                create_address(person.user_id, address.clone(), *is_default, &book, &mut context)
            })
            .await
    }

    /// Replaces all fields of an address.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::Invalid`], [`Error::NotFound`].
    pub async fn replace_address(
        &self,
        actor: &Actor,
        id: AddressId,
        input: SavedAddressInput,
    ) -> Result<SavedAddress> {
        self.write_address(actor, id, |_| input.clone().check(None)).await
    }

    /// Changes the fields of an address that the input contains.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::Invalid`], [`Error::NotFound`].
    pub async fn change_address(&self, actor: &Actor, id: AddressId, input: SavedAddressInput) -> Result<SavedAddress> {
        self.write_address(actor, id, |before| input.clone().check(Some(&before.address))).await
    }

    /// Deletes an address. Orders keep their own copies.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::NotFound`].
    pub async fn delete_address(&self, actor: &Actor, id: AddressId) -> Result<()> {
        let person = actor.require_user()?;
        self.shop
            .execute(actor, |mut context| async move {
                let before = self.own_address(person.user_id, id).await?;
                Ok(delete_address(&before, &mut context))
            })
            .await
    }

    async fn write_address(
        &self,
        actor: &Actor,
        id: AddressId,
        check: impl Fn(&SavedAddress) -> Result<(Address, Option<bool>)>,
    ) -> Result<SavedAddress> {
        let person = actor.require_user()?;
        let check = &check;
        self.shop
            .execute(actor, |mut context| async move {
                let before = self.own_address(person.user_id, id).await?;
                let (address, is_default) = check(&before)?;
                let default = self.shop.store().default_address(person.user_id).await?;
                Ok(update_address(&before, address, is_default, default.as_ref(), &mut context))
            })
            .await
    }

    async fn address_book(&self, user: UserId) -> Result<AddressBook> {
        let one = PageRequest { size: 1, ..PageRequest::default() };
        let count = self.shop.store().list_addresses(user, &one).await?.total.unwrap_or_default();
        Ok(AddressBook { count, default: self.shop.store().default_address(user).await? })
    }

    async fn own_address(&self, user: UserId, id: AddressId) -> Result<SavedAddress> {
        let address = self.shop.store().address(id).await?;
        address.filter(|address| address.user_id == user).ok_or(Error::NotFound)
    }
}
