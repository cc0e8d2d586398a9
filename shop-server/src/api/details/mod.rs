//! The shop's details.

mod bodies;

use poem_openapi::OpenApi;
use shop_core::details::ShopDetailsView;

use self::bodies::{ShopBody, ShopChange};
use crate::api::Context;
use crate::auth::Staff;
use crate::field::JsonBody;
use crate::problem::Result;
use crate::response::{IfMatch, VersionedResponse};

/// The shop's details.
pub(in crate::api) struct ShopDetails(pub(in crate::api) Context);

#[OpenApi]
impl ShopDetails {
    /// Gets the shop's details: its name, legal data, contacts and URLs.
    #[oai(path = "/shop/", method = "get")]
    async fn get(&self) -> Result<VersionedResponse<ShopBody>> {
        Ok(answer(self.0.shop.details().get().await?))
    }

    /// Changes the shop's details.
    #[oai(path = "/shop/", method = "patch")]
    async fn update(
        &self,
        staff: Staff,
        if_match: IfMatch,
        body: JsonBody<ShopChange>,
    ) -> Result<VersionedResponse<ShopBody>> {
        let input = body.into_inner().into();
        Ok(answer(self.0.shop.details().change(&staff, input, if_match.expected()).await?))
    }
}

fn answer(view: ShopDetailsView) -> VersionedResponse<ShopBody> {
    let version = view.details.version;
    VersionedResponse::new(view.into(), version)
}
