//! Webhooks.

use async_trait::async_trait;
use shop_core::batch::Change;
use shop_core::id::WebhookId;
use shop_core::page::{Page, PageRequest};
use shop_core::store::StoreResult;
use shop_core::webhooks::{Webhook, WebhookSort, WebhooksRepository};

use crate::SqliteStore;
use crate::commit::ApplyResult;
use crate::encoded::EncodedWrite;
use crate::list_counts::CountChanges;
use crate::paging::{ListQuery, QueryBuilder};
use crate::record::{self, Changed, record};
use crate::write_connection::WriteConnection;

record!(Webhook);

impl Changed for Webhook {
    fn apply(
        connection: &WriteConnection<'_>,
        _tally: &mut CountChanges,
        change: &Change<Self>,
        encoded: &EncodedWrite,
    ) -> ApplyResult {
        record::change(connection, change, encoded)?;
        if let Change::Delete { id, .. } = change {
            let waits = "DELETE FROM deliveries
                WHERE receiver = ?1 AND receiver <> 'mail' AND status IN ('pending', 'dead')";
            record::execute(connection, waits, &[&Self::receiver_of(WebhookId(*id))])?;
        }
        Ok(())
    }
}

#[async_trait]
impl WebhooksRepository for SqliteStore {
    async fn webhook(&self, id: WebhookId) -> StoreResult<Option<Webhook>> {
        self.readers().point(|connection| record::lookup(connection, id))
    }

    async fn active_webhooks(&self) -> StoreResult<Vec<Webhook>> {
        // On the caller's thread: there are only a few rows.
        self.readers().point(|connection| record::select(connection, "WHERE active = 1 ORDER BY id", []))
    }

    async fn list_webhooks(&self, page: &PageRequest<WebhookSort>) -> StoreResult<Page<Webhook>> {
        let page = page.clone();
        self.readers()
            .list(move |connection| {
                let list: ListQuery<_, Webhook> = ListQuery {
                    columns: record::columns::<Webhook>().to_owned(),
                    key: |key| match key {
                        WebhookSort::CreatedAt => Some("webhooks.created_at"),
                    },
                    id: "webhooks.id",
                    read: record::whole,
                };
                list.page(connection, QueryBuilder::from("webhooks"), &page)
            })
            .await
    }
}
