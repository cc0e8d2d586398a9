//! Webhook events from gateways: stored once, acknowledged at once, processed by the worker.

use chrono::TimeDelta;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::call_result::SealedSnapshot;
use crate::actor::Actor;
use crate::batch::{Batch, Change, Decision};
use crate::error::{BoxError, Error, Result};
use crate::gateway::{GatewayEventHeaders, RemoteGateway};
use crate::id::DeliveryId;
use crate::model::outbox::{Content, Delivery};
use crate::model::payments::{GatewayEvent, Payment, listener};
use crate::payments::Payments;

/// How long an event for an unknown payment is retried: the gateway may be faster than the shop's commit. After that,
/// the payment probably belongs to another program that shares the account.
const RETRY_PERIOD: TimeDelta = TimeDelta::minutes(15);

/// The result of processing a webhook event.
#[derive(Debug, Clone)]
pub(crate) struct PollResult {
    /// The payment before the gateway was asked.
    pub(crate) payment: Payment,
    /// The gateway's snapshot.
    pub(crate) sealed: Box<SealedSnapshot>,
}

impl Payments<'_> {
    /// Receives a webhook event from a gateway: verifies its signature against the raw body, stores it once, and
    /// returns. The worker processes it later. A repeated or irrelevant event is not an error and has no effect.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such remote gateway; [`Error::InvalidSignature`]; [`Error::Unavailable`]
    /// when the event could not be stored: the gateway will send it again.
    pub async fn receive_event(&self, gateway: &str, headers: &GatewayEventHeaders<'_>, body: &[u8]) -> Result<()> {
        let remote = self.shop.gateway(gateway).and_then(|gateway| gateway.remote()).ok_or(Error::NotFound)?;
        let event = match remote.verify(headers, body, self.shop.context().now()) {
            Ok(event) => event,
            Err(why) => {
                tracing::warn!(gateway, %why, "a webhook event was not signed by the gateway");
                return Err(Error::InvalidSignature);
            }
        };
        if let Some(foreign) = &event.foreign {
            tracing::warn!(gateway, id = event.id, kind = event.kind, foreign, "a webhook event is not for this shop");
            return Ok(());
        }
        let Some(subject) = subject(gateway, &event) else { return Ok(()) };
        let id = delivery_id(gateway, &event);
        let event = &event;
        self.shop
            .execute(&Actor::system(), |mut context| async move {
                if self.shop.store().delivery(id).await?.is_some() {
                    return Ok(Decision::unchanged(&mut context, ()));
                }
                let content = Content::GatewayEvent(Box::new(event.clone()));
                let delivery = Delivery::new(id, listener(gateway), subject, content, context.now());
                let mut batch = Batch::new(&mut context);
                batch.write(Change::Insert(delivery));
                Ok(Decision { batch, reply: () })
            })
            .await
    }

    /// Looks up the payment that an event is about. `None` if it is not a payment of this shop.
    pub(crate) async fn process_event(
        &self,
        gateway: &str,
        remote: &dyn RemoteGateway,
        delivery: &Delivery,
        event: &GatewayEvent,
    ) -> Result<Option<Box<PollResult>>, BoxError> {
        let Some(payment) = self.payment_of(gateway, event).await? else {
            if self.shop.context().now() - delivery.created_at < RETRY_PERIOD {
                return Err("the payment does not exist yet".into());
            }
            tracing::warn!(
                gateway,
                id = event.id,
                kind = event.kind,
                "a webhook event names a payment that does not exist here"
            );
            return Ok(None);
        };
        let sealed = self.poll(remote, &payment, event.reference.as_deref()).await?;
        Ok(sealed.map(|sealed| Box::new(PollResult { payment, sealed })))
    }

    async fn payment_of(&self, gateway: &str, event: &GatewayEvent) -> Result<Option<Payment>> {
        let store = self.shop.store();
        let named = match event.payment_id {
            Some(id) => store.payment(id).await?.filter(|payment| payment.gateway == gateway),
            None => None,
        };
        // A known reference takes precedence over an id, which may have been copied to another payment at the gateway.
        let agrees = |payment: &Payment| match (&payment.gateway_reference, &event.reference) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        };
        if let Some(named) = named.filter(agrees) {
            return Ok(Some(named));
        }
        match &event.reference {
            Some(reference) => Ok(store.payment_by_reference(gateway, reference).await?),
            None => Ok(None),
        }
    }
}

/// The aggregate id, so that events about one payment are processed one at a time. `None` if the event concerns no
/// payment.
fn subject(gateway: &str, event: &GatewayEvent) -> Option<Uuid> {
    let of_reference = |reference: &String| Uuid::from_bytes(digest(&[gateway, "payment", reference]));
    event.payment_id.map(Uuid::from).or_else(|| event.reference.as_ref().map(of_reference))
}

/// The id under which an event is stored, the same at each repetition: its own id, hashed, after its time, so that
/// events sort by time like all deliveries.
fn delivery_id(gateway: &str, event: &GatewayEvent) -> DeliveryId {
    let digest = u128::from_be_bytes(digest(&[gateway, "notice", &event.id]));
    let millis = u128::try_from(event.at.timestamp_millis()).unwrap_or(0);
    // The time takes the first 48 bits of a UUIDv7 (RFC 9562).
    DeliveryId(Uuid::from_u128((millis << 80) | (digest >> 48)))
}

fn digest(parts: &[&str]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let digest: [u8; 32] = hasher.finalize().into();
    digest.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::id::PaymentId;

    fn event(id: &str, seconds: i64) -> GatewayEvent {
        GatewayEvent {
            id: id.to_owned(),
            kind: "paid".to_owned(),
            at: Timestamp::from_timestamp(seconds, 0).unwrap(),
            payment_id: None,
            reference: Some("r".to_owned()),
            foreign: None,
        }
    }

    #[test]
    fn a_message_has_one_id_that_sorts_by_time() {
        let id = |gateway, name, seconds| delivery_id(gateway, &event(name, seconds));
        assert_eq!(id("bank", "e1", 1000), id("bank", "e1", 1000));
        assert_ne!(id("bank", "e1", 1000), id("bank", "e2", 1000));
        assert_ne!(id("bank", "e1", 1000), id("bunk", "e1", 1000));
        assert!(id("bank", "e1", 1000) < id("bank", "e0", 1001));
        assert!(id("bank", "e1", -5) < id("bank", "e1", 1));
    }

    #[test]
    fn messages_about_one_payment_stand_in_one_line() {
        let by_reference = event("e1", 1);
        let by_id = GatewayEvent { payment_id: Some(PaymentId(Uuid::from_u128(7))), ..event("e2", 1) };
        assert_eq!(subject("bank", &by_id), Some(Uuid::from_u128(7)));
        assert_eq!(subject("bank", &by_reference), subject("bank", &event("e3", 9)));
        assert_eq!(subject("bank", &GatewayEvent { reference: None, ..by_reference }), None);
    }
}
