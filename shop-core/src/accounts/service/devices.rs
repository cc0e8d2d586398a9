//! Devices on which somebody signed in before.
//!
//! Limits on tries protect an account from guessing, and let a stranger use up its tries. A device that shows a token of an
//! earlier sign-in is counted by itself instead, so that its owner still gets in (OWASP, "Slow Down Online Guessing Attacks
//! with Device Cookies"). The token opens nothing: with a stolen one somebody may guess as often as one device may.

use super::Accounts;
use crate::accounts::input::{Login, identity_key};
use crate::clock::Moment;
use crate::error::Result;
use crate::id::{SessionId, UserId};
use crate::secret::Secret;

impl Accounts<'_> {
    /// The token for a device on which this person has just signed in: that which it showed before, if it did, else a
    /// new one.
    #[must_use]
    pub fn device_token(&self, user: UserId, shown: Option<&str>) -> Secret {
        let keys = self.shop.keys();
        let known = shown.and_then(|token| keys.open_device_token(token)).filter(|(owner, _)| *owner == user);
        let (_, device) = known.unwrap_or_else(|| (user, new_device(self.shop.moment())));
        keys.device_token(user, device)
    }

    /// The name under which to count tries to sign in with an e-mail address or a user name, as it was typed: one for each
    /// account, whichever of its names is used.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when the storage cannot be reached.
    pub async fn sign_in_key(&self, name: &str) -> Result<String> {
        let key = identity_key(name);
        let login = Login::Either { email_key: key.clone(), username_key: key.clone() };
        Ok(self.find(&login).await?.map_or(key, |user| format!("user:{}", user.id.0)))
    }

    /// The name under which to count tries to sign in from a device that shows this token. `None` when nobody of this name
    /// (an e-mail address or a user name as it was typed) signed in on it: then they are counted under
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

fn new_device(mut moment: Moment) -> uuid::Uuid {
    moment.id::<SessionId>().0
}
