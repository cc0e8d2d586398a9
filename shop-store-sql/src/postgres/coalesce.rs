//! Many callers, one statement: reads by key that share flights.
//!
//! Most of what a statement costs, here and in the database, is the same whether it asks for one key or for a
//! hundred. So a key that is asked for while a statement is under way waits for that one's end, and then flies with all
//! others that came meanwhile. What holds for a read by itself holds here too:
//!
//! - A lone caller goes at once: nothing waits for company, company gathers only while there is a wait anyway.
//! - A read never joins a flight that began before it, so it sees all that was committed before it began.
//! - An error reaches everybody in the flight.
//! - A flight is a task of the store: a caller that goes away harms nobody.
//! - Nobody waits for the end of a flight that takes long (a locked table, a silent network): the next one begins beside it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shop_core::store::{StoreError, StoreResult};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::error::Shared;

/// The most keys of one flight (but one caller's are never parted): an answer stays small, and soon.
const MAX_KEYS: usize = 256;

type Answers<K, V> = StoreResult<Vec<(K, V)>>;
type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Gate<G> = dyn Fn() -> Later<StoreResult<G>> + Send + Sync;
type Load<K, V, G> = dyn Fn(G, Vec<K>) -> Later<Answers<K, V>> + Send + Sync;

/// Loads values by key, many keys at a time. `G` is what a flight needs before it begins: a connection.
pub(crate) struct Loader<K, V, G> {
    shared: Arc<Inner<K, V, G>>,
}

struct Inner<K, V, G> {
    gate: Box<Gate<G>>,
    load: Box<Load<K, V, G>>,
    flights: usize,
    /// What takes longer is not counted any more.
    long: Duration,
    runtime: Handle,
    state: Mutex<State<K, V>>,
}

struct State<K, V> {
    waiting: VecDeque<Passenger<K, V>>,
    flying: usize,
}

/// Somebody who waits for some keys.
struct Passenger<K, V> {
    keys: Vec<K>,
    answer: oneshot::Sender<Result<Vec<(K, V)>, Shared>>,
}

impl<K, V, G> Inner<K, V, G> {
    fn state(&self) -> MutexGuard<'_, State<K, V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V, G> Loader<K, V, G>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    G: Send + 'static,
{
    /// A loader that waits at the `gate` for what a flight needs, and then reads with `load` (which gets each key once, no
    /// key at all when everybody went away, and leaves out what is absent), in at most so many `flights` at a time, but for
    /// those that take `long`; they are tasks of the runtime. Whoever comes while a flight waits at the gate comes with it.
    pub(crate) fn new<A, B>(
        runtime: Handle,
        (flights, long): (usize, Duration),
        gate: impl Fn() -> A + Send + Sync + 'static,
        load: impl Fn(G, Vec<K>) -> B + Send + Sync + 'static,
    ) -> Self
    where
        A: Future<Output = StoreResult<G>> + Send + 'static,
        B: Future<Output = Answers<K, V>> + Send + 'static,
    {
        let gate: Box<Gate<G>> = Box::new(move || Box::pin(gate()));
        let load: Box<Load<K, V, G>> = Box::new(move |gate, keys| Box::pin(load(gate, keys)));
        let state = Mutex::new(State { waiting: VecDeque::new(), flying: 0 });
        Self { shared: Arc::new(Inner { gate, load, flights: flights.max(1), long, runtime, state }) }
    }

    /// The value of a key.
    pub(crate) async fn one(&self, key: K) -> StoreResult<Option<V>> {
        Ok(self.many(vec![key]).await?.pop().map(|(_, value)| value))
    }

    /// The values of some keys, each once, without those that are absent, in no particular order.
    pub(crate) async fn many(&self, keys: Vec<K>) -> Answers<K, V> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let answer = self.board(keys);
        match answer.await {
            Ok(answer) => answer.map_err(StoreError::from),
            // The flight crashed, or the runtime is going away.
            Err(gone) => Err(StoreError::Unavailable(gone.into())),
        }
    }

    fn board(&self, keys: Vec<K>) -> oneshot::Receiver<Result<Vec<(K, V)>, Shared>> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.shared.state();
        state.waiting.push_back(Passenger { keys, answer: sender });
        if state.flying < self.shared.flights {
            state.flying += 1;
            drop(state);
            self.shared.runtime.spawn(fly(Flight { shared: Arc::clone(&self.shared) }));
        }
        receiver
    }
}

/// A flight that was counted. When it crashes, whoever waits for the next one gets it.
struct Flight<K, V, G>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    G: Send + 'static,
{
    shared: Arc<Inner<K, V, G>>,
}

impl<K, V, G> Drop for Flight<K, V, G>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    G: Send + 'static,
{
    fn drop(&mut self) {
        let mut state = self.shared.state();
        if state.waiting.is_empty() {
            state.flying -= 1;
        } else {
            drop(state);
            self.shared.runtime.spawn(fly(Flight { shared: Arc::clone(&self.shared) }));
        }
    }
}

/// Flies until nobody waits any more.
async fn fly<K, V, G>(flight: Flight<K, V, G>)
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    G: Send + 'static,
{
    while !flight.shared.state().waiting.is_empty() {
        match (flight.shared.gate)().await {
            Ok(open) => {
                let aboard = boarded(&mut flight.shared.state().waiting);
                let mut seen = HashSet::new();
                let keys = aboard.iter().flat_map(|passenger| &passenger.keys).filter(|key| seen.insert(*key)).cloned();
                let keys: Vec<K> = keys.collect();
                let mut load = (flight.shared.load)(open, keys);
                let Ok(loaded) = timeout(flight.shared.long, &mut load).await else {
                    // Makes room for the next one.
                    drop(flight);
                    hand_out(aboard, load.await);
                    return;
                };
                hand_out(aboard, loaded);
            }
            // Nobody waits longer for what another waited for in vain.
            Err(error) => {
                let everybody = std::mem::take(&mut flight.shared.state().waiting);
                hand_out(everybody.into(), Err(error));
            }
        }
    }
}

/// Those who fly next, in their order, except who went away.
fn boarded<K, V>(waiting: &mut VecDeque<Passenger<K, V>>) -> Vec<Passenger<K, V>> {
    let mut aboard: Vec<Passenger<K, V>> = Vec::new();
    let mut keys = 0;
    while let Some(next) = waiting.front() {
        if !aboard.is_empty() && keys + next.keys.len() > MAX_KEYS {
            break;
        }
        keys += next.keys.len();
        aboard.extend(waiting.pop_front().filter(|passenger| !passenger.answer.is_closed()));
    }
    aboard
}

fn hand_out<K: Clone + Eq + Hash, V: Clone>(mut aboard: Vec<Passenger<K, V>>, loaded: Answers<K, V>) {
    match loaded {
        Ok(values) if aboard.len() == 1 => {
            if let Some(passenger) = aboard.pop() {
                // Who went away meanwhile needs no answer; here and below.
                let _ = passenger.answer.send(Ok(values));
            }
        }
        Ok(values) => {
            let values: HashMap<K, V> = values.into_iter().collect();
            for Passenger { keys, answer } in aboard {
                let mut seen = HashSet::new();
                let found = keys.iter().filter(|key| seen.insert(*key));
                let found = found.filter_map(|key| Some((key.clone(), values.get(key)?.clone()))).collect();
                let _ = answer.send(Ok(found));
            }
        }
        Err(error) => {
            let error = Shared::from(error);
            for passenger in aboard {
                let _ = passenger.answer.send(Err(error.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests;
