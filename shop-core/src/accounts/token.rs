//! Access and refresh tokens: the port that signs and reads them, and the adapter for JSON Web Tokens.

use chrono::DateTime;
use jsonwebtoken::crypto::{CryptoProvider, aws_lc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::{SessionId, UserId};
use crate::secret::{Keys, Secret};

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It identifies the caller of a request; lives for minutes.
    Access,
    /// It is exchanged for a new pair, once; lives for a day.
    Refresh,
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// What the token is for.
    pub kind: Kind,
    /// Whose it is.
    pub user: UserId,
    /// Of which sign-in it is.
    pub session: SessionId,
    /// The token's own id.
    pub id: Uuid,
    /// When it was made; whole seconds survive.
    pub issued_at: Timestamp,
    /// From when on it is worthless; whole seconds survive.
    pub expires_at: Timestamp,
}

/// Signs and reads tokens.
///
/// # Contract
/// - [`TokenSigner::read`] accepts what [`TokenSigner::sign`] of the same shop made, and nothing else.
/// - A token is worthless from the very second of [`Claims::expires_at`] on.
/// - Whether the session still lives is for the caller to judge: a signature cannot be revoked.
pub trait TokenSigner: Send + Sync {
    /// Writes and signs a token.
    ///
    /// # Errors
    /// A fault when it cannot be signed.
    fn sign(&self, claims: &Claims) -> Result<Secret>;

    /// Reads a token, of one kind or (`None`) of either.
    ///
    /// # Errors
    /// [`Error::TokenNotValid`] whatever is wrong with it.
    fn read(&self, token: &str, kind: Option<Kind>, now: Timestamp) -> Result<Claims>;
}

/// A token of ours is about 350 bytes long; anything much longer is not looked at.
const MAX_TOKEN_LENGTH: usize = 1024;

/// JSON Web Tokens (RFC 7519), HS256, with the claims that `djangorestframework-simplejwt` writes, so that
/// a front end which reads them keeps working.
pub struct JwtSigner {
    header: Header,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl std::fmt::Debug for JwtSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JwtSigner").finish_non_exhaustive()
    }
}

/// The claims as they stand in the token. RFC 8725 wants the type of a token said in it: `token_type`.
#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    token_type: Kind,
    exp: i64,
    iat: i64,
    #[serde(with = "uuid::serde::simple")]
    jti: Uuid,
    user_id: UserId,
    sid: SessionId,
}

impl JwtSigner {
    /// A signer with the shop's key.
    #[must_use]
    pub fn new(keys: &Keys) -> Self {
        // jsonwebtoken picks its cryptography by crate features, which every crate of the final program can
        // add to, and panics when there are two. An earlier choice, ours or the program's, stands.
        let _ = CryptoProvider::install_default(&aws_lc::DEFAULT_PROVIDER);
        let mut validation = Validation::new(Algorithm::HS256);
        // The crate reads the system's clock; the time is compared in `read`, with the caller's. The type of
        // `Payload` requires every claim.
        validation.validate_exp = false;
        validation.leeway = 0;
        Self {
            header: Header::new(Algorithm::HS256),
            encoding: EncodingKey::from_secret(keys.token_signing_key()),
            decoding: DecodingKey::from_secret(keys.token_signing_key()),
            validation,
        }
    }
}

impl TokenSigner for JwtSigner {
    fn sign(&self, claims: &Claims) -> Result<Secret> {
        let payload = Payload {
            token_type: claims.kind,
            exp: claims.expires_at.timestamp(),
            iat: claims.issued_at.timestamp(),
            jti: claims.id,
            user_id: claims.user,
            sid: claims.session,
        };
        let token = jsonwebtoken::encode(&self.header, &payload, &self.encoding);
        token.map(Secret::from).map_err(|why| Error::Fault(Box::new(why)))
    }

    fn read(&self, token: &str, kind: Option<Kind>, now: Timestamp) -> Result<Claims> {
        if token.len() > MAX_TOKEN_LENGTH {
            return Err(Error::TokenNotValid);
        }
        let payload: Payload =
            jsonwebtoken::decode(token, &self.decoding, &self.validation).map_err(|_| Error::TokenNotValid)?.claims;
        let time = |seconds| DateTime::from_timestamp(seconds, 0).ok_or(Error::TokenNotValid);
        let claims = Claims {
            kind: payload.token_type,
            user: payload.user_id,
            session: payload.sid,
            id: payload.jti,
            issued_at: time(payload.iat)?,
            expires_at: time(payload.exp)?,
        };
        let right_kind = kind.is_none_or(|kind| kind == claims.kind);
        if right_kind && now < claims.expires_at { Ok(claims) } else { Err(Error::TokenNotValid) }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use chrono::TimeDelta;
    use serde_json::{Value, json};

    use super::*;

    fn signer() -> JwtSigner {
        JwtSigner::new(&Keys::new(b"0123456789abcdef0123456789abcdef"))
    }

    fn now() -> Timestamp {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn claims(kind: Kind) -> Claims {
        Claims {
            kind,
            user: UserId(Uuid::from_u128(1)),
            session: SessionId(Uuid::from_u128(2)),
            id: Uuid::from_u128(3),
            issued_at: now(),
            expires_at: now() + TimeDelta::seconds(300),
        }
    }

    fn refused(token: &str) -> bool {
        matches!(signer().read(token, None, now()), Err(Error::TokenNotValid))
    }

    /// A token with any header and payload, signed with our key whatever the header says.
    fn forge(header: &Value, payload: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(payload));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &signer().encoding, Algorithm::HS256).unwrap();
        format!("{message}.{signature}")
    }

    fn payload() -> Value {
        let token = signer().sign(&claims(Kind::Access)).unwrap();
        let payload = token.expose().split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
    }

    #[test]
    fn what_is_signed_is_read() {
        for kind in [Kind::Access, Kind::Refresh] {
            let token = signer().sign(&claims(kind)).unwrap();
            assert!(token.expose().len() < MAX_TOKEN_LENGTH / 2, "{}", token.expose().len());
            assert_eq!(signer().read(token.expose(), Some(kind), now()).unwrap(), claims(kind));
            assert_eq!(signer().read(token.expose(), None, now()).unwrap(), claims(kind));
        }
    }

    #[test]
    fn the_claims_are_named_as_simplejwt_names_them() {
        let expected = json!({
            "token_type": "access",
            "exp": 1_800_000_300,
            "iat": 1_800_000_000,
            "jti": "00000000000000000000000000000003",
            "user_id": "00000000-0000-0000-0000-000000000001",
            "sid": "00000000-0000-0000-0000-000000000002",
        });
        assert_eq!(payload(), expected);
    }

    #[test]
    fn it_expires_at_the_very_second() {
        let token = signer().sign(&claims(Kind::Access)).unwrap();
        let at = |offset| signer().read(token.expose(), None, now() + offset);
        assert!(at(TimeDelta::microseconds(299_999_999)).is_ok());
        assert!(matches!(at(TimeDelta::seconds(300)), Err(Error::TokenNotValid)));
    }

    #[test]
    fn the_kind_counts() {
        let refresh = signer().sign(&claims(Kind::Refresh)).unwrap();
        assert!(matches!(signer().read(refresh.expose(), Some(Kind::Access), now()), Err(Error::TokenNotValid)));
        let access = signer().sign(&claims(Kind::Access)).unwrap();
        assert!(matches!(signer().read(access.expose(), Some(Kind::Refresh), now()), Err(Error::TokenNotValid)));
    }

    #[test]
    fn another_key_and_another_algorithm_are_refused() {
        let header = json!({"typ": "JWT", "alg": "HS256"});
        assert!(!refused(&forge(&header, &payload())), "the forge itself works");
        let other = JwtSigner::new(&Keys::new(b"another")).sign(&claims(Kind::Access)).unwrap();
        assert!(refused(other.expose()));
        for algorithm in ["none", "None", "HS384", "HS512", "RS256", "ES256", "EdDSA", ""] {
            let forged = forge(&json!({"typ": "JWT", "alg": algorithm}), &payload());
            assert!(refused(&forged), "{algorithm}");
            let unsigned = format!("{}.", forged.rsplit_once('.').unwrap().0);
            assert!(refused(&unsigned), "{algorithm}, unsigned");
        }
        let honest = jsonwebtoken::encode(&Header::new(Algorithm::HS512), &payload(), &signer().encoding).unwrap();
        assert!(refused(&honest));
    }

    #[test]
    fn every_claim_is_required_and_of_its_type() {
        let header = json!({"typ": "JWT", "alg": "HS256"});
        let whole = payload();
        for name in whole.as_object().unwrap().keys() {
            for wrong in [None, Some(Value::Null), Some(json!("x")), Some(json!(i64::MAX)), Some(json!([]))] {
                let mut payload = whole.clone();
                match wrong.clone() {
                    None => drop(payload.as_object_mut().unwrap().remove(name)),
                    Some(wrong) => payload[name] = wrong,
                }
                assert!(refused(&forge(&header, &payload)), "{name}: {wrong:?}");
            }
        }
    }

    #[test]
    fn garbage_is_refused() {
        let token = signer().sign(&claims(Kind::Access)).unwrap();
        let token = token.expose();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let garbage = [
            String::new(),
            ".".into(),
            "..".into(),
            "a.b.c".into(),
            "é.é.é".into(),
            "\0".into(),
            message.into(),
            format!("{token}."),
            format!("{token}A"),
            format!(" {token}"),
            format!("{message}.{}", &signature[1..]),
            format!("{message}.{}", signature.to_lowercase()),
            "A".repeat(10_000_000),
            format!("{token}{}", "=".repeat(MAX_TOKEN_LENGTH)),
        ];
        for token in garbage {
            assert!(refused(&token), "{token:.100}");
        }
    }
}
