//! The calls of this domain: each loads, decides and commits.

use super::token::Kind;
use crate::actor::{Actor, SignedIn};
use crate::error::{Error, Result};
use crate::shop::Shop;

/// The calls of this domain; see [`Shop`].
#[derive(Debug, Clone, Copy)]
pub struct Accounts<'a> {
    shop: &'a Shop,
}

impl<'a> Accounts<'a> {
    pub(crate) fn new(shop: &'a Shop) -> Self {
        Self { shop }
    }

    /// Finds out who holds this access token. Costs one read: the session must still be alive.
    ///
    /// # Errors
    /// [`Error::TokenNotValid`] when it is not an access token of this shop, is over, or its session ended.
    pub async fn authenticate(&self, access: &str) -> Result<Actor> {
        let now = self.shop.moment().now();
        let claims = self.shop.signer().read(access, Some(Kind::Access), now)?;
        let (session, user) = self.shop.store().session(claims.session).await?.ok_or(Error::TokenNotValid)?;
        if user.id != claims.user || !session.is_live(&user, now) {
            return Err(Error::TokenNotValid);
        }
        Ok(Actor::user(SignedIn {
            user_id: user.id,
            session_id: Some(session.id),
            is_staff: user.is_staff,
            is_superuser: user.is_superuser,
        }))
    }
}
