//! Sign-in, and the tokens of a session.

use super::Accounts;
use crate::accounts::input::{Login, SignInInput};
use crate::accounts::operations::sessions::{self as decide, Exchange, Issuer};
use crate::accounts::view::{SignIn, TokenPair};
use crate::actor::{Actor, SignedIn};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::SessionId;
use crate::model::accounts::{NO_PASSWORD, Session, User};
use crate::secret::Secret;
use crate::security;
use crate::security::password::Verified;
use crate::security::token::TokenKind;

impl Accounts<'_> {
    /// Identifies the holder of an access token. Costs one read, because the session must still be valid.
    ///
    /// # Errors
    /// [`Error::TokenNotValid`] when it is not an access token of this shop, has expired, or its session has ended.
    pub async fn authenticate(&self, access: &str) -> Result<Actor> {
        let (session, user) = self.live_session(access, Some(TokenKind::Access), self.shop.context().now()).await?;
        Ok(Actor::user(SignedIn {
            user_id: user.id,
            session_id: Some(session.id),
            is_staff: user.is_staff,
            is_superuser: user.is_superuser,
        }))
    }

    /// Signs in a user. A guest's cart that `actor` holds is merged into the user's own.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming what is missing (`email` when no name is given), [`Error::InvalidCredentials`] when no
    /// active user has this name and password, [`Error::EmailNotVerified`] when the password is right but the address
    /// is unverified, [`Error::Unavailable`] when too many users sign in at once.
    pub async fn login(&self, actor: &Actor, input: SignInInput) -> Result<SignIn> {
        self.sign_in(actor, input, "email").await
    }

    /// Signs in like [`Accounts::login`], but returns only the tokens. When no name is given, the error names
    /// `username`.
    ///
    /// # Errors
    /// As [`Accounts::login`].
    pub async fn token(&self, actor: &Actor, input: SignInInput) -> Result<TokenPair> {
        Ok(self.sign_in(actor, input, "username").await?.tokens)
    }

    async fn sign_in(&self, actor: &Actor, input: SignInInput, field: &str) -> Result<SignIn> {
        let (login, password) = input.check(field)?;
        let store = self.shop.store();
        let user = self.find(&login).await?;
        let user_id = user.as_ref().map(|user| user.id);
        let known = user.filter(|user| user.is_active);
        let stored = known.as_ref().map(|user| user.password_hash.clone()).filter(|hash| hash != NO_PASSWORD);
        let verified = self.shop.hasher().verify(password.clone(), stored).await?;
        let Some(known) = known.filter(|_| verified.is_right()) else {
            security::sign_in_failed(user_id);
            return Err(Error::InvalidCredentials);
        };
        if !known.email_verified {
            security::sign_in_failed(user_id);
            return Err(Error::EmailNotVerified);
        }
        let rehashed = match verified {
            Verified::RightButRehash => Some(self.shop.hasher().hash(password).await?),
            _ => None,
        };
        let (known, issuer) = (&known, self.issuer());
        let (tokens, user) = self
            .shop
            .execute(&Actor::anonymous(), |mut context| {
                let rehashed = rehashed.clone();
                async move {
                    let user = store.user(known.id).await?.ok_or(Error::InvalidCredentials)?;
                    // The verified password must still be the current one.
                    if user.password_hash != known.password_hash || !user.is_active {
                        return Err(Error::InvalidCredentials);
                    }
                    decide::sign_in(user, rehashed, issuer, &mut context)
                }
            })
            .await?;
        if let Some(cart) = actor.cart()
            && let Err(error) = self.shop.carts().merge_guest_cart(user.id, cart).await
        {
            // The sign-in succeeds even if the merge fails; the cart then stays the guest's.
            tracing::warn!(%error, user = %user.id, "a guest's cart could not be merged at sign-in");
        }
        Ok(SignIn { tokens, user: user.into() })
    }

    /// Finds the user with this login name.
    pub(super) async fn find(&self, login: &Login) -> Result<Option<User>> {
        let store = self.shop.store();
        Ok(match login {
            Login::Email(email_key) => store.user_by_email(email_key).await?,
            // The address takes precedence: a user name may look like another user's address.
            Login::Either { email_key, username_key } => match store.user_by_email(email_key).await? {
                Some(user) => Some(user),
                None => store.user_by_username(username_key).await?,
            },
        })
    }

    /// Exchanges a refresh token for a new pair. A token that was just exchanged returns the same pair again
    /// ([`REFRESH_GRACE`](crate::accounts::REFRESH_GRACE)); one that was exchanged earlier ends its session.
    ///
    /// # Errors
    /// [`Error::TokenNotValid`] when it is not the current refresh token of a live session.
    pub async fn refresh(&self, token: &Secret) -> Result<TokenPair> {
        let issuer = self.issuer();
        let (exchange, user) = self
            .shop
            .execute(&Actor::anonymous(), |mut context| async move {
                let (session, user) =
                    self.live_session(token.expose(), Some(TokenKind::Refresh), context.now()).await?;
                let decision = decide::refresh(&session, &user, token, issuer, &mut context)?;
                Ok(decision.map(|exchange| (exchange, user.id)))
            })
            .await?;
        match exchange {
            Exchange::Pair(tokens) => return Ok(tokens),
            Exchange::Replayed => security::refresh_replayed(user),
            Exchange::Unrepeatable => {}
        }
        Err(Error::TokenNotValid)
    }

    /// Checks an access or refresh token without using it.
    ///
    /// # Errors
    /// [`Error::TokenNotValid`] when it would be refused.
    pub async fn verify_token(&self, token: &Secret) -> Result<()> {
        let now = self.shop.context().now();
        let claims = self.shop.signer().read(token.expose(), None, now)?;
        let (session, _) = self.live_session(token.expose(), None, now).await?;
        let used_up = claims.kind == TokenKind::Refresh && !decide::is_exchangeable(&session, token.expose(), now);
        if used_up { Err(Error::TokenNotValid) } else { Ok(()) }
    }

    /// Returns the session that a refresh token was signed for, whether or not it is still valid. Costs no read.
    ///
    /// # Errors
    /// [`Error::TokenNotValid`] when it is not a refresh token of this shop, or has expired.
    pub fn session_of(&self, token: &Secret) -> Result<SessionId> {
        let now = self.shop.context().now();
        Ok(self.shop.signer().read(token.expose(), Some(TokenKind::Refresh), now)?.session)
    }

    /// Ends the session of a refresh token.
    ///
    /// # Errors
    /// [`Error::TokenNotValid`] when it is not a refresh token of a live session.
    pub async fn logout(&self, token: &Secret) -> Result<()> {
        self.shop
            .execute(&Actor::anonymous(), |mut context| async move {
                let (session, _) = self.live_session(token.expose(), Some(TokenKind::Refresh), context.now()).await?;
                Ok(decide::revoke(&session, &mut context))
            })
            .await
    }

    pub(super) fn issuer(&self) -> Issuer<'_> {
        Issuer::new(self.shop.signer(), self.shop.settings())
    }

    /// The session that a token belongs to, if it is valid.
    async fn live_session(&self, token: &str, kind: Option<TokenKind>, now: Timestamp) -> Result<(Session, User)> {
        let claims = self.shop.signer().read(token, kind, now)?;
        let (session, user) = self.shop.store().session(claims.session).await?.ok_or(Error::TokenNotValid)?;
        let lasts = now < self.issuer().end_of(session.created_at);
        if user.id == claims.user && lasts && session.is_live(&user, now) {
            Ok((session, user))
        } else {
            Err(Error::TokenNotValid)
        }
    }
}
