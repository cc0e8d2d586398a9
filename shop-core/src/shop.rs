//! [`Shop`]: the front door for whoever embeds the shop.

mod builder;
mod key;
mod settings;

use std::sync::Arc;

use crate::accounts::{Accounts, Mailer, PasswordHasher, Templates, TokenSigner};
use crate::actor::Actor;
use crate::cart::Carts;
use crate::catalog::Catalog;
use crate::clock::{Clock, Moment, Random};
use crate::details::Details;
use crate::error::Result;
use crate::inventory::Inventory;
use crate::orders::Orders;
use crate::outbox::{Mails, Subscriber, WebhookSender, Webhooks, Worker};
use crate::payments::{PaymentGateway, Payments};
use crate::prepare::Capture;
use crate::pricing::TaxProvider;
use crate::secret::{Keys, Secret};
use crate::shipping::Shipping;
use crate::store::Store;
use crate::wake::Wake;

pub use builder::ShopBuilder;
pub use key::{NotTheKey, OtherKey};
pub use settings::Settings;

/// A shop: every call of every domain, over one store. Cheap to clone; clones are the same shop.
#[derive(Clone)]
pub struct Shop {
    parts: Arc<Parts>,
    /// Where the batch of a call goes that is only prepared.
    capture: Option<Arc<Capture>>,
    /// Another store than its own: that of a dry run.
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
    wake: Wake,
    webhooks_wake: Wake,
}

/// A gateway that is asked over a network, and the names under which its deliveries are kept.
pub(crate) struct Remote {
    /// Who delivers the calls to it.
    pub(crate) caller: String,
    /// Who looks into what it tells.
    pub(crate) listener: String,
    /// It.
    pub(crate) gateway: Arc<dyn PaymentGateway>,
}

impl std::fmt::Debug for Shop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shop").field("settings", &self.parts.settings).finish_non_exhaustive()
    }
}

impl Shop {
    /// Begins a shop over a store. `secret_key` signs every token of it: at least 32 bytes
    /// ([`MIN_KEY_LENGTH`](crate::secret::MIN_KEY_LENGTH)) from a good source, kept for as long as the data.
    pub fn builder(store: Arc<dyn Store>, secret_key: &[u8]) -> ShopBuilder {
        ShopBuilder::new(store, secret_key)
    }

    /// People: registration, sign-in, sessions and profiles.
    #[must_use]
    pub fn accounts(&self) -> Accounts<'_> {
        Accounts::new(self)
    }

    /// Products, variants and categories.
    #[must_use]
    pub fn catalog(&self) -> Catalog<'_> {
        Catalog::new(self)
    }

    /// Carts.
    #[must_use]
    pub fn carts(&self) -> Carts<'_> {
        Carts::new(self)
    }

    /// Orders.
    #[must_use]
    pub fn orders(&self) -> Orders<'_> {
        Orders::new(self)
    }

    /// Payments and refunds.
    #[must_use]
    pub fn payments(&self) -> Payments<'_> {
        Payments::new(self)
    }

    /// Address book, tariff and parcels.
    #[must_use]
    pub fn shipping(&self) -> Shipping<'_> {
        Shipping::new(self)
    }

    /// Stock.
    #[must_use]
    pub fn inventory(&self) -> Inventory<'_> {
        Inventory::new(self)
    }

    /// Webhooks: addresses that are told of events.
    #[must_use]
    pub fn webhooks(&self) -> Webhooks<'_> {
        Webhooks::new(self)
    }

    /// The shop's own details: its name, its legal data, its addresses.
    #[must_use]
    pub fn details(&self) -> Details<'_> {
        Details::new(self)
    }

    /// Mails that did not reach anybody.
    #[must_use]
    pub fn mails(&self) -> Mails<'_> {
        Mails::new(self)
    }

    /// An unguessable word for a purpose of the embedding program, bound to `message`: a CSRF token bound to a
    /// session, say. Compare with [`Secret::matches`].
    #[must_use]
    pub fn tag(&self, purpose: &str, message: &[u8]) -> Secret {
        self.keys().tag(purpose, message)
    }

    /// Whether [`Shop::tag`] made this word for these arguments, under this key or one before it.
    #[must_use]
    pub fn is_tag(&self, purpose: &str, message: &[u8], given: &str) -> bool {
        self.keys().is_tag(purpose, message, given)
    }

    /// Who delivers what the other calls leave in the outbox, cancels orders that were not paid in time, and removes what
    /// is old. None of it happens unless the embedding program [runs it](crate#run-a-worker).
    #[must_use]
    pub fn worker(&self) -> Worker<'_> {
        Worker::new(self)
    }

    /// What the operator decided.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.parts.settings
    }

    /// The storage, for reads that have no call of their own. Changes go through the calls (what is committed to it
    /// directly is written, even by a call that is only [prepared](Shop::prepare)).
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        self.scratch.as_ref().unwrap_or(&self.parts.store).as_ref()
    }

    /// The time and chance of one decision.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment::new(self.parts.clock.now(), self.parts.random.seed())
    }

    /// The ways to pay, in the order in which they were added.
    #[must_use]
    pub fn gateways(&self) -> &[Arc<dyn PaymentGateway>] {
        &self.parts.gateways
    }

    /// The way to pay with this id.
    pub(crate) fn gateway(&self, id: &str) -> Option<&Arc<dyn PaymentGateway>> {
        self.parts.gateways.iter().find(|gateway| gateway.id() == id)
    }

    /// Who knows the rates of tax, if the shop's own do not apply.
    pub(crate) fn tax_provider(&self) -> Option<&dyn TaxProvider> {
        self.parts.tax_provider.as_deref()
    }

    /// The ways to pay that are asked over a network.
    pub(crate) fn remotes(&self) -> &[Remote] {
        &self.parts.remotes
    }

    /// Whether the gateway with this id is asked over a network.
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

    /// Whether buyers are mailed what happens to their orders.
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

    /// Rung when something waits to be relayed or delivered.
    pub(crate) fn wake(&self) -> &Wake {
        &self.parts.wake
    }

    /// Rung when staff changed a webhook, or want something delivered again.
    pub(crate) fn webhooks_wake(&self) -> &Wake {
        &self.parts.webhooks_wake
    }

    /// The same shop, whose next commit goes there instead of into the store.
    pub(crate) fn capturing(&self, capture: Arc<Capture>) -> Self {
        Self { capture: Some(capture), ..self.clone() }
    }

    /// The same shop over another store.
    pub(crate) fn over(&self, scratch: Arc<dyn Store>) -> Self {
        Self { scratch: Some(scratch), ..self.clone() }
    }

    /// Whether it works on another store than its own.
    pub(crate) fn is_dry_run(&self) -> bool {
        self.scratch.is_some()
    }

    pub(crate) fn capture(&self) -> Option<&Capture> {
        self.capture.as_deref()
    }

    /// Finds out who acts, from the tokens a caller holds.
    ///
    /// A cart or order token that was not made by this shop is as good as none.
    ///
    /// # Errors
    /// [`Error::TokenNotValid`](crate::Error::TokenNotValid) for an access token that is not valid, whatever else was given.
    pub async fn identify(&self, tokens: Tokens<'_>) -> Result<Actor> {
        let actor = match tokens.access {
            Some(token) => self.accounts().authenticate(token).await?,
            None => Actor::anonymous(),
        };
        let cart = tokens.cart.and_then(|token| self.keys().open_cart_token(token));
        let order = tokens.order.and_then(|token| self.keys().open_order_token(token));
        Ok(actor.with_cart(cart).with_order(order))
    }
}

/// The tokens a caller holds.
#[derive(Clone, Copy, Default)]
pub struct Tokens<'a> {
    /// A signed-in person's access token.
    pub access: Option<&'a str>,
    /// A guest's cart token.
    pub cart: Option<&'a str>,
    /// A guest's order token.
    pub order: Option<&'a str>,
}
