//! The decisions about accounts: pure functions from loaded rows to a batch or an error.

pub(super) mod passwords;
pub(super) mod registration;
pub(super) mod sessions;
pub(super) mod users;

pub(crate) use registration::{open_codes, resend_otp};

#[cfg(test)]
pub(super) mod samples {
    //! Users and `DecisionContext`s for the tests of decisions.

    use chrono::{DateTime, TimeDelta};
    use uuid::Uuid;

    use crate::clock::{DecisionContext, Timestamp};
    use crate::id::UserId;
    use crate::model::accounts::User;

    pub(crate) fn now() -> Timestamp {
        DateTime::from_timestamp(1_800_000_000, 250_000_000).unwrap()
    }

    pub(crate) fn context() -> DecisionContext {
        DecisionContext::new(now(), [7; 32])
    }

    pub(crate) fn later(seconds: i64) -> DecisionContext {
        DecisionContext::new(now() + TimeDelta::seconds(seconds), [8; 32])
    }

    pub(crate) fn user(number: u128) -> User {
        User {
            id: UserId(Uuid::from_u128(number)),
            email: format!("User{number}@example.com"),
            email_key: format!("user{number}@example.com"),
            username: None,
            username_key: None,
            first_name: String::new(),
            last_name: String::new(),
            phone: String::new(),
            password_hash: "hash".into(),
            email_verified: true,
            is_active: true,
            is_staff: false,
            is_superuser: false,
            session_epoch: 1,
            date_joined: now(),
            last_login: None,
            version: 1,
        }
    }
}
