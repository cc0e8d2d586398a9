//! The key belongs to the data: what was signed, sealed or derived under one key is lost under another.

use crate::error::{Error, Result};
use crate::secret::KeyFingerprint;
use crate::shop::Shop;

/// What opening a shop does when its data belongs to another key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OtherKey {
    /// The shop does not open.
    #[default]
    Refuse,
    /// The data belongs to the given key from now on. Sessions, guests' tokens, links and webhook secrets that were
    /// made under the earlier key become invalid.
    Adopt,
    /// The shop opens, and the data stays bound to its key. For a program that only reads.
    Ignore,
}

/// The data of a shop belongs to another key than the one that the shop is opened with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the data belongs to another secret key; under this one its sessions, guests' tokens, links and webhook signatures \
     are invalid"
)]
pub struct NotTheKey;

/// What follows from the stored fingerprint.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Open,
    Keep,
    Refuse,
}

/// `earlier` are the fingerprints of keys that this shop accepts, too: a key that was replaced on purpose.
fn judge(
    kept: Option<KeyFingerprint>,
    ours: KeyFingerprint,
    earlier: &[KeyFingerprint],
    otherwise: OtherKey,
) -> Verdict {
    match (kept, otherwise) {
        (_, OtherKey::Ignore) => Verdict::Open,
        (Some(kept), _) if kept == ours => Verdict::Open,
        (None, _) | (Some(_), OtherKey::Adopt) => Verdict::Keep,
        (Some(kept), OtherKey::Refuse) if earlier.contains(&kept) => Verdict::Keep,
        (Some(_), OtherKey::Refuse) => Verdict::Refuse,
    }
}

impl Shop {
    /// Compares the shop's key with the one that its data belongs to; data without one gets this one.
    pub(super) async fn recognise_key(&self, earlier: &[KeyFingerprint], otherwise: OtherKey) -> Result<()> {
        let ours = self.keys().fingerprint();
        let kept = self.store().key_fingerprint().await?;
        match judge(kept, ours, earlier, otherwise) {
            Verdict::Open => return Ok(()),
            Verdict::Refuse => return Err(Error::Fault(NotTheKey.into())),
            Verdict::Keep => self.store().keep_key_fingerprint(kept, ours).await?,
        }
        // Another server may have been faster, with another key.
        let kept = self.store().key_fingerprint().await?;
        match kept {
            Some(kept) if kept != ours && !earlier.contains(&kept) => Err(Error::Fault(NotTheKey.into())),
            _ => Ok(()),
        }
    }

    /// Whether the data belongs to the shop's key or one of its earlier keys, or to none yet. Only false for a shop
    /// that was opened with [`OtherKey::Ignore`].
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn has_its_key(&self) -> Result<bool> {
        let kept = self.store().key_fingerprint().await?;
        let earlier = self.keys().earlier_fingerprints();
        Ok(kept.is_none_or(|kept| kept == self.keys().fingerprint() || earlier.contains(&kept)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::conformance::block_on;
    use crate::memory::MemoryStore;
    use crate::secret::Keys;

    const OURS: &[u8] = b"the key of this shop, long enough.";
    const OTHER: &[u8] = b"another key that is as long as it..";

    #[test]
    fn only_another_key_is_refused() {
        let [ours, kept] = [OURS, OTHER].map(|key| Keys::new(key).fingerprint());
        for otherwise in [OtherKey::Refuse, OtherKey::Adopt] {
            assert_eq!(judge(None, ours, &[], otherwise), Verdict::Keep);
            assert_eq!(judge(Some(ours), ours, &[], otherwise), Verdict::Open);
        }
        assert_eq!(judge(Some(kept), ours, &[], OtherKey::Refuse), Verdict::Refuse);
        assert_eq!(judge(Some(kept), ours, &[kept], OtherKey::Refuse), Verdict::Keep);
        assert_eq!(judge(Some(kept), ours, &[], OtherKey::Adopt), Verdict::Keep);
        for kept in [None, Some(ours), Some(kept)] {
            assert_eq!(judge(kept, ours, &[], OtherKey::Ignore), Verdict::Open);
        }
    }

    #[test]
    fn data_keeps_the_key_that_it_was_first_opened_with() {
        block_on(async {
            let store = Arc::new(MemoryStore::new());
            let open = |key, otherwise| Shop::builder(Arc::clone(&store) as _, key).other_key(otherwise).open();
            // A program that only reads changes nothing.
            assert!(open(OTHER, OtherKey::Ignore).await.unwrap().has_its_key().await.unwrap());
            open(OURS, OtherKey::Refuse).await.unwrap();
            open(OURS, OtherKey::Refuse).await.unwrap();
            let Err(Error::Fault(why)) = open(OTHER, OtherKey::Refuse).await else { panic!("it opens") };
            assert!(why.is::<NotTheKey>(), "{why}");
            assert!(!open(OTHER, OtherKey::Ignore).await.unwrap().has_its_key().await.unwrap());
            assert!(open(OURS, OtherKey::Refuse).await.unwrap().has_its_key().await.unwrap());
            open(OTHER, OtherKey::Adopt).await.unwrap();
            assert!(open(OURS, OtherKey::Refuse).await.is_err());
        });
    }
}
