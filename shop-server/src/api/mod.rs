//! The endpoints, one module per domain. A handler converts the request and calls the core; the crate's front page
//! explains how to add one.

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

/// The endpoints of all domains, as a tuple with one type per domain. poem-openapi takes tuples of up to 16; an element
/// can be a tuple itself.
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

/// Creates the endpoints of all domains.
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
