//! People: registration, sign-in, sessions and profiles.

pub mod mailer;
pub mod mails;
mod model;
pub mod password;
mod repository;
mod service;
pub mod token;

pub use mailer::{Mailer, MemoryMailer, Message};
pub use mails::{Mail, Templates};
pub use model::{MailJob, OTP_LIFETIME_MINUTES, OTP_TRIES, Otp, Session, User, UserFilter, UserSort};
pub use password::{Argon2Hasher, Argon2Settings, PasswordHasher, Verified};
pub use repository::{AccountsRepository, AccountsWrite};
pub use service::Accounts;
pub use token::{JwtSigner, TokenSigner};
