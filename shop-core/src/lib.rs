//! The business logic of a shop as a library: accounts with sign-in, catalog, cart, orders, payments, shipping and
//! inventory, over any storage that implements one port.
//!
//! ```
//! use std::sync::Arc;
//! use shop_core::{Actor, Shop, cart::AddItem, memory::MemoryStore};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { futures_executor::block_on(async {
//! let store = Arc::new(MemoryStore::new());
//! let shop = Shop::builder(store, b"32 bytes from a good source, kept").open().await?;
//!
//! // Every call takes the acting person; the program that embeds the shop may do everything.
//! let lamp = serde_json::json!({"name": "Lamp", "price": "19.99", "sku": "LAMP", "stock": 5});
//! shop.catalog().create_product(&Actor::system(), serde_json::from_value(lamp)?).await?;
//!
//! // A guest fills a cart, and cannot want more than there is.
//! let item = AddItem { sku: "LAMP".into(), quantity: 2.into(), ..AddItem::default() };
//! let cart = shop.carts().add_item(&Actor::anonymous(), item).await?;
//! assert_eq!(cart.currency.format_amount(cart.total), "39.98");
//! let greed = AddItem { sku: "LAMP".into(), quantity: 6.into(), ..AddItem::default() };
//! assert_eq!(shop.carts().add_item(&Actor::anonymous(), greed).await.unwrap_err().code(), "out_of_stock");
//! # Ok(()) }) }
//! ```
//!
//! # Run a worker
//! A program that embeds the shop must run its worker. **Without it, no mails are sent, no events are delivered and no
//! stock is released**: users receive no codes, webhooks are not called, and the stock of unpaid orders stays reserved
//! forever. [`worker::Worker::run`] does all of this until its future is dropped; `sleep` is the timer of your runtime:
//!
//! ```
//! # use std::time::Duration;
//! # fn started(shop: shop_core::Shop, sleep: impl Fn(Duration) -> std::future::Ready<()> + Send + Sync + 'static) {
//! # fn spawn(_: impl Future + Send + 'static) {}
//! // With tokio: tokio::spawn(async move { shop.worker().run(tokio::time::sleep).await });
//! spawn(async move { shop.worker().run(sleep).await });
//! # }
//! ```
//!
//! A program without a runtime periodically calls [`worker::Worker::run_once`], [`worker::Worker::sweep`],
//! [`worker::Worker::reconcile`] and [`worker::Worker::forget`] instead. Mails also need a mailer
//! ([`shop::ShopBuilder::mailer`]).
//!
//! # The map
//! - [`Shop`] is the entry point. [`Shop::builder`] creates one; each domain has its own handle ([`Shop::accounts`],
//!   [`Shop::catalog`], [`Shop::carts`], [`Shop::orders`], [`Shop::payments`], [`Shop::shipping`], [`Shop::inventory`],
//!   [`Shop::webhooks`], and [`Shop::details`]). [`Shop::worker`] must [run](self#run-a-worker): it delivers the
//!   contents of the [`outbox`], cancels overdue orders and deletes old rows. [`Shop::check`] verifies the invariants.
//! - An [`Actor`] is the caller; every permission check uses it. A [`field::Field`] is the value of one input field as
//!   the caller sent it; an [`Error`] says what the caller can do, and names all invalid fields.
//! - [`store::Store`] is the storage port: read traits per domain and one `commit` of a [`batch::Batch`].
//!   [`memory::MemoryStore`] is the reference implementation, [`memory::TableStore`] the same over a custom engine;
//!   `conformance` (a feature) is the test suite that every store runs.
//! - [`transfer`] is implemented by a storage so that a whole shop can move to another one.
//! - [`Shop::prepare`] returns the writes of a call, for a host that commits them together with its own rows.
//! - The other ports have defaults: [`clock::Clock`], [`clock::Random`], [`accounts::PasswordHasher`],
//!   [`accounts::TokenSigner`], [`accounts::Mailer`], [`payments::PaymentGateway`], [`pricing::TaxProvider`];
//!   [`outbox::Subscriber`] and [`webhooks::WebhookSender`] deliver events.
//! - [`pricing`] computes the total of a cart or an order: promotions, shipping, taxes.
//!
//! # The next change
//! 1. A rule goes into `<domain>/operations`, as a pure function from the loaded rows, the caller's command and a
//!    [`clock::DecisionContext`] to an error or a [`Decision`], with a test next to it.
//! 2. The call goes into `<domain>/service`: check permissions, validate the input, then [`Shop::execute`] (or
//!    [`Shop::execute_once`] where money or stock moves) with a closure that loads and decides.
//! 3. Reads go into the trait in `store/<domain>.rs`; writes go into the enum in `batch/writes.rs`, with their guards.
//!    Add them to the memory store with a case of the conformance suite, then to the other stores.

pub mod accounts;
pub mod actor;
pub mod batch;
pub mod cart;
pub mod catalog;
mod cells;
mod check;
pub mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod details;
pub mod error;
pub mod field;
mod gateway;
pub mod id;
pub mod idempotency;
pub mod import;
pub mod inventory;
mod lifecycle;
mod mail;
pub mod memory;
// Public for `versioned_rows!`. Each domain exports its own types.
#[doc(hidden)]
pub mod model;
pub mod money;
pub mod orders;
pub mod outbox;
pub mod page;
pub mod payments;
pub mod pricing;
pub mod promotions;
mod region;
pub mod row;
pub mod secret;
mod security;
mod settings;
mod settlement;
pub mod shipping;
pub mod shop;
pub mod store;
pub mod string_enum;
pub mod taxes;
#[cfg(test)]
pub(crate) mod testing;
pub mod text;
pub mod transfer;
pub mod validate;
pub mod webhooks;
pub mod worker;

pub use actor::Actor;
pub use batch::Decision;
pub use error::{Error, Result};
pub use shop::{Shop, prepare};
