//! Bad input on every operation of the OpenAPI document: never a 5xx, a hang, or a panic in the log.
//!
//! Operations and fields are read from the document, so a new one is covered immediately. An operation with an id in
//! its path that [`world`] does not know fails the tests.

mod bodies;
mod framing;
mod generated;
mod parameters;
mod pool;
mod world;

use world::World;
