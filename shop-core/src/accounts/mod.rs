//! People: registration, sign-in, sessions and profiles.

pub mod mailer;
pub mod mails;
mod model;
pub mod password;
mod repository;
pub mod token;
mod service;

pub use model::{MailJob, OTP_LIFETIME_MINUTES, OTP_TRIES, Otp, Session, User, UserFilter, UserSort};
pub use repository::{AccountsRepository, AccountsWrite};
pub use service::Accounts;
