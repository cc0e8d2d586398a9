//! The results of gateway calls.

use crate::gateway::Snapshot;
use crate::secret::Sealed;

/// A snapshot whose client secret is sealed.
#[derive(Debug, Clone)]
pub(crate) struct SealedSnapshot {
    pub(super) snapshot: Snapshot,
    pub(super) client_secret: Option<Sealed>,
}

/// The result of a gateway call.
#[derive(Debug, Clone)]
pub(crate) enum CallResult {
    /// The call succeeded.
    Succeeded(Box<SealedSnapshot>),
    /// The gateway refused the call.
    Refused {
        /// A sentence suitable for buyers.
        message: String,
        /// The payment as looked up after the refusal.
        sealed: Option<Box<SealedSnapshot>>,
    },
    /// The call was no longer needed, and not made.
    Nothing,
    /// The gateway certainly has no such payment.
    Unknown,
    /// The call was given up after too many attempts.
    GaveUp,
}

impl CallResult {
    /// The snapshot of the payment, if the result has one.
    pub(super) fn sealed(&self) -> Option<&SealedSnapshot> {
        match self {
            Self::Succeeded(sealed) => Some(sealed),
            Self::Refused { sealed, .. } => sealed.as_deref(),
            Self::Nothing | Self::Unknown | Self::GaveUp => None,
        }
    }
}
