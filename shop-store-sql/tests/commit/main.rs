//! How batches are committed: in groups, with few statements, in a host's transaction, and exactly once when
//! connections fail. (`conformance.rs` tests what every store must do.)

#![expect(clippy::unwrap_used, reason = "a test: what fails here fails it")]

mod bouncer;
mod clashes;
mod grouping;
mod host;
mod lost;
mod servers;
mod statements;
mod world;
