//! Reads of webhooks.

use async_trait::async_trait;

use crate::id::WebhookId;
use crate::model::webhooks::{Webhook, WebhookSort};
use crate::page::{Page, PageRequest};
use crate::store::StoreResult;

/// Reads of webhooks.
///
/// # Contract
/// Every read sees everything that was committed before it began.
#[async_trait]
pub trait WebhooksRepository: Send + Sync {
    /// The webhook with this id.
    async fn webhook(&self, id: WebhookId) -> StoreResult<Option<Webhook>>;
    /// All active webhooks, oldest first (a shop has few).
    async fn active_webhooks(&self) -> StoreResult<Vec<Webhook>>;
    /// A page of webhooks.
    async fn list_webhooks(&self, page: &PageRequest<WebhookSort>) -> StoreResult<Page<Webhook>>;
}
