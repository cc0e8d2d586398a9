//! Access and refresh tokens: the port that signs and reads them, and the adapter for JSON Web Tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use hmac::Mac as _;
use jsonwebtoken::{Algorithm, Header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::{SessionId, UserId};
use crate::secret::{HmacSha256, Keys, Secret, hmac};
use crate::settings::Settings;

/// The purpose of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// Identifies the caller of a request; valid for minutes.
    Access,
    /// Is exchanged once for a new pair; valid for a day.
    Refresh,
}

/// The content of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The purpose of the token.
    pub kind: TokenKind,
    /// The user who holds the token.
    pub user: UserId,
    /// The session that the token belongs to.
    pub session: SessionId,
    /// The id of the token itself.
    pub id: Uuid,
    /// When the token was issued, truncated to seconds in the token.
    pub issued_at: Timestamp,
    /// When the token expires, truncated to seconds in the token.
    pub expires_at: Timestamp,
}

/// Signs and reads tokens.
///
/// # Contract
/// - [`TokenSigner::read`] accepts what [`TokenSigner::sign`] of the same shop returned, and nothing else.
/// - The same claims yield the same token, so that a client that sends a refresh token twice gets the same successor
///   twice. (With a signer that adds randomness, the second call is refused.)
/// - A token is invalid from the exact second of [`Claims::expires_at`] on.
/// - The caller checks whether the session is still valid: a signature cannot be revoked.
pub trait TokenSigner: Send + Sync {
    /// Signs a token.
    ///
    /// # Errors
    /// A fault when it cannot be signed.
    fn sign(&self, claims: &Claims) -> Result<Secret>;

    /// Reads a token of one kind, or of either if `kind` is `None`.
    ///
    /// # Errors
    /// [`Error::TokenNotValid`], whatever is wrong with the token.
    fn read(&self, token: &str, kind: Option<TokenKind>, now: Timestamp) -> Result<Claims>;
}

/// A token is about 450 bytes long plus the length of the issuer; longer text is refused unread.
const MAX_TOKEN_LENGTH: usize = 1024;
/// The maximum length of the issuer in bytes; keeps every token short enough to be read.
const MAX_ISSUER_LENGTH: usize = 255;
/// The audience of every token: the API of the shop that issued it.
const AUDIENCE: &str = "shop-api";
/// The only algorithm that is written and read. It is computed here instead of by `jsonwebtoken::encode` and `decode`:
/// those use the provider of the process, which panics if the program enables both backends of `jsonwebtoken`, and may
/// be any that the program installed.
const ALGORITHM: Algorithm = Algorithm::HS256;

/// JSON Web Tokens (RFC 7519) with HS256. They contain the claims of `djangorestframework-simplejwt`, so that a front
/// end that reads those keeps working, and `iss` and `aud` (RFC 8725, 3.8 and 3.9).
///
/// Tokens of releases that wrote neither `iss` nor `aud` are accepted until they expire. A token with only one of the
/// two is refused.
pub struct JwtSigner {
    key: HmacSha256,
    /// The signing keys, current and earlier.
    known_keys: Vec<HmacSha256>,
    issuer: String,
}

impl std::fmt::Debug for JwtSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JwtSigner").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// The claims as written in the token. RFC 8725 requires an explicit token type: `token_type`.
#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    token_type: TokenKind,
    exp: i64,
    iat: i64,
    #[serde(with = "uuid::serde::simple")]
    jti: Uuid,
    user_id: UserId,
    sid: SessionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
}

impl JwtSigner {
    /// Creates a signer with the shop's key that also accepts tokens signed with its earlier keys. The issuer is that
    /// of [`Settings::default`].
    #[must_use]
    pub fn new(keys: &Keys) -> Self {
        let key = hmac(keys.token_signing_key());
        let known_keys = keys.token_verification_keys().map(|key| hmac(key)).collect();
        Self { key, known_keys, issuer: String::new() }.issued_by(Settings::default().token_issuer())
    }

    /// Sets the issuer: it is written into every token, and tokens of another issuer are refused. A name longer than
    /// 255 bytes is truncated.
    #[must_use]
    pub fn issued_by(mut self, issuer: &str) -> Self {
        let end = issuer.floor_char_boundary(MAX_ISSUER_LENGTH);
        issuer.get(..end).unwrap_or_default().clone_into(&mut self.issuer);
        self
    }

    /// Whether one of the keys signed the message.
    fn is_signed(&self, message: &str, signature: &[u8]) -> bool {
        self.known_keys.iter().any(|key| key.clone().chain_update(message).verify_slice(signature).is_ok())
    }

    /// Whether the token was issued by this shop for its API.
    fn is_ours(&self, payload: &Payload) -> bool {
        match (&payload.iss, &payload.aud) {
            (None, None) => true,
            (issuer, audience) => issuer.as_deref() == Some(&self.issuer) && audience.as_deref() == Some(AUDIENCE),
        }
    }

    fn decode(&self, token: &str) -> Option<Payload> {
        let (message, signature) = token.rsplit_once('.').filter(|_| token.len() <= MAX_TOKEN_LENGTH)?;
        if !self.is_signed(message, &URL_SAFE_NO_PAD.decode(signature).ok()?) {
            return None;
        }
        let (header, payload) = message.split_once('.')?;
        let header: Header = part(header)?;
        // `crit` names extensions that a reader must understand (RFC 7515, 4.1.11). None are supported.
        let readable = header.alg == ALGORITHM && header.crit.is_none();
        part(payload).filter(|payload| readable && self.is_ours(payload))
    }
}

/// Decodes one of the JSON objects of a token.
fn part<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// Encodes a JSON object as a part of a token.
fn encoded(part: &impl Serialize) -> Result<String> {
    let json = serde_json::to_vec(part).map_err(|error| Error::Fault(error.into()))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

/// The signature of a message, encoded as the last part of a token.
fn signature(key: &HmacSha256, message: &str) -> String {
    URL_SAFE_NO_PAD.encode(key.clone().chain_update(message).finalize().into_bytes())
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
            iss: Some(self.issuer.clone()),
            aud: Some(AUDIENCE.to_owned()),
        };
        let message = format!("{}.{}", encoded(&Header::new(ALGORITHM))?, encoded(&payload)?);
        let signature = signature(&self.key, &message);
        Ok(Secret::from(format!("{message}.{signature}")))
    }

    fn read(&self, token: &str, kind: Option<TokenKind>, now: Timestamp) -> Result<Claims> {
        let payload = self.decode(token).ok_or(Error::TokenNotValid)?;
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
    use chrono::TimeDelta;
    use hmac::{Hmac, KeyInit as _};
    use serde_json::{Value, json};
    use sha2::Sha512;

    use super::*;

    const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn signer() -> JwtSigner {
        JwtSigner::new(&Keys::new(KEY))
    }

    fn now() -> Timestamp {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn claims(kind: TokenKind) -> Claims {
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
        let message = message(header, payload);
        let signature = signature(&signer().key, &message);
        format!("{message}.{signature}")
    }

    fn message(header: &Value, payload: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", part(header), part(payload))
    }

    fn payload() -> Value {
        let token = signer().sign(&claims(TokenKind::Access)).unwrap();
        let payload = token.expose().split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
    }

    #[test]
    fn what_is_signed_is_read() {
        for kind in [TokenKind::Access, TokenKind::Refresh] {
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
            "iss": "http://localhost:3000",
            "aud": "shop-api",
        });
        assert_eq!(payload(), expected);
    }

    #[test]
    fn a_token_of_another_shop_or_for_another_audience_is_refused() {
        let header = json!({"typ": "JWT", "alg": "HS256"});
        let with = |name: &str, value: Value| {
            let mut payload = payload();
            payload[name] = value;
            forge(&header, &payload)
        };
        assert!(refused(&with("iss", json!("https://other.example"))) && refused(&with("aud", json!("billing"))));
        let other = signer().issued_by("https://other.example").sign(&claims(TokenKind::Access)).unwrap();
        assert!(refused(other.expose()));
        let long = "https://shop.example/".repeat(100);
        let shop = signer().issued_by(&long);
        let token = shop.sign(&claims(TokenKind::Refresh)).unwrap();
        assert!(shop.read(token.expose(), None, now()).is_ok(), "however long the name is");
    }

    #[test]
    fn a_token_of_before_issuers_is_read_until_it_ends() {
        let mut payload = payload();
        for name in ["iss", "aud"] {
            payload.as_object_mut().unwrap().remove(name);
        }
        let token = forge(&json!({"typ": "JWT", "alg": "HS256"}), &payload);
        assert_eq!(signer().read(&token, None, now()).unwrap(), claims(TokenKind::Access));
        assert!(signer().read(&token, None, now() + TimeDelta::seconds(300)).is_err());
    }

    #[test]
    fn earlier_keys_read_and_do_not_sign() {
        let rotated = JwtSigner::new(&Keys::new(b"the next key, of 32 bytes or more").with_fallbacks([KEY]));
        let old = signer().sign(&claims(TokenKind::Access)).unwrap();
        assert_eq!(rotated.read(old.expose(), None, now()).unwrap(), claims(TokenKind::Access));
        let new = rotated.sign(&claims(TokenKind::Access)).unwrap();
        assert!(rotated.read(new.expose(), None, now()).is_ok() && refused(new.expose()));
        assert!(
            JwtSigner::new(&Keys::new(b"the next key, of 32 bytes or more")).read(old.expose(), None, now()).is_err()
        );
    }

    #[test]
    fn it_signs_as_the_standard_says() {
        // The example of RFC 7515, A.1.
        let key = URL_SAFE_NO_PAD
            .decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
            .unwrap();
        let message = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        assert_eq!(signature(&hmac(&key), message), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    }

    #[test]
    fn a_token_with_an_unknown_extension_is_refused() {
        let critical = json!({"typ": "JWT", "alg": "HS256", "crit": ["exp"]});
        assert!(refused(&forge(&critical, &payload())));
    }

    #[test]
    fn it_expires_at_the_very_second() {
        let token = signer().sign(&claims(TokenKind::Access)).unwrap();
        let at = |offset| signer().read(token.expose(), None, now() + offset);
        assert!(at(TimeDelta::microseconds(299_999_999)).is_ok());
        assert!(matches!(at(TimeDelta::seconds(300)), Err(Error::TokenNotValid)));
    }

    #[test]
    fn the_kind_counts() {
        let refresh = signer().sign(&claims(TokenKind::Refresh)).unwrap();
        assert!(matches!(signer().read(refresh.expose(), Some(TokenKind::Access), now()), Err(Error::TokenNotValid)));
        let access = signer().sign(&claims(TokenKind::Access)).unwrap();
        assert!(matches!(signer().read(access.expose(), Some(TokenKind::Refresh), now()), Err(Error::TokenNotValid)));
    }

    #[test]
    fn another_key_and_another_algorithm_are_refused() {
        let header = json!({"typ": "JWT", "alg": "HS256"});
        assert!(!refused(&forge(&header, &payload())), "the forge itself works");
        let other = JwtSigner::new(&Keys::new(b"another")).sign(&claims(TokenKind::Access)).unwrap();
        assert!(refused(other.expose()));
        for algorithm in ["none", "None", "HS384", "HS512", "RS256", "ES256", "EdDSA", ""] {
            let forged = forge(&json!({"typ": "JWT", "alg": algorithm}), &payload());
            assert!(refused(&forged), "{algorithm}");
            let unsigned = format!("{}.", forged.rsplit_once('.').unwrap().0);
            assert!(refused(&unsigned), "{algorithm}, unsigned");
        }
        let message = message(&json!({"typ": "JWT", "alg": "HS512"}), &payload());
        let mut other = Hmac::<Sha512>::new_from_slice(Keys::new(KEY).token_signing_key()).unwrap();
        other.update(message.as_bytes());
        let honest = URL_SAFE_NO_PAD.encode(other.finalize().into_bytes());
        assert!(refused(&format!("{message}.{honest}")));
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
        let token = signer().sign(&claims(TokenKind::Access)).unwrap();
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
