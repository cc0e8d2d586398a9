//! Who is delivered to, and what became of it.

use std::panic::AssertUnwindSafe;

use chrono::TimeDelta;
use futures_util::FutureExt as _;

use super::Worker;
use super::run::said;
use super::webhooks::Outgoing;
use crate::accounts::mail_jobs::{self, Outcome};
use crate::accounts::{Mail, MailJob, MailRefused, Mailer};
use crate::batch::Batch;
use crate::error::{BoxError, Result};
use crate::orders::{OrderMail, mails};
use crate::outbox::{Content, Delivery, MAIL, Subscriber};
use crate::payments::remote::{Answer, Look};
use crate::shop::Remote;

/// How long a claim holds: longer than all that is claimed at once takes when every delivery takes
/// [`PATIENCE`](super::run::PATIENCE).
pub(super) const LEASE: TimeDelta = TimeDelta::seconds(180);
/// The same for webhooks, whose tries end sooner, and begin when they are claimed: what a crash has left is soon tried
/// again.
const WEBHOOK_LEASE: TimeDelta = TimeDelta::seconds(30);

/// Who is delivered to.
#[derive(Clone, Copy)]
pub(super) enum Receiver<'a> {
    Mail(&'a dyn Mailer),
    Subscriber(&'a dyn Subscriber),
    Webhook(&'a Outgoing<'a>),
    /// Calls of a gateway.
    Caller(&'a Remote),
    /// What a gateway told.
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

    /// How long a claim holds.
    pub(super) fn lease(&self) -> TimeDelta {
        match self {
            Self::Mail(_) | Self::Subscriber(_) | Self::Caller(_) | Self::Listener(_) => LEASE,
            Self::Webhook(_) => WEBHOOK_LEASE,
        }
    }
}

/// What a receiver made of a delivery.
pub(super) enum Given {
    /// It took it; the batch goes together with the end of the delivery.
    Taken { also: Option<Batch>, response_status: Option<u16> },
    /// It is a gateway, and answered.
    Answered(Answer),
    /// It looked at a payment; `None` when there was nothing to look at.
    Looked(Option<Box<Look>>),
    /// It did not; trying again is of no use where that is final.
    Failed { why: BoxError, response_status: Option<u16>, is_final: bool },
    /// It was not tried after all: the receiver was paused meanwhile.
    Withdrawn,
}

impl Given {
    pub(super) fn failed(why: impl Into<BoxError>) -> Self {
        Self::Failed { why: why.into(), response_status: None, is_final: false }
    }
}

impl From<Result<Option<Batch>, BoxError>> for Given {
    fn from(given: Result<Option<Batch>, BoxError>) -> Self {
        match given {
            Ok(also) => Self::Taken { also, response_status: None },
            Err(why) => Self::Failed { is_final: why.is::<MailRefused>(), why, response_status: None },
        }
    }
}

impl<'a> Worker<'a> {
    /// All but the webhooks.
    pub(super) fn receivers(self) -> Vec<Receiver<'a>> {
        let mail = self.shop.mailer().map(Receiver::Mail);
        let subscribers = self.shop.subscribers().iter().map(|subscriber| Receiver::Subscriber(subscriber.as_ref()));
        let remotes = self.shop.remotes().iter();
        let gateways = remotes.flat_map(|remote| [Receiver::Caller(remote), Receiver::Listener(remote)]);
        mail.into_iter().chain(subscribers).chain(gateways).collect()
    }

    /// Gives a delivery to its receiver. When that panics, it failed: its other deliveries, and those of others, go on.
    pub(super) async fn hand_over(&self, receiver: Receiver<'_>, delivery: &Delivery) -> Given {
        match AssertUnwindSafe(self.give(receiver, delivery)).catch_unwind().await {
            Ok(given) => given,
            Err(panic) => Given::failed(format!("the receiver panicked: {}", said(panic.as_ref()))),
        }
    }

    async fn give(&self, receiver: Receiver<'_>, delivery: &Delivery) -> Given {
        match (receiver, &delivery.content) {
            (Receiver::Mail(mailer), Content::Mail(job)) => self.mail(mailer, delivery, job).await.into(),
            (Receiver::Mail(mailer), Content::OrderMail(mail)) => self.order_mail(mailer, delivery, mail).await.into(),
            (Receiver::Subscriber(subscriber), Content::Event(event)) => {
                subscriber.receive(event).await.map(|()| None).into()
            }
            (Receiver::Webhook(outgoing), Content::Event(event)) => self.tell(outgoing, event).await,
            (Receiver::Caller(remote), Content::GatewayCall(call)) => match remote.gateway.remote() {
                Some(gateway) => match self.shop.payments().perform(gateway, delivery, call).await {
                    Ok(answer) => Given::Answered(answer),
                    Err(why) => Given::failed(why),
                },
                None => Given::failed("the gateway is not asked over a network any more"),
            },
            (Receiver::Listener(remote), Content::GatewayNotice(notice)) => match remote.gateway.remote() {
                Some(gateway) => {
                    let id = remote.gateway.id();
                    match self.shop.payments().look_into(id, gateway, delivery, notice).await {
                        Ok(look) => Given::Looked(look),
                        Err(why) => Given::failed(why),
                    }
                }
                None => Given::failed("the gateway is not asked over a network any more"),
            },
            _ => Given::failed("this receiver does not take such deliveries"),
        }
    }

    async fn mail(&self, mailer: &dyn Mailer, delivery: &Delivery, job: &MailJob) -> Result<Option<Batch>, BoxError> {
        match mail_jobs::compose(self.shop, job, &mut self.shop.moment()).await? {
            Outcome::Nothing => Ok(None),
            Outcome::Change(batch) => Ok(Some(batch)),
            Outcome::Send { to, mail, counted } => {
                // A mail that is tried again was counted at its first try.
                if let Some(user) = counted.filter(|_| delivery.attempts <= 1)
                    && !mail_jobs::count(self.shop, user).await?
                {
                    tracing::warn!(%user, template = mail.template(), "a mail is not sent: the day's are used up");
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
        // What waited when they were turned off.
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
