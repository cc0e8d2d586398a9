//! Builds a running server from a configuration and a storage.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use shop_core::Shop;
use shop_core::clock::SystemRandom;
use shop_core::error::{BoxError, Error};
use shop_core::payments::ManualGateway;
use shop_core::shop::{NotTheKey, OtherKey, Settings, ShopBuilder};
use shop_core::store::Store;
use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval};

use crate::api::{self, Context};
use crate::config::{self, Config, ConfigError, any_key, existing_key, missing, secret_key};
use crate::cookies::CookieMode;
use crate::health::Health;
use crate::limits::Limits;
use crate::mail;
use crate::middleware::{Cors, Metrics};
use crate::router::{RouterOptions, router};
use crate::serve::{self, ConnectionLimits};
use crate::stripe::{StripeGateway, StripeOptions};
use crate::webhooks::HttpSender;
use crate::welcome;

/// How often metrics are compacted and rate limits swept.
const UPKEEP: Duration = Duration::from_secs(5);
/// Sweeps the shared rate limits every 5 minutes, because one statement covers all servers.
const TICKS_PER_SHARED_SWEEP: u64 = 60;

/// Opens the shop that the configuration describes on a store.
///
/// # Errors
/// An error that names the variable, or the storage's error.
pub async fn open(config: &Config, store: Arc<dyn Store>) -> Result<Shop, BoxError> {
    // Data that was signed under another key cannot use a new one.
    let is_used = store.key_fingerprint().await?.is_some() || !store.locations().await?.is_empty();
    if is_used && existing_key(config)?.is_none() {
        return Err(missing(config).into());
    }
    builder(config, store)?.open().await.map_err(|error| match error {
        Error::Fault(why) if why.is::<NotTheKey>() => not_the_key(&*why).into(),
        error => error.into(),
    })
}

/// Opens the shop for inspection: creates and adopts no key, and accepts any. Also returns what is wrong with the key.
pub(crate) async fn open_to_look(
    config: &Config,
    store: Arc<dyn Store>,
) -> Result<(Shop, Option<ConfigError>), BoxError> {
    let key = existing_key(config)?;
    let wrong = key.is_none().then(|| missing(config));
    let key = key.unwrap_or_else(|| any_key(&SystemRandom));
    let shop = builder_with(config, store, &key)?.other_key(OtherKey::Ignore).open().await?;
    let wrong = match wrong {
        None if !shop.has_its_key().await? => Some(not_the_key(&NotTheKey)),
        wrong => wrong,
    };
    Ok((shop, wrong))
}

/// Makes the configured key the key of the data; creates one if none is configured.
pub(crate) async fn adopt_key(config: &Config, store: Arc<dyn Store>) -> Result<(), BoxError> {
    builder(config, store)?.other_key(OtherKey::Adopt).open().await?;
    Ok(())
}

fn not_the_key(why: &dyn std::fmt::Display) -> ConfigError {
    let remedy = "give the servers the key that it was made with, or go on with this one: `shop-server adopt-key`";
    ConfigError::new("SECRET_KEY", format!("is not the key of this database: {why}. {remedy}"))
}

/// Like [`open`], but returns the builder, so that a host can add its own gateways and subscribers.
///
/// # Errors
/// An error that names the variable.
pub fn builder(config: &Config, store: Arc<dyn Store>) -> Result<ShopBuilder, BoxError> {
    let key = secret_key(config, &SystemRandom)?;
    builder_with(config, store, &key)
}

fn builder_with(config: &Config, store: Arc<dyn Store>, key: &config::ConfigSecret) -> Result<ShopBuilder, BoxError> {
    let settings = Settings {
        currency: config.currency,
        frontend_url: config.frontend_url.clone(),
        access_token_lifetime: TimeDelta::from_std(config.access_token_lifetime)?,
        refresh_token_lifetime: TimeDelta::from_std(config.refresh_token_lifetime)?,
        session_lifetime: TimeDelta::from_std(config.session_lifetime)?,
        token_issuer: config.token_issuer.clone(),
        max_mails_per_day: config.max_mails_per_day,
        max_otp_tries_per_day: config.max_otp_tries_per_day,
        unverified_account_ttl: config.unverified_account_ttl.map(TimeDelta::from_std).transpose()?,
        reservation_ttl: TimeDelta::from_std(config.reservation_ttl)?,
        manual_payment_ttl: config.manual_payment_ttl.map(TimeDelta::from_std).transpose()?,
        guest_cart_ttl: config.guest_cart_ttl.map(TimeDelta::from_std).transpose()?,
        max_unpaid_orders: config.max_unpaid_orders,
        withdrawal_days: config.withdrawal_days,
        prices_include_tax: config.prices_include_tax,
        tax_rounding: config.tax_rounding,
        order_emails: config.order_emails,
        webhooks_allow_private: config.webhooks_allow_private,
    };
    let sender = HttpSender::new(config.webhooks_allow_private)?;
    let mut shop = Shop::builder(store, key.expose().as_bytes())
        .secret_key_fallbacks(config.secret_key_fallbacks.iter().map(|key| key.expose().as_bytes()))
        .settings(settings)
        .mailer(mail::mailer(&config.email)?)
        .mail_templates(mail::templates(config.mail_templates.as_deref())?)
        .webhook_sender(Arc::new(sender));
    if config.debug {
        // The configuration has already checked key lengths and warned.
        shop = shop.accept_short_keys();
    }
    if let Some(stripe) = &config.stripe {
        // Existing manual payments need no gateway: staff can still record receipts and refunds.
        if config.manual_payments {
            shop = shop.gateway(Arc::new(ManualGateway::default()));
        }
        shop = shop.gateway(Arc::new(card_gateway(stripe)?));
    }
    Ok(shop)
}

fn card_gateway(stripe: &config::Stripe) -> Result<StripeGateway, BoxError> {
    if stripe.webhook_secrets.is_empty() {
        tracing::warn!(
            "STRIPE_WEBHOOK_SECRET is not set: events of Stripe are refused, and payments are only found out by \
             looking them up, minutes later"
        );
    }
    let secret = |secret: &config::ConfigSecret| secret.expose().into();
    StripeGateway::new(StripeOptions {
        secret_key: secret(&stripe.secret_key),
        webhook_secrets: stripe.webhook_secrets.iter().map(secret).collect(),
        api_base: stripe.api_base.clone(),
        capture: stripe.capture,
    })
}

/// Listens on `BIND` and logs the address, also as a link.
///
/// # Errors
/// When listening on the address fails.
pub async fn listen(config: &Config) -> Result<TcpListener, BoxError> {
    let listener = TcpListener::bind(&config.bind)
        .await
        .map_err(|why| ConfigError::new("BIND", format!("cannot listen on {}: {why}", config.bind)))?;
    let address = listener.local_addr()?;
    tracing::info!(%address, url = welcome::link(address), "listening");
    Ok(listener)
}

/// Serves a shop on `BIND` until `until` completes and the requests in progress have ended.
///
/// # Errors
/// When listening on the address fails.
pub async fn serve(
    config: &Config,
    shop: &Shop,
    limits: Limits,
    until: impl Future<Output = ()>,
) -> Result<(), BoxError> {
    serve_on(listen(config).await?, config, shop, limits, until).await;
    Ok(())
}

/// Like [`serve()`], but on an existing listener: for tests, and for hosts that bind the socket themselves.
pub async fn serve_on(
    listener: TcpListener,
    config: &Config,
    shop: &Shop,
    limits: Limits,
    until: impl Future<Output = ()>,
) {
    let limits = Arc::new(limits);
    let metrics = Metrics::install();
    let storage = shop.clone();
    let health = Arc::new(Health::new(Box::new(move || {
        let shop = storage.clone();
        Box::pin(async move { shop.store().ping().await.map_err(BoxError::from) })
    })));
    let cookies = CookieMode::new(config).map(Arc::new);
    let options = RouterOptions {
        cors: Cors::new(config.cors_allowed_origins.clone(), config.auth_cookies),
        health: Arc::clone(&health),
        metrics: metrics.clone().filter(|_| config.metrics),
        shop: Some(shop.clone()),
        cookies: cookies.clone(),
        proxies: config.proxies.clone(),
        docs: config.docs,
    };
    let context = Context { shop: shop.clone(), limits: Arc::clone(&limits), cookies };
    let endpoint = router(api::Api::new(context), options);
    let upkeep = tokio::spawn(async move {
        let mut ticks = interval(UPKEEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for tick in 0_u64.. {
            ticks.tick().await;
            if let Some(metrics) = &metrics {
                metrics.upkeep();
            }
            limits.sweep();
            if tick % TICKS_PER_SHARED_SWEEP == 0 {
                limits.sweep_shared().await;
            }
        }
    });
    let worker = tokio::spawn({
        let shop = shop.clone();
        async move { shop.worker().run(tokio::time::sleep).await }
    });
    let limits = ConnectionLimits { trusted: config.proxies.clone(), ..ConnectionLimits::default() };
    serve::serve(listener, endpoint, health, limits, until).await;
    upkeep.abort();
    worker.abort();
    // Wait until both tasks have ended before the storage closes. They were canceled, so their results mean nothing.
    let _ = (upkeep.await, worker.await);
}
