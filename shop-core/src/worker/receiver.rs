//! Receivers, and the outcomes of deliveries to them.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::FutureExt as _;

use super::Worker;
use super::mail_jobs::{self, MailOutcome};
use super::pace::panic_message;
use crate::batch::Batch;
use crate::error::{BoxError, Result};
use crate::id::WebhookId;
use crate::mail::{Mail, MailRefused, Mailer};
use crate::model::accounts::MailJob;
use crate::model::orders::OrderMail;
use crate::model::outbox::{Content, Delivery, Event, MAIL};
use crate::model::webhooks::Webhook;
use crate::orders::mails;
use crate::outbox::Subscriber;
use crate::settlement::{CallResult, PollResult};
use crate::shop::Remote;
use crate::webhooks::{WebhookMessage, WebhookSender};

/// The lease of a claim: longer than a whole claimed batch takes if every delivery takes
/// [`TIMEOUT`](super::pace::TIMEOUT).
pub(super) const LEASE: TimeDelta = TimeDelta::seconds(180);
/// The lease for webhooks. It is shorter, since attempts time out sooner and start when they are claimed: after a crash
/// they are retried soon.
const WEBHOOK_LEASE: TimeDelta = TimeDelta::seconds(30);

/// The timeout for webhooks: shorter than for other receivers, since a webhook should only store the event.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// A webhook with its sender and receiver name.
pub(super) struct Outgoing<'a> {
    pub(super) sender: &'a dyn WebhookSender,
    pub(super) id: WebhookId,
    pub(super) name: String,
}

impl<'a> Outgoing<'a> {
    pub(super) fn new(sender: &'a dyn WebhookSender, id: WebhookId) -> Self {
        Self { sender, id, name: Webhook::receiver_of(id) }
    }
}

/// A receiver of deliveries.
#[derive(Clone, Copy)]
pub(super) enum Receiver<'a> {
    Mail(&'a dyn Mailer),
    Subscriber(&'a dyn Subscriber),
    Webhook(&'a Outgoing<'a>),
    /// Sends calls to a gateway.
    Caller(&'a Remote),
    /// Processes webhook events from a gateway.
    Listener(&'a Remote),
}

impl Receiver<'_> {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Mail(_) => MAIL,
            Self::Subscriber(subscriber) => subscriber.name(),
            Self::Webhook(outgoing) => &outgoing.name,
            Self::Caller(remote) => &remote.caller,
            Self::Listener(remote) => &remote.listener,
        }
    }

    /// The lease of a claim.
    pub(super) fn lease(&self) -> TimeDelta {
        match self {
            Self::Mail(_) | Self::Subscriber(_) | Self::Caller(_) | Self::Listener(_) => LEASE,
            Self::Webhook(_) => WEBHOOK_LEASE,
        }
    }
}

/// The outcome of a delivery.
pub(super) enum DeliveryOutcome {
    /// The receiver accepted it. `also` is committed together with the end of the delivery.
    Accepted { also: Option<Batch>, response_status: Option<u16> },
    /// The result of a gateway call.
    Answered(CallResult),
    /// A payment was looked up; `None` if there was nothing to look up.
    Polled(Option<Box<PollResult>>),
    /// The delivery failed. If `is_final`, a retry is pointless.
    Failed { why: BoxError, response_status: Option<u16>, is_final: bool },
    /// The delivery was not attempted: the receiver was paused in the meantime.
    Withdrawn,
}

impl DeliveryOutcome {
    pub(super) fn failed(why: impl Into<BoxError>) -> Self {
        Self::Failed { why: why.into(), response_status: None, is_final: false }
    }
}

impl From<Result<Option<Batch>, BoxError>> for DeliveryOutcome {
    fn from(result: Result<Option<Batch>, BoxError>) -> Self {
        match result {
            Ok(also) => Self::Accepted { also, response_status: None },
            Err(why) => Self::Failed { is_final: why.is::<MailRefused>(), why, response_status: None },
        }
    }
}

impl<'a> Worker<'a> {
    /// All receivers except webhooks.
    pub(super) fn receivers(self) -> Vec<Receiver<'a>> {
        let mail = self.shop.mailer().map(Receiver::Mail);
        let subscribers = self.shop.subscribers().iter().map(|subscriber| Receiver::Subscriber(subscriber.as_ref()));
        let remotes = self.shop.remotes().iter();
        let gateways = remotes.flat_map(|remote| [Receiver::Caller(remote), Receiver::Listener(remote)]);
        mail.into_iter().chain(subscribers).chain(gateways).collect()
    }

    /// Hands a delivery to its receiver. A panic counts as a failure, so that other deliveries and receivers continue.
    pub(super) async fn hand_over(&self, receiver: Receiver<'_>, delivery: &Delivery) -> DeliveryOutcome {
        match AssertUnwindSafe(self.dispatch(receiver, delivery)).catch_unwind().await {
            Ok(outcome) => outcome,
            Err(panic) => DeliveryOutcome::failed(format!("the receiver panicked: {}", panic_message(panic.as_ref()))),
        }
    }

    async fn dispatch(&self, receiver: Receiver<'_>, delivery: &Delivery) -> DeliveryOutcome {
        match (receiver, &delivery.content) {
            (Receiver::Mail(mailer), Content::Mail(job)) => self.mail(mailer, delivery, job).await.into(),
            (Receiver::Mail(mailer), Content::OrderMail(mail)) => self.order_mail(mailer, delivery, mail).await.into(),
            (Receiver::Subscriber(subscriber), Content::Event(event)) => {
                subscriber.receive(event).await.map(|()| None).into()
            }
            (Receiver::Webhook(outgoing), Content::Event(event)) => self.send_event(outgoing, event).await,
            (Receiver::Caller(remote), Content::GatewayCall(call)) => match remote.gateway.remote() {
                Some(gateway) => match self.shop.payments().perform(gateway, delivery, call).await {
                    Ok(result) => DeliveryOutcome::Answered(result),
                    Err(why) => DeliveryOutcome::failed(why),
                },
                None => DeliveryOutcome::failed("the gateway is no longer called over a network"),
            },
            (Receiver::Listener(remote), Content::GatewayEvent(event)) => match remote.gateway.remote() {
                Some(gateway) => {
                    let id = remote.gateway.id();
                    match self.shop.payments().process_event(id, gateway, delivery, event).await {
                        Ok(poll) => DeliveryOutcome::Polled(poll),
                        Err(why) => DeliveryOutcome::failed(why),
                    }
                }
                None => DeliveryOutcome::failed("the gateway is no longer called over a network"),
            },
            _ => DeliveryOutcome::failed("this receiver does not take such deliveries"),
        }
    }

    /// Sends an event to a webhook, with its current URL and secrets.
    async fn send_event(&self, outgoing: &Outgoing<'_>, event: &Event) -> DeliveryOutcome {
        let webhook = match self.shop.store().webhook(outgoing.id).await {
            Ok(Some(webhook)) if webhook.active => webhook,
            Ok(_) => return DeliveryOutcome::Withdrawn,
            Err(error) => return DeliveryOutcome::failed(error),
        };
        let message = match WebhookMessage::new(&webhook, event, self.shop.keys(), self.shop.context().now()) {
            Ok(message) => message,
            Err(error) => return DeliveryOutcome::failed(error),
        };
        match outgoing.sender.send(&message, WEBHOOK_TIMEOUT).await {
            Ok(status @ 200..=299) => DeliveryOutcome::Accepted { also: None, response_status: Some(status) },
            Ok(status) => DeliveryOutcome::Failed {
                why: format!("the answer was {status}").into(),
                response_status: Some(status),
                is_final: false,
            },
            Err(why) => DeliveryOutcome::failed(why),
        }
    }

    async fn mail(&self, mailer: &dyn Mailer, delivery: &Delivery, job: &MailJob) -> Result<Option<Batch>, BoxError> {
        match mail_jobs::compose(self.shop, job, &mut self.shop.context()).await? {
            MailOutcome::Nothing => Ok(None),
            MailOutcome::Change(batch) => Ok(Some(batch)),
            MailOutcome::Send { to, mail, counted } => {
                // A retried mail was counted at its first attempt.
                if let Some(user) = counted.filter(|_| delivery.attempts <= 1)
                    && !mail_jobs::count(self.shop, user).await?
                {
                    tracing::warn!(%user, template = mail.template(), "a mail is not sent: the daily limit is reached");
                    return Ok(None);
                }
                self.send(mailer, delivery, &to, &mail).await
            }
        }
    }

    async fn order_mail(
        &self,
        mailer: &dyn Mailer,
        delivery: &Delivery,
        mail: &OrderMail,
    ) -> Result<Option<Batch>, BoxError> {
        // The mail was queued before order mails were turned off.
        if !self.shop.mails_buyers() {
            return Ok(None);
        }
        match mails::compose(self.shop, mail).await? {
            None => Ok(None),
            Some((to, content)) => self.send(mailer, delivery, &to, &Mail::Order(Box::new(content))).await,
        }
    }

    async fn send(
        &self,
        mailer: &dyn Mailer,
        delivery: &Delivery,
        to: &str,
        mail: &Mail,
    ) -> Result<Option<Batch>, BoxError> {
        let shop = self.shop.details().for_mails().await?;
        let message = self.shop.templates().render(&shop, delivery.id, to, mail)?;
        mailer.send(&message).await.map(|()| None)
    }
}
