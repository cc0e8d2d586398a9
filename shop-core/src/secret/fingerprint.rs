//! What is kept of the key with the data, so that another key is noticed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A one-way fingerprint of the shop's secret key: enough to recognise the key, of no use to find it or to sign with.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyFingerprint([u8; 32]);

impl KeyFingerprint {
    /// What a store kept.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What a store keeps.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Its first bytes: enough to tell two apart.
impl fmt::Debug for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFingerprint({})", super::hex(self.0.get(..4).unwrap_or_default()))
    }
}
