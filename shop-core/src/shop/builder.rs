//! Builds a shop from its store and its ports.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Notifier, OtherKey, Parts, Remote, Settings, Shop};
use crate::actor::Actor;
use crate::batch::{Batch, Change, Decision};
use crate::clock::{Clock, Random, SystemClock, SystemRandom};
use crate::error::{Error, Result};
use crate::gateway::{ManualGateway, PaymentGateway};
use crate::mail::{Mailer, Templates};
use crate::model::inventory::Location;
use crate::model::outbox::MAIL;
use crate::model::payments::{caller, listener};
use crate::model::webhooks::RECEIVERS;
use crate::outbox::Subscriber;
use crate::pricing::TaxProvider;
use crate::secret::{Keys, MIN_KEY_LENGTH};
use crate::security::password::{Argon2Hasher, Argon2Settings, PasswordHasher};
use crate::security::token::{JwtSigner, TokenSigner};
use crate::store::Store;
use crate::webhooks::WebhookSender;

/// Builds a [`Shop`]. Every part except the store and the secret key has a default.
pub struct ShopBuilder {
    store: Arc<dyn Store>,
    keys: Keys,
    /// The length of the shortest secret key.
    shortest_key: usize,
    accepts_short_keys: bool,
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
    other_key: OtherKey,
}

impl ShopBuilder {
    pub(super) fn new(store: Arc<dyn Store>, secret_key: &[u8]) -> Self {
        Self {
            store,
            keys: Keys::new(secret_key),
            shortest_key: secret_key.len(),
            accepts_short_keys: false,
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
            other_key: OtherKey::default(),
        }
    }

    /// The operator's settings.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Earlier secret keys of the shop. What they signed or sealed stays valid; new data uses only the current key.
    /// Webhook messages carry one signature per key, so that a receiver can switch to its new secret at any time.
    #[must_use]
    pub fn secret_key_fallbacks<'k>(mut self, secret_keys: impl IntoIterator<Item = &'k [u8]>) -> Self {
        let secret_keys: Vec<_> = secret_keys.into_iter().collect();
        self.shortest_key = secret_keys.iter().map(|key| key.len()).fold(self.shortest_key, usize::min);
        self.keys = self.keys.with_fallbacks(secret_keys);
        self
    }

    /// Accepts secret keys shorter than [`MIN_KEY_LENGTH`]. Only for development, never for a shop that others can
    /// reach.
    #[must_use]
    pub fn accept_short_keys(mut self) -> Self {
        self.accepts_short_keys = true;
        self
    }

    /// Replaces the system clock, for simulations.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Replaces the system's source of randomness, for simulations.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Replaces the default password hasher, argon2id with the parameters that OWASP recommends.
    #[must_use]
    pub fn password_hasher(mut self, hasher: Arc<dyn PasswordHasher>) -> Self {
        self.hasher = Some(hasher);
        self
    }

    /// Replaces the default token signer, JWT with HS256.
    #[must_use]
    pub fn token_signer(mut self, signer: Arc<dyn TokenSigner>) -> Self {
        self.signer = Some(signer);
        self
    }

    /// Sends the mails. Without a mailer, mails about accounts wait in the outbox, and mails about orders are not
    /// written.
    #[must_use]
    pub fn mailer(mut self, mailer: Arc<dyn Mailer>) -> Self {
        self.mailer = Some(mailer);
        self
    }

    /// Replaces the built-in mail templates.
    #[must_use]
    pub fn mail_templates(mut self, templates: Templates) -> Self {
        self.templates = templates;
        self
    }

    /// Adds a payment gateway. Without any, the shop uses [`ManualGateway`].
    #[must_use]
    pub fn gateway(mut self, gateway: Arc<dyn PaymentGateway>) -> Self {
        self.gateways.push(gateway);
        self
    }

    /// Provides the tax rates, instead of the shop's own table.
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

    /// Sends webhook messages. Without a sender they wait in the outbox.
    #[must_use]
    pub fn webhook_sender(mut self, sender: Arc<dyn WebhookSender>) -> Self {
        self.webhook_sender = Some(sender);
        self
    }

    /// What to do when the data belongs to another secret key. By default, the shop does not open.
    #[must_use]
    pub fn other_key(mut self, otherwise: OtherKey) -> Self {
        self.other_key = otherwise;
        self
    }

    /// Opens the shop. A new shop gets its default location, and its data belongs to the secret key from then on.
    ///
    /// # Errors
    /// [`Error::Fault`], with [`NotTheKey`](crate::shop::NotTheKey) as its source when the data belongs to another key;
    /// also when two gateways have the same id, two subscribers have the same name, a subscriber's name begins with
    /// `webhook:`, or a secret key is shorter than [`MIN_KEY_LENGTH`]. [`Error::Unavailable`] when the storage cannot
    /// be reached.
    pub async fn open(self) -> Result<Shop> {
        if self.shortest_key < MIN_KEY_LENGTH && !self.accepts_short_keys {
            let length = self.shortest_key;
            return Err(Error::fault(format!("a secret key must hold at least {MIN_KEY_LENGTH} bytes, not {length}")));
        }
        let mut gateways = self.gateways;
        if gateways.is_empty() {
            gateways.push(Arc::new(ManualGateway::default()));
        }
        if let Some(id) = repeated(gateways.iter().map(|gateway| gateway.id())) {
            return Err(Error::fault(format!("two gateways have the id {id:?}")));
        }
        let mut receivers: Vec<_> = self.subscribers.iter().map(|subscriber| subscriber.name()).collect();
        receivers.push(MAIL);
        if let Some(name) = receivers.iter().find(|name| name.starts_with(RECEIVERS)) {
            return Err(Error::fault(format!("a subscriber may not be named like a webhook: {name:?}")));
        }
        let remote = gateways.iter().filter(|gateway| gateway.remote().is_some());
        let remotes: Vec<_> = remote
            .map(|gateway| Remote {
                caller: caller(gateway.id()),
                listener: listener(gateway.id()),
                gateway: Arc::clone(gateway),
            })
            .collect();
        receivers.extend(remotes.iter().flat_map(|remote| [remote.caller.as_str(), remote.listener.as_str()]));
        if let Some(name) = repeated(receivers) {
            return Err(Error::fault(format!("two receivers of events have the name {name:?}")));
        }
        let hasher = match self.hasher {
            Some(hasher) => hasher,
            None => Arc::new(Argon2Hasher::start(Argon2Settings::default(), &self.random)?),
        };
        let own_signer = || Arc::new(JwtSigner::new(&self.keys).issued_by(self.settings.token_issuer())) as _;
        let signer = self.signer.unwrap_or_else(own_signer);
        let shop = Shop {
            capture: None,
            scratch: None,
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
                notifier: Notifier::default(),
                webhooks_notifier: Notifier::default(),
            }),
        };
        let earlier = shop.keys().earlier_fingerprints();
        shop.recognise_key(&earlier, self.other_key).await?;
        create_default_location(&shop).await?;
        Ok(shop)
    }
}

/// Creates the default location of a new shop. Concurrent calls create only one.
async fn create_default_location(shop: &Shop) -> Result<()> {
    shop.execute(&Actor::system(), |mut context| async move {
        if shop.store().locations().await?.iter().any(|location| location.is_default) {
            return Ok(Decision::unchanged(&mut context, ()));
        }
        let mut batch = Batch::new(&mut context);
        batch.write(Change::Insert(Location {
            id: context.id(),
            name: "Main location".to_owned(),
            code: "main".to_owned(),
            country: None,
            priority: 0,
            is_default: true,
            created_at: context.now(),
            version: 1,
        }));
        Ok(Decision { batch, reply: () })
    })
    .await
}

/// The first name that occurs twice.
fn repeated<'n>(names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let mut seen = BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStore;
    use crate::testing::block_on;

    fn open(key: &[u8], fallbacks: &[&[u8]], accepts: bool) -> Result<Shop> {
        let builder = Shop::builder(Arc::new(MemoryStore::new()), key).secret_key_fallbacks(fallbacks.iter().copied());
        block_on(if accepts { builder.accept_short_keys() } else { builder }.open())
    }

    #[test]
    fn a_short_key_is_refused_and_the_least_is_named() {
        for (key, fallbacks) in
            [(vec![1_u8], vec![]), (vec![1; 31], vec![]), (vec![1; 32], vec![[2_u8; 31].as_slice()])]
        {
            let Err(Error::Fault(why)) = open(&key, &fallbacks, false) else { panic!("{key:?} was taken") };
            assert!(why.to_string().contains("32"), "{why}");
            open(&key, &fallbacks, true).unwrap();
        }
        open(&[1; 32], &[&[2; 32]], false).unwrap();
    }

    #[test]
    fn data_of_an_earlier_key_belongs_to_the_next_one_from_then_on() {
        let store = Arc::new(MemoryStore::new());
        let open = |key: &[u8], fallbacks: &[&[u8]]| {
            let builder = Shop::builder(Arc::clone(&store) as _, key);
            block_on(builder.secret_key_fallbacks(fallbacks.iter().copied()).open()).is_ok()
        };
        assert!(open(&[1; 32], &[]) && !open(&[2; 32], &[]));
        let looks = |fallbacks: &[&[u8]]| {
            let builder = Shop::builder(Arc::clone(&store) as _, &[2; 32]).other_key(OtherKey::Ignore);
            let shop = block_on(builder.secret_key_fallbacks(fallbacks.iter().copied()).open()).unwrap();
            block_on(shop.has_its_key()).unwrap()
        };
        assert!(looks(&[&[1; 32]]) && !looks(&[&[3; 32]]) && !looks(&[]));
        assert!(open(&[2; 32], &[&[1; 32]]) && open(&[2; 32], &[]) && !open(&[1; 32], &[]));
    }
}
