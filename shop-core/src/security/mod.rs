//! Password hashing, signed tokens, and security events for the host's log.
//!
//! A security event says what happened to an account, without secrets or user input. It is a `tracing` event with the
//! target `security`. The host's span around a call identifies its origin.

pub mod password;
pub mod token;

use crate::id::UserId;

/// Logs a failed sign-in. The account is named only if it exists: the entered name may be a password.
pub(crate) fn sign_in_failed(user: Option<UserId>) {
    tracing::info!(
        target: "security",
        event = "sign_in_failed",
        user_id = user.map(|user| tracing::field::display(user.0)),
        "sign-in failed"
    );
}

/// Logs the reuse of an exchanged refresh token: it may be stolen, and its session has ended.
pub(crate) fn refresh_replayed(user: UserId) {
    tracing::info!(target: "security", event = "refresh_replayed", user_id = %user.0, "a used refresh token was sent again");
}
