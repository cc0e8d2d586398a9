//! Request batching: concurrent reads by key share a statement.
//!
//! Most of a statement's cost, here and in the database, is the same for one key as for a hundred. So a key that is
//! requested while a statement runs waits for it to end, and then goes into one request batch (a `Flight`) with all
//! others that arrived meanwhile. The guarantees of a separate read still hold:
//!
//! - A lone caller starts at once. No read waits for others to join; they gather only while a statement runs anyway.
//! - A read never joins a batch that started before it, so it sees everything that was committed before it began.
//! - An error reaches every caller of the batch.
//! - A batch is a task of the store: a caller that goes away affects no one else.
//! - No read waits for a batch that takes long (a locked table, a silent network): the next batch starts while it runs.

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

/// The maximum number of keys in a batch, to keep results small and fast. One caller's keys are never split.
const MAX_KEYS: usize = 256;

type Answers<K, V> = StoreResult<Vec<(K, V)>>;
type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Gate<G> = dyn Fn() -> Later<StoreResult<G>> + Send + Sync;
type Load<K, V, G> = dyn Fn(G, Vec<K>) -> Later<Answers<K, V>> + Send + Sync;

/// Loads values by key, many keys at a time. `G` is what a batch needs before it starts: a connection.
pub(crate) struct Loader<K, V, G> {
    shared: Arc<Inner<K, V, G>>,
}

struct Inner<K, V, G> {
    gate: Box<Gate<G>>,
    load: Box<Load<K, V, G>>,
    flights: usize,
    /// A batch that takes longer no longer counts as running.
    long: Duration,
    runtime: Handle,
    state: Mutex<State<K, V>>,
}

struct State<K, V> {
    waiting: VecDeque<Passenger<K, V>>,
    flying: usize,
}

/// A caller that waits for some keys.
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
    /// Creates a loader that waits at `gate` for what a batch needs and then reads with `load`. `load` gets each key
    /// once (none at all if all callers went away) and leaves out missing keys. At most `flights` batches run at a
    /// time, not counting those that take longer than `long`; they are tasks of the runtime. Reads that arrive while a
    /// batch waits at the gate join it.
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

    /// The values of some keys, each once, without missing ones, in no particular order.
    pub(crate) async fn many(&self, keys: Vec<K>) -> Answers<K, V> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let answer = self.board(keys);
        match answer.await {
            Ok(answer) => answer.map_err(StoreError::from),
            // The batch panicked, or the runtime is shutting down.
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

/// A task that counts as running. When it ends early (a panic, or a batch that takes long), another task starts for the
/// callers that still wait.
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

/// Runs batches until no caller waits.
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
                    // Makes room for the next batch.
                    drop(flight);
                    hand_out(aboard, load.await);
                    return;
                };
                hand_out(aboard, loaded);
            }
            // Waiting callers fail too, rather than wait again for what just failed.
            Err(error) => {
                let everybody = std::mem::take(&mut flight.shared.state().waiting);
                hand_out(everybody.into(), Err(error));
            }
        }
    }
}

/// Takes the callers of the next batch in order, except those that went away.
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
                // A caller that went away meanwhile needs no answer; here and below.
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
