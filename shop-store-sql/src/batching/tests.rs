//! Request batches over a fake storage that ends them on demand.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use super::*;

/// A storage whose statements end on demand, and that counts its changes.
struct Storage {
    asked: Mutex<Vec<Vec<u32>>>,
    began: Semaphore,
    ends: Semaphore,
    version: AtomicUsize,
    closed: AtomicBool,
}

impl Storage {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            asked: Mutex::new(Vec::new()),
            began: Semaphore::new(0),
            ends: Semaphore::new(0),
            version: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        })
    }

    fn loader(self: &Arc<Self>, max_running: usize) -> Loader<u32, (u32, usize), ()> {
        self.loader_with_max_wait(max_running, Duration::MAX)
    }

    fn loader_with_max_wait(self: &Arc<Self>, max_running: usize, max_wait: Duration) -> Loader<u32, (u32, usize), ()> {
        let (storage, source) = (Arc::clone(self), Arc::clone(self));
        let acquire = move || {
            let open = !source.closed.load(Ordering::SeqCst);
            async move { if open { Ok(()) } else { Err(StoreError::Unavailable("closed".into())) } }
        };
        Loader::new(Handle::current(), (max_running, max_wait), acquire, move |(), keys: Vec<u32>| {
            let storage = Arc::clone(&storage);
            async move {
                storage.asked.lock().unwrap().push(keys.clone());
                let version = storage.version.load(Ordering::SeqCst);
                storage.began.add_permits(1);
                storage.ends.acquire().await.unwrap().forget();
                assert!(!keys.contains(&13), "a crash");
                if keys.contains(&99) {
                    return Err(StoreError::Unavailable("no".into()));
                }
                Ok(keys.into_iter().filter(|key| *key != 404).map(|key| (key, (key * 10, version))).collect())
            }
        })
    }

    async fn a_batch_began(&self) {
        self.began.acquire().await.unwrap().forget();
    }

    fn let_one_end(&self) {
        self.ends.add_permits(1);
    }

    fn asked(&self) -> Vec<Vec<u32>> {
        self.asked.lock().unwrap().clone()
    }
}

/// Queues a request and awaits its answer in a task.
fn ask(loader: &Loader<u32, (u32, usize), ()>, keys: &[u32]) -> tokio::task::JoinHandle<LoadResult<u32, (u32, usize)>> {
    let answer = loader.enqueue(keys.to_vec());
    tokio::spawn(async move { answer.await.map_err(|gone| StoreError::Unavailable(gone.into()))?.map_err(Into::into) })
}

#[tokio::test]
async fn a_lone_caller_starts_at_once() {
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
async fn waiting_callers_share_the_next_batch() {
    let storage = Storage::new();
    let loader = storage.loader(1);
    let first = ask(&loader, &[1]);
    storage.a_batch_began().await;
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
async fn a_read_never_joins_a_batch_that_began_before_it() {
    let storage = Storage::new();
    let loader = storage.loader(1);
    let before = ask(&loader, &[1]);
    storage.a_batch_began().await;
    // A commit ends while the batch is running; a read of the same key that begins now must see it.
    storage.version.store(1, Ordering::SeqCst);
    let after = ask(&loader, &[1]);
    storage.ends.add_permits(2);
    assert_eq!(before.await.unwrap().unwrap(), [(1, (10, 0))]);
    assert_eq!(after.await.unwrap().unwrap(), [(1, (10, 1))]);
}

#[tokio::test]
async fn no_more_than_the_maximum_of_batches_run_at_a_time() {
    let storage = Storage::new();
    let loader = storage.loader(2);
    let mut answers = Vec::new();
    for key in [1, 2] {
        answers.push(ask(&loader, &[key]));
        storage.a_batch_began().await;
    }
    answers.extend([ask(&loader, &[3]), ask(&loader, &[4])]);
    assert_eq!(storage.asked().len(), 2);
    storage.ends.add_permits(3);
    for answer in answers {
        assert_eq!(answer.await.unwrap().unwrap().len(), 1);
    }
    assert_eq!(storage.asked()[2], [3, 4]);
}

#[tokio::test]
async fn no_read_waits_for_a_batch_that_takes_long() {
    let storage = Storage::new();
    let loader = storage.loader_with_max_wait(1, Duration::ZERO);
    let mut answers = Vec::new();
    for key in [1, 2, 3] {
        answers.push(ask(&loader, &[key]));
        // Although none before it has ended.
        storage.a_batch_began().await;
    }
    storage.ends.add_permits(3);
    for answer in answers {
        assert_eq!(answer.await.unwrap().unwrap().len(), 1);
    }
    assert_eq!(storage.asked(), [vec![1], vec![2], vec![3]]);
    assert_eq!(loader.shared.state().running, 0);
}

#[tokio::test]
async fn an_error_reaches_every_caller_of_the_batch_and_no_other() {
    let storage = Storage::new();
    let loader = storage.loader(1);
    let first = ask(&loader, &[1]);
    storage.a_batch_began().await;
    let unlucky = [ask(&loader, &[2]), ask(&loader, &[99])];
    storage.ends.add_permits(2);
    first.await.unwrap().unwrap();
    for answer in unlucky {
        assert!(matches!(answer.await.unwrap(), Err(StoreError::Unavailable(_))));
    }
    storage.let_one_end();
    assert_eq!(loader.one(2).await.unwrap(), Some((20, 0)));
}

#[tokio::test]
async fn a_failure_to_acquire_reaches_every_waiting_caller() {
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
async fn a_caller_that_goes_away_affects_no_other() {
    let storage = Storage::new();
    let loader = storage.loader(1);
    // One caller leaves a running batch, one leaves the queue.
    let leaves = loader.enqueue(vec![1]);
    storage.a_batch_began().await;
    drop(leaves);
    drop(loader.enqueue(vec![2]));
    let stays = ask(&loader, &[3]);
    storage.ends.add_permits(2);
    assert_eq!(stays.await.unwrap().unwrap(), [(3, (30, 0))]);
    assert_eq!(storage.asked(), [vec![1], vec![3]]);
}

#[tokio::test]
async fn a_crashed_batch_is_an_error_and_the_next_one_starts() {
    let storage = Storage::new();
    let loader = storage.loader(1);
    let crashed = ask(&loader, &[13]);
    storage.a_batch_began().await;
    let next = ask(&loader, &[2]);
    storage.ends.add_permits(2);
    assert!(matches!(crashed.await.unwrap(), Err(StoreError::Unavailable(_))));
    assert_eq!(next.await.unwrap().unwrap(), [(2, (20, 0))]);
}

#[test]
fn a_batch_has_a_bounded_number_of_keys() {
    let mut waiting: VecDeque<Waiter<u32, ()>> = VecDeque::new();
    let mut receivers = Vec::new();
    for size in [MAX_KEYS + 10, MAX_KEYS - 1, 1, 1] {
        let (reply, receiver) = oneshot::channel();
        receivers.push(receiver);
        waiting.push_back(Waiter { keys: vec![0; size], reply });
    }
    let sizes: Vec<_> = std::iter::repeat_with(|| take_batch(&mut waiting).len()).take(4).collect();
    assert_eq!(sizes, [1, 2, 1, 0]);
}
