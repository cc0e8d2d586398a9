//! A fake payment provider that keeps gift accounts. A real one is called over HTTPS. This one runs in the program but
//! behaves like a remote one: it can lose its responses, and it signs its webhook events.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The state of a charge, in the provider's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// The account owner has to agree.
    Waiting,
    /// The money was moved.
    Paid,
    /// The charge was withdrawn before payment.
    Withdrawn,
}

/// A charge on an account.
#[derive(Debug, Clone)]
pub(crate) struct Charge {
    /// The provider's id.
    pub(crate) number: String,
    /// The shop's payment id.
    pub(crate) merchant_id: String,
    /// The amount in US cents.
    pub(crate) cents: i64,
    /// Starts as [`Status::Waiting`].
    pub(crate) status: Status,
    /// Refunds: the shop's refund id, and the amount in cents.
    pub(crate) returns: Vec<(String, i64)>,
}

/// The error of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trouble {
    /// The response was lost.
    TimedOut,
    /// The provider refuses, for this reason.
    No(&'static str),
}

/// A webhook event.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct News {
    /// The id of the event.
    pub(crate) number: String,
    /// The number of the charge.
    pub(crate) charge: String,
    /// The kind of event, for example `paid`.
    pub(crate) what: String,
    /// Unix time in seconds.
    pub(crate) at: i64,
}

#[derive(Default)]
struct Ledger {
    charges: BTreeMap<String, Charge>,
    /// The charge of each idempotency key: a repeated call with its key has no further effect.
    keys: BTreeMap<String, String>,
    responses_to_lose: u32,
}

/// The fake provider.
pub(crate) struct Provider {
    secret: Vec<u8>,
    ledger: Mutex<Ledger>,
}

impl Provider {
    /// `secret` is the key that signs its events.
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self { secret: secret.to_vec(), ledger: Mutex::default() }
    }

    /// Loses the next `count` responses, after executing the calls.
    pub(crate) fn lose_responses(&self, count: u32) {
        self.ledger().responses_to_lose = count;
    }

    /// The number of charges ever created.
    pub(crate) fn charges(&self) -> usize {
        self.ledger().charges.len()
    }

    /// Creates a charge.
    pub(crate) fn charge(&self, key: &str, merchant_id: &str, cents: i64) -> Result<Charge, Trouble> {
        self.once(key, |ledger| {
            let number = format!("C-{}", ledger.charges.len() + 1);
            let merchant_id = merchant_id.to_owned();
            let charge =
                Charge { number: number.clone(), merchant_id, cents, status: Status::Waiting, returns: Vec::new() };
            ledger.charges.insert(number.clone(), charge);
            Ok(number)
        })
    }

    /// Withdraws a waiting charge.
    pub(crate) fn withdraw(&self, key: &str, number: &str) -> Result<Charge, Trouble> {
        self.once(key, |ledger| match ledger.charges.get_mut(number) {
            Some(charge) if charge.status == Status::Waiting => {
                charge.status = Status::Withdrawn;
                Ok(number.to_owned())
            }
            Some(_) => Err(Trouble::No("The charge does not wait any more.")),
            None => Err(Trouble::No("There is no such charge.")),
        })
    }

    /// Refunds up to the amount that is left of a paid charge.
    pub(crate) fn refund(&self, key: &str, number: &str, refund_id: &str, cents: i64) -> Result<Charge, Trouble> {
        self.once(key, |ledger| match ledger.charges.get_mut(number) {
            Some(charge) if charge.status == Status::Paid => {
                let back: i64 = charge.returns.iter().map(|(_, cents)| cents).sum();
                if back + cents > charge.cents {
                    return Err(Trouble::No("So much is not left."));
                }
                charge.returns.push((refund_id.to_owned(), cents));
                Ok(number.to_owned())
            }
            _ => Err(Trouble::No("Nothing was paid.")),
        })
    }

    /// Finds a charge by the provider's number, else by the shop's payment id.
    pub(crate) fn find_charge(&self, number: Option<&str>, merchant_id: &str) -> Option<Charge> {
        let ledger = self.ledger();
        let by_name = || ledger.charges.values().find(|charge| charge.merchant_id == merchant_id);
        number.and_then(|number| ledger.charges.get(number)).or_else(by_name).cloned()
    }

    /// Records that the account owner agrees. Returns the signature and body of the event for the shop.
    pub(crate) fn agree(&self, number: &str, at: i64) -> Option<(String, Vec<u8>)> {
        let mut ledger = self.ledger();
        let charge = ledger.charges.get_mut(number).filter(|charge| charge.status == Status::Waiting)?;
        charge.status = Status::Paid;
        let news = News { number: format!("N-{number}"), charge: number.to_owned(), what: "paid".to_owned(), at };
        let body = serde_json::to_vec(&news).ok()?;
        Some((signature(&self.secret, &body), body))
    }

    fn once(&self, key: &str, act: impl FnOnce(&mut Ledger) -> Result<String, Trouble>) -> Result<Charge, Trouble> {
        let mut ledger = self.ledger();
        let number = match ledger.keys.get(key).cloned() {
            Some(number) => number,
            None => act(&mut ledger)?,
        };
        ledger.keys.insert(key.to_owned(), number.clone());
        if ledger.responses_to_lose > 0 {
            ledger.responses_to_lose -= 1;
            return Err(Trouble::TimedOut);
        }
        ledger.charges.get(&number).cloned().ok_or(Trouble::No("There is no such charge."))
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The signature of an event: HMAC-SHA256 over the body, in hex.
pub(crate) fn signature(secret: &[u8], body: &[u8]) -> String {
    let mut key = [0; 64];
    // Hashing gives secrets of any length the same length.
    for (to, from) in key.iter_mut().zip(Sha256::digest(secret)) {
        *to = from;
    }
    let mut mac = Hmac::<Sha256>::new(&key.into());
    mac.update(body);
    mac.finalize().into_bytes().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
