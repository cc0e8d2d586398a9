//! What the benchmarks and the load run share: a shop full of goods and carts, the placing of orders by many callers at
//! once, and the bare loop that this is measured against.

pub(crate) mod bare;
pub(crate) mod places;
pub(crate) mod world;

/// What goes wrong here is told and ends the run.
pub(crate) type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// How many callers place orders at once, and how many orders of the bare loop share a commit.
pub(crate) const CALLERS: usize = 64;
