//! The endpoints, one file per domain. A handler maps and calls; see the crate's front page for how to add one.

use std::sync::Arc;

use shop_core::Shop;

use crate::limits::Limits;

/// What every domain's endpoints are made from.
#[derive(Clone)]
pub struct Context {
    /// The shop.
    pub shop: Shop,
    /// Limits on tries.
    pub limits: Arc<Limits>,
}

/// The endpoints of all domains: a tuple with one type per domain (poem-openapi takes up to sixteen).
pub type Api = NoDomain;

/// Stands in while no domain has endpoints; goes with the first one.
pub struct NoDomain;

#[poem_openapi::OpenApi]
impl NoDomain {}

/// Makes the endpoints of all domains.
pub fn all(_context: &Context) -> Api {
    NoDomain
}
