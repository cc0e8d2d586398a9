//! Users: registration, sign-in, sessions and profiles.

mod input;
pub(crate) mod operations;
mod service;
mod view;

/// The mails that the shop sends, and their templates.
pub mod mails {
    pub use crate::mail::{Mail, Templates};
}

pub use input::identity_key;
pub use input::{
    ChangePasswordInput, EmailInput, ProfileInput, RegisterInput, SignInInput, SuperuserInput, UserFlagsInput,
    VerifyOtpInput,
};
pub use service::Accounts;
pub use view::{Profile, SignIn, TokenPair};

pub use crate::batch::AccountsWrite;
pub use crate::mail::{Mail, MailRefused, Mailer, MemoryMailer, Message, Templates, mailer};
pub use crate::model::accounts::{
    DailyCount, DailyLimit, EarlierRegistration, MailJob, NO_PASSWORD, OTP_LIFETIME_MINUTES, OTP_TRIES, Otp,
    REFRESH_GRACE, Registrations, Rotation, Session, User, UserFilter, UserSort,
};
pub use crate::security::password::{self, Argon2Hasher, Argon2Settings, PasswordHasher, Verified};
pub use crate::security::token::{self, JwtSigner, TokenSigner};
pub use crate::store::AccountsRepository;
