//! A shop per store, with the same clock, randomness, keys and passwords, so that equal stores give equal results.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::TimeDelta;
use rand::rngs::StdRng;
use rand::{RngCore as _, SeedableRng as _};

use super::call::{Call, CallOutcome};
use super::known::News;
use crate::actor::Actor;
use crate::clock::{Clock, Random, Timestamp};
use crate::conformance::lab::{CaseFailure, CaseResult};
use crate::error::{Error, Result};
use crate::gateway::ManualGateway;
use crate::mail::MemoryMailer;
use crate::model::payments::PaymentFilter;
use crate::page::{MAX_PAGE_SIZE, PageRequest};
use crate::payments::fake_gateway::FakeGateway;
use crate::secret::Secret;
use crate::security::password::{PasswordHasher, Verified};
use crate::shop::Shop;
use crate::store::Store;
use crate::webhooks::MemorySender;
use crate::worker::RoundSummary;

/// A clock that stands still until a call advances it.
#[derive(Debug)]
struct StillClock(Mutex<Timestamp>);

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct SeededRandom(Mutex<StdRng>);

impl Random for SeededRandom {
    fn seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut seed);
        seed
    }
}

/// Stores passwords unhashed: the cost of hashing is not compared here.
#[derive(Debug)]
struct NoHasher;

#[async_trait]
impl PasswordHasher for NoHasher {
    async fn hash(&self, password: Secret) -> Result<String> {
        Ok(password.expose().to_owned())
    }

    async fn verify(&self, password: Secret, stored: Option<String>) -> Result<Verified> {
        let right = stored.is_some_and(|stored| stored == password.expose());
        Ok(if right { Verified::Right } else { Verified::Wrong })
    }
}

/// The URL of a webhook that fails.
pub(super) const BAD_URL: &str = "https://bad.example/";

/// A shop on one of the stores.
pub(super) struct World {
    name: &'static str,
    shop: Shop,
    clock: Arc<StillClock>,
    mailer: Arc<MemoryMailer>,
    sender: Arc<MemorySender>,
    /// A fake card gateway, called without a network.
    cards: Arc<FakeGateway>,
}

impl World {
    pub(super) async fn open(name: &'static str, store: Arc<dyn Store>, seed: u64) -> CaseResult<Self> {
        let start = Timestamp::from_timestamp_micros(1_790_000_000_123_456).unwrap_or_default();
        let clock = Arc::new(StillClock(Mutex::new(start)));
        let mailer = Arc::new(MemoryMailer::new());
        let sender = Arc::new(MemorySender::new());
        sender.answer(BAD_URL, 500);
        let cards = Arc::new(FakeGateway::new("card"));
        let shop = Shop::builder(store, &[42; 32])
            .clock(Arc::clone(&clock) as _)
            .random(Arc::new(SeededRandom(Mutex::new(StdRng::seed_from_u64(seed)))))
            .password_hasher(Arc::new(NoHasher))
            .mailer(Arc::clone(&mailer) as _)
            .webhook_sender(Arc::clone(&sender) as _)
            .gateway(Arc::new(ManualGateway::default()))
            .gateway(Arc::new(ManualGateway::new("bank", "Bank transfer").prepaid()))
            .gateway(Arc::clone(&cards) as _)
            .open()
            .await
            .map_err(|error| CaseFailure::new(format!("{name}: {error:?}")))?;
        Ok(Self { name, shop, clock, mailer, sender, cards })
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Makes a call and delivers what it left in the outbox. It delivers after each call, because concurrent deliveries
    /// would draw random numbers in an unpredictable order.
    pub(super) async fn ask(&self, call: &Call) -> CaseResult<CallOutcome> {
        *self.clock.0.lock().unwrap_or_else(PoisonError::into_inner) += TimeDelta::seconds(call.seconds);
        let mut answer = (call.run)(self.shop.clone()).await;
        let failure = |error| CaseFailure::new(format!("{}: {error:?}", self.name));
        self.ask_bank(call.seconds % 3 == 0).await.map_err(failure)?;
        self.deliver(&mut answer).await.map_err(|error| CaseFailure::new(format!("{}: {error:?}", self.name)))?;
        Ok(answer)
    }

    /// Makes the pending calls to the gateway, one after another for the reason above. Sometimes the buyers pay and
    /// return.
    async fn ask_bank(&self, pays: bool) -> Result<(), Error> {
        let filter = PaymentFilter { gateway: Some("card".to_owned()), ..PaymentFilter::default() };
        let page = PageRequest { size: MAX_PAGE_SIZE, ..PageRequest::default() };
        for payment in self.shop.store().list_payments(&filter, &page).await?.items {
            let payments = self.shop.payments();
            payments.advance(payment.id, |_| std::future::ready(())).await?;
            if pays && payment.state.is_open() {
                self.cards.pay(payment.id);
                payments.confirm(&Actor::system(), payment.id).await?;
                payments.advance(payment.id, |_| std::future::ready(())).await?;
            }
        }
        Ok(())
    }

    /// Delivers until nothing is due. Mails and webhook deliveries become part of the outcome, in the order of
    /// their ids.
    async fn deliver(&self, answer: &mut CallOutcome) -> Result<(), Error> {
        let worker = self.shop.worker();
        for _ in 0..100 {
            let progress = worker.run_in_turn().await?;
            if progress == RoundSummary::default() {
                break;
            }
        }
        let canceled = worker.sweep().await?;
        let mut mails = self.mailer.sent();
        mails.sort_by_key(|mail| mail.id);
        self.mailer.clear();
        // Webhook deliveries run concurrently.
        let told =
            self.sender.sent().into_iter().map(|message| (message.id, message.url, message.signature, message.body));
        let mut told: Vec<_> = told.collect();
        told.sort();
        self.sender.clear();
        answer.text = format!("{}\ncanceled {canceled}; mails {mails:?}; webhooks {told:?}", answer.text);
        for mail in mails {
            let code = mail.text.split_whitespace().find(|word| word.len() == 6 && word.parse::<u32>().is_ok());
            answer.news.extend(code.map(|code| News::Code(mail.to.clone(), code.to_owned())));
        }
        Ok(())
    }

    /// The problems that the shop's own checks find.
    pub(super) async fn check(&self) -> CaseResult<Vec<String>> {
        self.shop.check().await.map_err(|error| CaseFailure::new(format!("{}: {error:?}", self.name)))
    }
}
