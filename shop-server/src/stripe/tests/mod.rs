//! Tests the gateway against the strict stub: each call, repeated calls, and failures.

use chrono::TimeDelta;
use shop_core::clock::{Clock as _, SystemClock};
use shop_core::id::{OrderId, PaymentId, RefundId};
use shop_core::money::{Amount, Currency};
use shop_core::payments::{
    CaptureCall, ConfirmCall, CreateCall, GatewayError, PaymentState, RefundCall, RefundState, RemoteGateway as _,
    RemotePayment, Snapshot, VoidCall,
};
use uuid::Uuid;

use super::stub::{Card, Stub};
use super::{Capture, StripeGateway, StripeOptions};

mod calls;
mod network;

/// A stub, a gateway to it, and one payment of 30.00 USD.
struct World {
    stripe: Stub,
    gateway: StripeGateway,
    payment: RemotePayment,
}

impl World {
    fn new(capture: Capture) -> Self {
        let stripe = Stub::start().unwrap();
        let options = StripeOptions { api_base: stripe.base(), capture, ..StripeOptions::new(stripe.secret_key()) };
        let gateway = StripeGateway::new(options).unwrap();
        Self { stripe, gateway, payment: payment(3000, "USD") }
    }

    /// Creates the payment and sets its reference; returns the client secret.
    async fn created(&mut self) -> String {
        let snapshot = self.gateway.create(&self.create_call("create")).await.unwrap();
        self.payment.reference = Some(snapshot.reference);
        snapshot.client_secret.unwrap().expose().to_owned()
    }

    /// Creates a payment and pays it with this card.
    async fn paid(capture: Capture, card: Card) -> Self {
        let mut world = Self::new(capture);
        let secret = world.created().await;
        world.stripe.pay(&secret, card).unwrap();
        world
    }

    fn create_call(&self, key: &str) -> CreateCall {
        CreateCall {
            key: key.to_owned(),
            payment: self.payment.clone(),
            order_number: "ABCD-1234".to_owned(),
            email: "ada@example.com".to_owned(),
        }
    }

    fn capture_call(&self, key: &str, amount: i64) -> CaptureCall {
        CaptureCall { key: key.to_owned(), payment: self.payment.clone(), amount: Amount(amount) }
    }

    fn void_call(&self, key: &str) -> VoidCall {
        VoidCall { key: key.to_owned(), payment: self.payment.clone() }
    }

    fn refund_call(&self, key: &str, refund: u128, amount: i64) -> RefundCall {
        RefundCall {
            key: key.to_owned(),
            payment: self.payment.clone(),
            refund_id: RefundId(Uuid::from_u128(refund)),
            amount: Amount(amount),
            reason: "A stain & a \"tear\".".to_owned(),
        }
    }

    async fn look_up(&self) -> Snapshot {
        self.gateway.look_up(&self.payment).await.unwrap().unwrap()
    }
}

fn payment(amount: i64, currency: &str) -> RemotePayment {
    RemotePayment {
        id: PaymentId(Uuid::from_u128(1)),
        order_id: OrderId(Uuid::from_u128(2)),
        reference: None,
        amount: Amount(amount),
        currency: currency.parse().unwrap(),
        created_at: SystemClock.now(),
    }
}

/// The state, authorized and captured amounts.
fn stands(snapshot: &Snapshot) -> (PaymentState, i64, i64) {
    (snapshot.state, snapshot.authorized.0, snapshot.captured.0)
}

#[track_caller]
fn refused(result: Result<Snapshot, GatewayError>) -> String {
    match result {
        Err(GatewayError::Refused { code, message }) => {
            assert!(!message.is_empty());
            code
        }
        other => panic!("{other:?}"),
    }
}
