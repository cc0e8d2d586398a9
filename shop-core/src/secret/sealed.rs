//! Secrets that others gave and that must be shown again: kept, but sealed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};

use super::{HmacSha256, Secret, tag_of_fields};
use crate::error::BoxError;
use crate::row::{ColumnKind, Stored, Value};

/// A secret as it is stored: encrypted and authenticated (AES-256-GCM, NIST SP 800-38D), bound to the thing it belongs
/// to. Opens only with the shop's keys; see [`Keys`](super::Keys).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl Sealed {
    /// What a store kept.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// What a store keeps.
    #[must_use]
    pub fn stored(&self) -> &str {
        &self.0
    }
}

impl Stored for Sealed {
    const KIND: ColumnKind = ColumnKind::Text;

    fn value(&self) -> Value<'_> {
        Value::Text(self.stored().into())
    }

    fn from_value(value: Value<'_>) -> Result<Self, BoxError> {
        String::from_value(value).map(Self)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[sealed]")
    }
}

/// Seals and opens.
#[derive(Clone)]
pub(super) struct Sealer {
    key: [u8; 32],
    nonce: HmacSha256,
}

impl Sealer {
    pub(super) fn new(key: [u8; 32], nonce: HmacSha256) -> Self {
        Self { key, nonce }
    }

    /// The nonce is an HMAC of what is sealed, so it never comes twice with another text, and the same text is sealed
    /// the same way: who compares two sealed texts knows whether the secret changed.
    pub(super) fn seal(&self, context: &[u8], secret: &Secret) -> Option<Sealed> {
        let tag = tag_of_fields(&self.nonce, &[context, secret.expose().as_bytes()]);
        let nonce: [u8; NONCE_LEN] = *tag.first_chunk()?;
        let mut text = secret.expose().as_bytes().to_vec();
        let unique = Nonce::assume_unique_for_key(nonce);
        self.cipher()?.seal_in_place_append_tag(unique, Aad::from(context), &mut text).ok()?;
        Some(Sealed(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &text].concat())))
    }

    pub(super) fn open(&self, context: &[u8], sealed: &Sealed) -> Option<Secret> {
        let bytes = URL_SAFE_NO_PAD.decode(&sealed.0).ok()?;
        let (nonce, text) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.cipher()?.open_in_place(nonce, Aad::from(context), &mut text).ok()?;
        std::str::from_utf8(opened).ok().map(Secret::new)
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&AES_256_GCM, &self.key).ok().map(LessSafeKey::new)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::id::PaymentId;
    use crate::secret::Keys;

    #[test]
    fn what_is_sealed_opens_with_the_same_keys_for_the_same_thing_only() {
        let (keys, others) = (Keys::new(&[1; 32]), Keys::new(&[2; 32]));
        let (id, other) = (PaymentId(Uuid::from_u128(1)), PaymentId(Uuid::from_u128(2)));
        let secret = Secret::new("pi_1_secret_2");
        let sealed = keys.seal_client_secret(id, &secret).unwrap();
        let open =
            |keys: &Keys, id, sealed: &Sealed| keys.open_client_secret(id, sealed).map(|s| s.expose().to_owned());
        assert_eq!(open(&keys, id, &sealed).as_deref(), Some("pi_1_secret_2"));
        assert_eq!(open(&keys, other, &sealed), None);
        assert_eq!(open(&others, id, &sealed), None);
        for spoiled in ["", "x", "AAAA", &sealed.stored()[1..], &format!("A{}", &sealed.stored()[1..])] {
            let spoiled = Sealed::from_stored(spoiled.to_owned());
            assert!(spoiled == sealed || open(&keys, id, &spoiled).is_none(), "{}", spoiled.stored());
        }
        assert_eq!(keys.seal_client_secret(id, &secret).unwrap(), sealed);
        assert_ne!(keys.seal_client_secret(other, &secret).unwrap(), sealed);
        assert!(!sealed.stored().contains("secret"));
        assert_eq!(format!("{sealed:?}"), "[sealed]");
    }
}
