//! Bad input on every operation that the OpenAPI document knows: never a 5xx, never a hang, never a panic in the log.
//!
//! The operations and their fields are read from the document, so a new one is tried as soon as it is there; one
//! with an id in its path that the small world of [`world`] does not know fails the tests.

mod bodies;
mod framing;
mod generated;
mod parameters;
mod pool;
mod world;

use world::World;
