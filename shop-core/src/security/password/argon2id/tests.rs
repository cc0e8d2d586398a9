use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use futures_executor::block_on;

use super::*;
use crate::clock::SystemRandom;

/// The cheapest settings that argon2 accepts.
fn cheap() -> Argon2Settings {
    Argon2Settings { memory_kib: 8, passes: 1, lanes: 1, threads: 1, queue: 64 }
}

fn start(settings: Argon2Settings, random: impl Random + 'static) -> Result<Argon2Hasher> {
    let random: Arc<dyn Random> = Arc::new(random);
    Argon2Hasher::start(settings, &random)
}

fn hasher(settings: Argon2Settings) -> Argon2Hasher {
    start(settings, SystemRandom).unwrap()
}

fn hash(hasher: &Argon2Hasher, password: &str) -> String {
    block_on(hasher.hash(password.into())).unwrap()
}

fn verify(hasher: &Argon2Hasher, password: &str, stored: &str) -> Verified {
    block_on(hasher.verify(password.into(), Some(stored.into()))).unwrap()
}

/// A random source that runs a callback for each salt, on the hashing thread.
struct Scripted<F>(F);

impl<F: Fn() + Send + Sync> Random for Scripted<F> {
    fn seed(&self) -> [u8; 32] {
        (self.0)();
        [1; 32]
    }
}

#[test]
fn the_right_password_is_right_and_others_are_wrong() {
    let hasher = hasher(cheap());
    let stored = hash(&hasher, "correct horse");
    assert!(stored.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{stored}");
    assert!(!stored.contains("horse"));
    assert_eq!(verify(&hasher, "correct horse", &stored), Verified::Right);
    for wrong in ["", "correct horse ", "Correct horse", "correct\0horse", "ßöü", &"x".repeat(600)] {
        assert_eq!(verify(&hasher, wrong, &stored), Verified::Wrong, "{wrong}");
    }
    assert_ne!(stored, hash(&hasher, "correct horse"), "each hash has its own salt");
}

#[test]
fn the_default_is_what_owasp_recommends() {
    let hasher = hasher(Argon2Settings { threads: 1, ..Argon2Settings::default() });
    assert!(hash(&hasher, "x").starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
}

#[test]
fn by_default_there_is_a_thread_for_each_core_and_a_queue_of_64() {
    let Argon2Settings { threads, queue, .. } = Argon2Settings::default();
    assert_eq!((threads, queue), (std::thread::available_parallelism().unwrap().get(), 64));
    let (hashing, started) = mpsc::channel();
    let release = Arc::new(Mutex::new(()));
    let (held, reached) = (Arc::clone(&release), Mutex::new(hashing));
    let salt = Scripted(move || {
        let _ = reached.lock().unwrap().send(());
        drop(held.lock().unwrap());
    });
    let hasher = start(Argon2Settings { threads: 1, queue, ..cheap() }, salt).unwrap();
    let holding = release.lock().unwrap();
    // One password that is being hashed, and 64 that wait.
    let mut waiting = vec![hasher.hash("first".into())];
    let waker = futures_util::task::noop_waker();
    let mut context = std::task::Context::from_waker(&waker);
    assert!(waiting[0].as_mut().poll(&mut context).is_pending());
    started.recv().unwrap();
    for number in 0..64 {
        waiting.push(hasher.hash(format!("{number}").into()));
        assert!(waiting.last_mut().unwrap().as_mut().poll(&mut context).is_pending(), "{number}");
    }
    assert!(matches!(block_on(hasher.hash("one too many".into())), Err(Error::Unavailable { .. })));
    drop(holding);
    assert!(block_on(futures_util::future::join_all(waiting)).into_iter().all(|hash| hash.is_ok()));
}

#[cfg(target_os = "linux")]
#[test]
fn who_hashes_lets_others_go_first() {
    let (said, heard) = mpsc::channel();
    let said = Mutex::new(said);
    let salt = Scripted(move || {
        let _ = said.lock().unwrap().send(thread_priority::unix::thread_schedule_policy().unwrap());
    });
    hash(&start(cheap(), salt).unwrap(), "x");
    let idle = thread_priority::unix::NormalThreadSchedulePolicy::Idle;
    assert_eq!(heard.recv().unwrap(), thread_priority::unix::ThreadSchedulePolicy::Normal(idle));
}

#[test]
fn it_verifies_what_others_hashed() {
    // From the tests of the reference implementation, phc-winner-argon2.
    let stored = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    let hasher = hasher(cheap());
    assert_eq!(verify(&hasher, "password", stored), Verified::RightButRehash);
    assert_eq!(verify(&hasher, "Password", stored), Verified::Wrong);
}

#[test]
fn no_account_is_a_wrong_password_that_takes_the_same_work() {
    let settings = Argon2Settings { passes: 3, ..cheap() };
    assert_eq!(block_on(hasher(settings).verify("".into(), None)).unwrap(), Verified::Wrong);
    let params = Params::new(8, 3, 1, Some(HASH_LENGTH)).unwrap();
    let dummy = phc(&params, &[0; SALT_LENGTH], &[0; HASH_LENGTH]);
    let worker = Worker { params, dummy, random: Arc::new(SystemRandom), memory: Vec::new() };
    let stored = worker.read(&worker.dummy).unwrap();
    assert!(stored.params == worker.params && stored.salt.len() == SALT_LENGTH);
}

#[test]
fn other_costs_ask_for_a_new_hash() {
    let stored = hash(&hasher(cheap()), "pass");
    let dearer = hasher(Argon2Settings { passes: 2, ..cheap() });
    assert_eq!(verify(&dearer, "pass", &stored), Verified::RightButRehash);
    assert_eq!(verify(&dearer, "wrong", &stored), Verified::Wrong);
    assert_eq!(verify(&dearer, "pass", &hash(&dearer, "pass")), Verified::Right);
}

#[test]
fn unreadable_and_absurd_hashes_fit_no_password() {
    let hasher = hasher(cheap());
    let genuine = hash(&hasher, "pass");
    let absurd = [
        String::new(),
        "!".into(),
        "pass".into(),
        genuine.replace("m=8", "m=4294967295"),
        genuine.replace("m=8", "m=65537"),
        genuine.replace("t=1", "t=4294967295"),
        genuine.replace("p=1", "p=5").replace("m=8", "m=64"),
        genuine.replace("argon2id", "argon2i"),
        genuine.replace("$v=19", "$v=16"),
        genuine.rsplit_once('$').unwrap().0.into(),
        format!("{genuine}$"),
    ];
    for stored in absurd {
        assert_eq!(verify(&hasher, "pass", &stored), Verified::Wrong, "{stored}");
    }
}

#[test]
fn the_same_letters_are_the_same_password() {
    let hasher = hasher(cheap());
    let stored = hash(&hasher, "Gr\u{fc}n");
    assert_eq!(verify(&hasher, "Gru\u{308}n", &stored), Verified::Right);
}

#[test]
fn settings_that_argon2_refuses_are_refused_at_the_start() {
    for settings in [Argon2Settings { memory_kib: 1, ..cheap() }, Argon2Settings { passes: 0, ..cheap() }] {
        assert!(matches!(start(settings, SystemRandom), Err(Error::Fault(_))));
    }
}

#[test]
fn a_panic_is_a_fault_for_one_caller_only() {
    let calls = AtomicUsize::new(0);
    let random = Scripted(move || assert_ne!(calls.fetch_add(1, Ordering::SeqCst), 0, "the first draw panics"));
    let hasher = start(cheap(), random).unwrap();
    assert!(matches!(block_on(hasher.hash("a".into())), Err(Error::Fault(_))));
    let stored = hash(&hasher, "b");
    assert_eq!(verify(&hasher, "b", &stored), Verified::Right);
}

#[test]
fn a_full_queue_refuses_and_a_caller_who_left_is_skipped() {
    // The only thread signals that it draws a salt, and waits for permission to continue.
    let (drawing, drawn) = mpsc::channel::<()>();
    let (proceed, told) = mpsc::channel::<()>();
    let (drawing, told) = (Mutex::new(drawing), Mutex::new(told));
    let random = Scripted(move || {
        drawing.lock().unwrap().send(()).unwrap();
        told.lock().unwrap().recv().unwrap();
    });
    let hasher = start(Argon2Settings { queue: 2, ..cheap() }, random).unwrap();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());

    let mut first = hasher.hash("first".into());
    assert!(first.as_mut().poll(&mut context).is_pending());
    drawn.recv().unwrap();
    let mut leaves = hasher.hash("leaves".into());
    let mut stays = hasher.hash("stays".into());
    assert!(leaves.as_mut().poll(&mut context).is_pending());
    assert!(stays.as_mut().poll(&mut context).is_pending());
    let refused = block_on(hasher.hash("refused".into()));
    assert!(matches!(refused, Err(Error::Unavailable { retry_after: 1, .. })), "{refused:?}");

    drop(leaves);
    proceed.send(()).unwrap();
    assert!(block_on(first).is_ok());
    drawn.recv().unwrap();
    proceed.send(()).unwrap();
    assert!(block_on(stays).is_ok());
    // Two salts for four callers: one was refused, one had gone.
    assert!(drawn.try_recv().is_err());
}

#[test]
fn hashes_of_many_callers_do_not_mix() {
    let hasher = Arc::new(hasher(Argon2Settings { threads: 3, ..cheap() }));
    let callers: Vec<_> = (0..32)
        .map(|number| {
            let hasher = Arc::clone(&hasher);
            std::thread::spawn(move || {
                let (mine, other) = (format!("password {number}"), format!("password {}", number + 1));
                let stored = hash(&hasher, &mine);
                assert_eq!(verify(&hasher, &mine, &stored), Verified::Right);
                assert_eq!(verify(&hasher, &other, &stored), Verified::Wrong);
            })
        })
        .collect();
    for caller in callers {
        caller.join().unwrap();
    }
}
