//! `/cart/`: what somebody wants to buy.

mod bodies;
mod quote;

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use shop_core::Actor;
use shop_core::cart::{CartView, ShippingOptions};
use shop_core::id::CartItemId;
use shop_core::page::{Page, PageRequest};
use shop_core::shipping::ShippingSort;
use uuid::Uuid;

use super::Context;
use super::paging::{self, Text};
use crate::answer::{Answer, IfMatch, List, RequestUrl, Versioned};
use crate::auth::Caller;
use crate::field::{JsonBody, Optional};
use crate::limits::{Attempt, Client};
use crate::problem::Result;

use bodies::{AddItemRequest, CartBody, CouponRequest, QuantityRequest, ShippingOptionBody};
use quote::{QuoteBody, QuoteRequest};

/// What somebody wants to buy.
pub struct Cart(pub(super) Context);

#[OpenApi]
impl Cart {
    /// Makes a guest's cart, whose `token` is shown only here (201); a signed-in person gets their own (200).
    #[oai(path = "/cart/", method = "post")]
    async fn create(&self, caller: Caller, client: Client) -> Result<Versioned<CartBody>> {
        self.limit_new_cart(&caller, client).await?;
        let cart = self.0.shop.carts().create(&caller).await?;
        let created = cart.token.is_some();
        Ok(answer(cart).created(created))
    }

    /// The caller's cart; a signed-in person always has one.
    #[oai(path = "/cart/", method = "get")]
    async fn get(&self, caller: Caller) -> Result<Versioned<CartBody>> {
        Ok(answer(self.0.shop.carts().get(&caller).await?))
    }

    /// Takes every item and every coupon out.
    #[oai(path = "/cart/", method = "delete")]
    async fn empty(&self, caller: Caller, if_match: IfMatch) -> Result<Versioned<CartBody>> {
        Ok(answer(self.0.shop.carts().empty(&caller, if_match.expected()).await?))
    }

    /// Puts something into the cart; more of the same adds up. A guest without a cart gets one, with its `token`.
    #[oai(path = "/cart/items/", method = "post")]
    async fn add(
        &self,
        caller: Caller,
        client: Client,
        body: JsonBody<AddItemRequest>,
    ) -> Result<Versioned<CartBody, 201>> {
        self.limit_new_cart(&caller, client).await?;
        Ok(answer(self.0.shop.carts().add_item(&caller, body.into_inner().into()).await?))
    }

    /// Sets how many of an item are wanted.
    #[oai(path = "/cart/items/:id/", method = "patch")]
    async fn set_quantity(
        &self,
        caller: Caller,
        id: Path<Uuid>,
        if_match: IfMatch,
        body: JsonBody<QuantityRequest>,
    ) -> Result<Versioned<CartBody>> {
        let (id, expected) = (CartItemId(id.0), if_match.expected());
        Ok(answer(self.0.shop.carts().set_quantity(&caller, id, body.into_inner().into(), expected).await?))
    }

    /// Takes an item out.
    #[oai(path = "/cart/items/:id/", method = "delete")]
    async fn remove(&self, caller: Caller, id: Path<Uuid>, if_match: IfMatch) -> Result<Versioned<CartBody>> {
        Ok(answer(self.0.shop.carts().remove_item(&caller, CartItemId(id.0), if_match.expected()).await?))
    }

    /// Puts a coupon into the cart. The refusal tells what the cart lacks for a coupon that this buyer could use, and nothing of any other.
    #[oai(path = "/cart/coupons/", method = "post")]
    async fn add_coupon(
        &self,
        caller: Caller,
        client: Client,
        if_match: IfMatch,
        body: JsonBody<CouponRequest>,
    ) -> Result<Versioned<CartBody>> {
        self.0.limits.check(Attempt::Coupon, client.address(), caller.caller().as_deref()).await?;
        let carts = self.0.shop.carts();
        Ok(answer(carts.add_coupon(&caller, body.into_inner().into(), if_match.expected()).await?))
    }

    /// Takes a coupon out, however its code is spelled.
    #[oai(path = "/cart/coupons/:code/", method = "delete")]
    async fn remove_coupon(
        &self,
        caller: Caller,
        code: Path<String>,
        if_match: IfMatch,
    ) -> Result<Versioned<CartBody>> {
        Ok(answer(self.0.shop.carts().remove_coupon(&caller, &code, if_match.expected()).await?))
    }

    /// The ways to ship the cart to a country, each with its price, the cheapest first.
    #[oai(path = "/cart/shipping-options/", method = "get")]
    async fn shipping_options(
        &self,
        caller: Caller,
        url: RequestUrl,
        /// ISO 3166-1 alpha-2; required.
        country: Query<Optional<String>>,
        postal_code: Text,
        page: Text,
        page_size: Text,
    ) -> Result<Answer<List<ShippingOptionBody>>> {
        let request = PageRequest::<ShippingSort>::parse(paging::text(&page), paging::text(&page_size), None, None)?;
        let input = ShippingOptions { country: country.0.into(), postal_code: postal_code.0.into() };
        let quotes = self.0.shop.carts().shipping_options(&caller, input).await?;
        let page = Page::of(quotes, &request);
        List::answer(&url, &request, page.map(ShippingOptionBody::from))
    }

    /// What an order of the cart would come to, with what is known so far. Nothing is written.
    ///
    /// The body is that of `POST /orders/`, of which everything may be left out: a country (and a region, where taxes differ by
    /// it) is enough for taxes, and for shipping once a method is chosen. `missing` names what an order would still need. With
    /// nothing missing, the same body at `POST /orders/` with this `total` as `expected_total` comes to this total, and whatever
    /// would refuse the order refuses the quote.
    #[oai(path = "/cart/quote/", method = "post")]
    async fn quote(&self, caller: Caller, client: Client, body: JsonBody<QuoteRequest>) -> Result<Answer<QuoteBody>> {
        self.0.limits.check(Attempt::Quote, client.address(), caller.caller().as_deref()).await?;
        Ok(Answer(self.0.shop.orders().quote(&caller, body.into_inner().into()).await?.into()))
    }
}

impl Cart {
    /// Counts what makes a cart: a guest's call without one.
    async fn limit_new_cart(&self, caller: &Actor, client: Client) -> Result<()> {
        if caller.caller().is_some_and(|caller| !caller.starts_with("order:")) {
            return Ok(());
        }
        self.0.limits.check(Attempt::Cart, client.address(), None).await
    }
}

fn answer<const STATUS: u16>(cart: CartView) -> Versioned<CartBody, STATUS> {
    let version = cart.version;
    Versioned::new(cart.into(), version)
}
