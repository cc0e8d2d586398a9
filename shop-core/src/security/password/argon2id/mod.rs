//! Argon2id (RFC 9106) on dedicated threads.
//!
//! One hash takes tens of milliseconds of a core and about 20 MiB. Hashing must neither block the threads that serve
//! requests nor grow without limit. It therefore runs on one thread per core (more would only compete for caches), at
//! lowered priority, behind a bounded queue that refuses when full.

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

use crate::clock::Random;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::security::password::queue::{Next, Queue};
use crate::security::password::{PasswordHasher, Verified};

/// The length of a salt in bytes, as RFC 9106 recommends.
const SALT_LENGTH: usize = 16;
/// The length of a hash in bytes.
const HASH_LENGTH: usize = 32;
/// The maximum length of a password in bytes: 128 characters of four bytes each. A longer one is wrong without hashing,
/// and does not take memory in the queue.
const MAX_PASSWORD_BYTES: usize = 512;
/// A thread that is idle for this long frees its memory.
const IDLE: Duration = Duration::from_secs(10);
/// The maximum cost of a stored hash that is computed, whatever the current settings: RFC 9106's recommendation for
/// constrained memory (64 MiB), with a margin. Verification uses the *stored* costs, so without a cap anyone who can
/// write a hash could exhaust memory.
const CAP: Argon2Settings = Argon2Settings { memory_kib: 64 * 1024, passes: 10, lanes: 4, threads: 0, queue: 0 };

/// The cost of a hash, and the limits on concurrent hashing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Settings {
    /// The memory of one hash, in KiB.
    pub memory_kib: u32,
    /// The number of passes over that memory.
    pub passes: u32,
    /// The number of lanes; they are computed sequentially.
    pub lanes: u32,
    /// The number of hashing threads; at least one is started.
    pub threads: usize,
    /// The maximum number of waiting passwords; more are refused.
    pub queue: usize,
}

impl Default for Argon2Settings {
    /// OWASP's parameters (Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane), one thread per core, and a queue of
    /// 64: less than two seconds of work on two cores.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { memory_kib: 19_456, passes: 2, lanes: 1, threads, queue: 64 }
    }
}

/// The default [`PasswordHasher`]: Argon2id, stored as PHC strings.
///
/// Passwords are normalized to Unicode NFKC first (NIST SP 800-63B), because keyboards send the same letters as
/// different bytes.
pub struct Argon2Hasher {
    queue: Arc<Queue<HashJob>>,
}

impl std::fmt::Debug for Argon2Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Argon2Hasher").finish_non_exhaustive()
    }
}

enum HashJob {
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
        // If a thread cannot be started, dropping the hasher ends those already running.
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

    async fn answer<T>(&self, job: HashJob, reply: oneshot::Receiver<Result<T>>) -> Result<T> {
        // A full queue of 64 takes roughly a second.
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
        self.answer(HashJob::Hash { password, reply }, answer).await
    }

    async fn verify(&self, password: Secret, stored: Option<String>) -> Result<Verified> {
        let too_long = password.expose().len() > MAX_PASSWORD_BYTES;
        let (password, stored) = if too_long { (Secret::default(), None) } else { (password, stored) };
        let (reply, answer) = oneshot::channel();
        self.answer(HashJob::Verify { password, stored, reply }, answer).await
    }
}

/// The state of one hashing thread.
struct Worker {
    params: Params,
    /// A hash with the current costs that no password matches; used when there is no account.
    dummy: String,
    random: Arc<dyn Random>,
    /// Reused between hashes: allocating 19 MiB again takes more than a tenth of the time of a hash.
    memory: Vec<Block>,
}

impl Worker {
    fn run(&mut self, queue: &Queue<HashJob>) {
        lower_priority();
        loop {
            let timeout = (!self.memory.is_empty()).then_some(IDLE);
            match queue.pop(timeout) {
                Next::Work(job) => {
                    // A panic drops the job and its reply: the caller gets a fault, and the thread continues.
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

    /// Does one job, unless its caller has gone. A caller who goes just before the reply is not an error.
    fn work(&mut self, job: HashJob) {
        match job {
            HashJob::Hash { reply, .. } if reply.is_canceled() => {}
            HashJob::Verify { reply, .. } if reply.is_canceled() => {}
            HashJob::Hash { password, reply } => drop(reply.send(self.hash(&password))),
            HashJob::Verify { password, stored, reply } => {
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
        // Without a usable stored hash, the same work is done for the dummy.
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

    /// Parses a PHC string; `None` if it is not Argon2id, or costs more than both the cap and the current settings.
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
            // Allocate exactly what is needed, so that one costly stored hash does not keep its memory.
            self.memory = Vec::new();
            self.memory.resize(blocks, Block::default());
        }
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
            .hash_password_into_with_memory(password.as_bytes(), salt, hash, &mut self.memory)
            .map_err(|why| Error::fault(format!("argon2 failed: {why}")))
    }
}

/// A parsed stored hash.
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

/// Gives precedence to the threads that serve requests: the policy `SCHED_IDLE` runs only when no other thread wants
/// the CPU, and yields at once. (With a mere nice value, a hash completed its time slice of some milliseconds while a
/// request waited: the p99 latency of a product read during sign-ins was 3.1 ms, and is now 0.9 ms.) On a fully loaded
/// machine, sign-ins wait or are told to retry. Only Linux has this policy; elsewhere, or where it is forbidden,
/// hashing competes with the other threads.
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
