//! Devices on which a user has signed in before.
//!
//! Rate limits protect an account from guessing, but let a stranger use up its tries. A device that presents a token of
//! an earlier sign-in is therefore counted separately, so that the owner can still sign in (OWASP, "Slow Down Online
//! Guessing Attacks with Device Cookies"). The token grants no access: a stolen one only allows as many guesses as one
//! device has.

use super::Accounts;
use crate::accounts::input::{Login, identity_key};
use crate::clock::DecisionContext;
use crate::error::Result;
use crate::id::{SessionId, UserId};
use crate::secret::Secret;

impl Accounts<'_> {
    /// Returns the token for a device on which this user has just signed in: the presented token if it is the user's,
    /// else a new one.
    #[must_use]
    pub fn device_token(&self, user: UserId, shown: Option<&str>) -> Secret {
        let keys = self.shop.keys();
        let known = shown.and_then(|token| keys.open_device_token(token)).filter(|(owner, _)| *owner == user);
        let (_, device) = known.unwrap_or_else(|| (user, new_device(self.shop.context())));
        keys.device_token(user, device)
    }

    /// Returns the key under which to count sign-in tries with an e-mail address or user name, as typed. It is the same
    /// for all names of one account.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the storage cannot be reached.
    pub async fn sign_in_key(&self, name: &str) -> Result<String> {
        let key = identity_key(name);
        let login = Login::Either { email_key: key.clone(), username_key: key.clone() };
        Ok(self.find(&login).await?.map_or(key, |user| format!("user:{}", user.id.0)))
    }

    /// Returns the key under which to count sign-in tries from a device that presents this token. `None` if the user
    /// with this name (an e-mail address or user name as typed) has not signed in on it; then use
    /// [`Accounts::sign_in_key`].
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the storage cannot be reached.
    pub async fn known_device(&self, name: &str, shown: &str) -> Result<Option<String>> {
        let Some((user, device)) = self.shop.keys().open_device_token(shown) else { return Ok(None) };
        let Some(user) = self.shop.store().user(user).await?.filter(|user| user.is_active) else { return Ok(None) };
        let key = identity_key(name);
        let is_theirs = user.email_key == key || user.username_key.as_deref() == Some(key.as_str());
        Ok(is_theirs.then(|| format!("device:{device}")))
    }
}

fn new_device(mut context: DecisionContext) -> uuid::Uuid {
    context.id::<SessionId>().0
}
