//! Rate limits on sign-in, one-time passwords and resets, and on orders, new carts, coupons and quotes. They apply per
//! address and per account (for a guest, per cart).
//!
//! The counters are keyed by a hash, never by the account itself, so that no memory dump lists who tried to sign in.
//! [`Limits::sweep`] drops entries that allow a full burst again, so memory follows the traffic of the last minutes.
//! [`crate::client`] decides which address a request counts for, including behind a proxy.
//!
//! Successful attempts do not count ([`Limits::forgive`]). A device with an earlier sign-in has its own limit
//! ([`crate::devices`]), so a stranger who uses up an account's attempts does not lock its owner out there.
//!
//! # Several servers
//! Each server counts separately, so N servers behind a load balancer would allow N times as many attempts. Servers
//! that share a storage with [`SharedCounters`] (Postgres) also count there. An attempt must first pass its own
//! server's limit, which costs nothing, then the shared one. While the shared counters are unavailable, each server's
//! own limits apply.

mod tries;

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use shop_core::Shop;
use shop_core::accounts::identity_key;
use shop_core::store::StoreResult;

use crate::client::{WIDE_BUDGET, counted_networks};
use crate::problem::{Problem, Result};

pub use crate::client::Client;

use tries::Tries;

/// A rate-limited action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attempt {
    /// Signing in, by any route.
    SignIn,
    /// Submitting a one-time password or a reset token.
    Confirm,
    /// Requesting a mail: registration, a new code or a reset.
    Mail,
    /// Placing an order, which reserves stock.
    Order,
    /// Creating a guest's cart.
    Cart,
    /// Applying a coupon, because codes can be guessed.
    Coupon,
    /// Requesting a quote: a form does so at each change, and it costs as much as placing an order.
    Quote,
}

impl Attempt {
    /// Part of the shared counters' keys; changing it resets their counts.
    fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Confirm => "confirm",
            Self::Mail => "mail",
            Self::Order => "order",
            Self::Cart => "cart",
            Self::Coupon => "coupon",
            Self::Quote => "quote",
        }
    }

    /// The group it is counted in per address. Account actions share one group, so that shopping does not use it up.
    fn group(self) -> AddressGroup {
        match self {
            Self::SignIn | Self::Confirm | Self::Mail => AddressGroup::Accounts,
            Self::Order => AddressGroup::Orders,
            Self::Cart => AddressGroup::Carts,
            Self::Coupon => AddressGroup::Coupons,
            Self::Quote => AddressGroup::Quotes,
        }
    }

    /// The limit per account: the burst and its period.
    fn per_account(self) -> (u32, Duration) {
        match self {
            Self::SignIn | Self::Confirm => (10, Duration::from_mins(5)),
            Self::Mail => (5, Duration::from_mins(10)),
            Self::Order | Self::Cart | Self::Coupon => (30, Duration::from_mins(10)),
            Self::Quote => (120, Duration::from_mins(10)),
        }
    }
}

/// A group of actions counted together per address. A household or an office shares one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AddressGroup {
    Accounts,
    Orders,
    Carts,
    Coupons,
    Quotes,
}

impl AddressGroup {
    const ALL: [Self; 5] = [Self::Accounts, Self::Orders, Self::Carts, Self::Coupons, Self::Quotes];

    /// Part of the shared counters' keys; changing it resets their counts.
    fn name(self) -> &'static str {
        match self {
            Self::Accounts => "address",
            Self::Orders => "address-orders",
            Self::Carts => "address-carts",
            Self::Coupons => "address-coupons",
            Self::Quotes => "address-quotes",
        }
    }

    /// The limit per address: the burst and its period.
    fn per_address(self) -> (u32, Duration) {
        match self {
            Self::Accounts => (60, Duration::from_mins(1)),
            Self::Orders => (60, Duration::from_mins(10)),
            Self::Carts => (300, Duration::from_mins(10)),
            Self::Coupons => (120, Duration::from_mins(10)),
            Self::Quotes => (600, Duration::from_mins(10)),
        }
    }
}

/// Counters that several servers share.
#[async_trait]
pub trait SharedCounters: Send + Sync {
    /// Counts one attempt under this key, which allows `burst` attempts per `period`. Returns how long to wait if it is
    /// over the limit.
    async fn count(&self, key: &[u8], burst: u32, period: Duration) -> StoreResult<Option<Duration>>;

    /// Takes back one attempt that was counted under this key with the same limit.
    async fn give_back(&self, key: &[u8], burst: u32, period: Duration) -> StoreResult<()>;

    /// Deletes the counters that allow a full burst again.
    async fn forget(&self) -> StoreResult<()>;
}

/// The rate limits of a server; when off, everything passes.
pub struct Limits(Option<Counters>);

struct Counters {
    hasher: RandomState,
    shared: Option<(Shop, Arc<dyn SharedCounters>)>,
    addresses: [(AddressGroup, Tries); 5],
    /// The same for the wider networks of IPv6 clients.
    wide: [(AddressGroup, Tries); 5],
    accounts: [(Attempt, Tries); 7],
}

impl Limits {
    /// Creates the limits, on or off.
    pub fn new(on: bool) -> Self {
        let accounts = |attempt: Attempt| (attempt, Tries::new(attempt.per_account()));
        let addresses = |group: AddressGroup| (group, Tries::new(group.per_address()));
        let wide = |group: AddressGroup| (group, Tries::new(times(WIDE_BUDGET, group.per_address())));
        Self(on.then(|| {
            Counters {
                hasher: RandomState::new(),
                shared: None,
                addresses: AddressGroup::ALL.map(addresses),
                wide: AddressGroup::ALL.map(wide),
                accounts: [
                    Attempt::SignIn,
                    Attempt::Confirm,
                    Attempt::Mail,
                    Attempt::Order,
                    Attempt::Cart,
                    Attempt::Coupon,
                    Attempt::Quote,
                ]
                .map(accounts),
            }
        }))
    }

    /// Whether the limits are on.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Also counts in the counters that the shop's servers share.
    #[must_use]
    pub fn shared(self, shop: &Shop, counters: Arc<dyn SharedCounters>) -> Self {
        Self(self.0.map(|own| Counters { shared: Some((shop.clone(), counters)), ..own }))
    }

    /// Counts one attempt by the client at `address` on an account, given by the e-mail or user name that was sent.
    ///
    /// # Errors
    /// 429 `throttled` with the seconds to wait.
    pub async fn check(&self, attempt: Attempt, address: Option<IpAddr>, account: Option<&str>) -> Result<()> {
        let Some(counters) = &self.0 else { return Ok(()) };
        // The key that identifies an account, so that all spellings of a name count as one.
        let account = account.map(identity_key);
        let group = attempt.group();
        for (network, budget) in address.into_iter().flat_map(counted_networks) {
            if let Some(tries) = counters.of_network(group, budget) {
                pass(tries, counters.hasher.hash_one(network))?;
            }
        }
        if let Some((tries, account)) = counters.of_account(attempt).zip(account.as_ref()) {
            pass(tries, counters.hasher.hash_one(account))?;
        }
        for (network, budget) in address.into_iter().flat_map(counted_networks) {
            let limit = times(budget, group.per_address());
            counters.count_shared(group.name(), &network.to_string(), limit).await?;
        }
        if let Some(account) = account {
            counters.count_shared(attempt.name(), &account, attempt.per_account()).await?;
        }
        Ok(())
    }

    /// Takes back what [`Limits::check`] counted with these arguments, because the attempt succeeded: a user who knows
    /// the password may sign in without limit. Counting comes first, so that many concurrent attempts cannot all pass
    /// before one fails.
    pub async fn forgive(&self, attempt: Attempt, address: Option<IpAddr>, account: Option<&str>) {
        let Some(counters) = &self.0 else { return };
        let account = account.map(identity_key);
        let group = attempt.group();
        for (network, budget) in address.into_iter().flat_map(counted_networks) {
            if let Some(tries) = counters.of_network(group, budget) {
                tries.give_back(counters.hasher.hash_one(network));
            }
            let limit = times(budget, group.per_address());
            counters.give_back_shared(group.name(), &network.to_string(), limit).await;
        }
        if let Some(account) = account {
            if let Some(tries) = counters.of_account(attempt) {
                tries.give_back(counters.hasher.hash_one(&account));
            }
            counters.give_back_shared(attempt.name(), &account, attempt.per_account()).await;
        }
    }

    /// Like [`Limits::sweep`], for the shared counters.
    pub async fn sweep_shared(&self) {
        let Some((_, shared)) = self.0.as_ref().and_then(|counters| counters.shared.as_ref()) else { return };
        if let Err(error) = shared.forget().await {
            tracing::warn!(source = ?error, "cannot delete old attempts from the shared counters");
        }
    }

    /// Drops the entries that allow a full burst again; call it at least every minute or so.
    pub fn sweep(&self) {
        let Some(counters) = &self.0 else { return };
        let now = Instant::now();
        let accounts = counters.accounts.iter().map(|(_, limiter)| limiter);
        let networks = counters.addresses.iter().chain(&counters.wide).map(|(_, limiter)| limiter);
        for limiter in networks.chain(accounts) {
            limiter.sweep(now);
        }
    }
}

impl Counters {
    /// The counters of networks that have this budget.
    fn of_network(&self, group: AddressGroup, budget: u32) -> Option<&Tries> {
        let networks = if budget == WIDE_BUDGET { &self.wide } else { &self.addresses };
        networks.iter().find(|(known, _)| *known == group).map(|(_, tries)| tries)
    }

    /// The counters of accounts.
    fn of_account(&self, attempt: Attempt) -> Option<&Tries> {
        self.accounts.iter().find(|(known, _)| *known == attempt).map(|(_, tries)| tries)
    }

    /// Counts in the shared counters, under a keyed hash that hides the account or address.
    async fn count_shared(&self, what: &str, whom: &str, (burst, period): (u32, Duration)) -> Result<()> {
        let Some((shop, shared)) = &self.shared else { return Ok(()) };
        let key = shop.tag("limit", format!("{what}:{whom}").as_bytes());
        match shared.count(key.expose().as_bytes(), burst, period).await {
            Ok(None) => Ok(()),
            Ok(Some(wait)) => Err(throttled(wait)),
            // This server's own limits have passed; without its storage the call will fail anyway.
            Err(error) => {
                tracing::warn!(source = ?error, "cannot count attempts in the shared counters");
                Ok(())
            }
        }
    }

    /// Takes back an attempt from the shared counters. If that fails, the limit is one lower for a while.
    async fn give_back_shared(&self, what: &str, whom: &str, (burst, period): (u32, Duration)) {
        let Some((shop, shared)) = &self.shared else { return };
        let key = shop.tag("limit", format!("{what}:{whom}").as_bytes());
        if let Err(error) = shared.give_back(key.expose().as_bytes(), burst, period).await {
            tracing::warn!(source = ?error, "cannot take back an attempt from the shared counters");
        }
    }
}

/// Multiplies the burst of a limit by `factor`.
fn times(factor: u32, (burst, period): (u32, Duration)) -> (u32, Duration) {
    (burst.saturating_mul(factor), period)
}

fn pass(tries: &Tries, key: u64) -> Result<()> {
    tries.take(key, Instant::now()).map_err(throttled)
}

fn throttled(wait: Duration) -> Problem {
    let wait = wait.as_secs_f64().ceil().max(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to some hundred seconds")]
    Problem::throttled(wait as u32)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const ADDRESS: &str = "192.0.2.1";

    fn check(limits: &Limits, attempt: Attempt, address: Option<IpAddr>, account: &str) -> Result<()> {
        // Without shared counters, the check never waits.
        limits.check(attempt, address, Some(account)).now_or_never().unwrap()
    }

    fn tries(limits: &Limits, attempt: Attempt, address: &str, account: &str) -> bool {
        check(limits, attempt, Some(address.parse().unwrap()), account).is_ok()
    }

    #[test]
    fn an_account_is_limited_whatever_its_spelling_and_from_wherever() {
        let limits = Limits::new(true);
        for number in 0..10 {
            assert!(tries(&limits, Attempt::SignIn, &format!("192.0.2.{number}"), "Ann@example.org"));
        }
        for spelling in
            ["ａｎｎ@example.org", "ANN@ＥＸＡＭＰＬＥ.org", "\u{3000}ann@example.org\u{a0}", "ªnn@example.org"]
        {
            assert!(check(&limits, Attempt::SignIn, None, spelling).is_err(), "{spelling}");
        }
        let problem = check(&limits, Attempt::SignIn, None, " ann@EXAMPLE.org ").unwrap_err();
        let response = problem.to_response();
        let wait: u32 = response.header("retry-after").unwrap().parse().unwrap();
        assert!(problem.code() == "throttled" && (1..=30).contains(&wait), "{wait}");
        assert!(tries(&limits, Attempt::SignIn, ADDRESS, "bob@example.org"));
        assert!(tries(&limits, Attempt::Mail, ADDRESS, "ann@example.org"));
    }

    #[test]
    fn an_address_is_limited_over_all_accounts() {
        let limits = Limits::new(true);
        for number in 0..60 {
            assert!(tries(&limits, Attempt::Confirm, ADDRESS, &format!("user{number}")));
        }
        assert!(!tries(&limits, Attempt::SignIn, ADDRESS, "another"));
        assert!(tries(&limits, Attempt::SignIn, "2001:db8::1", "another"));
    }

    #[test]
    fn a_client_of_ipv6_is_limited_by_its_networks() {
        let limits = Limits::new(true);
        let passed = |addresses: &dyn Fn(u32) -> String, count: u32| {
            (0..count)
                .filter(|number| tries(&limits, Attempt::Confirm, &addresses(*number), &format!("u{number}")))
                .count()
        };
        assert_eq!(passed(&|number| format!("2001:db8:1:1::{number:x}"), 100), 60);
        // Other networks of the same /48: 300 in all, 60 of which are used up.
        assert_eq!(passed(&|number| format!("2001:db8:1:{:x}::1", number + 2), 400), 240);
        assert_eq!(passed(&|_| "2001:db8:2::1".to_owned(), 1), 1);
    }

    #[test]
    fn shopping_uses_up_no_tries_at_accounts_and_the_other_way_round() {
        let limits = Limits::new(true);
        let orders =
            (0..100).filter(|number| tries(&limits, Attempt::Order, ADDRESS, &format!("cart:{number}"))).count();
        assert_eq!(orders, 60);
        for attempt in [Attempt::SignIn, Attempt::Cart, Attempt::Coupon] {
            assert!(tries(&limits, attempt, ADDRESS, "ann"), "{attempt:?}");
        }
        let coupons = (0..100).filter(|number| tries(&limits, Attempt::Coupon, &format!("192.0.3.{number}"), "cart:1"));
        assert_eq!(coupons.count(), 30);
    }

    #[test]
    fn what_was_right_does_not_count() {
        let limits = Limits::new(true);
        let address: IpAddr = ADDRESS.parse().unwrap();
        for _ in 0..200 {
            assert!(tries(&limits, Attempt::SignIn, ADDRESS, "Ann@example.org"));
            limits.forgive(Attempt::SignIn, Some(address), Some(" ann@example.org")).now_or_never().unwrap();
        }
        let failed = (0..100).filter(|_| tries(&limits, Attempt::SignIn, ADDRESS, "ann@example.org")).count();
        assert_eq!(failed, 10);
    }

    #[test]
    fn off_lets_everything_pass() {
        let limits = Limits::new(false);
        assert!((0..1000).all(|_| tries(&limits, Attempt::Mail, ADDRESS, "ann")));
        limits.sweep();
    }
}
