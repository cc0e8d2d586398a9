//! A strict fake of Stripe, for tests of this server and of programs that embed its gateway (feature `testing`).
//!
//! It listens on loopback, keeps everything in memory, and is stricter than Stripe. It refuses a request without an
//! idempotency key, with another API version, with an unknown parameter, or beyond the amount that can be captured or
//! refunded. Repeating a key with the same request returns the first response, with another request an error, and while
//! the first is in progress a conflict.
//!
//! The test acts as the buyer ([`Stub::pay`], [`Stub::authenticate`]), as a user of Stripe's dashboard
//! ([`Stub::refund_by_hand`]), and as the network ([`Stub::fail`], [`Stub::hold`]). It also delivers webhooks:
//! [`Stub::take_events`] returns the signed events, to be delivered in any order and any number of times.
//!
//! ```
//! use shop_server::stripe::stub::Stub;
//! use shop_server::stripe::{StripeGateway, StripeOptions};
//!
//! # fn main() -> Result<(), shop_core::error::BoxError> {
//! let stripe = Stub::start()?;
//! let options = StripeOptions { api_base: stripe.base(), ..StripeOptions::new(stripe.secret_key()) };
//! let gateway = StripeGateway::new(options)?;
//! # let _ = gateway;
//! assert_eq!(stripe.balance(), 0);
//! # Ok(())
//! # }
//! ```

mod bank;
mod buyers;
mod cards;
mod events;
mod faults;
mod http;
mod params;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use cards::Card;
pub use events::SignedEvent;
pub use faults::{Call, Fault, Gate, Point};

use bank::Bank;
use faults::{Faults, Trouble};
use http::Kept;

const SECRET_KEY: &str = "sk_test_stub0123456789";
const WEBHOOK_SECRET: &str = "whsec_stub0123456789";

/// The error for an action that the stub refuses: Stripe's error code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// A running stub; dropping it stops it.
#[derive(Debug)]
pub struct Stub {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The state that the handle and the requests share.
#[derive(Debug, Default)]
struct Shared {
    bank: Mutex<Bank>,
    /// The stored response of each idempotency key.
    keys: Mutex<BTreeMap<String, Kept>>,
    faults: Mutex<Faults>,
    /// Every call that arrived, in order.
    calls: Mutex<Vec<Call>>,
    events: Mutex<u64>,
}

impl Shared {
    fn bank(&self) -> MutexGuard<'_, Bank> {
        lock(&self.bank)
    }
}

/// Ignores poisoning: the test that panicked while holding the lock has already failed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stub {
    /// Starts a stub on a free port, on its own thread, so that it responds whatever the test's runtime does.
    ///
    /// # Errors
    /// When the system provides no port, thread or timer.
    pub fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("stripe-stub".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || {
                runtime.block_on(async {
                    let Ok(listener) = TcpListener::from_std(listener) else { return };
                    tokio::select! {
                        () = http::serve(listener, shared) => {}
                        _ = stopped => {}
                    }
                });
            }
        })?;
        Ok(Self { shared, address, stop: Some(stop), thread: Some(thread) })
    }

    /// The value for `STRIPE_API_BASE`.
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The value for `STRIPE_SECRET_KEY`.
    #[must_use]
    pub fn secret_key(&self) -> &'static str {
        SECRET_KEY
    }

    /// The value for `STRIPE_WEBHOOK_SECRET`.
    #[must_use]
    pub fn webhook_secret(&self) -> &'static str {
        WEBHOOK_SECRET
    }

    /// The buyer pays with a card; returns the payment's new status.
    ///
    /// # Errors
    /// When the client secret is unknown, or the payment no longer takes a card.
    pub fn pay(&self, client_secret: &str, card: Card) -> Result<String, Refused> {
        let id = self.opened(client_secret)?;
        status(self.shared.bank().confirm(&id, card))
    }

    /// The buyer completes or fails the bank's authentication; returns the payment's new status.
    ///
    /// # Errors
    /// When the client secret is unknown, or no authentication is required.
    pub fn authenticate(&self, client_secret: &str, passed: bool) -> Result<String, Refused> {
        let id = self.opened(client_secret)?;
        status(self.shared.bank().authenticate(&id, passed))
    }

    /// Refunds a payment as in Stripe's dashboard; returns the refund's status.
    ///
    /// # Errors
    /// When there is nothing to refund.
    pub fn refund_by_hand(&self, reference: &str, amount: i64) -> Result<String, Refused> {
        let params = params::Params::parse(&format!("payment_intent={reference}&amount={amount}"));
        status(params.and_then(|params| self.shared.bank().refund(params)))
    }

    /// The bank releases an authorization that was not captured; returns the payment's new status.
    ///
    /// # Errors
    /// When there is no authorization.
    pub fn expire(&self, reference: &str) -> Result<String, Refused> {
        status(self.shared.bank().expire(reference))
    }

    /// Changes the payment's amount and currency from what the shop asked for.
    pub fn tamper(&self, reference: &str, amount: i64, currency: &str) {
        self.shared.bank().tamper(reference, amount, currency);
    }

    /// Moves the refunds of [`Card::RefundPending`] and [`Card::RefundFails`] to their final status.
    pub fn settle_refunds(&self) {
        self.shared.bank().settle_refunds();
    }

    /// Switches to the live mode: all objects and events claim it from now on.
    pub fn go_live(&self) {
        self.shared.bank().live = true;
    }

    /// Every payment, oldest first, as Stripe's API shows it.
    #[must_use]
    pub fn payments(&self) -> Vec<Value> {
        self.shared.bank().all()
    }

    /// The sum of payments received less refunds, in Stripe's minor units.
    #[must_use]
    pub fn balance(&self) -> i64 {
        self.shared.bank().balance()
    }

    /// How many calls of this kind arrived, whatever their outcome.
    #[must_use]
    pub fn asked(&self, call: Call) -> usize {
        lock(&self.shared.calls).iter().filter(|&&other| other == call).count()
    }

    /// Makes the next call of this kind fail.
    pub fn fail(&self, call: Call, fault: Fault) {
        lock(&self.shared.faults).push(call, Trouble::Fault(fault));
    }

    /// Holds the next call of this kind before or after its execution, until the gate is released.
    #[must_use]
    pub fn hold(&self, call: Call, at: Point) -> Gate {
        let (gate, trouble) = Gate::new(at);
        lock(&self.shared.faults).push(call, trouble);
        gate
    }

    /// Returns the events since the last call, oldest first, signed now.
    #[must_use]
    pub fn take_events(&self) -> Vec<SignedEvent> {
        let (happened, live) = {
            let mut bank = self.shared.bank();
            (std::mem::take(&mut bank.happened), bank.live)
        };
        happened.into_iter().map(|(kind, object)| self.signed(&kind, &object, live)).collect()
    }

    /// Signs an event that the test makes up.
    #[must_use]
    pub fn event(&self, kind: &str, object: &Value) -> SignedEvent {
        let live = self.shared.bank().live;
        self.signed(kind, object, live)
    }

    fn signed(&self, kind: &str, object: &Value, live: bool) -> SignedEvent {
        let mut drawn = lock(&self.shared.events);
        *drawn += 1;
        SignedEvent::new(&format!("evt_stub{:08}", *drawn), kind, object, live)
    }

    fn opened(&self, client_secret: &str) -> Result<String, Refused> {
        let (id, _) = client_secret.split_once("_secret_").ok_or_else(|| Refused("resource_missing".to_owned()))?;
        let intent = self.shared.bank().intent(id).map_err(|refusal| refused(&refusal))?;
        if intent.get("client_secret").and_then(Value::as_str) == Some(client_secret) {
            Ok(id.to_owned())
        } else {
            Err(Refused("resource_missing".to_owned()))
        }
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn status(answer: Result<Value, bank::Refusal>) -> Result<String, Refused> {
    let object = answer.map_err(|refusal| refused(&refusal))?;
    Ok(object.get("status").and_then(Value::as_str).unwrap_or_default().to_owned())
}

fn refused(refusal: &bank::Refusal) -> Refused {
    Refused(refusal.error.get("code").and_then(Value::as_str).unwrap_or_default().to_owned())
}
