//! Security events for the host's log: what happened to an account, never a secret, and never what somebody typed.
//!
//! They are `tracing` events with the target `security`. The host's span around a call says where it came from.

use crate::id::UserId;

/// Somebody failed to sign in. The account is named only if there is one: what was typed may be a password.
pub(crate) fn sign_in_failed(user: Option<UserId>) {
    tracing::info!(
        target: "security",
        event = "sign_in_failed",
        user_id = user.map(|user| tracing::field::display(user.0)),
        "sign-in failed"
    );
}

/// A refresh token was used that had been exchanged before: it may be stolen, and its session has ended.
pub(crate) fn refresh_replayed(user: UserId) {
    tracing::info!(target: "security", event = "refresh_replayed", user_id = %user.0, "a used refresh token was sent again");
}
