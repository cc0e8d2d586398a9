//! Request batching: concurrent reads by key share a statement.
//!
//! Most of a statement's cost, here and in the database, is the same for one key as for a hundred. So a key that is
//! requested while a statement runs waits until that statement ends, and then joins one request batch with all other
//! keys that arrived meanwhile. The guarantees of a separate read still hold:
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

use super::error::SharedError;

/// The maximum number of keys in a batch, to keep results small and fast. One caller's keys are never split.
const MAX_KEYS: usize = 256;

type LoadResult<K, V> = StoreResult<Vec<(K, V)>>;
type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Acquire<G> = dyn Fn() -> BoxFuture<StoreResult<G>> + Send + Sync;
type Load<K, V, G> = dyn Fn(G, Vec<K>) -> BoxFuture<LoadResult<K, V>> + Send + Sync;

/// Loads values by key, many keys at a time. `G` is what a batch needs before it starts: a connection.
pub(crate) struct Loader<K, V, G> {
    shared: Arc<Inner<K, V, G>>,
}

struct Inner<K, V, G> {
    acquire: Box<Acquire<G>>,
    load: Box<Load<K, V, G>>,
    max_running: usize,
    /// A batch that takes longer no longer counts as running.
    max_wait: Duration,
    runtime: Handle,
    state: Mutex<State<K, V>>,
}

struct State<K, V> {
    waiting: VecDeque<Waiter<K, V>>,
    running: usize,
}

/// A caller that waits for some keys.
struct Waiter<K, V> {
    keys: Vec<K>,
    reply: oneshot::Sender<Result<Vec<(K, V)>, SharedError>>,
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
    /// Creates a loader that gets what a batch needs from `acquire` and then reads with `load`. `load` gets each key
    /// once (none at all if all callers went away) and leaves out missing keys. At most `max_running` batches run at a
    /// time, not counting those that take longer than `max_wait`; they are tasks of the runtime. Reads that arrive
    /// while a batch waits for `acquire` join it.
    pub(crate) fn new<A, B>(
        runtime: Handle,
        (max_running, max_wait): (usize, Duration),
        acquire: impl Fn() -> A + Send + Sync + 'static,
        load: impl Fn(G, Vec<K>) -> B + Send + Sync + 'static,
    ) -> Self
    where
        A: Future<Output = StoreResult<G>> + Send + 'static,
        B: Future<Output = LoadResult<K, V>> + Send + 'static,
    {
        let acquire: Box<Acquire<G>> = Box::new(move || Box::pin(acquire()));
        let load: Box<Load<K, V, G>> = Box::new(move |acquired, keys| Box::pin(load(acquired, keys)));
        let state = Mutex::new(State { waiting: VecDeque::new(), running: 0 });
        Self { shared: Arc::new(Inner { acquire, load, max_running: max_running.max(1), max_wait, runtime, state }) }
    }

    /// The value of a key.
    pub(crate) async fn one(&self, key: K) -> StoreResult<Option<V>> {
        Ok(self.many(vec![key]).await?.pop().map(|(_, value)| value))
    }

    /// The values of some keys, each once, without missing ones, in no particular order.
    pub(crate) async fn many(&self, keys: Vec<K>) -> LoadResult<K, V> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let answer = self.enqueue(keys);
        match answer.await {
            Ok(answer) => answer.map_err(StoreError::from),
            // The batch panicked, or the runtime is shutting down.
            Err(gone) => Err(StoreError::Unavailable(gone.into())),
        }
    }

    fn enqueue(&self, keys: Vec<K>) -> oneshot::Receiver<Result<Vec<(K, V)>, SharedError>> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.shared.state();
        state.waiting.push_back(Waiter { keys, reply: sender });
        if state.running < self.shared.max_running {
            state.running += 1;
            drop(state);
            self.shared.runtime.spawn(run_batches(RunningTask { shared: Arc::clone(&self.shared) }));
        }
        receiver
    }
}

/// A task that counts as running. When it ends early (a panic, or a batch that takes long), another task starts for the
/// callers that still wait.
struct RunningTask<K, V, G>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    G: Send + 'static,
{
    shared: Arc<Inner<K, V, G>>,
}

impl<K, V, G> Drop for RunningTask<K, V, G>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    G: Send + 'static,
{
    fn drop(&mut self) {
        let mut state = self.shared.state();
        if state.waiting.is_empty() {
            state.running -= 1;
        } else {
            drop(state);
            self.shared.runtime.spawn(run_batches(RunningTask { shared: Arc::clone(&self.shared) }));
        }
    }
}

/// Runs batches until no caller waits.
async fn run_batches<K, V, G>(running_task: RunningTask<K, V, G>)
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    G: Send + 'static,
{
    while !running_task.shared.state().waiting.is_empty() {
        match (running_task.shared.acquire)().await {
            Ok(acquired) => {
                let waiters = take_batch(&mut running_task.shared.state().waiting);
                let mut seen = HashSet::new();
                let keys = waiters.iter().flat_map(|waiter| &waiter.keys).filter(|key| seen.insert(*key)).cloned();
                let keys: Vec<K> = keys.collect();
                let mut load = (running_task.shared.load)(acquired, keys);
                let Ok(loaded) = timeout(running_task.shared.max_wait, &mut load).await else {
                    // Makes room for the next batch.
                    drop(running_task);
                    hand_out(waiters, load.await);
                    return;
                };
                hand_out(waiters, loaded);
            }
            // Waiting callers fail too, rather than wait again for what just failed.
            Err(error) => {
                let waiters = std::mem::take(&mut running_task.shared.state().waiting);
                hand_out(waiters.into(), Err(error));
            }
        }
    }
}

/// Takes the callers of the next batch in order, except those that went away.
fn take_batch<K, V>(waiting: &mut VecDeque<Waiter<K, V>>) -> Vec<Waiter<K, V>> {
    let mut waiters: Vec<Waiter<K, V>> = Vec::new();
    let mut keys = 0;
    while let Some(next) = waiting.front() {
        if !waiters.is_empty() && keys + next.keys.len() > MAX_KEYS {
            break;
        }
        keys += next.keys.len();
        waiters.extend(waiting.pop_front().filter(|waiter| !waiter.reply.is_closed()));
    }
    waiters
}

fn hand_out<K: Clone + Eq + Hash, V: Clone>(mut waiters: Vec<Waiter<K, V>>, loaded: LoadResult<K, V>) {
    match loaded {
        Ok(values) if waiters.len() == 1 => {
            if let Some(waiter) = waiters.pop() {
                // A caller that went away meanwhile needs no reply; here and below.
                let _ = waiter.reply.send(Ok(values));
            }
        }
        Ok(values) => {
            let values: HashMap<K, V> = values.into_iter().collect();
            for Waiter { keys, reply } in waiters {
                let mut seen = HashSet::new();
                let found = keys.iter().filter(|key| seen.insert(*key));
                let found = found.filter_map(|key| Some((key.clone(), values.get(key)?.clone()))).collect();
                let _ = reply.send(Ok(found));
            }
        }
        Err(error) => {
            let error = SharedError::from(error);
            for waiter in waiters {
                let _ = waiter.reply.send(Err(error.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests;
