//! What the benchmarks and the load run share: a shop with many products and carts, code that places orders from many
//! callers at once, and the bare loop that this is compared with.

pub(crate) mod bare;
pub(crate) mod places;
pub(crate) mod world;

/// An error is printed and ends the run.
pub(crate) type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// How many callers place orders at once, and how many orders of the bare loop share a commit.
pub(crate) const CALLERS: usize = 64;
