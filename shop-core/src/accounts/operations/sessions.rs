//! Sessions: their tokens, their rotation and their end.

use chrono::TimeDelta;

use crate::accounts::model::{Session, User};
use crate::accounts::repository::AccountsWrite;
use crate::accounts::token::{Claims, Kind, TokenSigner};
use crate::accounts::view::TokenPair;
use crate::batch::{Batch, Change, Require};
use crate::clock::{Moment, Timestamp};
use crate::error::Result;
use crate::execute::Decision;
use crate::id::SessionId;
use crate::secret::{Secret, hash_token};
use crate::shop::Settings;

/// What makes tokens, and how long they live.
#[derive(Clone, Copy)]
pub(crate) struct Issuer<'a> {
    signer: &'a dyn TokenSigner,
    access_lifetime: TimeDelta,
    refresh_lifetime: TimeDelta,
}

impl<'a> Issuer<'a> {
    pub(crate) fn new(signer: &'a dyn TokenSigner, settings: &Settings) -> Self {
        let (access_lifetime, refresh_lifetime) = (settings.access_token_lifetime, settings.refresh_token_lifetime);
        Self { signer, access_lifetime, refresh_lifetime }
    }

    /// A new session of a person, in their epoch of now.
    pub(crate) fn open(&self, user: &User, moment: &mut Moment) -> Result<(Session, TokenPair)> {
        let id = moment.id();
        let (tokens, expires_at) = self.pair(user, id, moment)?;
        let session = Session {
            id,
            user_id: user.id,
            refresh_hash: hash_token(tokens.refresh.expose()),
            epoch: user.session_epoch,
            created_at: moment.now(),
            expires_at,
            revoked_at: None,
            version: 1,
        };
        Ok((session, tokens))
    }

    /// The session with its next pair of tokens; the one before is used up.
    fn rotate(&self, session: &Session, user: &User, moment: &mut Moment) -> Result<(Session, TokenPair)> {
        let (tokens, expires_at) = self.pair(user, session.id, moment)?;
        let refresh_hash = hash_token(tokens.refresh.expose());
        Ok((Session { refresh_hash, expires_at, version: session.version + 1, ..session.clone() }, tokens))
    }

    fn pair(&self, user: &User, session_id: SessionId, moment: &mut Moment) -> Result<(TokenPair, Timestamp)> {
        let now = moment.now();
        let mut token = |kind, lifetime| -> Result<(Secret, Timestamp)> {
            let expires_at = now + lifetime;
            let (user, session, id) = (user.id, session_id, moment.id());
            let claims = Claims { kind, user, session, id, issued_at: now, expires_at };
            Ok((self.signer.sign(&claims)?, expires_at))
        };
        let (access, _) = token(Kind::Access, self.access_lifetime)?;
        let (refresh, expires_at) = token(Kind::Refresh, self.refresh_lifetime)?;
        Ok((TokenPair { session_id, access, refresh }, expires_at))
    }
}

/// Signs a person in whose password was found right. `rehashed` is the same password under today's costs.
pub(crate) fn sign_in(
    user: User,
    rehashed: Option<String>,
    issuer: Issuer<'_>,
    moment: &mut Moment,
) -> Result<Decision<(TokenPair, User)>> {
    let (session, tokens) = issuer.open(&user, moment)?;
    let user = User {
        password_hash: rehashed.unwrap_or(user.password_hash),
        last_login: Some(moment.now()),
        version: user.version + 1,
        ..user
    };
    let mut batch = Batch::new(moment);
    batch.write(AccountsWrite::User(Change::Update(user.clone())));
    batch.write(AccountsWrite::Session(Change::Insert(session)));
    Ok(Decision { batch, reply: (tokens, user) })
}

/// Exchanges a well-signed refresh token of a live session. One that is not the current one was used before: by its
/// owner or by a thief, which nobody can tell, so the session ends (RFC 9700, 4.14.2), and there is no pair.
pub(crate) fn refresh(
    session: &Session,
    user: &User,
    token: &Secret,
    issuer: Issuer<'_>,
    moment: &mut Moment,
) -> Result<Decision<Option<TokenPair>>> {
    if hash_token(token.expose()) != session.refresh_hash {
        return Ok(revoke(session, moment).map(|()| None));
    }
    let mut batch = Batch::new(moment);
    batch.require(Require::LiveSession(session.id, user.id));
    let (session, tokens) = issuer.rotate(session, user, moment)?;
    batch.write(AccountsWrite::Session(Change::Update(session)));
    Ok(Decision { batch, reply: Some(tokens) })
}

/// Ends a session.
pub(crate) fn revoke(session: &Session, moment: &mut Moment) -> Decision<()> {
    let mut batch = Batch::new(moment);
    let revoked_at = Some(moment.now());
    batch.write(AccountsWrite::Session(Change::Update(Session {
        revoked_at,
        version: session.version + 1,
        ..session.clone()
    })));
    Decision { batch, reply: () }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{later, moment, user};
    use super::*;
    use crate::accounts::token::JwtSigner;
    use crate::batch::Write;
    use crate::secret::Keys;

    fn written(batch: &Batch) -> Session {
        let session = batch.writes.iter().find_map(|write| match write {
            Write::Accounts(AccountsWrite::Session(Change::Insert(session) | Change::Update(session))) => Some(session),
            _ => None,
        });
        session.unwrap().clone()
    }

    #[test]
    fn a_session_holds_the_hash_of_its_refresh_token_and_lives_as_long() {
        let signer = JwtSigner::new(&Keys::new(&[1; 32]));
        let issuer = Issuer::new(&signer, &Settings::default());
        let (session, tokens) = issuer.open(&user(1), &mut moment()).unwrap();
        assert_eq!(session.refresh_hash, hash_token(tokens.refresh.expose()));
        assert!(session.is_live(&user(1), later(86_399).now()) && !session.is_live(&user(1), later(86_400).now()));
        let claims = signer.read(tokens.access.expose(), Some(Kind::Access), moment().now()).unwrap();
        assert_eq!((claims.user, claims.session), (user(1).id, session.id));
        assert!(!format!("{tokens:?}").contains(tokens.access.expose()));
    }

    #[test]
    fn a_refresh_token_works_once_and_its_replay_ends_the_session() {
        let signer = JwtSigner::new(&Keys::new(&[1; 32]));
        let issuer = Issuer::new(&signer, &Settings::default());
        let person = user(1);
        let (first, tokens) = issuer.open(&person, &mut moment()).unwrap();
        let decision = refresh(&first, &person, &tokens.refresh, issuer, &mut later(10)).unwrap();
        let second = written(&decision.batch);
        assert!(decision.reply.is_some() && second.version == 2 && second.revoked_at.is_none());
        assert_eq!(decision.batch.requires, [Require::LiveSession(second.id, person.id)]);
        let replay = refresh(&second, &person, &tokens.refresh, issuer, &mut later(20)).unwrap();
        assert!(replay.reply.is_none());
        assert!(!written(&replay.batch).is_live(&person, later(20).now()));
    }
}
