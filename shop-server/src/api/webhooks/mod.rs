//! Outgoing webhooks: URLs that receive events.

mod bodies;

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use shop_core::field::Checks;
use shop_core::id::{DeliveryId, WebhookId};
use shop_core::outbox::DeliveryStatus;
use uuid::Uuid;

use self::bodies::{DeliveryBody, SecretBody, WebhookBody, WebhookChange, WebhookRequest};
use crate::api::Context;
use crate::auth::Staff;
use crate::field::{Choice, JsonBody, Optional};
use crate::problem::Result;
use crate::response::{Created, JsonResponse, List, NoContent, Paging};

/// Outgoing webhooks: URLs that receive events.
pub(in crate::api) struct Webhooks(pub(in crate::api) Context);

#[OpenApi]
impl Webhooks {
    /// Lists all webhooks, newest first.
    #[oai(path = "/webhooks/", method = "get")]
    async fn list(
        &self,
        staff: Staff,
        /// `created_at`, with `-` for descending.
        paging: Paging,
    ) -> Result<JsonResponse<List<WebhookBody>>> {
        let request = paging.request()?;
        let webhooks = self.0.shop.webhooks().list(&staff, &request).await?;
        paging.answer(&request, webhooks, WebhookBody::from)
    }

    /// Creates a webhook; the response contains its secret.
    #[oai(path = "/webhooks/", method = "post")]
    async fn create(&self, staff: Staff, body: JsonBody<WebhookRequest>) -> Result<Created<SecretBody>> {
        Ok(JsonResponse(self.0.shop.webhooks().create(&staff, body.into_inner().into()).await?.into()))
    }

    /// Gets a webhook.
    #[oai(path = "/webhooks/:id/", method = "get")]
    async fn get(&self, staff: Staff, id: Path<Uuid>) -> Result<JsonResponse<WebhookBody>> {
        Ok(JsonResponse(self.0.shop.webhooks().get(&staff, WebhookId(id.0)).await?.into()))
    }

    /// Replaces a webhook, except for its secret.
    #[oai(path = "/webhooks/:id/", method = "put")]
    async fn replace(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        body: JsonBody<WebhookRequest>,
    ) -> Result<JsonResponse<WebhookBody>> {
        let webhooks = self.0.shop.webhooks();
        Ok(JsonResponse(webhooks.replace(&staff, WebhookId(id.0), body.into_inner().into()).await?.into()))
    }

    /// Changes some fields of a webhook.
    #[oai(path = "/webhooks/:id/", method = "patch")]
    async fn update(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        body: JsonBody<WebhookChange>,
    ) -> Result<JsonResponse<WebhookBody>> {
        let webhooks = self.0.shop.webhooks();
        Ok(JsonResponse(webhooks.change(&staff, WebhookId(id.0), body.into_inner().into()).await?.into()))
    }

    /// Deletes a webhook; its pending deliveries are dropped.
    #[oai(path = "/webhooks/:id/", method = "delete")]
    async fn delete(&self, staff: Staff, id: Path<Uuid>) -> Result<NoContent> {
        self.0.shop.webhooks().delete(&staff, WebhookId(id.0)).await?;
        Ok(NoContent)
    }

    /// Rotates the secret of a webhook and returns the new one. For 24 hours, messages are signed with both secrets.
    #[oai(path = "/webhooks/:id/rotate-secret/", method = "post")]
    async fn rotate_secret(&self, staff: Staff, id: Path<Uuid>) -> Result<JsonResponse<SecretBody>> {
        Ok(JsonResponse(self.0.shop.webhooks().rotate_secret(&staff, WebhookId(id.0)).await?.into()))
    }

    /// Lists the deliveries to a webhook, newest first. Successful deliveries are kept for 4 days, failed ones for 90.
    #[oai(path = "/webhooks/:id/deliveries/", method = "get")]
    async fn deliveries(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        status: Query<Optional<Choice<DeliveryStatus>>>,
        /// `created_at`, with `-` for descending.
        paging: Paging,
    ) -> Result<JsonResponse<List<DeliveryBody>>> {
        let mut checks = Checks::new();
        let status = checks.optional("status", status.0.into_field(), Ok);
        checks.finish()?;
        let request = paging.request()?;
        let deliveries = self.0.shop.webhooks().deliveries(&staff, WebhookId(id.0), status, &request).await?;
        paging.answer(&request, deliveries, DeliveryBody::from)
    }

    /// Repeats a delivery now, whatever its state: the same event with the same `webhook-id`.
    #[oai(path = "/webhooks/:id/deliveries/:delivery_id/redeliver/", method = "post")]
    async fn redeliver(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        delivery_id: Path<Uuid>,
    ) -> Result<JsonResponse<DeliveryBody>> {
        let webhooks = self.0.shop.webhooks();
        Ok(JsonResponse(webhooks.redeliver(&staff, WebhookId(id.0), DeliveryId(delivery_id.0)).await?.into()))
    }
}
