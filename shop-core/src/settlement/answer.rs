//! The answers of gateways.

use crate::gateway::Snapshot;
use crate::secret::Sealed;

/// A snapshot whose secret is sealed.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(super) snapshot: Snapshot,
    pub(super) client_secret: Option<Sealed>,
}

/// The result of a call.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// The call succeeded.
    Shows(Box<Seen>),
    /// The gateway refused the call.
    Refused {
        /// A sentence suitable for buyers.
        message: String,
        /// The payment as looked up after the refusal.
        shows: Option<Box<Seen>>,
    },
    /// There was nothing to ask for any more.
    Nothing,
    /// The gateway certainly has no such payment.
    Unknown,
    /// The call was given up after too many attempts.
    GaveUp,
}

impl Answer {
    /// The snapshot, if the answer shows one.
    pub(super) fn seen(&self) -> Option<&Seen> {
        match self {
            Self::Shows(seen) => Some(seen),
            Self::Refused { shows, .. } => shows.as_deref(),
            Self::Nothing | Self::Unknown | Self::GaveUp => None,
        }
    }
}
