//! Profiles, and user management for staff.

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use shop_core::accounts::UserFilter;
use shop_core::field::Checks;
use shop_core::id::UserId;
use uuid::Uuid;

use super::bodies::{ProfileRequest, StandingRequest, UserBody};
use crate::api::Context;
use crate::auth::{Staff, User};
use crate::field::{JsonBody, Optional};
use crate::problem::Result;
use crate::response::{JsonResponse, List, Paging};
use crate::security;

/// Profiles, and user management for staff.
pub(in crate::api) struct Users(pub(in crate::api) Context);

#[OpenApi]
impl Users {
    /// Gets the caller's profile.
    #[oai(path = "/accounts/user/", method = "get")]
    async fn profile(&self, user: User) -> Result<JsonResponse<UserBody>> {
        Ok(JsonResponse(self.0.shop.accounts().profile(&user).await?.into()))
    }

    /// Changes the caller's profile, except for the e-mail address.
    #[oai(path = "/accounts/user/", method = "patch")]
    async fn update_profile(&self, user: User, body: JsonBody<ProfileRequest>) -> Result<JsonResponse<UserBody>> {
        let profile = self.0.shop.accounts().update_profile(&user, body.into_inner().into()).await?;
        Ok(JsonResponse(profile.into()))
    }

    /// Lists all users, newest first.
    #[oai(path = "/accounts/users/", method = "get")]
    async fn list(
        &self,
        staff: Staff,
        /// Text that the e-mail address, the username or a name contains.
        search: Query<Optional<String>>,
        is_active: Query<Optional<bool>>,
        is_staff: Query<Optional<bool>>,
        /// `date_joined` or `email`, with `-` for descending.
        paging: Paging,
    ) -> Result<JsonResponse<List<UserBody>>> {
        let mut checks = Checks::new();
        let filter = UserFilter {
            search: search.as_str().map(str::to_owned),
            is_active: checks.optional("is_active", is_active.0.0, Ok),
            is_staff: checks.optional("is_staff", is_staff.0.0, Ok),
        };
        checks.finish()?;
        let request = paging.request()?;
        let users = self.0.shop.accounts().list(&staff, filter, &request).await?;
        paging.answer(&request, users, UserBody::from)
    }

    /// Gets a user.
    #[oai(path = "/accounts/users/:id/", method = "get")]
    async fn get(&self, staff: Staff, id: Path<Uuid>) -> Result<JsonResponse<UserBody>> {
        Ok(JsonResponse(self.0.shop.accounts().get(&staff, UserId(id.0)).await?.into()))
    }

    /// Changes whether a user is active or staff.
    #[oai(path = "/accounts/users/:id/", method = "patch")]
    async fn update(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        body: JsonBody<StandingRequest>,
    ) -> Result<JsonResponse<UserBody>> {
        let accounts = self.0.shop.accounts();
        let changed = accounts.update_user_flags(&staff, UserId(id.0), body.into_inner().into()).await?;
        let by = staff.signed_in().map(|person| person.user_id);
        security::role_changed(changed.id, by, changed.is_active, changed.is_staff);
        Ok(JsonResponse(changed.into()))
    }
}
