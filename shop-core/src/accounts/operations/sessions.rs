//! Sessions: their tokens, rotation and end.

use chrono::TimeDelta;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::accounts::view::TokenPair;
use crate::batch::{Batch, Change, Decision, Precondition};
use crate::clock::{DecisionContext, Timestamp};
use crate::error::Result;
use crate::id::{SessionId, UserId};
use crate::model::accounts::{Rotation, Session, User};
use crate::secret::{Secret, hash_token};
use crate::security::token::{Claims, TokenKind, TokenSigner};
use crate::shop::Settings;

/// The maximum number of remembered exchanges per session. A client that refreshes faster is not just two tabs.
const MAX_ROTATIONS: usize = 8;

/// Issues tokens with the configured lifetimes.
#[derive(Clone, Copy)]
pub(crate) struct Issuer<'a> {
    signer: &'a dyn TokenSigner,
    access_lifetime: TimeDelta,
    refresh_lifetime: TimeDelta,
    session_lifetime: TimeDelta,
}

/// What distinguishes a pair of tokens from all others of its session.
struct Origin {
    access_id: Uuid,
    refresh_id: Uuid,
    at: Timestamp,
}

impl Origin {
    /// The origin of the pair for which a refresh token is exchanged. It is derived from the exchange, so that the same
    /// pair can be issued again.
    fn of(rotation: &Rotation) -> Self {
        let id = |kind: &[u8]| {
            let digest = Sha256::new().chain_update(rotation.hash).chain_update(kind).finalize();
            uuid::Builder::from_custom_bytes(digest.first_chunk().copied().unwrap_or_default()).into_uuid()
        };
        Self { access_id: id(b"access"), refresh_id: id(b"refresh"), at: rotation.at }
    }
}

impl<'a> Issuer<'a> {
    pub(crate) fn new(signer: &'a dyn TokenSigner, settings: &Settings) -> Self {
        Self {
            signer,
            access_lifetime: settings.access_token_lifetime,
            refresh_lifetime: settings.refresh_token_lifetime,
            session_lifetime: settings.session_lifetime,
        }
    }

    /// The latest end of a session that began at `created_at`, however often it is refreshed.
    pub(crate) fn end_of(&self, created_at: Timestamp) -> Timestamp {
        created_at.checked_add_signed(self.session_lifetime).unwrap_or(Timestamp::MAX_UTC)
    }

    /// Opens a session of a user, in the user's current epoch.
    pub(crate) fn open(&self, user: &User, context: &mut DecisionContext) -> Result<(Session, TokenPair)> {
        let id = context.id();
        let now = context.now();
        let origin =
            Origin { access_id: context.id::<SessionId>().0, refresh_id: context.id::<SessionId>().0, at: now };
        let (tokens, expires_at) = self.pair(user.id, id, now, &origin)?;
        let session = Session {
            id,
            user_id: user.id,
            refresh_hash: hash_token(tokens.refresh.expose()),
            rotations: Vec::new(),
            epoch: user.session_epoch,
            created_at: now,
            expires_at,
            revoked_at: None,
            version: 1,
        };
        Ok((session, tokens))
    }

    /// Replaces the session's pair of tokens with its successor; the old refresh token is used up.
    fn rotate(&self, session: &Session, now: Timestamp) -> Result<(Session, TokenPair)> {
        let rotation = Rotation { hash: session.refresh_hash, at: now };
        let (tokens, expires_at) = self.successor(session, &rotation)?;
        let mut rotations = session.rotations.clone();
        rotations.retain(|earlier| earlier.is_recent(now));
        rotations.push(rotation);
        rotations.drain(..rotations.len().saturating_sub(MAX_ROTATIONS));
        let refresh_hash = hash_token(tokens.refresh.expose());
        Ok((Session { refresh_hash, rotations, expires_at, version: session.version + 1, ..session.clone() }, tokens))
    }

    /// The pair that an exchange returned, and when it expires.
    fn successor(&self, session: &Session, rotation: &Rotation) -> Result<(TokenPair, Timestamp)> {
        self.pair(session.user_id, session.id, session.created_at, &Origin::of(rotation))
    }

    fn pair(
        &self,
        user: UserId,
        session_id: SessionId,
        created_at: Timestamp,
        origin: &Origin,
    ) -> Result<(TokenPair, Timestamp)> {
        let (issued_at, end) = (origin.at, self.end_of(created_at));
        let token = |kind, lifetime, id| -> Result<(Secret, Timestamp)> {
            let expires_at = issued_at.checked_add_signed(lifetime).unwrap_or(Timestamp::MAX_UTC).min(end);
            let claims = Claims { kind, user, session: session_id, id, issued_at, expires_at };
            Ok((self.signer.sign(&claims)?, expires_at))
        };
        let (access, _) = token(TokenKind::Access, self.access_lifetime, origin.access_id)?;
        let (refresh, expires_at) = token(TokenKind::Refresh, self.refresh_lifetime, origin.refresh_id)?;
        Ok((TokenPair { session_id, user_id: user, access, refresh }, expires_at))
    }
}

/// Signs in a user whose password is right. `rehashed` is the hash of the password with the current costs.
pub(crate) fn sign_in(
    user: User,
    rehashed: Option<String>,
    issuer: Issuer<'_>,
    context: &mut DecisionContext,
) -> Result<Decision<(TokenPair, User)>> {
    let (session, tokens) = issuer.open(&user, context)?;
    let user = User {
        password_hash: rehashed.unwrap_or(user.password_hash),
        last_login: Some(context.now()),
        version: user.version + 1,
        ..user
    };
    let mut batch = Batch::new(context);
    batch.write(Change::Update(user.clone()));
    batch.write(Change::Insert(session));
    Ok(Decision { batch, reply: (tokens, user) })
}

/// The result of exchanging a refresh token.
pub(crate) enum Exchange {
    /// The next pair, or the same pair again.
    Pair(TokenPair),
    /// No pair, and the session ended: the token was exchanged before.
    Replayed,
    /// No pair, because the one issued for the token cannot be issued again.
    Unrepeatable,
}

/// Whether a validly signed refresh token of a live session can be exchanged now.
pub(crate) fn is_exchangeable(session: &Session, token: &str, now: Timestamp) -> bool {
    let hash = hash_token(token);
    hash == session.refresh_hash || exchanged(session, hash, now).is_some()
}

/// The exchange of this token, if it is recent enough to return its successor again.
fn exchanged(session: &Session, hash: [u8; 32], now: Timestamp) -> Option<&Rotation> {
    session.rotations.iter().find(|rotation| rotation.hash == hash && rotation.is_recent(now))
}

/// Exchanges a validly signed refresh token of a live session.
///
/// A token that was exchanged within [`REFRESH_GRACE`](crate::accounts::REFRESH_GRACE) returns the same successor: two
/// tabs sent it at once, or the response was lost. An older one is reused by the user or by a thief, and it is unknown
/// by which. The session therefore ends (RFC 9700, 4.14.2), and no pair is returned.
pub(crate) fn refresh(
    session: &Session,
    user: &User,
    token: &Secret,
    issuer: Issuer<'_>,
    context: &mut DecisionContext,
) -> Result<Decision<Exchange>> {
    let hash = hash_token(token.expose());
    if hash == session.refresh_hash {
        let mut batch = Batch::new(context);
        batch.require(Precondition::LiveSession(session.id, user.id));
        let (session, tokens) = issuer.rotate(session, context.now())?;
        batch.write(Change::Update(session));
        return Ok(Decision { batch, reply: Exchange::Pair(tokens) });
    }
    let Some(rotation) = exchanged(session, hash, context.now()) else {
        return Ok(revoke(session, context).map(|()| Exchange::Replayed));
    };
    let (tokens, _) = issuer.successor(session, rotation)?;
    let successor = hash_token(tokens.refresh.expose());
    // A server with another key or other lifetimes would issue another pair. That is not a replay.
    let same = successor == session.refresh_hash || session.rotations.iter().any(|later| later.hash == successor);
    let reply = if same { Exchange::Pair(tokens) } else { Exchange::Unrepeatable };
    Ok(Decision::unchanged(context, reply))
}

/// Ends a session.
pub(crate) fn revoke(session: &Session, context: &mut DecisionContext) -> Decision<()> {
    let mut batch = Batch::new(context);
    let revoked_at = Some(context.now());
    batch.write(Change::Update(Session { revoked_at, version: session.version + 1, ..session.clone() }));
    Decision { batch, reply: () }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{context, later, user};
    use super::*;
    use crate::batch::{RowWrite, Write};
    use crate::secret::Keys;
    use crate::security::token::JwtSigner;

    impl Exchange {
        fn pair(self) -> TokenPair {
            let Self::Pair(tokens) = self else { panic!("no pair") };
            tokens
        }
    }

    fn written(batch: &Batch) -> Session {
        let session = batch.writes.iter().find_map(|write| match write {
            Write::Row(RowWrite::Session(Change::Insert(session) | Change::Update(session))) => Some(session),
            _ => None,
        });
        session.unwrap().clone()
    }

    #[test]
    fn a_session_holds_the_hash_of_its_refresh_token_and_lives_as_long() {
        let signer = JwtSigner::new(&Keys::new(&[1; 32]));
        let issuer = Issuer::new(&signer, &Settings::default());
        let (session, tokens) = issuer.open(&user(1), &mut context()).unwrap();
        assert_eq!(session.refresh_hash, hash_token(tokens.refresh.expose()));
        assert!(session.is_live(&user(1), later(86_399).now()) && !session.is_live(&user(1), later(86_400).now()));
        let claims = signer.read(tokens.access.expose(), Some(TokenKind::Access), context().now()).unwrap();
        assert_eq!((claims.user, claims.session), (user(1).id, session.id));
        assert!(!format!("{tokens:?}").contains(tokens.access.expose()));
    }

    #[test]
    fn a_refresh_token_works_once_and_its_replay_ends_the_session() {
        let signer = JwtSigner::new(&Keys::new(&[1; 32]));
        let issuer = Issuer::new(&signer, &Settings::default());
        let person = user(1);
        let (first, tokens) = issuer.open(&person, &mut context()).unwrap();
        let decision = refresh(&first, &person, &tokens.refresh, issuer, &mut later(10)).unwrap();
        let second = written(&decision.batch);
        assert!(matches!(decision.reply, Exchange::Pair(_)) && second.version == 2 && second.revoked_at.is_none());
        assert_eq!(decision.batch.preconditions, [Precondition::LiveSession(second.id, person.id)]);
        let replay = refresh(&second, &person, &tokens.refresh, issuer, &mut later(20)).unwrap();
        assert!(matches!(replay.reply, Exchange::Replayed));
        assert!(!written(&replay.batch).is_live(&person, later(20).now()));
    }

    fn texts(pair: &TokenPair) -> [&str; 2] {
        [pair.access.expose(), pair.refresh.expose()]
    }

    #[test]
    fn a_token_that_comes_again_within_ten_seconds_gets_the_same_successor() {
        let signer = JwtSigner::new(&Keys::new(&[1; 32]));
        let issuer = Issuer::new(&signer, &Settings::default());
        let person = user(1);
        let (first, tokens) = issuer.open(&person, &mut context()).unwrap();
        let exchange = |session: &Session, token: &Secret, seconds| {
            refresh(session, &person, token, issuer, &mut later(seconds)).unwrap()
        };
        let once = exchange(&first, &tokens.refresh, 100);
        let (second, pair) = (written(&once.batch), once.reply.pair());
        for seconds in [99, 100, 109] {
            let again = exchange(&second, &tokens.refresh, seconds);
            assert!(again.batch.is_empty(), "{seconds}");
            assert_eq!(texts(&again.reply.pair()), texts(&pair), "{seconds}");
        }
        // The successor may have been exchanged in the meantime.
        let twice = exchange(&second, &pair.refresh, 105);
        let third = written(&twice.batch);
        assert_eq!(texts(&exchange(&third, &tokens.refresh, 109).reply.pair()), texts(&pair));
        assert!(is_exchangeable(&third, tokens.refresh.expose(), later(109).now()));
        assert!(!is_exchangeable(&third, tokens.refresh.expose(), later(110).now()));
        assert!(!written(&exchange(&third, &tokens.refresh, 110).batch).is_live(&person, later(110).now()));
        // The number of remembered exchanges is limited.
        let (mut session, mut token) = (third, twice.reply.pair().refresh);
        for _ in 0..20 {
            let decision = exchange(&session, &token, 106);
            (session, token) = (written(&decision.batch), decision.reply.pair().refresh);
        }
        assert_eq!(session.rotations.len(), MAX_ROTATIONS);
    }

    #[test]
    fn a_server_with_another_key_or_lifetime_gives_no_second_pair_and_ends_nothing() {
        let (signer, other) = (JwtSigner::new(&Keys::new(&[1; 32])), JwtSigner::new(&Keys::new(&[2; 32])));
        let settings = Settings { refresh_token_lifetime: TimeDelta::seconds(1), ..Settings::default() };
        let issuer = Issuer::new(&signer, &Settings::default());
        let (first, tokens) = issuer.open(&user(1), &mut context()).unwrap();
        let second = written(&refresh(&first, &user(1), &tokens.refresh, issuer, &mut later(1)).unwrap().batch);
        for changed in [Issuer::new(&other, &Settings::default()), Issuer::new(&signer, &settings)] {
            let again = refresh(&second, &user(1), &tokens.refresh, changed, &mut later(2)).unwrap();
            assert!(again.batch.is_empty() && matches!(again.reply, Exchange::Unrepeatable));
        }
    }

    #[test]
    fn refreshing_does_not_lengthen_a_session_beyond_its_lifetime() {
        let signer = JwtSigner::new(&Keys::new(&[1; 32]));
        let settings = Settings { session_lifetime: TimeDelta::seconds(90_000), ..Settings::default() };
        let issuer = Issuer::new(&signer, &settings);
        let (first, tokens) = issuer.open(&user(1), &mut context()).unwrap();
        let decision = refresh(&first, &user(1), &tokens.refresh, issuer, &mut later(86_000)).unwrap();
        let (second, pair) = (written(&decision.batch), decision.reply.pair());
        assert_eq!(second.expires_at, later(90_000).now());
        let claims = signer.read(pair.refresh.expose(), None, later(86_000).now()).unwrap();
        assert_eq!(claims.expires_at.timestamp(), later(90_000).now().timestamp());
        let decision = refresh(&second, &user(1), &pair.refresh, issuer, &mut later(89_900)).unwrap();
        let claims = signer.read(decision.reply.pair().access.expose(), None, later(89_900).now()).unwrap();
        assert_eq!(claims.expires_at.timestamp(), later(90_000).now().timestamp(), "nor does an access token");
    }
}
