//! Webhooks.

use async_trait::async_trait;

use super::TableStore;
use super::engine::{Engine, WriteRows};
use super::state::{Judged, State, VersionedRow, write};
use crate::batch::Change;
use crate::id::WebhookId;
use crate::model::outbox::{Delivery, DeliveryStatus};
use crate::model::webhooks::{Webhook, WebhookSort};
use crate::page::paging::page;
use crate::page::{Page, PageRequest};
use crate::store::{StoreResult, WebhooksRepository};

impl VersionedRow for Webhook {
    fn write<T: WriteRows>(state: &mut State<'_, T>, change: &Change<Self>) -> Judged {
        write(state, change)?;
        if let Change::Delete { id, .. } = change {
            let receiver = Self::receiver_of(WebhookId(*id));
            let waits = |delivery: &Delivery| delivery.status != DeliveryStatus::Done && delivery.receiver == receiver;
            for key in state.deliveries.keys_where(waits)? {
                state.deliveries.remove(&key)?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl<E: Engine> WebhooksRepository for TableStore<E> {
    async fn webhook(&self, id: WebhookId) -> StoreResult<Option<Webhook>> {
        self.read(|state| state.webhooks.get(&id.0))
    }

    async fn active_webhooks(&self) -> StoreResult<Vec<Webhook>> {
        self.read(|state| state.webhooks.select(|webhook| webhook.active))
    }

    async fn list_webhooks(&self, request: &PageRequest<WebhookSort>) -> StoreResult<Page<Webhook>> {
        self.read(|state| Ok(page(state.webhooks.values()?, request)))
    }
}
