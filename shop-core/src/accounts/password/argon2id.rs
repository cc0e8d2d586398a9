//! argon2id (RFC 9106) on threads of its own.
//!
//! One hash takes tens of milliseconds of a core and some 20 MiB, so hashing must neither block the
//! threads that serve everybody else nor grow without bound: it happens on as many threads as there are
//! cores (more only fight over the caches), at lowered priority, behind a queue that refuses when full.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use futures_channel::oneshot;
use subtle::ConstantTimeEq as _;
use unicode_normalization::UnicodeNormalization as _;

use super::queue::{Next, Queue};
use super::{PasswordHasher, Verified};
use crate::clock::Random;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// Bytes of a salt: what RFC 9106 recommends.
const SALT_LENGTH: usize = 16;
/// Bytes of a hash.
const HASH_LENGTH: usize = 32;
/// The longest password that is looked at, in bytes: 128 characters of four bytes each. A longer one is
/// wrong; it is not worth the queue's memory.
const MAX_PASSWORD_BYTES: usize = 512;
/// A thread that had nothing to do for so long gives its memory back.
const IDLE: Duration = Duration::from_secs(10);
/// The costs up to which a stored hash is computed at all, whatever today's settings are: RFC 9106's
/// recommendation for constrained memory (64 MiB), with room. Verifying uses the *stored* costs, so without
/// a cap whoever can write a hash could take all memory.
const CAP: Argon2Settings = Argon2Settings { memory_kib: 64 * 1024, passes: 10, lanes: 4, threads: 0, queue: 0 };

/// What hashing costs, and how much of it goes on at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Settings {
    /// Memory of one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub passes: u32,
    /// Lanes; they are computed one after the other.
    pub lanes: u32,
    /// Threads that hash; at least one is started.
    pub threads: usize,
    /// How many passwords may wait before the next is refused.
    pub queue: usize,
}

impl Default for Argon2Settings {
    /// OWASP's parameters (Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane), a thread per core, and
    /// a queue of 64: less than two seconds of work on two cores.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { memory_kib: 19_456, passes: 2, lanes: 1, threads, queue: 64 }
    }
}

/// The default [`PasswordHasher`]: argon2id, stored as PHC strings.
///
/// Passwords are brought to Unicode's NFKC first (NIST SP 800-63B), since the same letters arrive as
/// different bytes from different keyboards.
pub struct Argon2Hasher {
    queue: Arc<Queue<Job>>,
}

impl std::fmt::Debug for Argon2Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Argon2Hasher").finish_non_exhaustive()
    }
}

enum Job {
    Hash { password: Secret, reply: oneshot::Sender<Result<String>> },
    Verify { password: Secret, stored: Option<String>, reply: oneshot::Sender<Result<Verified>> },
}

impl Argon2Hasher {
    /// Starts the threads. They end when the hasher is dropped.
    ///
    /// # Errors
    /// A fault when argon2 refuses the costs, or the system refuses a thread.
    pub fn start(settings: Argon2Settings, random: &Arc<dyn Random>) -> Result<Self> {
        let params = Params::new(settings.memory_kib, settings.passes, settings.lanes, Some(HASH_LENGTH))
            .map_err(|why| Error::fault(format!("argon2 refuses its settings: {why}")))?;
        // Dropped on the way out when a thread cannot be started: that ends the threads already there.
        let hasher = Self { queue: Arc::new(Queue::new(settings.queue.max(1))) };
        for number in 0..settings.threads.max(1) {
            let queue = Arc::clone(&hasher.queue);
            let mut worker = Worker {
                dummy: phc(&params, &[0; SALT_LENGTH], &[0; HASH_LENGTH]),
                params: params.clone(),
                random: Arc::clone(random),
                memory: Vec::new(),
            };
            std::thread::Builder::new()
                .name(format!("argon2-{number}"))
                .spawn(move || worker.run(&queue))
                .map_err(|why| Error::Fault(Box::new(why)))?;
        }
        Ok(hasher)
    }

    async fn answer<T>(&self, job: Job, reply: oneshot::Receiver<Result<T>>) -> Result<T> {
        // A second is what a full queue of 64 takes, give or take.
        self.queue.push(job).map_err(|_| Error::Unavailable {
            retry_after: 1,
            source: Some("too many passwords are waiting to be hashed".into()),
        })?;
        reply.await.unwrap_or_else(|_| Err(Error::fault("hashing a password broke off")))
    }
}

impl Drop for Argon2Hasher {
    fn drop(&mut self) {
        self.queue.close();
    }
}

#[async_trait::async_trait]
impl PasswordHasher for Argon2Hasher {
    async fn hash(&self, password: Secret) -> Result<String> {
        if password.expose().len() > MAX_PASSWORD_BYTES {
            return Err(Error::invalid("password", format!("Must be at most {MAX_PASSWORD_BYTES} bytes long.")));
        }
        let (reply, answer) = oneshot::channel();
        self.answer(Job::Hash { password, reply }, answer).await
    }

    async fn verify(&self, password: Secret, stored: Option<String>) -> Result<Verified> {
        let too_long = password.expose().len() > MAX_PASSWORD_BYTES;
        let (password, stored) = if too_long { (Secret::default(), None) } else { (password, stored) };
        let (reply, answer) = oneshot::channel();
        self.answer(Job::Verify { password, stored, reply }, answer).await
    }
}

/// One hashing thread's own things.
struct Worker {
    params: Params,
    /// A hash of today's cost that no password has: it stands in where there is no account.
    dummy: String,
    random: Arc<dyn Random>,
    /// Kept from hash to hash: getting 19 MiB from the system anew costs more than a tenth of the hash.
    memory: Vec<Block>,
}

impl Worker {
    fn run(&mut self, queue: &Queue<Job>) {
        lower_priority();
        loop {
            let patience = (!self.memory.is_empty()).then_some(IDLE);
            match queue.pop(patience) {
                Next::Work(job) => {
                    // A panic drops the job, and with it the reply: the caller gets a fault, the thread lives on.
                    if std::panic::catch_unwind(AssertUnwindSafe(|| self.work(job))).is_err() {
                        tracing::error!("hashing a password panicked");
                        self.memory = Vec::new();
                    }
                }
                Next::Idle => self.memory = Vec::new(),
                Next::Closed => return,
            }
        }
    }

    /// Does one job, unless its caller has gone. A caller who goes right before the answer is no fault.
    fn work(&mut self, job: Job) {
        match job {
            Job::Hash { reply, .. } if reply.is_canceled() => {}
            Job::Verify { reply, .. } if reply.is_canceled() => {}
            Job::Hash { password, reply } => drop(reply.send(self.hash(&password))),
            Job::Verify { password, stored, reply } => {
                drop(reply.send(self.verify(&password, stored.as_deref())));
            }
        }
    }

    fn hash(&mut self, password: &Secret) -> Result<String> {
        let seed = self.random.seed();
        let salt = seed.first_chunk::<SALT_LENGTH>().ok_or_else(|| Error::fault("a seed is too short"))?;
        let params = self.params.clone();
        let mut hash = [0; HASH_LENGTH];
        self.compute(&params, password, salt, &mut hash)?;
        Ok(phc(&params, salt, &hash))
    }

    fn verify(&mut self, password: &Secret, stored: Option<&str>) -> Result<Verified> {
        let readable = stored.and_then(|stored| {
            let readable = self.read(stored);
            if readable.is_none() {
                tracing::warn!("a stored password hash is unreadable or its costs are absurd; no password fits it");
            }
            readable
        });
        // Without an account, or with one that no password opens, the same work is done for nothing.
        let exists = readable.is_some();
        let Some(stored) = readable.or_else(|| self.read(&self.dummy)) else {
            return Err(Error::fault("the dummy hash is unreadable"));
        };
        let mut hash = vec![0; stored.hash.len()];
        self.compute(&stored.params, password, &stored.salt, &mut hash)?;
        let right = bool::from(hash.ct_eq(&stored.hash));
        Ok(match exists && right {
            false => Verified::Wrong,
            true if stored.params == self.params && stored.salt.len() == SALT_LENGTH => Verified::Right,
            true => Verified::RightButRehash,
        })
    }

    /// Reads a PHC string; `None` when it is not argon2id's, or costs more than the cap (or today's
    /// settings, where they are higher).
    fn read(&self, stored: &str) -> Option<Stored> {
        let parsed = PasswordHash::new(stored).ok()?;
        let params = Params::try_from(&parsed).ok()?;
        let current = parsed.algorithm == Algorithm::Argon2id.ident() && parsed.version == Some(Version::V0x13.into());
        let bearable = params.m_cost() <= CAP.memory_kib.max(self.params.m_cost())
            && params.t_cost() <= CAP.passes.max(self.params.t_cost())
            && params.p_cost() <= CAP.lanes.max(self.params.p_cost());
        let (salt, hash) = (parsed.salt?.as_ref().to_vec(), parsed.hash?.as_bytes().to_vec());
        (current && bearable).then_some(Stored { params, salt, hash })
    }

    fn compute(&mut self, params: &Params, password: &Secret, salt: &[u8], hash: &mut [u8]) -> Result<()> {
        let password: String = password.expose().nfkc().collect();
        let blocks = params.block_count();
        if self.memory.len() != blocks {
            // Exactly what is needed: one costly stored hash must not keep its memory for good.
            self.memory = Vec::new();
            self.memory.resize(blocks, Block::default());
        }
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
            .hash_password_into_with_memory(password.as_bytes(), salt, hash, &mut self.memory)
            .map_err(|why| Error::fault(format!("argon2 failed: {why}")))
    }
}

/// A stored hash, taken apart.
struct Stored {
    params: Params,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

/// The PHC string: `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
fn phc(params: &Params, salt: &[u8], hash: &[u8]) -> String {
    let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
    format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}")
}

/// Lets the threads that answer requests go first: the policy `SCHED_IDLE` runs where nobody else wants the processor, and
/// steps aside at once. (With a mere niceness a hash ran its slice of some milliseconds to the end while a request waited:
/// the p99 of a product was 3.1 ms beside sign-ins, and is 0.9.) On a machine that is busy to the last, whoever signs in
/// waits, or is told to come again. Only Linux has this; elsewhere, and where it is forbidden, hashing just competes.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        use thread_priority::unix::{
            NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
        };
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        let lowest = thread_priority::ThreadPriority::Min;
        if let Err(why) = set_thread_priority_and_policy(thread_native_id(), lowest, idle) {
            tracing::debug!("the priority of a hashing thread cannot be lowered: {why}");
        }
    }
}

#[cfg(test)]
mod tests;
