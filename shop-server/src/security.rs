//! Security events: log lines with the target `security`, one for each thing that an operator may want to know of.
//!
//! | event | when |
//! | --- | --- |
//! | `sign_in_failed` | wrong name or password, or an unproven address (said by the core) |
//! | `refresh_replayed` | a refresh token was used a second time (said by the core) |
//! | `throttled` | 429 |
//! | `csrf_refused` | 403 `csrf_failed` |
//! | `refused` | any other 403, with its `code` |
//! | `password_changed`, `password_reset` | by its owner, and by a mailed link |
//! | `role_changed` | by staff: `user_id` is whose, `by` is who did it |
//!
//! Each has `user_id` where somebody is known. The request's id and the client's address are in the line's `span`, as in
//! every other line of that request. None holds a secret, or what was typed as a name.

use std::sync::{Arc, OnceLock};

use poem::Request;
use poem::http::StatusCode;
use shop_core::Actor;
use shop_core::id::UserId;
use tracing::field::display;

/// Who a request turned out to come from; in its data, for the lines about it.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownUser(Arc<OnceLock<UserId>>);

impl KnownUser {
    /// Remembers who calls.
    pub(crate) fn note(request: &Request, actor: &Actor) {
        if let (Some(known), Some(person)) = (request.data::<Self>(), actor.signed_in()) {
            // Identified twice, a request comes from the same person.
            let _ = known.0.set(person.user_id);
        }
    }

    fn get(&self) -> Option<UserId> {
        self.0.get().copied()
    }
}

/// The machine word of a problem, in the data of its answer.
#[derive(Debug, Clone)]
pub(crate) struct ProblemCode(pub(crate) std::borrow::Cow<'static, str>);

/// Tells of an answer, if it is one to tell of.
pub(crate) fn answered(status: StatusCode, code: Option<&ProblemCode>, user: &KnownUser) {
    let code = code.map_or("", |code| &*code.0);
    let event = match (status, code) {
        (StatusCode::TOO_MANY_REQUESTS, _) => "throttled",
        (StatusCode::FORBIDDEN, "csrf_failed") => "csrf_refused",
        // The core has told of it as a failed sign-in.
        (StatusCode::FORBIDDEN, "email_not_verified") => return,
        (StatusCode::FORBIDDEN, _) => "refused",
        _ => return,
    };
    let user_id = user.get().map(|user| display(user.0));
    tracing::info!(target: "security", event, code, user_id, "a request was refused");
}

/// Somebody changed their password.
pub(crate) fn password_changed(user: Option<UserId>) {
    let user_id = user.map(|user| display(user.0));
    tracing::info!(target: "security", event = "password_changed", user_id, "a password was changed");
}

/// A password was set with a mailed link.
pub(crate) fn password_reset(user: Option<UserId>) {
    let user_id = user.map(|user| display(user.0));
    tracing::info!(target: "security", event = "password_reset", user_id, "a password was reset");
}

/// Staff changed what somebody may do.
pub(crate) fn role_changed(user: UserId, by: Option<UserId>, is_active: bool, is_staff: bool) {
    let by = by.map(|by| display(by.0));
    tracing::info!(target: "security", event = "role_changed", user_id = %user.0, by, is_active, is_staff, "a role was changed");
}
