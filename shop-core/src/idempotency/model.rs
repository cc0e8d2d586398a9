//! Idempotency keys, request fingerprints and idempotency records.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::canonical::canonical;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::row::{Columns, Row};

/// An idempotency key that the caller chose, with the fingerprint of its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    key: String,
    fingerprint: [u8; 32],
}

impl IdempotencyKey {
    /// Creates a key for a request given as JSON. Requests are compared by value: the order of fields does not matter,
    /// whichever features of `serde_json` the program enables.
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

    /// The key of an idempotency record: this key in the scope of a caller and an operation.
    #[must_use]
    pub fn scoped(&self, caller: impl Into<String>, operation: impl Into<String>) -> IdempotencyRecordKey {
        IdempotencyRecordKey { caller: caller.into(), operation: operation.into(), key: self.key.clone() }
    }

    /// The SHA-256 hash of the request.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }
}

/// The primary key of an idempotency record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Columns)]
pub struct IdempotencyRecordKey {
    /// The caller: `user:…`, `cart:…` or `order:…`.
    pub caller: String,
    /// The operation, with the id of its target (`orders.place`, `payments.capture:…`).
    pub operation: String,
    /// The key that the caller chose.
    pub key: String,
}

/// An idempotency record: the first response to a call, kept for replays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "answers", key(caller, operation, key), key_name = IdempotencyRecord)]
pub struct IdempotencyRecord {
    /// The key of the record.
    #[row(flat)]
    pub key: IdempotencyRecordKey,
    /// The SHA-256 hash of the request.
    pub fingerprint: [u8; 32],
    /// The outcome as JSON, without secrets.
    pub outcome: String,
    /// When the first response was given.
    pub created_at: Timestamp,
}

/// An outcome, and whether it is a replay of the first response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayable<T> {
    /// The outcome of the call.
    pub value: T,
    /// True when the call had already taken effect before and did nothing now.
    pub replayed: bool,
}
