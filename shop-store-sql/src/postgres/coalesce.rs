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
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    /// A storage whose statements end when they are let, and that counts its changes.
    struct Storage {
        asked: Mutex<Vec<Vec<u32>>>,
        began: Semaphore,
        gate: Semaphore,
        version: AtomicUsize,
        closed: AtomicBool,
    }

    impl Storage {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                asked: Mutex::new(Vec::new()),
                began: Semaphore::new(0),
                gate: Semaphore::new(0),
                version: AtomicUsize::new(0),
                closed: AtomicBool::new(false),
            })
        }

        fn loader(self: &Arc<Self>, flights: usize) -> Loader<u32, (u32, usize), ()> {
            self.impatient_loader(flights, Duration::MAX)
        }

        fn impatient_loader(self: &Arc<Self>, flights: usize, long: Duration) -> Loader<u32, (u32, usize), ()> {
            let (storage, gate) = (Arc::clone(self), Arc::clone(self));
            let gate = move || {
                let open = !gate.closed.load(Ordering::SeqCst);
                async move { if open { Ok(()) } else { Err(StoreError::Unavailable("closed".into())) } }
            };
            Loader::new(Handle::current(), (flights, long), gate, move |(), keys: Vec<u32>| {
                let storage = Arc::clone(&storage);
                async move {
                    storage.asked.lock().unwrap().push(keys.clone());
                    let version = storage.version.load(Ordering::SeqCst);
                    storage.began.add_permits(1);
                    storage.gate.acquire().await.unwrap().forget();
                    assert!(!keys.contains(&13), "a crash");
                    if keys.contains(&99) {
                        return Err(StoreError::Unavailable("no".into()));
                    }
                    Ok(keys.into_iter().filter(|key| *key != 404).map(|key| (key, (key * 10, version))).collect())
                }
            })
        }

        async fn a_flight_began(&self) {
            self.began.acquire().await.unwrap().forget();
        }

        fn let_one_end(&self) {
            self.gate.add_permits(1);
        }

        fn asked(&self) -> Vec<Vec<u32>> {
            self.asked.lock().unwrap().clone()
        }
    }

    /// Asks in a task, and answers when the question is in the queue (or in a flight).
    fn ask(
        loader: &Loader<u32, (u32, usize), ()>,
        keys: &[u32],
    ) -> tokio::task::JoinHandle<Answers<u32, (u32, usize)>> {
        let answer = loader.board(keys.to_vec());
        tokio::spawn(
            async move { answer.await.map_err(|gone| StoreError::Unavailable(gone.into()))?.map_err(Into::into) },
        )
    }

    #[tokio::test]
    async fn a_lone_caller_goes_at_once() {
        let storage = Storage::new();
        let loader = storage.loader(1);
        storage.let_one_end();
        assert_eq!(loader.one(1).await.unwrap(), Some((10, 0)));
        storage.let_one_end();
        assert_eq!(loader.one(404).await.unwrap(), None);
        assert_eq!(loader.many(Vec::new()).await.unwrap(), []);
        assert_eq!(storage.asked(), [vec![1], vec![404]]);
    }

    #[tokio::test]
    async fn company_shares_the_next_flight() {
        let storage = Storage::new();
        let loader = storage.loader(1);
        let first = ask(&loader, &[1]);
        storage.a_flight_began().await;
        let others = [ask(&loader, &[2, 3, 3]), ask(&loader, &[3, 404]), ask(&loader, &[1])];
        storage.let_one_end();
        assert_eq!(first.await.unwrap().unwrap(), [(1, (10, 0))]);
        storage.let_one_end();
        let mut answers = Vec::new();
        for other in others {
            answers.push(other.await.unwrap().unwrap());
        }
        assert_eq!(answers, [vec![(2, (20, 0)), (3, (30, 0))], vec![(3, (30, 0))], vec![(1, (10, 0))]]);
        assert_eq!(storage.asked(), [vec![1], vec![2, 3, 404, 1]]);
    }

    #[tokio::test]
    async fn a_read_never_joins_a_flight_that_began_before_it() {
        let storage = Storage::new();
        let loader = storage.loader(1);
        let before = ask(&loader, &[1]);
        storage.a_flight_began().await;
        // A commit ends while the flight is under way; a read of the same key that begins now must see it.
        storage.version.store(1, Ordering::SeqCst);
        let after = ask(&loader, &[1]);
        storage.gate.add_permits(2);
        assert_eq!(before.await.unwrap().unwrap(), [(1, (10, 0))]);
        assert_eq!(after.await.unwrap().unwrap(), [(1, (10, 1))]);
    }

    #[tokio::test]
    async fn so_many_flights_at_a_time_and_no_more() {
        let storage = Storage::new();
        let loader = storage.loader(2);
        let mut answers = Vec::new();
        for key in [1, 2] {
            answers.push(ask(&loader, &[key]));
            storage.a_flight_began().await;
        }
        answers.extend([ask(&loader, &[3]), ask(&loader, &[4])]);
        assert_eq!(storage.asked().len(), 2);
        storage.gate.add_permits(3);
        for answer in answers {
            assert_eq!(answer.await.unwrap().unwrap().len(), 1);
        }
        assert_eq!(storage.asked()[2], [3, 4]);
    }

    #[tokio::test]
    async fn nobody_waits_for_the_end_of_a_flight_that_takes_long() {
        let storage = Storage::new();
        let loader = storage.impatient_loader(1, Duration::ZERO);
        let mut answers = Vec::new();
        for key in [1, 2, 3] {
            answers.push(ask(&loader, &[key]));
            // Though none before it has ended.
            storage.a_flight_began().await;
        }
        storage.gate.add_permits(3);
        for answer in answers {
            assert_eq!(answer.await.unwrap().unwrap().len(), 1);
        }
        assert_eq!(storage.asked(), [vec![1], vec![2], vec![3]]);
        assert_eq!(loader.shared.state().flying, 0);
    }

    #[tokio::test]
    async fn an_error_reaches_everybody_in_the_flight_and_nobody_else() {
        let storage = Storage::new();
        let loader = storage.loader(1);
        let first = ask(&loader, &[1]);
        storage.a_flight_began().await;
        let unlucky = [ask(&loader, &[2]), ask(&loader, &[99])];
        storage.gate.add_permits(2);
        first.await.unwrap().unwrap();
        for answer in unlucky {
            assert!(matches!(answer.await.unwrap(), Err(StoreError::Unavailable(_))));
        }
        storage.let_one_end();
        assert_eq!(loader.one(2).await.unwrap(), Some((20, 0)));
    }

    #[tokio::test]
    async fn who_waits_at_a_closed_gate_is_told() {
        let storage = Storage::new();
        let loader = storage.loader(1);
        storage.closed.store(true, Ordering::SeqCst);
        let unlucky = [ask(&loader, &[1]), ask(&loader, &[2])];
        for answer in unlucky {
            assert!(matches!(answer.await.unwrap(), Err(StoreError::Unavailable(_))));
        }
        storage.closed.store(false, Ordering::SeqCst);
        storage.let_one_end();
        assert_eq!(loader.one(1).await.unwrap(), Some((10, 0)));
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_harms_nobody() {
        let storage = Storage::new();
        let loader = storage.loader(1);
        // One leaves its own flight, one leaves the queue.
        let leaves = loader.board(vec![1]);
        storage.a_flight_began().await;
        drop(leaves);
        drop(loader.board(vec![2]));
        let stays = ask(&loader, &[3]);
        storage.gate.add_permits(2);
        assert_eq!(stays.await.unwrap().unwrap(), [(3, (30, 0))]);
        assert_eq!(storage.asked(), [vec![1], vec![3]]);
    }

    #[tokio::test]
    async fn a_crashed_flight_is_told_and_the_next_one_starts() {
        let storage = Storage::new();
        let loader = storage.loader(1);
        let crashed = ask(&loader, &[13]);
        storage.a_flight_began().await;
        let next = ask(&loader, &[2]);
        storage.gate.add_permits(2);
        assert!(matches!(crashed.await.unwrap(), Err(StoreError::Unavailable(_))));
        assert_eq!(next.await.unwrap().unwrap(), [(2, (20, 0))]);
    }

    #[test]
    fn a_flight_has_a_bounded_load() {
        let mut waiting: VecDeque<Passenger<u32, ()>> = VecDeque::new();
        let mut receivers = Vec::new();
        for size in [MAX_KEYS + 10, MAX_KEYS - 1, 1, 1] {
            let (answer, receiver) = oneshot::channel();
            receivers.push(receiver);
            waiting.push_back(Passenger { keys: vec![0; size], answer });
        }
        let sizes: Vec<_> = std::iter::repeat_with(|| boarded(&mut waiting).len()).take(4).collect();
        assert_eq!(sizes, [1, 2, 1, 0]);
    }
}
