//! Time, chance and ids as arguments: the ports, and the [`Moment`] a decision gets.

use chrono::{DateTime, SubsecRound, Utc};
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use uuid::Uuid;

/// An instant in UTC, whole microseconds (what every supported storage keeps).
pub type Timestamp = DateTime<Utc>;

/// Tells the time. The system's clock in production, a settable one in simulations.
pub trait Clock: Send + Sync {
    /// The time of now, in whole microseconds.
    fn now(&self) -> Timestamp;
}

/// Draws unguessable bytes. The operating system's source in production, a seeded one in simulations.
pub trait Random: Send + Sync {
    /// 32 fresh bytes.
    fn seed(&self) -> [u8; 32];
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    fn now(&self) -> Timestamp {
        Utc::now().trunc_subsecs(6)
    }
}

/// The operating system's randomness, stretched by `ChaCha12` (`rand`'s thread generator, reseeded by itself).
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(clippy::disallowed_methods, reason = "the one place that draws from the system")]
    fn seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        rand::rng().fill_bytes(&mut seed);
        seed
    }
}

/// What a decision knows of time and chance: an instant, and a generator seeded from outside.
///
/// The same instant and seed give the same ids in the same order, so a decision can be replayed.
#[derive(Debug, Clone)]
pub struct Moment {
    now: Timestamp,
    drawn: u16,
    generator: StdRng,
}

impl Moment {
    /// A moment at `now` whose draws all follow from `seed`.
    #[must_use]
    pub fn new(now: Timestamp, seed: [u8; 32]) -> Self {
        Self { now, drawn: 0, generator: StdRng::from_seed(seed) }
    }

    /// The time of the decision.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// A fresh id: `UUIDv7` with sub-millisecond precision (RFC 9562, 6.2, method 3) and then a counter, so
    /// that the ids drawn in one moment sort in the order in which they were drawn.
    pub fn id<T: From<Uuid>>(&mut self) -> T {
        let millis = u64::try_from(self.now.timestamp_millis()).unwrap_or(0);
        let micros = u64::from(self.now.timestamp_subsec_micros() % 1000);
        let fraction = micros * 4096 / 1000;
        let high = (millis << 16) | 0x7000 | fraction;
        let low = (0b10 << 62) | (u64::from(self.drawn & 0x3fff) << 48) | (self.generator.next_u64() >> 16);
        self.drawn = self.drawn.wrapping_add(1);
        T::from(Uuid::from_u64_pair(high, low))
    }

    /// A number below `bound` (0 when `bound` is 0), evenly distributed.
    pub fn below(&mut self, bound: u32) -> u32 {
        // 64 random bits over at most 32 bits of range: the bias is below 2^-32.
        u32::try_from(self.generator.next_u64() % u64::from(bound.max(1))).unwrap_or(0)
    }

    /// 32 unguessable bytes.
    pub fn secret(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.generator.fill_bytes(&mut bytes);
        bytes
    }
}
