//! The address book of a signed-in user.

use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use shop_core::id::AddressId;
use uuid::Uuid;

use super::bodies::{SavedAddressBody, SavedAddressChange, SavedAddressRequest};
use crate::api::Context;
use crate::auth::User;
use crate::field::JsonBody;
use crate::problem::Result;
use crate::response::{Created, JsonResponse, List, NoContent, Paging};

/// The address book of a signed-in user.
pub(in crate::api) struct Addresses(pub(in crate::api) Context);

#[OpenApi]
impl Addresses {
    /// Lists the caller's addresses, newest first.
    #[oai(path = "/shipping/addresses/", method = "get")]
    async fn list(
        &self,
        user: User,
        /// `created_at`, with `-` for descending.
        paging: Paging,
    ) -> Result<JsonResponse<List<SavedAddressBody>>> {
        let request = paging.request()?;
        let addresses = self.0.shop.shipping().addresses(&user, &request).await?;
        paging.answer(&request, addresses, SavedAddressBody::from)
    }

    /// Adds an address; the first one becomes the default.
    #[oai(path = "/shipping/addresses/", method = "post")]
    async fn create(&self, user: User, body: JsonBody<SavedAddressRequest>) -> Result<Created<SavedAddressBody>> {
        Ok(JsonResponse(self.0.shop.shipping().create_address(&user, body.into_inner().into()).await?.into()))
    }

    /// Gets one of the caller's addresses.
    #[oai(path = "/shipping/addresses/:id/", method = "get")]
    async fn get(&self, user: User, id: Path<Uuid>) -> Result<JsonResponse<SavedAddressBody>> {
        Ok(JsonResponse(self.0.shop.shipping().address(&user, AddressId(id.0)).await?.into()))
    }

    /// Replaces an address.
    #[oai(path = "/shipping/addresses/:id/", method = "put")]
    async fn replace(
        &self,
        user: User,
        id: Path<Uuid>,
        body: JsonBody<SavedAddressRequest>,
    ) -> Result<JsonResponse<SavedAddressBody>> {
        let shipping = self.0.shop.shipping();
        Ok(JsonResponse(shipping.replace_address(&user, AddressId(id.0), body.into_inner().into()).await?.into()))
    }

    /// Changes some fields of an address.
    #[oai(path = "/shipping/addresses/:id/", method = "patch")]
    async fn update(
        &self,
        user: User,
        id: Path<Uuid>,
        body: JsonBody<SavedAddressChange>,
    ) -> Result<JsonResponse<SavedAddressBody>> {
        let shipping = self.0.shop.shipping();
        Ok(JsonResponse(shipping.change_address(&user, AddressId(id.0), body.into_inner().into()).await?.into()))
    }

    /// Deletes an address.
    #[oai(path = "/shipping/addresses/:id/", method = "delete")]
    async fn delete(&self, user: User, id: Path<Uuid>) -> Result<NoContent> {
        self.0.shop.shipping().delete_address(&user, AddressId(id.0)).await?;
        Ok(NoContent)
    }
}
