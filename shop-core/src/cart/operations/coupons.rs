//! Coupons in a cart.

use crate::cart::{Cart, MAX_CART_COUPONS};
use crate::catalog::code_key;
use crate::error::{Error, Result};

/// Puts a coupon into a cart; one that is there already stays as it is.
///
/// # Errors
/// [`Error::Invalid`] when the cart has as many as it can hold.
pub fn add_coupon(mut cart: Cart, code: &str) -> Result<Cart> {
    if has_coupon(&cart, code) {
        return Ok(cart);
    }
    if cart.coupons.len() >= MAX_CART_COUPONS {
        return Err(Error::invalid("code", format!("A cart holds at most {MAX_CART_COUPONS} coupons.")));
    }
    cart.coupons.push(code.to_owned());
    Ok(cart)
}

/// Takes a coupon out, however its code is spelled.
///
/// # Errors
/// [`Error::NotFound`] when it is not there.
pub fn remove_coupon(mut cart: Cart, code: &str) -> Result<Cart> {
    let before = cart.coupons.len();
    let key = code_key(code);
    cart.coupons.retain(|there| code_key(there) != key);
    if cart.coupons.len() == before { Err(Error::NotFound) } else { Ok(cart) }
}

/// True when the cart has this coupon, however its code is spelled.
pub(super) fn has_coupon(cart: &Cart, code: &str) -> bool {
    let key = code_key(code);
    cart.coupons.iter().any(|there| code_key(there) == key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cart::operations::fixtures::cart;

    #[test]
    fn a_coupon_is_there_once_however_it_is_spelled() {
        let cart = add_coupon(cart(), "Welcome10").unwrap();
        let cart = add_coupon(cart, "WELCOME10").unwrap();
        let cart = add_coupon(cart, "vip").unwrap();
        assert_eq!(cart.coupons, ["Welcome10", "vip"]);
        let cart = remove_coupon(cart, "welcome10 ").unwrap();
        assert_eq!(cart.coupons, ["vip"]);
        assert!(matches!(remove_coupon(cart, "welcome10"), Err(Error::NotFound)));
    }

    #[test]
    fn a_cart_has_a_most_of_coupons() {
        let full = (0..MAX_CART_COUPONS).fold(cart(), |cart, number| add_coupon(cart, &format!("C{number}")).unwrap());
        assert_eq!(add_coupon(full.clone(), "one-more").unwrap_err().code(), "invalid");
        assert!(add_coupon(full, "c1").is_ok());
    }
}
