//! Secrets: a string type that does not print itself, and everything derived from the shop's one secret key.
//!
//! No credential is stored. One-time codes, the tokens of guest carts and guest orders, password-reset links and
//! webhook secrets are all HMACs under the shop's key. They are recomputed when needed, so a stolen database contains
//! none of them. Secrets from others that must be shown again (a gateway's secret for the buyer's browser) are
//! [`Sealed`].

mod fingerprint;
mod sealed;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Deserializer};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::id::{CartId, OrderId, OtpId, PaymentId, UserId, WebhookId};

pub use fingerprint::KeyFingerprint;
pub use sealed::Sealed;
use sealed::Sealer;

pub(crate) type HmacSha256 = Hmac<Sha256>;

/// The lifetime of a password-reset link, in seconds.
pub const RESET_TOKEN_LIFETIME: i64 = 3600;
/// The tolerated clock difference, in seconds, if a reset token was made by a server whose clock is ahead: several
/// servers may share one shop.
const CLOCK_SKEW: i64 = 60;
/// The minimum length of the secret key, in bytes: 256 bits, the size of the hash (RFC 7518, 3.2).
pub const MIN_KEY_LENGTH: usize = 32;
/// SHA-256's block size in bytes: a shorter HMAC key is padded with zeros (RFC 2104).
const BLOCK: usize = 64;

/// Confidential text: a password, a code, a token.
///
/// `Debug` prints `[secret]`, and there is neither `Display` nor `Serialize`. [`Secret::expose`] is the only way to
/// read the text.
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Do not log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `given` equals this secret. The comparison takes the same time wherever the two differ.
    #[must_use]
    pub fn matches(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // serde's own error would quote the value, and a number in place of a password may well be the password.
        let refused = |_| serde::de::Error::custom("Not a valid string.");
        String::deserialize(deserializer).map(Self).map_err(refused)
    }
}

/// The keys of the shop: one per purpose, all derived from one secret key, so that a token made for one purpose is not
/// valid for another.
#[derive(Clone)]
pub struct Keys {
    access: [u8; 32],
    otp: HmacSha256,
    reset: HmacSha256,
    cart: HmacSha256,
    order: HmacSha256,
    webhook: HmacSha256,
    device: HmacSha256,
    other: HmacSha256,
    sealer: Sealer,
    fingerprint: KeyFingerprint,
    /// The keys of earlier secret keys: they open and verify, but make nothing new.
    earlier: Vec<Keys>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys([secret])")
    }
}

impl Keys {
    /// Derives all keys. The secret should hold at least 32 unguessable bytes. The caller decides whether to accept a
    /// shorter one (on a developer's machine).
    ///
    /// Changing the secret invalidates every session, code, link and guest token at once.
    #[must_use]
    pub fn new(secret_key: &[u8]) -> Self {
        let root = hmac(secret_key);
        let derive = |label: &str| tag(&root, &[label.as_bytes()]);
        Self {
            access: derive("shop/v1/json-web-token"),
            otp: hmac(&derive("shop/v1/one-time-password")),
            reset: hmac(&derive("shop/v1/password-reset")),
            cart: hmac(&derive("shop/v1/cart")),
            order: hmac(&derive("shop/v1/order")),
            webhook: hmac(&derive("shop/v1/webhook")),
            device: hmac(&derive("shop/v1/device")),
            other: hmac(&derive("shop/v1/other")),
            sealer: Sealer::new(derive("shop/v1/seal"), hmac(&derive("shop/v1/seal-nonce"))),
            fingerprint: KeyFingerprint::from_bytes(derive("shop/v1/fingerprint")),
            earlier: Vec::new(),
        }
    }

    /// Identifies the key, but gives access to nothing.
    #[must_use]
    pub fn fingerprint(&self) -> KeyFingerprint {
        self.fingerprint
    }

    /// Returns these keys, which also open and verify what was made under earlier secret keys.
    ///
    /// An earlier key makes nothing new, with one exception: webhook messages are also signed with the webhook secrets
    /// of the earlier keys, since a receiver may still know only those.
    #[must_use]
    pub fn with_fallbacks<'k>(mut self, secret_keys: impl IntoIterator<Item = &'k [u8]>) -> Self {
        self.earlier = secret_keys.into_iter().map(Self::new).collect();
        self
    }

    /// The fingerprints of the earlier keys.
    pub(crate) fn earlier_fingerprints(&self) -> Vec<KeyFingerprint> {
        self.earlier.iter().map(Self::fingerprint).collect()
    }

    /// These keys, then the earlier ones.
    fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.earlier)
    }

    /// The key that signs access and refresh tokens (HS256).
    pub(crate) fn token_signing_key(&self) -> &[u8; 32] {
        &self.access
    }

    /// The keys that verify access and refresh tokens: the signing key, then the earlier ones.
    pub(crate) fn token_verification_keys(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.all().map(|keys| &keys.access)
    }

    /// The six-digit code that is mailed for a one-time password.
    #[must_use]
    pub fn otp_code(&self, id: OtpId) -> Secret {
        let tag = tag(&self.otp, &[id.0.as_bytes()]);
        let number = tag.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        // 2^64 is so much larger than 10^6 that the bias is below 10^-13.
        let code = number % 1_000_000;
        Secret(format!("{code:06}"))
    }

    /// Whether `given` is the code of this one-time password.
    #[must_use]
    pub fn is_otp_code(&self, id: OtpId, given: &str) -> bool {
        // Compares every code, so that the time reveals nothing.
        self.all().fold(false, |found, keys| found | keys.otp_code(id).matches(given))
    }

    /// The token that gives access to a guest's cart.
    #[must_use]
    pub fn cart_token(&self, id: CartId) -> Secret {
        seal(&self.cart, id.0)
    }

    /// The cart that a token gives access to; `None` for anything that [`Keys::cart_token`] did not make.
    #[must_use]
    pub fn open_cart_token(&self, token: &str) -> Option<CartId> {
        self.all().find_map(|keys| open(&keys.cart, token)).map(CartId)
    }

    /// The token that gives access to a guest's order.
    #[must_use]
    pub fn order_token(&self, id: OrderId) -> Secret {
        seal(&self.order, id.0)
    }

    /// The order that a token gives access to; `None` for anything that [`Keys::order_token`] did not make.
    #[must_use]
    pub fn open_order_token(&self, token: &str) -> Option<OrderId> {
        self.all().find_map(|keys| open(&keys.order, token)).map(OrderId)
    }

    /// The token by which a device proves that the user has signed in on it before.
    #[must_use]
    pub fn device_token(&self, user: UserId, device: Uuid) -> Secret {
        let tag = tag(&self.device, &[user.0.as_bytes(), device.as_bytes()]);
        Secret(URL_SAFE_NO_PAD.encode([user.0.as_bytes().as_slice(), device.as_bytes(), &tag].concat()))
    }

    /// The user and the device of a token; `None` for anything that [`Keys::device_token`] did not make.
    #[must_use]
    pub fn open_device_token(&self, token: &str) -> Option<(UserId, Uuid)> {
        // Two ids and a tag are 64 bytes, which are 86 characters in base 64.
        let bytes = (token.len() == 86).then(|| URL_SAFE_NO_PAD.decode(token).ok()).flatten()?;
        let (user, rest) = bytes.split_at_checked(16)?;
        let (device, given) = rest.split_at_checked(16)?;
        let is_made_by = |keys: &Self| bool::from(tag(&keys.device, &[user, device]).ct_eq(given));
        self.all().any(is_made_by).then_some(())?;
        Some((UserId(Uuid::from_slice(user).ok()?), Uuid::from_slice(device).ok()?))
    }

    /// The secret with which a webhook's receiver verifies messages, after `rotation` rotations: `whsec_` and 32 bytes
    /// in base 64, as in Standard Webhooks.
    #[must_use]
    pub fn webhook_secret(&self, id: WebhookId, rotation: i64) -> Secret {
        Secret(format!("whsec_{}", STANDARD.encode(self.webhook_key(id, rotation))))
    }

    /// The HMAC-SHA256 of a message under that secret, in base 64.
    #[must_use]
    pub fn sign_webhook(&self, id: WebhookId, rotation: i64, message: &[u8]) -> String {
        STANDARD.encode(tag(&hmac(&self.webhook_key(id, rotation)), &[message]))
    }

    /// The signatures under the webhook's secret of every key: the receiver may still know only an earlier one.
    pub(crate) fn webhook_signatures(&self, id: WebhookId, rotation: i64, message: &[u8]) -> Vec<String> {
        self.all().map(|keys| keys.sign_webhook(id, rotation, message)).collect()
    }

    fn webhook_key(&self, id: WebhookId, rotation: i64) -> [u8; 32] {
        tag_of_fields(&self.webhook, &[id.0.as_bytes().as_slice(), &rotation.to_be_bytes()])
    }

    /// The token of a password-reset link: `{seconds in base 36}-{HMAC in hex}`.
    ///
    /// It covers the stored hash and the e-mail address. A change of either invalidates it, so it works only once (the
    /// idea of Django's `PasswordResetTokenGenerator`). Nothing is stored.
    #[must_use]
    pub fn reset_token(&self, user: UserId, password_hash: &str, email_key: &str, issued_at_seconds: i64) -> Secret {
        let tag = self.reset_tag(user, password_hash, email_key, issued_at_seconds);
        Secret(format!("{}-{}", base36(issued_at_seconds.unsigned_abs()), hex(&tag)))
    }

    /// Whether [`Keys::reset_token`] made this token for the account's current state, at most [`RESET_TOKEN_LIFETIME`]
    /// ago.
    #[must_use]
    pub fn check_reset_token(
        &self,
        token: &str,
        user: UserId,
        password_hash: &str,
        email_key: &str,
        now_seconds: i64,
    ) -> bool {
        // 13 digits hold every i64 in base 36; then a hyphen and 64 hex digits.
        let issued_at = (token.len() <= 13 + 1 + 64)
            .then(|| token.split_once('-'))
            .flatten()
            .and_then(|(seconds, _)| i64::from_str_radix(seconds, 36).ok());
        // Compares the whole token with the expected one, so that each token has only one valid spelling.
        issued_at.is_some_and(|issued_at| {
            let made_by = |keys: &Self| keys.reset_token(user, password_hash, email_key, issued_at).matches(token);
            let genuine = self.all().any(made_by);
            let age = now_seconds.saturating_sub(issued_at);
            genuine && (-CLOCK_SKEW..=RESET_TOKEN_LIFETIME).contains(&age)
        })
    }

    /// An unguessable tag for a purpose of the embedding program, bound to `message`: for example, a CSRF token bound
    /// to a session. The same arguments always give the same tag.
    ///
    /// Compare with [`Secret::matches`].
    #[must_use]
    pub fn tag(&self, purpose: &str, message: &[u8]) -> Secret {
        Secret(URL_SAFE_NO_PAD.encode(tag_of_fields(&self.other, &[purpose.as_bytes(), message])))
    }

    /// The pseudo-user that mails to a guest are counted for: always the same id for one folded address.
    pub(crate) fn guest_id(&self, email_key: &str) -> UserId {
        let tag = tag_of_fields(&self.other, &[b"mails to a guest", email_key.as_bytes()]);
        let [id, _] = tag.as_chunks::<16>().0 else { return UserId(Uuid::nil()) };
        UserId(uuid::Builder::from_custom_bytes(*id).into_uuid())
    }

    /// Whether [`Keys::tag`] made this tag for these arguments, under this key or an earlier one.
    #[must_use]
    pub fn is_tag(&self, purpose: &str, message: &[u8], given: &str) -> bool {
        self.all().any(|keys| keys.tag(purpose, message).matches(given))
    }

    /// Seals a gateway's secret for the buyer's browser. The same arguments always give the same result.
    #[must_use]
    pub fn seal_client_secret(&self, id: PaymentId, secret: &Secret) -> Option<Sealed> {
        self.sealer.seal(id.0.as_bytes(), secret)
    }

    /// Opens what [`Keys::seal_client_secret`] sealed for this payment; `None` for anything else.
    #[must_use]
    pub fn open_client_secret(&self, id: PaymentId, sealed: &Sealed) -> Option<Secret> {
        self.all().find_map(|keys| keys.sealer.open(id.0.as_bytes(), sealed))
    }

    fn reset_tag(&self, user: UserId, password_hash: &str, email_key: &str, issued_at: i64) -> [u8; 32] {
        let fields =
            [user.0.as_bytes().as_slice(), password_hash.as_bytes(), email_key.as_bytes(), &issued_at.to_be_bytes()];
        tag_of_fields(&self.reset, &fields)
    }
}

/// A user's id as encoded in links.
#[must_use]
pub fn encode_user_id(id: UserId) -> String {
    URL_SAFE_NO_PAD.encode(id.0.as_bytes())
}

/// Decodes an id that [`encode_user_id`] wrote; `None` for anything else.
#[must_use]
pub fn decode_user_id(text: &str) -> Option<UserId> {
    // 16 bytes are 22 characters in base 64.
    let bytes = (text.len() == 22).then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten()?;
    Uuid::from_slice(&bytes).ok().map(UserId)
}

/// The SHA-256 of a token, stored in its place so that the token can be looked up. Only for tokens that are
/// unguessable; a password needs [`PasswordHasher`](crate::accounts::password::PasswordHasher).
#[must_use]
pub fn hash_token(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// An HMAC for a key of any length, per RFC 2104: hashed when longer than a block, then padded.
pub(crate) fn hmac(key: &[u8]) -> HmacSha256 {
    let digest: [u8; 32];
    let key = if key.len() > BLOCK {
        digest = Sha256::digest(key).into();
        digest.as_slice()
    } else {
        key
    };
    let mut block = [0; BLOCK];
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    HmacSha256::new(&block.into())
}

fn tag(key: &HmacSha256, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = key.clone();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The tag of several fields. Each is preceded by its length, so that no two lists of fields have the same encoding.
fn tag_of_fields(key: &HmacSha256, fields: &[&[u8]]) -> [u8; 32] {
    let mut mac = key.clone();
    for field in fields {
        mac.update(&(field.len() as u64).to_be_bytes());
        mac.update(field);
    }
    mac.finalize().into_bytes().into()
}

/// An id and its tag: 48 bytes are exactly 64 characters in base 64, so each token has only one spelling.
fn seal(key: &HmacSha256, id: Uuid) -> Secret {
    let tag = tag(key, &[id.as_bytes()]);
    Secret(URL_SAFE_NO_PAD.encode([id.as_bytes().as_slice(), &tag].concat()))
}

fn open(key: &HmacSha256, token: &str) -> Option<Uuid> {
    if token.len() != 64 {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (id, given) = bytes.split_at_checked(16)?;
    let id = Uuid::from_slice(id).ok()?;
    bool::from(tag(key, &[id.as_bytes()]).ct_eq(given)).then_some(id)
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(u32::try_from(number % 36).ok().and_then(|digit| char::from_digit(digit, 36)).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests;
