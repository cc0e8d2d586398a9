//! Serves webhooks: one loop for each, from its registration (here or by another server) until it is paused or deleted.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_channel::mpsc;
use futures_util::future::{Either, join, select};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};

use super::Worker;
use super::pace::{CONCURRENCY, MAX_PAUSE, MIN_INTERVAL, TIMEOUT, either, log_failure};
use super::receiver::{Outgoing, Receiver};
use crate::error::Result;
use crate::id::WebhookId;
use crate::model::outbox::Delivery;
use crate::shop::Notifier;
use crate::webhooks::WebhookSender;

/// The notifiers of the served webhooks.
#[derive(Debug, Default)]
pub(super) struct WebhookNotifiers(Mutex<BTreeMap<WebhookId, Arc<Notifier>>>);

impl WebhookNotifiers {
    /// Notifies some webhooks; returns whether all of them are served.
    pub(super) fn notify(&self, webhooks: impl IntoIterator<Item = WebhookId>) -> bool {
        let notifiers = self.notifiers();
        let mut all_served = true;
        for id in webhooks {
            match notifiers.get(&id) {
                Some(notifier) => notifier.notify(),
                None => all_served = false,
            }
        }
        all_served
    }

    fn notify_all(&self) {
        self.notifiers().values().for_each(|notifier| notifier.notify());
    }

    /// Creates the notifier of a webhook that is not served yet.
    fn begin(&self, id: WebhookId) -> Option<Arc<Notifier>> {
        let mut notifiers = self.notifiers();
        let is_new = !notifiers.contains_key(&id);
        is_new.then(|| Arc::clone(notifiers.entry(id).or_default()))
    }

    fn end(&self, id: WebhookId) {
        self.notifiers().remove(&id);
    }

    fn notifiers(&self) -> MutexGuard<'_, BTreeMap<WebhookId, Arc<Notifier>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker<'_> {
    /// Serves all active webhooks concurrently, forever. Calls `changed` when the set of webhooks may have changed.
    pub(super) async fn serve_webhooks<S, F>(&self, notifiers: &WebhookNotifiers, changed: impl Fn(), sleep: &S)
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        let Some(sender) = self.shop.webhook_sender() else { return };
        let (found, to_serve) = mpsc::unbounded();
        let watch = self.watch_webhooks(notifiers, &found, changed, sleep);
        join(watch, self.serve_all(to_serve, sender, notifiers, sleep)).await;
    }

    /// Passes on the active webhooks that are not served yet, forever.
    async fn watch_webhooks<S, F>(
        &self,
        notifiers: &WebhookNotifiers,
        found: &mpsc::UnboundedSender<(WebhookId, Arc<Notifier>)>,
        changed: impl Fn(),
        sleep: &S,
    ) where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        loop {
            let pause = match self.shop.store().active_webhooks().await {
                Ok(webhooks) => {
                    let begun = webhooks.iter().filter_map(|webhook| Some((webhook.id, notifiers.begin(webhook.id)?)));
                    // Sending cannot fail: both ends live in the same call.
                    begun.for_each(|one| drop(found.unbounded_send(one)));
                    MAX_PAUSE
                }
                Err(error) => log_failure(&error.into(), "look for webhooks"),
            };
            either(self.shop.webhooks_notifier().wait(), sleep(pause)).await;
            changed();
            notifiers.notify_all();
            sleep(MIN_INTERVAL).await;
        }
    }

    /// Serves each webhook concurrently. (A loop instead of a closure: the future must be `Send` for all lifetimes,
    /// which the compiler cannot prove for a closure.)
    async fn serve_all<S, F>(
        &self,
        mut to_serve: mpsc::UnboundedReceiver<(WebhookId, Arc<Notifier>)>,
        sender: &dyn WebhookSender,
        notifiers: &WebhookNotifiers,
        sleep: &S,
    ) where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        let mut served = FuturesUnordered::new();
        loop {
            let found = if served.is_empty() {
                to_serve.next().await
            } else {
                match select(to_serve.next(), served.next()).await {
                    Either::Left((found, _)) => found,
                    Either::Right(_) => continue,
                }
            };
            let Some((id, notifier)) = found else { return };
            served.push(self.serve_while_active(Outgoing::new(sender, id), id, notifier, notifiers, sleep));
        }
    }

    async fn serve_while_active<S, F>(
        &self,
        outgoing: Outgoing<'_>,
        id: WebhookId,
        notifier: Arc<Notifier>,
        notifiers: &WebhookNotifiers,
        sleep: &S,
    ) where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        self.serve(&outgoing, &notifier, sleep).await;
        notifiers.end(id);
        // The webhook may have been resumed while its loop ended.
        self.shop.webhooks_notifier().notify();
    }

    /// Delivers to a webhook while it exists and is active. Whenever one of several concurrent deliveries ends, the
    /// next one starts: a hanging delivery blocks neither other deliveries nor retries.
    async fn serve<S, F>(&self, outgoing: &Outgoing<'_>, notifier: &Notifier, sleep: &S)
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        let receiver = Receiver::Webhook(outgoing);
        let mut under_way = FuturesUnordered::new();
        loop {
            let pause = match self.take_up(outgoing, CONCURRENCY - under_way.len()).await {
                Ok(Some((claimed, pause))) => {
                    let begin = |delivery| self.deliver_claimed(receiver, delivery, sleep(TIMEOUT));
                    under_way.extend(claimed.into_iter().map(begin));
                    pause
                }
                Ok(None) if under_way.is_empty() => return,
                Ok(None) => MAX_PAUSE,
                Err(error) => log_failure(&error, "deliver to a webhook"),
            };
            let news = async {
                sleep(MIN_INTERVAL).await;
                either(notifier.wait(), sleep(pause)).await;
            };
            let is_idle = under_way.is_empty();
            let ended = async {
                if let Some(Err(error)) = under_way.next().await {
                    log_failure(&error, "record the response of a webhook");
                }
            };
            if is_idle {
                news.await;
            } else {
                either(ended, news).await;
            }
            // Deliveries that ended in the meantime are replaced together.
            while let Some(Some(done)) = under_way.next().now_or_never() {
                if let Err(error) = done {
                    log_failure(&error, "record the response of a webhook");
                }
            }
        }
    }

    /// Claims as many due deliveries as there is room for, and returns the time until the next is due; `None` when the
    /// webhook is no longer active.
    async fn take_up(&self, outgoing: &Outgoing<'_>, room: usize) -> Result<Option<(Vec<Delivery>, Duration)>> {
        match self.shop.store().webhook(outgoing.id).await? {
            Some(webhook) if webhook.active => {}
            _ => return Ok(None),
        }
        if room == 0 {
            return Ok(Some((Vec::new(), MAX_PAUSE)));
        }
        let receiver = Receiver::Webhook(outgoing);
        let claimed = self.claim(receiver, room).await?;
        // The claimed deliveries are due again when their leases end, long after the next poll.
        let pause = if claimed.len() < room { self.pause_of(receiver).await? } else { MAX_PAUSE };
        Ok(Some((claimed, pause)))
    }
}
