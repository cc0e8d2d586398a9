//! Turns the tokens of a request into its caller.

use crate::actor::Actor;
use crate::error::Result;
use crate::shop::{Shop, Tokens};

impl Shop {
    /// Identifies the caller by the tokens that they hold.
    ///
    /// A cart or order token that this shop did not make is ignored.
    ///
    /// # Errors
    /// [`Error::TokenNotValid`](crate::Error::TokenNotValid) for an invalid access token, whatever the other tokens
    /// are.
    pub async fn identify(&self, tokens: Tokens<'_>) -> Result<Actor> {
        let actor = match tokens.access {
            Some(token) => self.accounts().authenticate(token).await?,
            None => Actor::anonymous(),
        };
        let cart = tokens.cart.and_then(|token| self.keys().open_cart_token(token));
        let order = tokens.order.and_then(|token| self.keys().open_order_token(token));
        Ok(actor.with_cart(cart).with_order(order))
    }
}
