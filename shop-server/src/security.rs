//! Security events: log lines with the target `security`, one for each event that an operator may want to know of.
//!
//! | event | when |
//! | --- | --- |
//! | `sign_in_failed` | wrong name or password, or an unverified address (logged by the core) |
//! | `refresh_replayed` | a refresh token was used a second time (logged by the core) |
//! | `throttled` | 429 |
//! | `csrf_refused` | 403 `csrf_failed` |
//! | `refused` | any other 403, with its `code` |
//! | `password_changed`, `password_reset` | by its owner, or with a mailed link |
//! | `role_changed` | by staff: `user_id` is the changed user, `by` the staff member |
//!
//! Each has `user_id` if the user is known. The line's `span` holds the request id and the client's address, like every
//! other line of that request. No line contains a secret, or the name that was entered.

use std::sync::{Arc, OnceLock};

use poem::Request;
use poem::http::StatusCode;
use shop_core::Actor;
use shop_core::id::UserId;
use tracing::field::display;

/// The user of a request, stored in its data for the log lines about it.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownUser(Arc<OnceLock<UserId>>);

impl KnownUser {
    /// Stores the caller as the user of the request.
    pub(crate) fn note(request: &Request, actor: &Actor) {
        if let (Some(known), Some(person)) = (request.data::<Self>(), actor.signed_in()) {
            // If the request is identified twice, both give the same user.
            let _ = known.0.set(person.user_id);
        }
    }

    fn get(&self) -> Option<UserId> {
        self.0.get().copied()
    }
}

/// The `code` of a problem, stored in the data of its response.
#[derive(Debug, Clone)]
pub(crate) struct ProblemCode(pub(crate) std::borrow::Cow<'static, str>);

/// Logs a response if it is a security event.
pub(crate) fn answered(status: StatusCode, code: Option<&ProblemCode>, user: &KnownUser) {
    let code = code.map_or("", |code| &*code.0);
    let event = match (status, code) {
        (StatusCode::TOO_MANY_REQUESTS, _) => "throttled",
        (StatusCode::FORBIDDEN, "csrf_failed") => "csrf_refused",
        // The core has already logged this as `sign_in_failed`.
        (StatusCode::FORBIDDEN, "email_not_verified") => return,
        (StatusCode::FORBIDDEN, _) => "refused",
        _ => return,
    };
    let user_id = user.get().map(|user| display(user.0));
    tracing::info!(target: "security", event, code, user_id, "a request was refused");
}

/// Logs that a user changed their password.
pub(crate) fn password_changed(user: Option<UserId>) {
    let user_id = user.map(|user| display(user.0));
    tracing::info!(target: "security", event = "password_changed", user_id, "a password was changed");
}

/// Logs that a password was reset with a mailed link.
pub(crate) fn password_reset(user: Option<UserId>) {
    let user_id = user.map(|user| display(user.0));
    tracing::info!(target: "security", event = "password_reset", user_id, "a password was reset");
}

/// Logs that staff changed a user's role.
pub(crate) fn role_changed(user: UserId, by: Option<UserId>, is_active: bool, is_staff: bool) {
    let by = by.map(|by| display(by.0));
    tracing::info!(target: "security", event = "role_changed", user_id = %user.0, by, is_active, is_staff, "a role was changed");
}
