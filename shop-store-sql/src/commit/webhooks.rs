//! Webhooks, and the deliveries that are deleted with them.

use shop_core::batch::Change;
use shop_core::id::WebhookId;
use shop_core::webhooks::Webhook;

use super::change::WriteRow;
use super::effects::{Effects, Related};
use super::statement_runner::{ApplyResult, StatementRunner};

impl WriteRow for Webhook {
    fn effects<'b, E: Effects<'b>>(change: &'b Change<Self>, to: &mut E) -> Result<(), E::Stop> {
        if let Change::Delete { id, .. } = change {
            to.also(Related::Webhook(*id));
        }
        Ok(())
    }

    async fn apply(runner: &mut StatementRunner<'_>, change: &Change<Self>) -> ApplyResult {
        runner.change(change).await?;
        if let Change::Delete { id, .. } = change {
            let waits = "DELETE FROM deliveries
                WHERE receiver = $1 AND receiver <> 'mail' AND status IN ('pending', 'dead')";
            runner.execute(waits, (Webhook::receiver_of(WebhookId(*id)),)).await?;
        }
        Ok(())
    }
}
