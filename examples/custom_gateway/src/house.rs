//! The outside: a house that keeps gift accounts. A real one is reached over HTTPS; this one lives in the program, and
//! behaves as one that is far away: it can lose its answers, and it signs what it tells.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Where a charge stands, in the house's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// The owner of the account must agree.
    Waiting,
    /// The money was moved.
    Paid,
    /// It was withdrawn before.
    Withdrawn,
}

/// A charge on an account.
#[derive(Debug, Clone)]
pub(crate) struct Charge {
    /// The house's number of it.
    pub(crate) number: String,
    /// What the shop calls it.
    pub(crate) merchant_id: String,
    /// Cents.
    pub(crate) cents: i64,
    /// Where it stands.
    pub(crate) status: Status,
    /// What went back: the shop's word for it, and cents.
    pub(crate) returns: Vec<(String, i64)>,
}

/// Why the house did not do it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trouble {
    /// No answer came.
    TimedOut,
    /// It does not want to.
    No(&'static str),
}

/// What the house tells by itself.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct News {
    /// The number of the message.
    pub(crate) number: String,
    /// Which charge it is about.
    pub(crate) charge: String,
    /// What happened.
    pub(crate) what: String,
    /// Seconds since 1970.
    pub(crate) at: i64,
}

#[derive(Default)]
struct Ledger {
    charges: BTreeMap<String, Charge>,
    /// Which charge each key was about: what comes again with its key is not done again.
    keys: BTreeMap<String, String>,
    answers_lost: u32,
}

/// The house.
pub(crate) struct House {
    secret: Vec<u8>,
    ledger: Mutex<Ledger>,
}

impl House {
    /// A house that signs with this secret.
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self { secret: secret.to_vec(), ledger: Mutex::default() }
    }

    /// The next answers will be lost on the way, after the house has done what was asked.
    pub(crate) fn lose_answers(&self, count: u32) {
        self.ledger().answers_lost = count;
    }

    /// How many charges were ever made.
    pub(crate) fn charges(&self) -> usize {
        self.ledger().charges.len()
    }

    /// Begins a charge.
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

    /// Withdraws a charge that waits.
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

    /// Gives money back.
    pub(crate) fn give_back(&self, key: &str, number: &str, word: &str, cents: i64) -> Result<Charge, Trouble> {
        self.once(key, |ledger| match ledger.charges.get_mut(number) {
            Some(charge) if charge.status == Status::Paid => {
                let back: i64 = charge.returns.iter().map(|(_, cents)| cents).sum();
                if back + cents > charge.cents {
                    return Err(Trouble::No("So much is not left."));
                }
                charge.returns.push((word.to_owned(), cents));
                Ok(number.to_owned())
            }
            _ => Err(Trouble::No("Nothing was paid.")),
        })
    }

    /// A charge, by the house's number or by what the shop calls it.
    pub(crate) fn look(&self, number: Option<&str>, merchant_id: &str) -> Option<Charge> {
        let ledger = self.ledger();
        let by_name = || ledger.charges.values().find(|charge| charge.merchant_id == merchant_id);
        number.and_then(|number| ledger.charges.get(number)).or_else(by_name).cloned()
    }

    /// The owner of the account agrees. Gives the signed message that the house posts to the shop: signature and body.
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
        if ledger.answers_lost > 0 {
            ledger.answers_lost -= 1;
            return Err(Trouble::TimedOut);
        }
        ledger.charges.get(&number).cloned().ok_or(Trouble::No("There is no such charge."))
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the house signs: HMAC-SHA256 over the body, in hex.
pub(crate) fn signature(secret: &[u8], body: &[u8]) -> String {
    let mut key = [0; 64];
    // Longer or shorter secrets are hashed to one length.
    for (to, from) in key.iter_mut().zip(Sha256::digest(secret)) {
        *to = from;
    }
    let mut mac = Hmac::<Sha256>::new(&key.into());
    mac.update(body);
    mac.finalize().into_bytes().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
