//! `/cart/`: shopping carts.

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
use crate::auth::Caller;
use crate::field::{JsonBody, Optional};
use crate::limits::{Attempt, Client};
use crate::problem::Result;
use crate::response::{IfMatch, JsonResponse, List, RequestUrl, VersionedResponse};

use bodies::{AddItemRequest, CartBody, CouponRequest, QuantityRequest, ShippingOptionBody};
use quote::{QuoteBody, QuoteRequest};

/// Shopping carts.
pub(in crate::api) struct Cart(pub(in crate::api) Context);

#[OpenApi]
impl Cart {
    /// Creates a guest's cart and shows its `token` (201), or returns the cart of a signed-in user (200).
    #[oai(path = "/cart/", method = "post")]
    async fn create(&self, caller: Caller, client: Client) -> Result<VersionedResponse<CartBody>> {
        self.limit_new_cart(&caller, client).await?;
        let cart = self.0.shop.carts().create(&caller).await?;
        let created = cart.token.is_some();
        Ok(answer(cart).created(created))
    }

    /// Gets the caller's cart. A signed-in user always has one.
    #[oai(path = "/cart/", method = "get")]
    async fn get(&self, caller: Caller) -> Result<VersionedResponse<CartBody>> {
        Ok(answer(self.0.shop.carts().get(&caller).await?))
    }

    /// Removes all items and coupons from the cart.
    #[oai(path = "/cart/", method = "delete")]
    async fn empty(&self, caller: Caller, if_match: IfMatch) -> Result<VersionedResponse<CartBody>> {
        Ok(answer(self.0.shop.carts().empty(&caller, if_match.expected()).await?))
    }

    /// Adds an item to the cart, or increases its quantity. A guest without a cart gets a new one, with its `token`.
    #[oai(path = "/cart/items/", method = "post")]
    async fn add(
        &self,
        caller: Caller,
        client: Client,
        body: JsonBody<AddItemRequest>,
    ) -> Result<VersionedResponse<CartBody, 201>> {
        self.limit_new_cart(&caller, client).await?;
        Ok(answer(self.0.shop.carts().add_item(&caller, body.into_inner().into()).await?))
    }

    /// Sets the quantity of an item.
    #[oai(path = "/cart/items/:id/", method = "patch")]
    async fn set_quantity(
        &self,
        caller: Caller,
        id: Path<Uuid>,
        if_match: IfMatch,
        body: JsonBody<QuantityRequest>,
    ) -> Result<VersionedResponse<CartBody>> {
        let (id, expected) = (CartItemId(id.0), if_match.expected());
        Ok(answer(self.0.shop.carts().set_quantity(&caller, id, body.into_inner().into(), expected).await?))
    }

    /// Removes an item from the cart.
    #[oai(path = "/cart/items/:id/", method = "delete")]
    async fn remove(&self, caller: Caller, id: Path<Uuid>, if_match: IfMatch) -> Result<VersionedResponse<CartBody>> {
        Ok(answer(self.0.shop.carts().remove_item(&caller, CartItemId(id.0), if_match.expected()).await?))
    }

    /// Adds a coupon to the cart.
    ///
    /// If it is refused, the error says what the cart lacks for a coupon that this buyer could use, and nothing about
    /// any other code.
    #[oai(path = "/cart/coupons/", method = "post")]
    async fn add_coupon(
        &self,
        caller: Caller,
        client: Client,
        if_match: IfMatch,
        body: JsonBody<CouponRequest>,
    ) -> Result<VersionedResponse<CartBody>> {
        self.0.limits.check(Attempt::Coupon, client.address(), caller.caller().as_deref()).await?;
        let carts = self.0.shop.carts();
        Ok(answer(carts.add_coupon(&caller, body.into_inner().into(), if_match.expected()).await?))
    }

    /// Removes a coupon from the cart; the case of its code is ignored.
    #[oai(path = "/cart/coupons/:code/", method = "delete")]
    async fn remove_coupon(
        &self,
        caller: Caller,
        code: Path<String>,
        if_match: IfMatch,
    ) -> Result<VersionedResponse<CartBody>> {
        Ok(answer(self.0.shop.carts().remove_coupon(&caller, &code, if_match.expected()).await?))
    }

    /// Lists the ways to ship the cart to a country, with their prices, cheapest first.
    #[oai(path = "/cart/shipping-options/", method = "get")]
    async fn shipping_options(
        &self,
        caller: Caller,
        url: RequestUrl,
        /// ISO 3166-1 alpha-2; required.
        country: Query<Optional<String>>,
        postal_code: Query<Optional<String>>,
        page: Query<Optional<String>>,
        page_size: Query<Optional<String>>,
    ) -> Result<JsonResponse<List<ShippingOptionBody>>> {
        let request = PageRequest::<ShippingSort>::parse(page.as_str(), page_size.as_str(), None, None)?;
        let input = ShippingOptions { country: country.0.into(), postal_code: postal_code.0.into() };
        let quotes = self.0.shop.carts().shipping_options(&caller, input).await?;
        let page = Page::of(quotes, &request);
        List::answer(&url, &request, page.map(ShippingOptionBody::from))
    }

    /// Computes the price of an order of the cart from what is known so far. Writes nothing.
    ///
    /// The body is that of `POST /orders/`, with every field optional. A country is enough for taxes (with a region
    /// where taxes differ by region), and for shipping once a method is chosen. `missing` lists what an order would
    /// still need. If nothing is missing, the same body at `POST /orders/`, with this `total` as `expected_total`,
    /// results in this total, and whatever would refuse the order refuses the quote.
    #[oai(path = "/cart/quote/", method = "post")]
    async fn quote(
        &self,
        caller: Caller,
        client: Client,
        body: JsonBody<QuoteRequest>,
    ) -> Result<JsonResponse<QuoteBody>> {
        self.0.limits.check(Attempt::Quote, client.address(), caller.caller().as_deref()).await?;
        Ok(JsonResponse(self.0.shop.orders().quote(&caller, body.into_inner().into()).await?.into()))
    }
}

impl Cart {
    /// Counts the calls that create a cart against the rate limit: those of guests without a cart.
    async fn limit_new_cart(&self, caller: &Actor, client: Client) -> Result<()> {
        if caller.caller().is_some_and(|caller| !caller.starts_with("order:")) {
            return Ok(());
        }
        self.0.limits.check(Attempt::Cart, client.address(), None).await
    }
}

fn answer<const STATUS: u16>(cart: CartView) -> VersionedResponse<CartBody, STATUS> {
    let version = cart.version;
    VersionedResponse::new(cart.into(), version)
}
