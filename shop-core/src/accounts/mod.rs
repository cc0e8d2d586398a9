//! Users: registration, sign-in, sessions and profiles.

mod input;
pub(crate) mod mail_jobs;
pub mod mailer;
pub mod mails;
mod model;
mod operations;
pub mod password;
mod repository;
mod service;
pub mod token;
mod view;

pub use input::identity_key;
pub use input::{
    ChangePasswordInput, EmailInput, ProfileInput, RegisterInput, SignInInput, StandingInput, SuperuserInput,
    VerifyOtpInput,
};
pub use mailer::{MailRefused, Mailer, MemoryMailer, Message};
pub use mails::{Mail, Templates};
pub use model::{
    DailyCount, DailyLimit, EarlierRegistration, MailJob, NO_PASSWORD, OTP_LIFETIME_MINUTES, OTP_TRIES, Otp,
    REFRESH_GRACE, Registrations, Rotation, Session, User, UserFilter, UserSort,
};
pub use password::{Argon2Hasher, Argon2Settings, PasswordHasher, Verified};
pub use repository::{AccountsRepository, AccountsWrite};
pub use service::Accounts;
pub use token::{JwtSigner, TokenSigner};
pub use view::{Profile, SignIn, TokenPair};
