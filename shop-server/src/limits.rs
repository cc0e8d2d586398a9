//! Limits on tries at sign-in, one-time passwords and resets, by address and by account.
//!
//! What is counted is a keyed hash, never the account itself, so that no memory dump lists who tried to sign in;
//! entries that allow a full burst again are dropped by [`Limits::sweep`], so memory follows the traffic of the
//! last minutes. Behind a proxy every request has the proxy's address: let the proxy limit by address there, the
//! limits by account hold all the same.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use poem::web::RemoteAddr;
use poem::{Addr, FromRequest, Request, RequestBody};

use crate::problem::{Problem, Result};

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attempt {
    /// Signing in, by any route.
    SignIn,
    /// Entering a one-time password or the token of a reset.
    Confirm,
    /// Asking for a mail: registration, a new code, a reset.
    Mail,
}

impl Attempt {
    /// How many at once and over what time, for one account.
    fn per_account(self) -> (u32, Duration) {
        match self {
            Self::SignIn | Self::Confirm => (10, Duration::from_mins(5)),
            Self::Mail => (5, Duration::from_mins(10)),
        }
    }
}

/// How many at once and over what time, for one address: a household or an office shares one.
const PER_ADDRESS: (u32, Duration) = (60, Duration::from_mins(1));

/// Entries after which a check sweeps by itself, however seldom [`Limits::sweep`] is called.
const MAX_ENTRIES: usize = 100_000;

/// The limits of a server; off, they let everything pass.
pub struct Limits(Option<Counters>);

struct Counters {
    hasher: RandomState,
    addresses: DefaultKeyedRateLimiter<u64>,
    accounts: [(Attempt, DefaultKeyedRateLimiter<u64>); 3],
}

impl Limits {
    /// The limits, on or off.
    pub fn new(on: bool) -> Self {
        let accounts = |attempt: Attempt| (attempt, limiter(attempt.per_account()));
        Self(on.then(|| Counters {
            hasher: RandomState::new(),
            addresses: limiter(PER_ADDRESS),
            accounts: [Attempt::SignIn, Attempt::Confirm, Attempt::Mail].map(accounts),
        }))
    }

    /// Counts one try by the client at `address` on an account, as its e-mail or user name was sent.
    ///
    /// # Errors
    /// 429 `throttled` with the seconds to wait.
    pub fn check(&self, attempt: Attempt, address: Option<IpAddr>, account: Option<&str>) -> Result<()> {
        let Some(counters) = &self.0 else { return Ok(()) };
        if let Some(address) = address {
            pass(&counters.addresses, counters.hasher.hash_one(network(address)))?;
        }
        let accounts = counters.accounts.iter().find(|(known, _)| *known == attempt);
        if let (Some((_, limiter)), Some(account)) = (accounts, account) {
            pass(limiter, counters.hasher.hash_one(account.trim().to_lowercase()))?;
        }
        Ok(())
    }

    /// Forgets whoever may try a full burst again; to be called every minute or so.
    pub fn sweep(&self) {
        let Some(counters) = &self.0 else { return };
        let limiters = counters.accounts.iter().map(|(_, limiter)| limiter).chain([&counters.addresses]);
        for limiter in limiters {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

/// Where a request comes from. Take it as a handler's argument.
#[derive(Debug, Clone, Copy)]
pub struct Client(Option<IpAddr>);

impl Client {
    /// Its address, when it came over a network.
    pub fn address(self) -> Option<IpAddr> {
        self.0
    }
}

impl<'a> FromRequest<'a> for Client {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self(address(request)))
    }
}

/// The address a request came from.
pub fn address(request: &Request) -> Option<IpAddr> {
    match request.remote_addr() {
        RemoteAddr(Addr::SocketAddr(address)) => Some(address.ip().to_canonical()),
        _ => None,
    }
}

/// A client of IPv6 has a whole /64 to itself.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
    }
}

fn limiter((burst, period): (u32, Duration)) -> DefaultKeyedRateLimiter<u64> {
    let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
    let one = period / burst.get();
    let quota = Quota::with_period(one).unwrap_or_else(|| Quota::per_second(burst));
    RateLimiter::keyed(quota.allow_burst(burst))
}

fn pass(limiter: &DefaultKeyedRateLimiter<u64>, key: u64) -> Result<()> {
    if limiter.len() > MAX_ENTRIES {
        limiter.retain_recent();
    }
    limiter.check_key(&key).map_err(|refused| {
        let wait = refused.wait_time_from(DefaultClock::default().now()).as_secs_f64().ceil().max(1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to some hundred seconds")]
        Problem::throttled(wait as u32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "192.0.2.1";

    fn tries(limits: &Limits, attempt: Attempt, address: &str, account: &str) -> bool {
        limits.check(attempt, Some(address.parse().unwrap()), Some(account)).is_ok()
    }

    #[test]
    fn an_account_is_limited_whatever_its_spelling_and_from_wherever() {
        let limits = Limits::new(true);
        for number in 0..10 {
            assert!(tries(&limits, Attempt::SignIn, &format!("192.0.2.{number}"), "Ann@example.org"));
        }
        let problem = limits.check(Attempt::SignIn, None, Some(" ann@EXAMPLE.org ")).unwrap_err();
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
        assert_eq!(network("2001:db8::1".parse().unwrap()), network("2001:db8::ffff".parse().unwrap()));
    }

    #[test]
    fn off_lets_everything_pass() {
        let limits = Limits::new(false);
        assert!((0..1000).all(|_| tries(&limits, Attempt::Mail, ADDRESS, "ann")));
        limits.sweep();
    }
}
