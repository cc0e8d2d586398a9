//! How batches are committed: together where they can be, by the fewest statements, in anybody's transaction, and once
//! whatever becomes of the connection. (What every store must do is in `conformance.rs`.)

#![expect(clippy::unwrap_used, reason = "a test: what fails here fails it")]

mod bouncer;
mod clashes;
mod grouping;
mod host;
mod lost;
mod servers;
mod statements;
mod world;
