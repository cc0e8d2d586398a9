//! The same calls on several stores must give the same results.
//!
//! - `world.rs`: a shop per store, with the same clock, randomness and keys
//! - `call.rs`: one call, its outcome, and the facts in it; `known.rs` remembers those
//! - `users.rs`, `products.rs`, `promotions.rs`, `taxes.rs`, `trade.rs`, `webhooks.rs`: calls that change something;
//!   `reads.rs`: lists with every filter and order

mod call;
mod known;
mod products;
mod promotions;
mod reads;
mod taxes;
mod trade;
mod users;
mod webhooks;
mod world;

use std::sync::Arc;

use super::lab::{CaseFailure, CaseResult};
use crate::store::Store;

use call::{Call, CallOutcome};
use known::Known;
use world::World;

/// Plays one long sequence of random calls on several stores and compares every result, every mail and every webhook
/// delivery. At the end, the shop's own checks must pass.
///
/// ```
/// use std::sync::Arc;
/// use shop_core::conformance::{Differential, block_on};
/// use shop_core::memory::MemoryStore;
/// use shop_core::store::Store;
///
/// let stores = ["one", "other"].map(|name| (name, Arc::new(MemoryStore::new()) as Arc<dyn Store>));
/// block_on(async { Differential::begin(7, stores).await?.play(200).await })?;
/// # Ok::<(), shop_core::conformance::CaseFailure>(())
/// ```
pub struct Differential {
    seed: u64,
    worlds: Vec<World>,
    known: Known,
    calls: u32,
}

impl std::fmt::Debug for Differential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Differential").field("seed", &self.seed).field("calls", &self.calls).finish_non_exhaustive()
    }
}

impl Differential {
    /// Opens a shop on each of these stores, which must be new. The other stores are compared with the first.
    ///
    /// # Errors
    /// If a shop cannot be opened.
    pub async fn begin(
        seed: u64,
        stores: impl IntoIterator<Item = (&'static str, Arc<dyn Store>)>,
    ) -> CaseResult<Self> {
        let mut worlds = Vec::new();
        for (name, store) in stores {
            worlds.push(World::open(name, store, seed).await?);
        }
        Ok(Self { seed, worlds, known: Known::new(seed), calls: 0 })
    }

    /// Plays this many more calls.
    ///
    /// # Errors
    /// The first outcome in which two stores differ, with the seed and the number of the call; a failure of a store; or
    /// what the shop's own checks find at the end.
    pub async fn play(&mut self, calls: u32) -> CaseResult {
        for _ in 0..calls {
            self.calls += 1;
            let call = Call::draw(&mut self.known);
            let answers = self.ask_all(&call).await?;
            if let Some(answer) = self.agreed(&call, answers)? {
                self.known.learn(answer.news);
            }
        }
        for world in &self.worlds {
            let wrong = world.check().await?;
            if !wrong.is_empty() {
                return Err(CaseFailure::new(format!("seed {}: {}: {wrong:?}", self.seed, world.name())));
            }
        }
        Ok(())
    }

    async fn ask_all(&self, call: &Call) -> CaseResult<Vec<CallOutcome>> {
        let mut answers = Vec::new();
        for world in &self.worlds {
            answers.push(world.ask(call).await?);
        }
        Ok(answers)
    }

    /// The outcome on which all stores agree.
    fn agreed(&self, call: &Call, answers: Vec<CallOutcome>) -> CaseResult<Option<CallOutcome>> {
        let Self { seed, calls, worlds, .. } = self;
        let failure = |what: String| CaseFailure::new(format!("seed {seed}, call {calls}: {}: {what}", call.name));
        let Some(first) = answers.first() else { return Ok(None) };
        if first.is_fault {
            return Err(failure(first.text.clone()));
        }
        for (world, answer) in worlds.iter().zip(&answers) {
            if answer.text != first.text {
                let reference = worlds.first().map_or("", World::name);
                return Err(failure(format!("\n{reference}: {}\n{}: {}", first.text, world.name(), answer.text)));
            }
        }
        Ok(answers.into_iter().next())
    }
}
