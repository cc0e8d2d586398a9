//! The shop's HTTP API, a thin layer over [`shop_core`]. A handler maps types and calls the core; every rule lives
//! there.
//!
//! # The path of a request
//! [`start`] builds the server from configuration, storage and shop. [`serve`] accepts the connection and limits the
//! time for reading the headers. [`middleware`] assigns a request id, limits the body and removes the slash at the
//! path's end. [`router`] routes the request to the API or to one of the other pages. [`auth`] turns tokens into the
//! core's actor, [`field`] reads the body, the handler in [`api`] calls the core, and [`response`] writes the response.
//! Every error leaves as a [`problem`].
//!
//! # Adding an endpoint
//! 1. In `api/<domain>/bodies.rs`, declare the request body with `requests!` (see `api/macros.rs`): a name, the core's
//!    input, and the fields as [`field::Required`], [`field::Optional`] and [`field::Nullable`]. Amounts are
//!    [`field::Money`]; states are a [`field::Choice`] of a core enum that `api/choices.rs` lists. [`field::Convert`]
//!    converts the values.
//! 2. Declare the response body with `bodies!`: its names, the core's value that it is made of, and the fields. A field
//!    that may be absent takes `#[serde(skip_serializing_if = "Option::is_none")]`.
//! 3. Write the handler in the domain's `#[OpenApi] impl`. Its path ends in `/`. Its arguments, in this order: the
//!    caller ([`auth::Caller`], [`auth::User`], [`auth::Staff`]) first, because arguments are read in order and
//!    identity and role are checked before the body; path parameters **in the order of the path** (poem-openapi binds
//!    them by position); query parameters as `Query<Optional<T>>`; [`response::Paging`] named `paging` for lists;
//!    [`response::IdempotencyKey`] named `idempotency_key` and [`response::IfMatch`] named `if_match`; the body as
//!    [`field::JsonBody`] last.
//! 4. Call the core and wrap the result: [`response::JsonResponse`], [`response::Created`], [`response::NoContent`],
//!    [`response::VersionedResponse`], [`response::ReplayableResponse`], [`response::List`]. The return type is
//!    [`problem::Result`]; `?` turns the core's errors into responses. Do not declare errors: the document gets them by
//!    rule ([`openapi`]).
//! 5. Add a new type of endpoints to `endpoints!` in `api/mod.rs`.
//! 6. Write the black-box test in `tests/http/<domain>.rs` (`Server::start_shop()`), and regenerate the document
//!    (`cargo run --bin shop-server -- openapi > shop-server/openapi.json`).
//!
//! The macros are private. Written out, an endpoint looks like this:
//!
//! ```
//! use poem_openapi::{Object, OpenApi};
//! use serde::Serialize;
//! use shop_server::response::{JsonResponse, Created};
//! use shop_server::field::{JsonBody, Optional, Required};
//! use shop_server::problem::Result;
//!
//! #[derive(Object)]
//! struct NoteRequest {
//!     text: Required<String>,
//!     pinned: Optional<bool>,
//! }
//!
//! #[derive(Object, Serialize)]
//! struct Note {
//!     id: String,
//!     text: String,
//! }
//!
//! struct Notes;
//!
//! #[OpenApi]
//! impl Notes {
//!     /// Writes a note down.
//!     #[oai(path = "/notes/", method = "post")]
//!     async fn create(&self, body: JsonBody<NoteRequest>) -> Result<Created<Note>> {
//!         let request = body.into_inner();
//!         let mut checks = shop_core::field::Checks::new();
//!         let text = checks.required("text", request.text.into(), Ok);
//!         checks.finish()?;
//!         Ok(JsonResponse(Note { id: "1".into(), text: text.unwrap_or_default() }))
//!     }
//! }
//! # assert_eq!(shop_server::openapi::paths_of::<Notes>()[0].path, "/notes/");
//! ```

pub mod api;
pub mod auth;
pub mod cli;
pub mod client;
mod commands;
pub mod config;
pub mod cookies;
mod csv_file;
pub mod demo;
pub mod devices;
pub mod field;
pub mod health;
mod home;
pub mod limits;
pub mod logging;
pub mod mail;
pub mod middleware;
pub mod openapi;
pub mod problem;
mod progress;
pub mod response;
pub mod router;
mod security;
pub mod serve;
pub mod start;
mod storage;
pub mod stripe;
mod superuser;
mod transfer;
pub mod webhooks;
mod welcome;
