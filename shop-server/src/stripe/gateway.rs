//! The gateway: implements each port call with requests to Stripe.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta};
use shop_core::clock::{Clock, SystemClock, Timestamp};
use shop_core::error::BoxError;
use shop_core::money::{Amount, Currency};
use shop_core::payments::{
    CaptureCall, ChargeLimits, CreateCall, GatewayError, GatewayEvent, GatewayEventHeaders, InvalidGatewayEvent,
    PaymentGateway, RefundCall, RemoteGateway, RemotePayment, Snapshot, VoidCall,
};
use shop_core::secret::Secret;

use super::amount::{limits, to_stripe};
use super::client::{Client, GENERIC_REFUSAL, StripeResponse, unknown};
use super::event;
use super::form::Form;
use super::objects::{List, PaymentIntent, Refund};
use super::snapshot::{ORDER_ID, ORDER_NUMBER, PAYMENT_ID, REFUND_ID, brought_money, snapshot};
use super::{Capture, StripeOptions};

/// The age from which Stripe's search reliably finds a payment ("Search": under a minute, more during outages).
const SEARCHABLE_AFTER: TimeDelta = TimeDelta::hours(1);
/// The number of refunds per page: Stripe's maximum.
const PAGE: usize = 100;
/// The maximum number of refund pages per payment: far more than any payment has.
const MAX_PAGES: usize = 10;

/// Card payments through Stripe's PaymentIntents.
pub struct StripeGateway {
    client: Client,
    capture: Capture,
    webhook_secrets: Vec<Secret>,
    /// Whether the key is for the live mode; `None` if it does not tell.
    live: Option<bool>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for StripeGateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StripeGateway")
            .field("client", &self.client)
            .field("capture", &self.capture)
            .field("live", &self.live)
            .finish_non_exhaustive()
    }
}

impl StripeGateway {
    /// Creates the gateway of one Stripe account, without sending a request.
    ///
    /// # Errors
    /// When the key is not valid in a header.
    pub fn new(options: StripeOptions) -> Result<Self, BoxError> {
        let live = match options.secret_key.expose().split('_').nth(1) {
            Some("live") => Some(true),
            Some("test") => Some(false),
            _ => None,
        };
        Ok(Self {
            client: Client::new(&options.secret_key, &options.api_base)?,
            capture: options.capture,
            webhook_secrets: options.webhook_secrets,
            live,
            clock: Arc::new(SystemClock),
        })
    }

    /// Replaces the clock, for simulations.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Returns the payment after a call. A replayed response may be out of date, so the payment is read again.
    async fn after(
        &self,
        response: StripeResponse<PaymentIntent>,
        payment: &RemotePayment,
    ) -> Result<Snapshot, GatewayError> {
        let intent = if response.replayed { self.retrieve(&response.object.id).await? } else { response.object };
        self.whole(intent, payment).await
    }

    /// Returns the payment with its refunds.
    async fn whole(&self, intent: PaymentIntent, payment: &RemotePayment) -> Result<Snapshot, GatewayError> {
        let refunds = if brought_money(&intent) { self.refunds(&intent.id).await? } else { Vec::new() };
        snapshot(intent, refunds, payment, self.live)
    }

    async fn retrieve(&self, reference: &str) -> Result<PaymentIntent, GatewayError> {
        self.client.get(&intent_path(reference)?, &Form::new()).await
    }

    /// Returns all refunds of a payment, newest first.
    async fn refunds(&self, reference: &str) -> Result<Vec<Refund>, GatewayError> {
        let mut refunds: Vec<Refund> = Vec::new();
        for _ in 0..MAX_PAGES {
            let mut form = Form::new().with("payment_intent", reference).with("limit", PAGE);
            if let Some(last) = refunds.last() {
                form = form.with("starting_after", &last.id);
            }
            let page: List<Refund> = self.client.get("/v1/refunds", &form).await?;
            let ended = page.data.is_empty() || !page.has_more;
            refunds.extend(page.data);
            if ended {
                return Ok(refunds);
            }
        }
        Err(unknown("the payment has more refunds than are read"))
    }

    /// Finds a payment by our id in its metadata. The search index lags behind: a new payment that it does not find may
    /// still exist.
    async fn search(&self, payment: &RemotePayment) -> Result<Option<PaymentIntent>, GatewayError> {
        let query = format!("metadata['{PAYMENT_ID}']:'{}'", payment.id);
        let form = Form::new().with("query", query).with("limit", 1);
        let found: List<PaymentIntent> = self.client.get("/v1/payment_intents/search", &form).await?;
        match found.data.into_iter().next() {
            // The search result may be out of date, so read the payment itself.
            Some(intent) => self.retrieve(&intent.id).await.map(Some),
            None if self.clock.now() - payment.created_at > SEARCHABLE_AFTER => Ok(None),
            None => Err(unknown("the payment is too young to be surely found by its metadata")),
        }
    }
}

impl PaymentGateway for StripeGateway {
    fn id(&self) -> &'static str {
        "stripe"
    }
    fn name(&self) -> &'static str {
        "Card"
    }
    fn prepaid(&self) -> bool {
        true
    }
    fn charge_limits(&self, currency: Currency) -> Option<ChargeLimits> {
        limits(currency)
    }
    fn remote(&self) -> Option<&dyn RemoteGateway> {
        Some(self)
    }
}

#[async_trait]
impl RemoteGateway for StripeGateway {
    async fn create(&self, call: &CreateCall) -> Result<Snapshot, GatewayError> {
        let payment = &call.payment;
        let capture_method = match self.capture {
            Capture::Automatic => "automatic",
            Capture::Manual => "manual",
        };
        let form = Form::new()
            .with("amount", minor(payment.amount, payment.currency)?)
            .with("currency", payment.currency.code().to_ascii_lowercase())
            .with("capture_method", capture_method)
            .with("payment_method_types[0]", "card")
            .with_in("metadata", PAYMENT_ID, payment.id)
            .with_in("metadata", ORDER_ID, payment.order_id)
            .with_in("metadata", ORDER_NUMBER, &call.order_number);
        let response = self.client.post("/v1/payment_intents", &form, &call.key).await?;
        self.after(response, payment).await
    }

    async fn capture(&self, call: &CaptureCall) -> Result<Snapshot, GatewayError> {
        let path = format!("{}/capture", intent_path(reference(&call.payment)?)?);
        let form = Form::new().with("amount_to_capture", minor(call.amount, call.payment.currency)?);
        let response = self.client.post(&path, &form, &call.key).await?;
        self.after(response, &call.payment).await
    }

    async fn void(&self, call: &VoidCall) -> Result<Snapshot, GatewayError> {
        let path = format!("{}/cancel", intent_path(reference(&call.payment)?)?);
        let response = self.client.post(&path, &Form::new(), &call.key).await?;
        self.after(response, &call.payment).await
    }

    async fn refund(&self, call: &RefundCall) -> Result<Snapshot, GatewayError> {
        let reference = reference(&call.payment)?;
        let form = Form::new()
            .with("payment_intent", reference)
            .with("amount", minor(call.amount, call.payment.currency)?)
            .with_in("metadata", REFUND_ID, call.refund_id)
            .with_in("metadata", PAYMENT_ID, call.payment.id);
        let _: StripeResponse<Refund> = self.client.post("/v1/refunds", &form, &call.key).await?;
        let intent = self.retrieve(reference).await?;
        self.whole(intent, &call.payment).await
    }

    async fn look_up(&self, payment: &RemotePayment) -> Result<Option<Snapshot>, GatewayError> {
        let found = match &payment.reference {
            None => self.search(payment).await?,
            Some(reference) => match self.retrieve(reference).await {
                Ok(intent) => Some(intent),
                Err(GatewayError::Refused { code, .. }) if code == "resource_missing" => None,
                Err(error) => return Err(error),
            },
        };
        match found {
            Some(intent) => self.whole(intent, payment).await.map(Some),
            None => Ok(None),
        }
    }

    fn verify(
        &self,
        headers: &GatewayEventHeaders<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<GatewayEvent, InvalidGatewayEvent> {
        event::read(headers, body, &self.webhook_secrets, self.live, now)
    }
}

/// Converts an event's time from Unix seconds.
pub(super) fn time(seconds: i64) -> Timestamp {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

/// Converts an amount for Stripe. An amount that Stripe cannot charge is refused here, without a request.
fn minor(amount: Amount, currency: Currency) -> Result<i64, GatewayError> {
    to_stripe(amount, currency).map_err(|why| {
        tracing::warn!(why, "Stripe cannot charge this amount");
        GatewayError::Refused { code: "amount_not_supported".to_owned(), message: GENERIC_REFUSAL.to_owned() }
    })
}

/// Stripe's id of a created payment.
fn reference(payment: &RemotePayment) -> Result<&str, GatewayError> {
    payment.reference.as_deref().ok_or_else(|| unknown("Stripe's name of the payment is not known yet"))
}

/// The path of a payment. Accepts only letters, digits and underscores, so that an id cannot change the path.
fn intent_path(reference: &str) -> Result<String, GatewayError> {
    let plain = reference.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain && !reference.is_empty() {
        Ok(format!("/v1/payment_intents/{reference}"))
    } else {
        Err(GatewayError::Refused { code: "resource_missing".to_owned(), message: GENERIC_REFUSAL.to_owned() })
    }
}
