//! Webhooks. Every read is one statement, or two for a page by number that needs a count.

use async_trait::async_trait;
use shop_core::id::WebhookId;
use shop_core::page::{Page, PageRequest};
use shop_core::store::StoreResult;
use shop_core::webhooks::{Webhook, WebhookSort, WebhooksRepository};

use super::PostgresStore;
use super::paging::{QueryBuilder, by_creation};
use super::rows::StatementArguments;

#[async_trait]
impl WebhooksRepository for PostgresStore {
    async fn webhook(&self, id: WebhookId) -> StoreResult<Option<Webhook>> {
        self.pool.first("WHERE webhooks.id = $1", StatementArguments::new().put(id.0)).await
    }

    async fn active_webhooks(&self) -> StoreResult<Vec<Webhook>> {
        self.pool.all("WHERE webhooks.active ORDER BY webhooks.id", StatementArguments::new()).await
    }

    async fn list_webhooks(&self, page: &PageRequest<WebhookSort>) -> StoreResult<Page<Webhook>> {
        by_creation!(Webhook, "webhooks").page(&self.pool, QueryBuilder::from("webhooks"), page).await
    }
}
