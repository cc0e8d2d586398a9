//! Orders concurrent calls: those that share a key run in the order in which they enter.
//!
//! A call may be prepared (its data looked up) before it enters, while others are in progress. The result is fresh at
//! entry if no call with a common key has been in progress since the preparation began. Therefore keys are kept for a
//! while after their call has ended.

use std::collections::{HashMap, VecDeque};

use tokio::sync::watch;

/// The calls in progress, by key.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    /// The last call of each key.
    holders: HashMap<String, ActiveCall>,
    /// The calls that have ended, oldest first.
    ended: VecDeque<EndedCall>,
    /// The numbers of calls announced and entered.
    announced: u64,
    entered: u64,
}

#[derive(Debug)]
struct ActiveCall {
    call: u64,
    end: watch::Receiver<()>,
}

#[derive(Debug)]
struct EndedCall {
    keys: Keys,
    /// The number of calls announced when it ended. They may have been prepared before that.
    announced: u64,
}

/// The keys of a call that has entered.
#[derive(Debug)]
pub(super) struct Keys {
    call: u64,
    keys: Vec<String>,
}

/// A call's permission to run; later calls with a common key wait until it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    before: Vec<watch::Receiver<()>>,
    _end: watch::Sender<()>,
}

impl Sequence {
    /// Registers a call whose preparation begins. Calls enter in the order in which they are announced.
    pub(super) fn announce(&mut self) {
        self.announced += 1;
    }

    /// Lets the next call enter with its keys.
    pub(super) fn enter(&mut self, mut keys: Vec<String>) -> (Permit, Keys) {
        keys.sort_unstable();
        keys.dedup();
        let call = self.entered;
        let (sender, end) = watch::channel(());
        let mut before = Vec::new();
        for key in &keys {
            let holder = self.holders.insert(key.clone(), ActiveCall { call, end: end.clone() });
            before.extend(holder.map(|holder| holder.end));
        }
        self.entered += 1;
        while let Some(ended) = self.ended.pop_front_if(|ended| ended.announced <= self.entered) {
            self.forget(&ended.keys);
        }
        (Permit { before, _end: sender }, Keys { call, keys })
    }

    /// Registers the end of a call.
    pub(super) fn end(&mut self, keys: Keys) {
        if self.announced == self.entered {
            self.forget(&keys);
        } else {
            self.ended.push_back(EndedCall { keys, announced: self.announced });
        }
    }

    fn forget(&mut self, Keys { call, keys }: &Keys) {
        for key in keys {
            if self.holders.get(key).is_some_and(|holder| holder.call == *call) {
                self.holders.remove(key);
            }
        }
    }
}

impl Permit {
    /// Waits for earlier calls with a common key; returns whether there were any since this call was announced.
    pub(super) async fn come(&mut self) -> bool {
        let waited = !self.before.is_empty();
        for mut end in self.before.drain(..) {
            // Nothing is ever sent: the wait ends with an error when the sender is dropped.
            let _ = end.changed().await;
        }
        waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    #[tokio::test]
    async fn calls_with_a_common_key_wait_for_each_other() {
        let mut sequence = Sequence::default();
        let mut enter = |names: &[&str]| {
            sequence.announce();
            sequence.enter(keys(names)).0
        };
        let (mut first, mut other, mut second, mut third) =
            (enter(&["a", "b"]), enter(&["c"]), enter(&["b", "d", "b"]), enter(&["d", "a"]));
        assert!(!first.come().await && !other.come().await);
        let waits = |permit: &Permit| permit.before.iter().any(|end| end.has_changed().is_ok());
        assert!(waits(&second) && waits(&third));
        drop(first);
        assert!(!waits(&second) && waits(&third));
        assert!(second.come().await);
        drop(second);
        assert!(third.come().await);
    }

    #[tokio::test]
    async fn what_was_prepared_while_another_was_under_way_is_not_fresh() {
        let mut sequence = Sequence::default();
        sequence.announce();
        let (permit, first) = sequence.enter(keys(&["a", "b"]));
        sequence.announce();
        sequence.announce();
        drop(permit);
        sequence.end(first);
        sequence.announce();
        let (_, _second) = sequence.enter(keys(&["c"]));
        let (mut third, third_keys) = sequence.enter(keys(&["a"]));
        assert!(third.come().await, "it was announced before the first ended");
        let (mut fourth, _) = sequence.enter(keys(&["b"]));
        assert!(!fourth.come().await, "it was announced later");
        sequence.end(third_keys);
        assert!(!sequence.holders.contains_key("a"), "nothing is kept that nobody can ask for");
    }
}
