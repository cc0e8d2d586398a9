//! Keys, fingerprints and kept answers.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::canonical::canonical;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::row::{Columns, Row};

/// What a caller sends to make a call happen once: a key of its own choice, and what it asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    key: String,
    fingerprint: [u8; 32],
}

impl IdempotencyKey {
    /// A key, and the request it stands for as JSON (compared by value: the order of fields does not matter,
    /// whatever features of `serde_json` the program enables).
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `Idempotency-Key` unless the key is 1 to 255 visible ASCII characters.
    pub fn new(key: &str, request: &serde_json::Value) -> Result<Self> {
        if key.is_empty() || key.len() > 255 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::invalid("Idempotency-Key", "Must be 1 to 255 visible ASCII characters."));
        }
        let fingerprint = Sha256::digest(canonical(request).as_bytes()).into();
        Ok(Self { key: key.to_owned(), fingerprint })
    }

    /// The key of this caller's call of this operation.
    #[must_use]
    pub fn scoped(&self, caller: impl Into<String>, operation: impl Into<String>) -> AnswerKey {
        AnswerKey { caller: caller.into(), operation: operation.into(), key: self.key.clone() }
    }

    /// SHA-256 of the request.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }
}

/// Under what an answer is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Columns)]
pub struct AnswerKey {
    /// Who asked: `user:…`, `cart:…` or `order:…`.
    pub caller: String,
    /// What was called, with the id it was called on (`orders.place`, `payments.capture:…`).
    pub operation: String,
    /// The caller's key.
    pub key: String,
}

/// The first answer to a call, kept to be given again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "answers", key(caller, operation, key))]
pub struct Answer {
    /// Under what it is kept.
    #[row(flat)]
    pub key: AnswerKey,
    /// SHA-256 of the request it answers.
    pub fingerprint: [u8; 32],
    /// The outcome as JSON, without secrets.
    pub outcome: String,
    /// When it was given.
    pub created_at: Timestamp,
}

/// An outcome, and whether it is the first answer given again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayable<T> {
    /// The outcome.
    pub value: T,
    /// True when nothing happened now because it had happened before.
    pub replayed: bool,
}
