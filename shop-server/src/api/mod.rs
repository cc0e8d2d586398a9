//! The endpoints, one file per domain. A handler maps and calls; see the crate's front page for how to add one.

use std::sync::Arc;

use shop_core::Shop;

use crate::cookies::CookieMode;
use crate::limits::Limits;

mod accounts;
mod cart;
mod catalog;
mod inventory;
mod mails;
mod orders;
mod paging;
mod payments;
mod pricing;
mod shipping;
mod shop;
mod webhooks;

/// What every domain's endpoints are made from.
#[derive(Clone)]
pub struct Context {
    /// The shop.
    pub shop: Shop,
    /// Limits on tries.
    pub limits: Arc<Limits>,
    /// Cookies for browsers, in cookie mode.
    pub cookies: Option<Arc<CookieMode>>,
}

/// The endpoints of all domains: a tuple with one type per domain (poem-openapi takes up to sixteen; a tuple may
/// stand for one).
pub type Api = (
    accounts::Accounts,
    accounts::People,
    catalog::Products,
    catalog::Categories,
    pricing::Pricing,
    inventory::Locations,
    inventory::Stock,
    inventory::Ledger,
    cart::Cart,
    (orders::Orders, orders::Drafts, orders::Returns),
    payments::Payments,
    shipping::Addresses,
    shipping::Tariff,
    shipping::Shipments,
    (webhooks::Webhooks, shop::ShopDetails, mails::Mails),
);

/// Makes the endpoints of all domains.
pub fn all(context: &Context) -> Api {
    let context = || context.clone();
    (
        accounts::Accounts(context()),
        accounts::People(context()),
        catalog::Products(context()),
        catalog::Categories(context()),
        pricing::Pricing(context()),
        inventory::Locations(context()),
        inventory::Stock(context()),
        inventory::Ledger(context()),
        cart::Cart(context()),
        (orders::Orders(context()), orders::Drafts(context()), orders::Returns(context())),
        payments::Payments(context()),
        shipping::Addresses(context()),
        shipping::Tariff(context()),
        shipping::Shipments(context()),
        (webhooks::Webhooks(context()), shop::ShopDetails(context()), mails::Mails(context())),
    )
}
