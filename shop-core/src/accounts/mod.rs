//! People: registration, sign-in, sessions and profiles.

mod model;
mod repository;

pub use model::{MailJob, OTP_LIFETIME_MINUTES, OTP_TRIES, Otp, Session, User, UserFilter, UserSort};
pub use repository::{AccountsRepository, AccountsWrite};
