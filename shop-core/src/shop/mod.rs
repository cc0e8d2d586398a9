//! [`Shop`]: the entry point for embedding programs.

mod builder;
mod execute;
mod key;
mod notifier;
pub mod prepare;

use std::sync::Arc;

use crate::clock::{Clock, DecisionContext, Random};
use crate::gateway::PaymentGateway;
use crate::mail::{Mailer, Templates};
use crate::outbox::Subscriber;
use crate::pricing::TaxProvider;
use crate::secret::{Keys, Secret};
use crate::security::password::PasswordHasher;
use crate::security::token::TokenSigner;
use crate::store::Store;
use crate::webhooks::WebhookSender;

pub(crate) use notifier::Notifier;
use prepare::Capture;

pub use builder::ShopBuilder;
pub use key::{NotTheKey, OtherKey};

pub use crate::settings::Settings;

/// A shop: the calls of all domains over one store. Clones are cheap and refer to the same shop.
#[derive(Clone)]
pub struct Shop {
    parts: Arc<Parts>,
    /// Receives the batch of a call that is only prepared.
    capture: Option<Arc<Capture>>,
    /// Replaces the store in a dry run.
    scratch: Option<Arc<dyn Store>>,
}

struct Parts {
    store: Arc<dyn Store>,
    settings: Settings,
    keys: Keys,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    hasher: Arc<dyn PasswordHasher>,
    signer: Arc<dyn TokenSigner>,
    mailer: Option<Arc<dyn Mailer>>,
    templates: Templates,
    gateways: Vec<Arc<dyn PaymentGateway>>,
    tax_provider: Option<Arc<dyn TaxProvider>>,
    remotes: Vec<Remote>,
    subscribers: Vec<Arc<dyn Subscriber>>,
    webhook_sender: Option<Arc<dyn WebhookSender>>,
    notifier: Notifier,
    webhooks_notifier: Notifier,
}

/// A gateway that is called over a network, and the receiver names of its deliveries.
pub(crate) struct Remote {
    /// The receiver name of calls to the gateway.
    pub(crate) caller: String,
    /// The receiver name of the gateway's webhook events.
    pub(crate) listener: String,
    /// The gateway itself.
    pub(crate) gateway: Arc<dyn PaymentGateway>,
}

impl std::fmt::Debug for Shop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shop").field("settings", &self.parts.settings).finish_non_exhaustive()
    }
}

impl Shop {
    /// Starts building a shop over a store. `secret_key` signs all of its tokens: at least 32 bytes
    /// ([`MIN_KEY_LENGTH`](crate::secret::MIN_KEY_LENGTH)) from a secure source, kept for as long as the data.
    pub fn builder(store: Arc<dyn Store>, secret_key: &[u8]) -> ShopBuilder {
        ShopBuilder::new(store, secret_key)
    }

    /// An unguessable tag for a purpose of the embedding program, bound to `message`: for example, a CSRF token bound
    /// to a session. Compare with [`Secret::matches`].
    #[must_use]
    pub fn tag(&self, purpose: &str, message: &[u8]) -> Secret {
        self.keys().tag(purpose, message)
    }

    /// Whether [`Shop::tag`] made this tag for these arguments, under this key or an earlier one.
    #[must_use]
    pub fn is_tag(&self, purpose: &str, message: &[u8], given: &str) -> bool {
        self.keys().is_tag(purpose, message, given)
    }

    /// The operator's settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.parts.settings
    }

    /// The storage, for reads that have no call of their own. Make changes through the calls: a direct commit is always
    /// written, even during a call that is only [prepared](Shop::prepare).
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        self.scratch.as_ref().unwrap_or(&self.parts.store).as_ref()
    }

    /// The current time and fresh randomness, for one decision.
    #[must_use]
    pub fn context(&self) -> DecisionContext {
        DecisionContext::new(self.parts.clock.now(), self.parts.random.seed())
    }

    /// The payment gateways, in the order in which they were added.
    #[must_use]
    pub fn gateways(&self) -> &[Arc<dyn PaymentGateway>] {
        &self.parts.gateways
    }

    /// The payment gateway with this id.
    pub(crate) fn gateway(&self, id: &str) -> Option<&Arc<dyn PaymentGateway>> {
        self.parts.gateways.iter().find(|gateway| gateway.id() == id)
    }

    /// The provider of tax rates, if it replaces the shop's own rates.
    pub(crate) fn tax_provider(&self) -> Option<&dyn TaxProvider> {
        self.parts.tax_provider.as_deref()
    }

    /// The payment gateways that are called over a network.
    pub(crate) fn remotes(&self) -> &[Remote] {
        &self.parts.remotes
    }

    /// Whether the gateway with this id is called over a network.
    pub(crate) fn is_remote(&self, id: &str) -> bool {
        self.gateway(id).is_some_and(|gateway| gateway.remote().is_some())
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.parts.keys
    }

    pub(crate) fn hasher(&self) -> &dyn PasswordHasher {
        self.parts.hasher.as_ref()
    }

    pub(crate) fn signer(&self) -> &dyn TokenSigner {
        self.parts.signer.as_ref()
    }

    pub(crate) fn mailer(&self) -> Option<&dyn Mailer> {
        self.parts.mailer.as_deref()
    }

    /// Whether buyers receive mails about their orders.
    pub(crate) fn mails_buyers(&self) -> bool {
        self.settings().order_emails && self.mailer().is_some()
    }

    pub(crate) fn templates(&self) -> &Templates {
        &self.parts.templates
    }

    pub(crate) fn subscribers(&self) -> &[Arc<dyn Subscriber>] {
        &self.parts.subscribers
    }

    pub(crate) fn webhook_sender(&self) -> Option<&dyn WebhookSender> {
        self.parts.webhook_sender.as_deref()
    }

    /// Notified when an event or delivery is waiting.
    pub(crate) fn notifier(&self) -> &Notifier {
        &self.parts.notifier
    }

    /// Notified when staff change a webhook or resend a delivery.
    pub(crate) fn webhooks_notifier(&self) -> &Notifier {
        &self.parts.webhooks_notifier
    }

    /// This shop with the next commit captured instead of stored.
    pub(crate) fn capturing(&self, capture: Arc<Capture>) -> Self {
        Self { capture: Some(capture), ..self.clone() }
    }

    /// This shop over another store.
    pub(crate) fn over(&self, scratch: Arc<dyn Store>) -> Self {
        Self { scratch: Some(scratch), ..self.clone() }
    }

    /// Whether the shop uses another store for a dry run.
    pub(crate) fn is_dry_run(&self) -> bool {
        self.scratch.is_some()
    }

    pub(crate) fn capture(&self) -> Option<&Capture> {
        self.capture.as_deref()
    }
}

/// The tokens that a caller holds.
#[derive(Clone, Copy, Default)]
pub struct Tokens<'a> {
    /// The access token of a signed-in user.
    pub access: Option<&'a str>,
    /// The token of a guest's cart.
    pub cart: Option<&'a str>,
    /// The token of a guest's order.
    pub order: Option<&'a str>,
}
