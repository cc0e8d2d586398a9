//! [`Shop`]: the front door for whoever embeds the shop.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::accounts::{
    Accounts, Argon2Hasher, Argon2Settings, JwtSigner, Mailer, PasswordHasher, Templates, TokenSigner,
};
use crate::actor::Actor;
use crate::cart::Carts;
use crate::catalog::Catalog;
use crate::clock::{Clock, Moment, Random, SystemClock, SystemRandom};
use crate::error::{Error, Result};
use crate::inventory::Inventory;
use crate::money::Currency;
use crate::orders::Orders;
use crate::outbox::{MAIL, RECEIVERS, Subscriber, WebhookSender, Webhooks, Worker};
use crate::payments::{ManualGateway, PaymentGateway, Payments, remote};
use crate::prepare::Capture;
use crate::pricing::{TaxProvider, TaxRounding};
use crate::secret::{Keys, Secret};
use crate::shipping::Shipping;
use crate::store::Store;
use crate::wake::Wake;

/// What an operator decides about a shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The currency of every price (USD).
    pub currency: Currency,
    /// Base of the links in mails, without a slash at the end (`http://localhost:3000`).
    pub frontend_url: String,
    /// How long an access token works (5 minutes).
    pub access_token_lifetime: TimeDelta,
    /// How long a refresh token works (a day).
    pub refresh_token_lifetime: TimeDelta,
    /// How long an order holds stock while it waits for its payment (30 minutes).
    pub reservation_ttl: TimeDelta,
    /// Whether prices, that of shipping too, include the taxes; else they are added to them (no).
    pub prices_include_tax: bool,
    /// Of what taxes are rounded (of each line).
    pub tax_rounding: TaxRounding,
    /// Webhooks may lead into private networks, and need no encryption: for developers, and for receivers beside the
    /// shop (no).
    pub webhooks_allow_private: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            currency: Currency::USD,
            frontend_url: "http://localhost:3000".to_owned(),
            access_token_lifetime: TimeDelta::seconds(300),
            refresh_token_lifetime: TimeDelta::seconds(86_400),
            reservation_ttl: TimeDelta::seconds(1_800),
            prices_include_tax: false,
            tax_rounding: TaxRounding::Line,
            webhooks_allow_private: false,
        }
    }
}

/// A shop: every call of every domain, over one store. Cheap to clone; clones are the same shop.
#[derive(Clone)]
pub struct Shop {
    parts: Arc<Parts>,
    /// Where the batch of a call goes that is only prepared.
    capture: Option<Arc<Capture>>,
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
    /// Begins a shop over a store. `secret_key` signs every token of it: at least 32 bytes from a good source, kept
    /// for as long as the data.
    pub fn builder(store: Arc<dyn Store>, secret_key: &[u8]) -> ShopBuilder {
        ShopBuilder {
            store,
            keys: Keys::new(secret_key),
            settings: Settings::default(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            hasher: None,
            signer: None,
            mailer: None,
            templates: Templates::default(),
            gateways: Vec::new(),
            tax_provider: None,
            subscribers: Vec::new(),
            webhook_sender: None,
        }
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

    /// An unguessable word for a purpose of the embedding program, bound to `message`: a CSRF token bound to a
    /// session, say. Compare with [`Secret::matches`].
    #[must_use]
    pub fn tag(&self, purpose: &str, message: &[u8]) -> Secret {
        self.keys().tag(purpose, message)
    }

    /// Who delivers what the other calls leave in the outbox.
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
        self.parts.store.as_ref()
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
        Self { parts: Arc::clone(&self.parts), capture: Some(capture) }
    }

    pub(crate) fn capture(&self) -> Option<&Capture> {
        self.capture.as_deref()
    }

    /// Finds out who acts, from the tokens a caller holds.
    ///
    /// A cart or order token that was not made by this shop is as good as none.
    ///
    /// # Errors
    /// [`Error::TokenNotValid`] for an access token that is not valid, whatever else was given.
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

/// Puts a shop together; every part but the store has a sensible default.
pub struct ShopBuilder {
    store: Arc<dyn Store>,
    keys: Keys,
    settings: Settings,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    hasher: Option<Arc<dyn PasswordHasher>>,
    signer: Option<Arc<dyn TokenSigner>>,
    mailer: Option<Arc<dyn Mailer>>,
    templates: Templates,
    gateways: Vec<Arc<dyn PaymentGateway>>,
    tax_provider: Option<Arc<dyn TaxProvider>>,
    subscribers: Vec<Arc<dyn Subscriber>>,
    webhook_sender: Option<Arc<dyn WebhookSender>>,
}

impl ShopBuilder {
    /// What the operator decides.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Another clock, for simulations.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Another source of randomness, for simulations.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Another password hasher than argon2id at OWASP's parameters.
    #[must_use]
    pub fn password_hasher(mut self, hasher: Arc<dyn PasswordHasher>) -> Self {
        self.hasher = Some(hasher);
        self
    }

    /// Another token signer than JWT with HS256.
    #[must_use]
    pub fn token_signer(mut self, signer: Arc<dyn TokenSigner>) -> Self {
        self.signer = Some(signer);
        self
    }

    /// Who sends the mails. Without one they wait in the outbox.
    #[must_use]
    pub fn mailer(mut self, mailer: Arc<dyn Mailer>) -> Self {
        self.mailer = Some(mailer);
        self
    }

    /// Other words for the mails.
    #[must_use]
    pub fn mail_templates(mut self, templates: Templates) -> Self {
        self.templates = templates;
        self
    }

    /// Adds a way to pay. Without any there is [`ManualGateway`].
    #[must_use]
    pub fn gateway(mut self, gateway: Arc<dyn PaymentGateway>) -> Self {
        self.gateways.push(gateway);
        self
    }

    /// Who knows the rates of tax, instead of the shop's own table.
    #[must_use]
    pub fn tax_provider(mut self, provider: Arc<dyn TaxProvider>) -> Self {
        self.tax_provider = Some(provider);
        self
    }

    /// Adds a receiver of events.
    #[must_use]
    pub fn subscriber(mut self, subscriber: Arc<dyn Subscriber>) -> Self {
        self.subscribers.push(subscriber);
        self
    }

    /// Who sends what webhooks are told. Without one it waits in the outbox.
    #[must_use]
    pub fn webhook_sender(mut self, sender: Arc<dyn WebhookSender>) -> Self {
        self.webhook_sender = Some(sender);
        self
    }

    /// Opens the shop: a new one gets its default location.
    ///
    /// # Errors
    /// When the storage cannot be read or written, or two gateways have one id, or two
    /// subscribers one name (none begins with `webhook:`).
    pub async fn open(self) -> Result<Shop> {
        let mut gateways = self.gateways;
        if gateways.is_empty() {
            gateways.push(Arc::new(ManualGateway::default()));
        }
        for (index, gateway) in gateways.iter().enumerate() {
            if gateways.iter().skip(index + 1).any(|other| other.id() == gateway.id()) {
                return Err(Error::fault(format!("two gateways have the id {:?}", gateway.id())));
            }
        }
        let mut receivers: Vec<_> = self.subscribers.iter().map(|subscriber| subscriber.name()).collect();
        receivers.push(MAIL);
        if let Some(name) = receivers.iter().find(|name| name.starts_with(RECEIVERS)) {
            return Err(Error::fault(format!("a subscriber may not be named like a webhook: {name:?}")));
        }
        let remote = gateways.iter().filter(|gateway| gateway.remote().is_some());
        let remotes: Vec<_> = remote
            .map(|gateway| Remote {
                caller: remote::caller(gateway.id()),
                listener: remote::listener(gateway.id()),
                gateway: Arc::clone(gateway),
            })
            .collect();
        receivers.extend(remotes.iter().flat_map(|remote| [remote.caller.as_str(), remote.listener.as_str()]));
        for (index, name) in receivers.iter().enumerate() {
            if receivers.iter().skip(index + 1).any(|other| other == name) {
                return Err(Error::fault(format!("two receivers of events have the name {name:?}")));
            }
        }
        let hasher = match self.hasher {
            Some(hasher) => hasher,
            None => Arc::new(Argon2Hasher::start(Argon2Settings::default(), &self.random)?),
        };
        let signer = self.signer.unwrap_or_else(|| Arc::new(JwtSigner::new(&self.keys)));
        let shop = Shop {
            capture: None,
            parts: Arc::new(Parts {
                store: self.store,
                settings: self.settings,
                keys: self.keys,
                clock: self.clock,
                random: self.random,
                hasher,
                signer,
                mailer: self.mailer,
                templates: self.templates,
                gateways,
                tax_provider: self.tax_provider,
                remotes,
                subscribers: self.subscribers,
                webhook_sender: self.webhook_sender,
                wake: Wake::default(),
                webhooks_wake: Wake::default(),
            }),
        };
        shop.inventory().ensure_default_location().await?;
        Ok(shop)
    }
}
