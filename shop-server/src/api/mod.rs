//! The endpoints, one module per domain. A handler converts the request and calls the core; the crate's front page
//! explains how to add one.

use std::collections::HashMap;
use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem_openapi::OpenApi;
use poem_openapi::registry::{MetaApi, Registry};
use shop_core::Shop;

use crate::cookies::CookieMode;
use crate::limits::Limits;

mod accounts;
mod cart;
mod catalog;
mod choices;
mod details;
mod inventory;
mod macros;
mod orders;
mod outbox;
mod payments;
mod pricing;
mod promotions;
mod shipping;
mod taxes;
mod webhooks;

/// What the endpoints of every domain share.
#[derive(Clone)]
pub struct Context {
    /// The shop that the handlers call.
    pub shop: Shop,
    /// Rate limits on attempts.
    pub limits: Arc<Limits>,
    /// Session cookies for browsers; `None` outside cookie mode.
    pub cookies: Option<Arc<CookieMode>>,
}

/// The endpoints of all domains.
pub struct Api(Context);

impl Api {
    /// Creates the endpoints.
    #[must_use]
    pub fn new(context: Context) -> Self {
        Self(context)
    }
}

/// Implements [`OpenApi`] for [`Api`] by these types, each of which is made of a [`Context`]. A new one is a line here.
macro_rules! endpoints {
    ($($type:path),+ $(,)?) => {
        impl OpenApi for Api {
            fn meta() -> Vec<MetaApi> {
                let mut meta = Vec::new();
                $(meta.extend(<$type>::meta());)+
                meta
            }

            fn register(registry: &mut Registry) {
                $(<$type>::register(registry);)+
            }

            fn add_routes(self, routes: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
                $($type(self.0.clone()).add_routes(routes);)+
            }
        }
    };
}

endpoints! {
    accounts::Accounts,
    accounts::Users,
    catalog::Products,
    catalog::Categories,
    promotions::Promotions,
    taxes::TaxRates,
    inventory::Locations,
    inventory::Stock,
    inventory::Ledger,
    cart::Cart,
    orders::Orders,
    orders::Drafts,
    orders::Returns,
    payments::Payments,
    shipping::Addresses,
    shipping::ShippingRates,
    shipping::Shipments,
    webhooks::Webhooks,
    details::ShopDetails,
    outbox::Mails,
}
