//! A bounded queue between the callers and the hashing threads.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A first-in, first-out queue that refuses work when full.
#[derive(Debug)]
pub(super) struct Queue<T> {
    capacity: usize,
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    closed: bool,
}

/// The result of waiting for work.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<T> {
    /// The oldest job.
    Work(T),
    /// No job arrived in time.
    Idle,
    /// The queue is closed.
    Closed,
}

impl<T> Queue<T> {
    pub(super) fn new(capacity: usize) -> Self {
        let state = State { waiting: VecDeque::with_capacity(capacity), closed: false };
        Self { capacity, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Adds a job; returns it if the queue is full or closed.
    pub(super) fn push(&self, work: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.closed || state.waiting.len() >= self.capacity {
            return Err(work);
        }
        state.waiting.push_back(work);
        self.changed.notify_one();
        Ok(())
    }

    /// Takes the oldest job. Waits for one at most `timeout`, or without limit if `None`.
    pub(super) fn pop(&self, timeout: Option<Duration>) -> Next<T> {
        let nothing = |state: &mut State<T>| state.waiting.is_empty() && !state.closed;
        let state = self.lock();
        let mut state = match timeout {
            None => self.changed.wait_while(state, nothing).unwrap_or_else(PoisonError::into_inner),
            Some(timeout) => {
                let waited = self.changed.wait_timeout_while(state, timeout, nothing);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        match state.waiting.pop_front() {
            Some(work) => Next::Work(work),
            None if state.closed => Next::Closed,
            None => Next::Idle,
        }
    }

    /// Drops all waiting jobs and tells every thread to end.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.waiting.clear();
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // No foreign code runs under this lock, so a panic cannot leave a partial change behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_first_in_first_out_and_bounded() {
        let queue = Queue::new(2);
        assert_eq!((queue.push(1), queue.push(2), queue.push(3)), (Ok(()), Ok(()), Err(3)));
        assert_eq!(queue.pop(None), Next::Work(1));
        assert_eq!(queue.push(4), Ok(()));
        assert_eq!((queue.pop(None), queue.pop(None)), (Next::Work(2), Next::Work(4)));
        assert_eq!(queue.pop(Some(Duration::ZERO)), Next::Idle);
    }

    #[test]
    fn closing_ends_it() {
        let queue = Queue::new(2);
        assert_eq!(queue.push(1), Ok(()));
        queue.close();
        assert_eq!(queue.pop(None), Next::Closed);
        assert_eq!(queue.push(2), Err(2));
    }
}
