//! Profiles, and the status and rights of users.

use crate::accounts::input::{ProfileChange, UserFlagsChange};
use crate::actor::Actor;
use crate::batch::{Batch, Change, Decision};
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::field::Field;
use crate::model::accounts::User;

/// Applies a change to the user's own profile.
pub(crate) fn update_profile(user: &User, change: ProfileChange, context: &mut DecisionContext) -> Decision<User> {
    let mut next = user.clone();
    match change.username {
        Field::Given(username) => (next.username, next.username_key) = (Some(username.name), Some(username.key)),
        Field::Null => (next.username, next.username_key) = (None, None),
        Field::Missing | Field::Wrong(_) => {}
    }
    next.first_name = change.first_name.unwrap_or(next.first_name);
    next.last_name = change.last_name.unwrap_or(next.last_name);
    next.phone = change.phone.unwrap_or(next.phone);
    write(user, next, context)
}

/// Changes a user's status and rights.
///
/// Only a superuser may make others staff, or change a superuser. No user can remove their own access. Because of that,
/// and because every change requires that its author is still active, one superuser always remains.
pub(crate) fn update_user_flags(
    actor: &Actor,
    user: &User,
    change: UserFlagsChange,
    context: &mut DecisionContext,
) -> Result<Decision<User>> {
    let is_active = change.is_active.unwrap_or(user.is_active);
    let is_staff = change.is_staff.unwrap_or(user.is_staff || user.is_superuser);
    let restates = is_staff == (user.is_staff || user.is_superuser);
    if (!restates || (user.is_superuser && is_active != user.is_active)) && actor.require_superuser().is_err() {
        return Err(Error::PermissionDenied);
    }
    if user.is_superuser && !is_staff {
        return Err(Error::transition("A superuser is always staff."));
    }
    let oneself = actor.signed_in().is_some_and(|person| person.user_id == user.id);
    if oneself && (!is_active || !is_staff) {
        return Err(Error::transition("Nobody can take away their own access."));
    }
    let mut next = User { is_active, ..user.clone() };
    if !restates {
        next.is_staff = is_staff;
    }
    // Old sessions must not become valid again if the user is reactivated.
    if user.is_active && !is_active {
        next.session_epoch += 1;
    }
    Ok(write(user, next, context))
}

/// Writes the user if anything changed.
fn write(before: &User, mut next: User, context: &mut DecisionContext) -> Decision<User> {
    if next == *before {
        return Decision::unchanged(context, next);
    }
    next.version += 1;
    let mut batch = Batch::new(context);
    batch.write(Change::Update(next.clone()));
    Decision { batch, reply: next }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{context, user};
    use super::*;
    use crate::actor::SignedIn;

    fn actor(number: u128, is_superuser: bool) -> Actor {
        Actor::user(SignedIn { user_id: user(number).id, session_id: None, is_staff: true, is_superuser })
    }

    fn update_flags(actor: &Actor, user: &User, is_active: Option<bool>, is_staff: Option<bool>) -> Result<User> {
        let change = UserFlagsChange { is_active, is_staff };
        update_user_flags(actor, user, change, &mut context()).map(|decision| decision.reply)
    }

    #[test]
    fn staff_shuts_out_customers_for_good() {
        let out = update_flags(&actor(9, false), &user(1), Some(false), None).unwrap();
        assert!(!out.is_active && out.session_epoch == 2 && out.version == 2);
        let back = update_flags(&actor(9, false), &out, Some(true), None).unwrap();
        assert!(back.is_active && back.session_epoch == 2);
    }

    #[test]
    fn only_a_superuser_makes_staff() {
        let denied = |result| matches!(result, Err(Error::PermissionDenied));
        assert!(denied(update_flags(&actor(9, false), &user(1), None, Some(true))));
        assert!(update_flags(&actor(9, true), &user(1), None, Some(true)).unwrap().is_staff);
        assert!(update_flags(&Actor::system(), &user(1), None, Some(true)).unwrap().is_staff);
        // A change that restates the current value does nothing, and is allowed.
        assert_eq!(update_flags(&actor(9, false), &user(1), None, Some(false)).unwrap(), user(1));
    }

    #[test]
    fn only_a_superuser_touches_a_superuser() {
        let chief = User { is_superuser: true, ..user(1) };
        assert!(matches!(update_flags(&actor(9, false), &chief, Some(false), None), Err(Error::PermissionDenied)));
        assert!(!update_flags(&actor(9, true), &chief, Some(false), None).unwrap().is_active);
        assert!(matches!(
            update_flags(&actor(9, true), &chief, None, Some(false)),
            Err(Error::InvalidTransition { .. })
        ));
    }

    #[test]
    fn nobody_shuts_themselves_out() {
        for (is_active, is_staff) in [(Some(false), None), (None, Some(false))] {
            let me = User { is_staff: true, is_superuser: true, ..user(9) };
            assert!(matches!(
                update_flags(&actor(9, true), &me, is_active, is_staff),
                Err(Error::InvalidTransition { .. })
            ));
        }
    }

    #[test]
    fn a_profile_that_says_nothing_new_is_not_written() {
        let decision = update_profile(&user(1), ProfileChange::default(), &mut context());
        assert!(decision.batch.is_empty() && decision.reply.version == 1);
    }
}
