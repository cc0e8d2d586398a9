//! The gateway: translates the shop's calls for the provider, and the provider's data for the shop.
//!
//! It follows these rules:
//! - Every call that changes something passes the shop's key to the provider, so a repeated call does nothing new.
//! - A lost response is `Unavailable`, never `Refused`: the outcome is unknown, and the shop repeats the call.
//! - The shop's ids go along, so a payment can be found even if the response to its creation was lost.
//! - A result contains the whole payment at that time, including every refund.
//! - A webhook event counts only if its signature over the raw body is valid, and then only as a hint where to look.

use std::sync::Arc;

use async_trait::async_trait;
use shop_core::clock::Timestamp;
use shop_core::error::BoxError;
use shop_core::money::{Amount, Currency};
use shop_core::payments::{
    CaptureCall, ChargeLimits, CreateCall, GatewayError, GatewayEvent, GatewayEventHeaders, InvalidGatewayEvent,
    PaymentGateway, PaymentState, RefundCall, RefundState, RemoteGateway, RemotePayment, RemoteRefund, Snapshot,
    VoidCall,
};
use subtle::ConstantTimeEq as _;

use crate::provider::{Charge, News, Provider, Status, Trouble, signature};

/// The header with the provider's signature.
pub(crate) const SIGNATURE: &str = "Provider-Signature";
/// The maximum age of an event in seconds, and the maximum clock difference. It keeps old events from being replayed.
const TOLERANCE: i64 = 300;

/// The gateway to the gift accounts of a [`Provider`].
pub(crate) struct GiftAccounts {
    provider: Arc<Provider>,
    secret: Vec<u8>,
}

impl GiftAccounts {
    /// `secret` is the key with which the provider signs its events.
    pub(crate) fn new(provider: Arc<Provider>, secret: &[u8]) -> Self {
        Self { provider, secret: secret.to_vec() }
    }
}

impl PaymentGateway for GiftAccounts {
    fn id(&self) -> &'static str {
        "gift"
    }

    fn name(&self) -> &'static str {
        "Gift account"
    }

    fn prepaid(&self) -> bool {
        true
    }

    fn charge_limits(&self, currency: Currency) -> Option<ChargeLimits> {
        // The provider keeps accounts in US dollars and can charge any amount.
        (currency == Currency::USD).then(ChargeLimits::default)
    }

    fn remote(&self) -> Option<&dyn RemoteGateway> {
        Some(self)
    }
}

#[async_trait]
impl RemoteGateway for GiftAccounts {
    async fn create(&self, call: &CreateCall) -> Result<Snapshot, GatewayError> {
        if call.payment.currency != Currency::USD {
            return Err(refused("currency", "Gift accounts are kept in dollars."));
        }
        let charge = self.provider.charge(&call.key, &call.payment.id.to_string(), call.payment.amount.0);
        charge.map(|charge| shown(&charge)).map_err(trouble)
    }

    async fn capture(&self, _call: &CaptureCall) -> Result<Snapshot, GatewayError> {
        // The provider moves the money when the account owner agrees, so there is nothing to capture.
        Err(refused("not_supported", "Gift accounts pay at once."))
    }

    async fn void(&self, call: &VoidCall) -> Result<Snapshot, GatewayError> {
        let number = reference(&call.payment)?;
        self.provider.withdraw(&call.key, number).map(|charge| shown(&charge)).map_err(trouble)
    }

    async fn refund(&self, call: &RefundCall) -> Result<Snapshot, GatewayError> {
        let number = reference(&call.payment)?;
        let back = self.provider.refund(&call.key, number, &call.refund_id.to_string(), call.amount.0);
        back.map(|charge| shown(&charge)).map_err(trouble)
    }

    async fn look_up(&self, payment: &RemotePayment) -> Result<Option<Snapshot>, GatewayError> {
        let charge = self.provider.find_charge(payment.reference.as_deref(), &payment.id.to_string());
        Ok(charge.map(|charge| shown(&charge)))
    }

    fn verify(
        &self,
        headers: &GatewayEventHeaders<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<GatewayEvent, InvalidGatewayEvent> {
        let invalid = |why: &str| InvalidGatewayEvent(why.to_owned());
        let given = headers.get(SIGNATURE).ok_or_else(|| invalid("it is not signed"))?;
        if !bool::from(signature(&self.secret, body).as_bytes().ct_eq(given.as_bytes())) {
            return Err(invalid("the provider did not sign this"));
        }
        let news: News = serde_json::from_slice(body).map_err(|_| invalid("it cannot be read"))?;
        let at = Timestamp::from_timestamp(news.at, 0).ok_or_else(|| invalid("it has no time"))?;
        if (now - at).num_seconds().abs() > TOLERANCE {
            return Err(invalid("its time is too far from now"));
        }
        let News { number, charge, what, .. } = news;
        Ok(GatewayEvent { id: number, kind: what, at, payment_id: None, reference: Some(charge), foreign: None })
    }
}

/// Converts a charge, with all its refunds.
fn shown(charge: &Charge) -> Snapshot {
    let (state, taken) = match charge.status {
        Status::Waiting => (PaymentState::RequiresAction, 0),
        Status::Paid => (PaymentState::Captured, charge.cents),
        Status::Withdrawn => (PaymentState::Voided, 0),
    };
    let refund = |(place, (word, cents)): (usize, &(String, i64))| RemoteRefund {
        reference: format!("{}/{place}", charge.number),
        id: word.parse().ok(),
        amount: Amount(*cents),
        state: RefundState::Succeeded,
    };
    Snapshot {
        reference: charge.number.clone(),
        state,
        amount: Amount(charge.cents),
        currency: Currency::USD,
        authorized: Amount(taken),
        captured: Amount(taken),
        refunds: charge.returns.iter().enumerate().map(refund).collect(),
        failure: None,
        // The buyer enters it in the provider's app.
        client_secret: Some(charge.number.clone().into()),
        foreign: None,
    }
}

fn reference(payment: &RemotePayment) -> Result<&str, GatewayError> {
    payment.reference.as_deref().ok_or_else(|| refused("unknown", "The provider does not know the payment."))
}

fn refused(code: &str, message: &str) -> GatewayError {
    GatewayError::Refused { code: code.to_owned(), message: message.to_owned() }
}

fn trouble(trouble: Trouble) -> GatewayError {
    match trouble {
        Trouble::TimedOut => GatewayError::Unavailable(BoxError::from("the provider did not answer")),
        Trouble::No(why) => refused("provider", why),
    }
}
