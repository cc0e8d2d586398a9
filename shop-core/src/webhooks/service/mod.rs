//! The calls for staff about webhooks.

use super::input::{CheckedWebhook, WebhookInput};
use super::operations::{create_webhook, delete_webhook, redeliver, rotate_secret, update_webhook};
use crate::actor::Actor;
use crate::error::{Error, Result};
use crate::id::{DeliveryId, WebhookId};
use crate::model::outbox::{Delivery, DeliveryFilter, DeliverySort, DeliveryStatus};
use crate::model::webhooks::{Webhook, WebhookSort};
use crate::page::{Page, PageRequest};
use crate::secret::Secret;
use crate::shop::Shop;

/// The calls about webhooks; see [`Shop`].
#[derive(Debug, Clone, Copy)]
pub struct Webhooks<'a> {
    shop: &'a Shop,
}

impl Shop {
    /// Webhooks: URLs that receive events.
    #[must_use]
    pub fn webhooks(&self) -> Webhooks<'_> {
        Webhooks { shop: self }
    }
}

/// A webhook with its secret, which is only shown when it is created or replaced.
#[derive(Debug, Clone)]
pub struct WebhookWithSecret {
    /// The webhook itself.
    pub webhook: Webhook,
    /// `whsec_` and 32 bytes in base 64: the receiver verifies signatures with it.
    pub secret: Secret,
}

impl Webhooks<'_> {
    /// Lists the webhooks, for staff.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`].
    pub async fn list(&self, actor: &Actor, page: &PageRequest<WebhookSort>) -> Result<Page<Webhook>> {
        actor.require_staff()?;
        Ok(self.shop.store().list_webhooks(page).await?)
    }

    /// Returns one webhook, for staff.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::NotFound`].
    pub async fn get(&self, actor: &Actor, id: WebhookId) -> Result<Webhook> {
        actor.require_staff()?;
        self.shop.store().webhook(id).await?.ok_or(Error::NotFound)
    }

    /// Registers a URL. It receives every event that is relayed from now on.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::Invalid`].
    pub async fn create(&self, actor: &Actor, input: WebhookInput) -> Result<WebhookWithSecret> {
        actor.require_staff()?;
        let input = &input.check(None, self.allow_private())?;
        let create = |mut context| async move { Ok(create_webhook(input.clone(), &mut context)) };
        self.shop.execute(actor, create).await.map(|webhook| self.reveal(webhook))
    }

    /// Replaces all editable fields of a webhook.
    ///
    /// # Errors
    /// As [`Webhooks::create`], and [`Error::NotFound`].
    pub async fn replace(&self, actor: &Actor, id: WebhookId, input: WebhookInput) -> Result<Webhook> {
        self.write(actor, id, |_| input.clone().check(None, self.allow_private())).await
    }

    /// Changes the fields that the input contains. A paused webhook gets no new deliveries; its pending deliveries are
    /// sent when it is active again.
    ///
    /// # Errors
    /// As [`Webhooks::create`], and [`Error::NotFound`].
    pub async fn change(&self, actor: &Actor, id: WebhookId, input: WebhookInput) -> Result<Webhook> {
        self.write(actor, id, |before| input.clone().check(Some(before), self.allow_private())).await
    }

    /// Deletes a webhook. Its pending deliveries are never sent.
    ///
    /// # Errors
    /// As [`Webhooks::get`].
    pub async fn delete(&self, actor: &Actor, id: WebhookId) -> Result<()> {
        actor.require_staff()?;
        self.shop
            .execute(actor, |mut context| async move { Ok(delete_webhook(&self.get(actor, id).await?, &mut context)) })
            .await
    }

    /// Replaces the secret of a webhook. The previous secret also signs for another day
    /// ([`SECRET_OVERLAP`](super::SECRET_OVERLAP)); a second replacement voids it at once.
    ///
    /// # Errors
    /// As [`Webhooks::get`].
    pub async fn rotate_secret(&self, actor: &Actor, id: WebhookId) -> Result<WebhookWithSecret> {
        actor.require_staff()?;
        let rotate = |mut context| async move { Ok(rotate_secret(&self.get(actor, id).await?, &mut context)) };
        self.shop.execute(actor, rotate).await.map(|webhook| self.reveal(webhook))
    }

    /// Lists the deliveries of a webhook. Done ones are kept for four days.
    ///
    /// # Errors
    /// As [`Webhooks::get`].
    pub async fn deliveries(
        &self,
        actor: &Actor,
        id: WebhookId,
        status: Option<DeliveryStatus>,
        page: &PageRequest<DeliverySort>,
    ) -> Result<Page<Delivery>> {
        let webhook = self.get(actor, id).await?;
        let filter = DeliveryFilter { receiver: webhook.receiver(), status };
        Ok(self.shop.store().list_deliveries(&filter, page).await?)
    }

    /// Resends a delivery now, whatever its status: the same event with the same id, and a full number of attempts. A
    /// delivery in progress may therefore arrive twice.
    ///
    /// # Errors
    /// [`Error::InvalidTransition`] when the webhook is paused; as [`Webhooks::get`].
    pub async fn redeliver(&self, actor: &Actor, id: WebhookId, delivery: DeliveryId) -> Result<Delivery> {
        actor.require_staff()?;
        self.shop
            .execute(actor, |mut context| async move {
                let webhook = self.get(actor, id).await?;
                let delivery = self.shop.store().delivery(delivery).await?;
                let own = delivery.filter(|delivery| delivery.receiver == webhook.receiver()).ok_or(Error::NotFound)?;
                redeliver(&webhook, own, &mut context)
            })
            .await
    }

    async fn write(
        &self,
        actor: &Actor,
        id: WebhookId,
        check: impl Fn(&Webhook) -> Result<CheckedWebhook>,
    ) -> Result<Webhook> {
        actor.require_staff()?;
        let check = &check;
        self.shop
            .execute(actor, |mut context| async move {
                let before = self.get(actor, id).await?;
                Ok(update_webhook(&before, check(&before)?, &mut context))
            })
            .await
    }

    fn reveal(self, webhook: Webhook) -> WebhookWithSecret {
        let secret = self.shop.keys().webhook_secret(webhook.id, webhook.rotation);
        WebhookWithSecret { webhook, secret }
    }

    fn allow_private(self) -> bool {
        self.shop.settings().webhooks_allow_private
    }
}

#[cfg(test)]
mod tests;
