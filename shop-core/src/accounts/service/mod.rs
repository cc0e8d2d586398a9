//! The calls about accounts: each checks the caller's rights, loads, decides and commits.

mod clean_up;
mod devices;
mod identify;
mod passwords;
mod registration;
mod sessions;
#[cfg(test)]
mod tests;
mod users;

use crate::shop::Shop;

/// The calls about accounts; see [`Shop`].
#[derive(Debug, Clone, Copy)]
pub struct Accounts<'a> {
    shop: &'a Shop,
}

impl Shop {
    /// Users: registration, sign-in, sessions and profiles.
    #[must_use]
    pub fn accounts(&self) -> Accounts<'_> {
        Accounts { shop: self }
    }
}
