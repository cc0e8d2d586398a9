//! Request and response bodies of accounts.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use serde::Serialize;
use shop_core::accounts::{
    ChangePasswordInput, EmailInput, Profile, ProfileInput, RegisterInput, SignInInput, StandingInput, TokenPair,
    VerifyOtpInput,
};
use uuid::Uuid;

use crate::field::{Nullable, Optional, Required};

/// The registration of an account.
#[derive(Debug, Object)]
pub(super) struct RegisterRequest {
    email: Required<String>,
    password: Required<String>,
    username: Nullable<String>,
    first_name: Optional<String>,
    last_name: Optional<String>,
    phone: Optional<String>,
}

impl From<RegisterRequest> for RegisterInput {
    fn from(request: RegisterRequest) -> Self {
        Self {
            email: request.email.into(),
            password: request.password.into_field(),
            username: request.username.into(),
            first_name: request.first_name.into(),
            last_name: request.last_name.into(),
            phone: request.phone.into(),
        }
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

/// The code that was e-mailed to an address.
#[derive(Debug, Object)]
pub(super) struct VerifyOtpRequest {
    email: Required<String>,
    /// Six digits.
    otp: Required<String>,
}

impl VerifyOtpRequest {
    pub(super) fn account(&self) -> Option<&str> {
        self.email.0.given().map(String::as_str)
    }
}

impl From<VerifyOtpRequest> for VerifyOtpInput {
    fn from(request: VerifyOtpRequest) -> Self {
        Self { email: request.email.into(), otp: request.otp.into_field() }
    }
}

/// An e-mail address.
#[derive(Debug, Object)]
pub(super) struct EmailRequest {
    email: Required<String>,
}

impl EmailRequest {
    pub(super) fn account(&self) -> Option<&str> {
        self.email.0.given().map(String::as_str)
    }
}

impl RegisterRequest {
    pub(super) fn account(&self) -> Option<&str> {
        self.email.0.given().map(String::as_str)
    }
}

impl From<EmailRequest> for EmailInput {
    fn from(request: EmailRequest) -> Self {
        Self { email: request.email.into() }
    }
}

/// A message for the user.
#[derive(Debug, Object, Serialize)]
pub(super) struct Detail {
    detail: String,
}

impl From<&str> for Detail {
    fn from(detail: &str) -> Self {
        Self { detail: detail.to_owned() }
    }
}

/// A password with `email` or `username`; `username` accepts an e-mail address too.
#[derive(Debug, Object)]
pub(super) struct LoginRequest {
    email: Optional<String>,
    username: Optional<String>,
    password: Required<String>,
}

impl LoginRequest {
    pub(super) fn account(&self) -> Option<&str> {
        self.email.0.given().or_else(|| self.username.0.given()).map(String::as_str)
    }
}

impl From<LoginRequest> for SignInInput {
    fn from(request: LoginRequest) -> Self {
        Self { email: request.email.into(), username: request.username.into(), password: request.password.into_field() }
    }
}

/// A password with a username or, in its place, an e-mail address.
#[derive(Debug, Object)]
pub(super) struct TokenRequest {
    username: Required<String>,
    /// Instead of `username`.
    email: Optional<String>,
    password: Required<String>,
}

impl TokenRequest {
    pub(super) fn account(&self) -> Option<&str> {
        self.email.0.given().or_else(|| self.username.0.given()).map(String::as_str)
    }
}

impl From<TokenRequest> for SignInInput {
    fn from(request: TokenRequest) -> Self {
        Self { email: request.email.into(), username: request.username.into(), password: request.password.into_field() }
    }
}

/// The tokens of a session; empty in cookie mode, where only cookies hold them.
#[derive(Debug, Default, Object, Serialize)]
#[oai(rename = "Tokens")]
pub(super) struct Tokens {
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh: Option<String>,
}

impl From<&TokenPair> for Tokens {
    fn from(tokens: &TokenPair) -> Self {
        Self { access: Some(tokens.access.expose().to_owned()), refresh: Some(tokens.refresh.expose().to_owned()) }
    }
}

/// A new session and its user; without tokens in cookie mode.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Login")]
pub(super) struct Login {
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh: Option<String>,
    user: UserBody,
}

impl Login {
    pub(super) fn new(Tokens { access, refresh }: Tokens, user: Profile) -> Self {
        Self { access, refresh, user: user.into() }
    }
}

/// A changed password and its new session; without tokens in cookie mode.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "PasswordChanged")]
pub(super) struct PasswordChanged {
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh: Option<String>,
}

impl From<Tokens> for PasswordChanged {
    fn from(Tokens { access, refresh }: Tokens) -> Self {
        Self { detail: "The password was changed.".to_owned(), access, refresh }
    }
}

/// A refresh token. In cookie mode, the cookie takes the place of an empty body.
#[derive(Debug, Object)]
pub(super) struct RefreshRequest {
    pub(super) refresh: Required<String>,
}

/// An access or refresh token.
#[derive(Debug, Object)]
pub(super) struct VerifyTokenRequest {
    pub(super) token: Required<String>,
}

/// An empty response.
#[derive(Debug, Object, Serialize)]
pub(super) struct Nothing {}

/// The current password and the new one.
#[derive(Debug, Object)]
pub(super) struct ChangePasswordRequest {
    old_password: Required<String>,
    new_password: Required<String>,
}

impl From<ChangePasswordRequest> for ChangePasswordInput {
    fn from(request: ChangePasswordRequest) -> Self {
        Self { old_password: request.old_password.into_field(), new_password: request.new_password.into_field() }
    }
}

/// A new password.
#[derive(Debug, Object)]
pub(super) struct NewPasswordRequest {
    pub(super) new_password: Required<String>,
}

/// A user account.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "User")]
pub(super) struct UserBody {
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

impl From<Profile> for UserBody {
    fn from(person: Profile) -> Self {
        Self {
            id: person.id.0,
            email: person.email,
            username: person.username,
            first_name: person.first_name,
            last_name: person.last_name,
            phone: person.phone,
            is_staff: person.is_staff,
            is_superuser: person.is_superuser,
            is_active: person.is_active,
            date_joined: person.date_joined,
            last_login: person.last_login,
        }
    }
}

/// Changes to the caller's profile.
#[derive(Debug, Object)]
pub(super) struct ProfileRequest {
    username: Nullable<String>,
    first_name: Optional<String>,
    last_name: Optional<String>,
    phone: Optional<String>,
}

impl From<ProfileRequest> for ProfileInput {
    fn from(request: ProfileRequest) -> Self {
        Self {
            username: request.username.into(),
            first_name: request.first_name.into(),
            last_name: request.last_name.into(),
            phone: request.phone.into(),
        }
    }
}

/// Changes to whether a user is active or staff.
#[derive(Debug, Object)]
pub(super) struct StandingRequest {
    is_active: Optional<bool>,
    /// Only superusers can change this.
    is_staff: Optional<bool>,
}

impl From<StandingRequest> for StandingInput {
    fn from(request: StandingRequest) -> Self {
        Self { is_active: request.is_active.into(), is_staff: request.is_staff.into() }
    }
}
