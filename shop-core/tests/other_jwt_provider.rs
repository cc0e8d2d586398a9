//! A host program that has configured `jsonwebtoken` itself. A process has one provider: this test has its own process.

use std::sync::Arc;

use futures_executor::block_on;
use jsonwebtoken::crypto::{CryptoProvider, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use shop_core::Shop;
use shop_core::accounts::{SignInInput, SuperuserInput};
use shop_core::actor::Actor;
use shop_core::memory::MemoryStore;
use shop_core::secret::Secret;

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery staple";

/// A provider that signs nothing. (The one that `jsonwebtoken` takes when the crates of a program enable both of its backends
/// panics.)
static OTHER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    key_utils: KeyUtils::new_unimplemented(),
};

#[test]
fn a_shop_signs_in_whatever_provider_the_host_has_installed() {
    OTHER.install_default().expect("nobody installed one before");
    block_on(async {
        let shop = Shop::builder(Arc::new(MemoryStore::new()), &[42; 32]).open().await.expect("it opens");
        let accounts = shop.accounts();
        let admin = SuperuserInput { email: EMAIL.into(), password: Secret::from(PASSWORD).into() };
        accounts.create_superuser(&Actor::system(), admin).await.expect("it has a superuser");

        let input =
            SignInInput { email: EMAIL.into(), password: Secret::from(PASSWORD).into(), ..SignInInput::default() };
        let tokens = accounts.login(&Actor::anonymous(), input).await.expect("it signs").tokens;
        accounts.authenticate(tokens.access.expose()).await.expect("it verifies");
        let next = accounts.refresh(&tokens.refresh).await.expect("it refreshes");
        accounts.authenticate(next.access.expose()).await.expect("it verifies what it refreshed");
    });
}
