//! Time, randomness and ids as arguments: the ports, and the [`DecisionContext`] that a decision receives.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use uuid::Uuid;

/// An instant in UTC, in whole microseconds (the precision of every supported storage).
pub type Timestamp = DateTime<Utc>;

/// The source of the time: the system clock in production, a settable clock in simulations.
pub trait Clock: Send + Sync {
    /// The current time, in whole microseconds.
    fn now(&self) -> Timestamp;
}

/// The source of unguessable bytes: the operating system in production, a seeded generator in simulations.
pub trait Random: Send + Sync {
    /// Returns 32 fresh random bytes.
    fn seed(&self) -> [u8; 32];
}

/// The system clock, truncated to microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    fn now(&self) -> Timestamp {
        Utc::now().trunc_subsecs(6)
    }
}

/// The operating system's randomness, expanded by `ChaCha12` (`rand`'s thread generator, which reseeds itself).
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

/// The time and randomness of one decision: an instant, and a generator seeded from outside.
///
/// The same instant and seed give the same ids in the same order, so a decision can be replayed.
#[derive(Debug, Clone)]
pub struct DecisionContext {
    now: Timestamp,
    /// The time encoded in ids: that of the decision, unless [`DecisionContext::draw_after`] moved it forward.
    ids_at: Timestamp,
    drawn: u16,
    generator: StdRng,
}

impl DecisionContext {
    /// A context at `now`. All random values follow from `seed`.
    #[must_use]
    pub fn new(now: Timestamp, seed: [u8; 32]) -> Self {
        Self { now, ids_at: now, drawn: 0, generator: StdRng::from_seed(seed) }
    }

    /// The time of the decision.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Draws a fresh id: a `UUIDv7` with sub-millisecond precision (RFC 9562, 6.2, method 3) followed by a counter, so
    /// that ids drawn from one context sort in the order in which they were drawn.
    pub fn id<T: From<Uuid>>(&mut self) -> T {
        let millis = u64::try_from(self.ids_at.timestamp_millis()).unwrap_or(0);
        let micros = u64::from(self.ids_at.timestamp_subsec_micros() % 1000);
        let fraction = micros * 4096 / 1000;
        let high = (millis << 16) | 0x7000 | fraction;
        let low = (0b10 << 62) | (u64::from(self.drawn & 0x3fff) << 48) | (self.generator.next_u64() >> 16);
        self.drawn = self.drawn.wrapping_add(1);
        T::from(Uuid::from_u64_pair(high, low))
    }

    /// Makes later ids sort after all ids drawn up to `time`, even by a process whose clock is ahead: the ids of the
    /// events of one aggregate then follow the order of events.
    pub fn draw_after(&mut self, time: Timestamp) {
        self.ids_at = self.ids_at.max(time + TimeDelta::microseconds(1));
    }

    /// The time encoded in ids that are drawn now, to be passed to [`DecisionContext::draw_after`] later.
    #[must_use]
    pub fn draws_at(&self) -> Timestamp {
        self.ids_at
    }

    /// Draws a fresh id that sorts like `model` among other ids.
    pub fn id_at<T: From<Uuid>>(&mut self, model: Uuid) -> T {
        let (high, low) = model.as_u64_pair();
        // Keeps all but the last 24 bits: enough to sort by, and 24 random bits tell the few ids per model apart.
        T::from(Uuid::from_u64_pair(high, (low & (u64::MAX << 24)) | (self.generator.next_u64() >> 40)))
    }

    /// Draws a number below `bound` (0 when `bound` is 0), evenly distributed.
    pub fn below(&mut self, bound: u32) -> u32 {
        // 64 random bits over at most 32 bits of range: the bias is below 2^-32.
        u32::try_from(self.generator.next_u64() % u64::from(bound.max(1))).unwrap_or(0)
    }

    /// Draws 32 unguessable bytes.
    pub fn secret(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.generator.fill_bytes(&mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(micros: i64, seed: u8) -> DecisionContext {
        DecisionContext::new(DateTime::from_timestamp_micros(1_800_000_000_000_000 + micros).unwrap(), [seed; 32])
    }

    fn ids(context: &mut DecisionContext) -> [Uuid; 3] {
        [context.id(), context.id(), context.id()]
    }

    #[test]
    fn ids_can_be_made_later_than_those_of_a_clock_that_is_ahead() {
        let mut ahead = context(60_000_000, 9);
        let mut ours = context(0, 1);
        assert!(ids(&mut ours).last() < ids(&mut ahead).first());
        let mut before = ids(&mut ahead);
        for seed in [1, 9] {
            // Also twice in one instant, and when no shift is needed.
            let mut ours = context(0, seed);
            ours.draw_after(ahead.draws_at());
            let after = ids(&mut ours);
            assert!(before.is_sorted() && before.last() < after.first(), "{before:?} {after:?}");
            ours.draw_after(ours.now());
            assert!(after.last() < Some(&ours.id()));
            assert_eq!(ours.now(), context(0, seed).now());
            (ahead, before) = (ours, after);
        }
    }

    #[test]
    fn an_id_at_the_time_of_another_sorts_like_it() {
        let mut models = [ids(&mut context(0, 1)), ids(&mut context(0, 3)), ids(&mut context(1, 2))].concat();
        models.sort();
        let mut ours = context(-5_000_000, 2);
        let made: Vec<Uuid> = models.iter().map(|model| ours.id_at(*model)).collect();
        assert!(made.is_sorted());
        for (one, model) in made.iter().zip(models) {
            assert_ne!(*one, model);
            assert_eq!(one.get_version_num(), 7);
        }
    }
}
