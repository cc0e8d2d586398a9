//! A shop for this crate's tests: the memory store, a manual clock, seeded randomness, and a hasher that costs nothing.

use std::future::Future;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta};
use rand::rngs::StdRng;
use rand::{RngCore as _, SeedableRng as _};

use crate::actor::{Actor, SignedIn};
use crate::batch::{Batch, Change, Decision};
use crate::clock::{Clock, Random, Timestamp};
use crate::error::Result;
use crate::mail::MemoryMailer;
use crate::memory::MemoryStore;
use crate::model::accounts::User;
use crate::secret::Secret;
use crate::security::password::{PasswordHasher, Verified};
use crate::shop::Shop;
use crate::shop::ShopBuilder;

/// A password that passes the strength check.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Runs a future to completion.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    futures_executor::block_on(future)
}

/// A clock that only advances when told to.
#[derive(Debug)]
pub(crate) struct TestClock(Mutex<Timestamp>);

impl TestClock {
    /// Moves the clock forward.
    pub(crate) fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self(Mutex::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap()))
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// Seeded randomness: the same bytes in every run.
#[derive(Debug)]
pub(crate) struct SeededRandom(Mutex<StdRng>);

impl SeededRandom {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Random for SeededRandom {
    fn seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.0.lock().unwrap().fill_bytes(&mut seed);
        seed
    }
}

/// Stores passwords as plain text with a prefix. Passwords with the prefix `old$` need rehashing. Counts its calls.
#[derive(Debug, Default)]
pub(crate) struct PlainHasher {
    /// The number of comparisons, including those for unknown accounts.
    pub(crate) verified: Mutex<u32>,
    /// The number of hashed passwords.
    pub(crate) hashed: Mutex<u32>,
}

#[async_trait::async_trait]
impl PasswordHasher for PlainHasher {
    async fn hash(&self, password: Secret) -> Result<String> {
        let mut count = self.hashed.lock().unwrap();
        *count += 1;
        Ok(format!("new${count}${}", password.expose()))
    }

    async fn verify(&self, password: Secret, stored: Option<String>) -> Result<Verified> {
        *self.verified.lock().unwrap() += 1;
        let Some(stored) = stored else { return Ok(Verified::Wrong) };
        let right = stored.splitn(3, '$').nth(2) == Some(password.expose());
        Ok(match (right, stored.starts_with("old$")) {
            (true, true) => Verified::RightButRehash,
            (true, false) => Verified::Right,
            (false, _) => Verified::Wrong,
        })
    }
}

/// A shop, and the parts that a test controls.
pub(crate) struct World {
    pub(crate) shop: Shop,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) mailer: Arc<MemoryMailer>,
    pub(crate) hasher: Arc<PlainHasher>,
    pub(crate) store: Arc<MemoryStore>,
}

/// A new shop that contains only its default location.
pub(crate) fn world() -> World {
    world_with(|builder| builder)
}

/// As [`world`], with a changed builder.
pub(crate) fn world_with(change: impl FnOnce(ShopBuilder) -> ShopBuilder) -> World {
    let (clock, hasher) = (Arc::<TestClock>::default(), Arc::<PlainHasher>::default());
    let (mailer, store) = (Arc::new(MemoryMailer::new()), Arc::new(MemoryStore::new()));
    let builder = Shop::builder(Arc::clone(&store) as _, &[42; 32])
        .clock(Arc::clone(&clock) as _)
        .random(Arc::new(SeededRandom::new(1)))
        .password_hasher(Arc::clone(&hasher) as _)
        .mailer(Arc::clone(&mailer) as _);
    let shop = block_on(change(builder).open()).unwrap();
    World { shop, clock, mailer, hasher, store }
}

impl World {
    /// Delivers everything that is due.
    pub(crate) fn deliver(&self) {
        block_on(self.shop.worker().run_once()).unwrap();
    }

    /// A user with the verified address `{name}@example.com` and [`PASSWORD`], acting without a session.
    pub(crate) fn customer(&self, name: &str) -> Actor {
        self.person(name, false, false)
    }

    /// As [`World::customer`], for a member of staff.
    pub(crate) fn staff(&self, name: &str) -> Actor {
        self.person(name, true, false)
    }

    /// As [`World::staff`], for a superuser.
    pub(crate) fn superuser(&self, name: &str) -> Actor {
        self.person(name, true, true)
    }

    fn person(&self, name: &str, is_staff: bool, is_superuser: bool) -> Actor {
        let user_id = block_on(self.shop.execute(&Actor::system(), |mut context| async move {
            let user = User {
                id: context.id(),
                email: format!("{name}@example.com"),
                email_key: format!("{name}@example.com"),
                username: None,
                username_key: None,
                first_name: String::new(),
                last_name: String::new(),
                phone: String::new(),
                password_hash: format!("new$0${PASSWORD}"),
                email_verified: true,
                is_active: true,
                is_staff,
                is_superuser,
                session_epoch: 1,
                date_joined: context.now(),
                last_login: None,
                version: 1,
            };
            let id = user.id;
            let mut batch = Batch::new(&mut context);
            batch.write(Change::Insert(user));
            Ok(Decision { batch, reply: id })
        }));
        Actor::user(SignedIn { user_id: user_id.unwrap(), session_id: None, is_staff, is_superuser })
    }
}
