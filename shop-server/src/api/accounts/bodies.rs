//! Request and response bodies of accounts.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use serde::Serialize;
use shop_core::accounts::{
    ChangePasswordInput, EmailInput, Profile, ProfileInput, RegisterInput, SignInInput, TokenPair, UserFlagsInput,
    VerifyOtpInput,
};
use uuid::Uuid;

use crate::api::macros::{bodies, requests};

requests! {
    /// The registration of an account.
    RegisterRequest => RegisterInput {
        pub(super) email: Required<String>,
        password: Required<String>,
        username: Nullable<String>,
        first_name: Optional<String>,
        last_name: Optional<String>,
        phone: Optional<String>,
    }

    /// The code that was e-mailed to an address.
    VerifyOtpRequest => VerifyOtpInput {
        pub(super) email: Required<String>,
        /// Six digits.
        otp: Required<String>,
    }

    /// An e-mail address.
    EmailRequest => EmailInput {
        pub(super) email: Required<String>,
    }

    /// A password with `email` or `username`; `username` accepts an e-mail address too.
    LoginRequest => SignInInput {
        pub(super) email: Optional<String>,
        pub(super) username: Optional<String>,
        password: Required<String>,
    }

    /// A password with a username or, in its place, an e-mail address.
    TokenRequest => SignInInput {
        pub(super) username: Required<String>,
        /// Instead of `username`.
        pub(super) email: Optional<String>,
        password: Required<String>,
    }

    /// A refresh token. In cookie mode, the cookie takes the place of an empty body.
    RefreshRequest => _ {
        pub(super) refresh: Required<String>,
    }

    /// An access or refresh token.
    VerifyTokenRequest => _ {
        pub(super) token: Required<String>,
    }

    /// The current password and the new one.
    ChangePasswordRequest => ChangePasswordInput {
        old_password: Required<String>,
        new_password: Required<String>,
    }

    /// A new password.
    NewPasswordRequest => _ {
        pub(super) new_password: Required<String>,
    }

    /// Changes to the caller's profile.
    ProfileRequest => ProfileInput {
        username: Nullable<String>,
        first_name: Optional<String>,
        last_name: Optional<String>,
        phone: Optional<String>,
    }

    /// Changes to whether a user is active or staff.
    StandingRequest => UserFlagsInput {
        is_active: Optional<bool>,
        /// Only superusers can change this.
        is_staff: Optional<bool>,
    }
}

/// Where the code was e-mailed.
#[derive(Debug, Object, Serialize)]
pub(super) struct Registered {
    email: String,
    detail: String,
}

impl From<String> for Registered {
    fn from(email: String) -> Self {
        Self { email, detail: "A code was sent to this address; confirm the address with it.".to_owned() }
    }
}

/// An empty response.
#[derive(Debug, Object, Serialize)]
pub(super) struct Nothing {}

bodies! {
    /// A message for the user.
    Detail as "Detail" from(detail: &str) {
        detail: String = detail.to_owned(),
    }

    /// The tokens of a session; empty in cookie mode, where only cookies hold them.
    #[derive(Default)]
    Tokens as "Tokens" from(tokens: &TokenPair) {
        #[serde(skip_serializing_if = "Option::is_none")]
        access: Option<String> = Some(tokens.access.expose().to_owned()),
        #[serde(skip_serializing_if = "Option::is_none")]
        refresh: Option<String> = Some(tokens.refresh.expose().to_owned()),
    }

    /// A new session and its user; without tokens in cookie mode.
    Login as "Login" new(tokens: Tokens, user: Profile) {
        #[serde(skip_serializing_if = "Option::is_none")]
        access: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        refresh: Option<String>,
        user: UserBody = user.into(),
    }

    /// A changed password and its new session; without tokens in cookie mode.
    PasswordChanged as "PasswordChanged" from(tokens: Tokens) {
        detail: String = "The password was changed.".to_owned(),
        #[serde(skip_serializing_if = "Option::is_none")]
        access: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        refresh: Option<String>,
    }

    /// A user account.
    UserBody as "User" from(person: Profile) {
        id: Uuid,
        email: String,
        /// Null if the user has none.
        username: Option<String>,
        first_name: String,
        last_name: String,
        phone: String,
        is_staff: bool,
        is_superuser: bool,
        is_active: bool,
        date_joined: DateTime<Utc>,
        last_login: Option<DateTime<Utc>>,
    }
}
