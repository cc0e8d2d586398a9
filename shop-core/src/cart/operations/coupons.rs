//! Adding and removing coupons.

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::model::cart::{Cart, MAX_CART_COUPONS};
use crate::model::promotions::code_key;
use crate::pricing::CouponOutcome;

/// Adds a coupon to a cart; a coupon that is already there stays as it is.
///
/// # Errors
/// [`Error::Invalid`] when the cart already holds [`MAX_CART_COUPONS`].
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

/// The reason given for every coupon that this buyer cannot use: an attacker who guesses must not learn which codes
/// exist.
pub const UNUSABLE_COUPON: &str =
    "No coupon with this code can be used by you now. Some coupons need an account: sign in to use them.";

/// Returns the cart with the coupon that was just added, if the coupon applies.
///
/// # Errors
/// [`Error::CouponNotApplicable`]. It contains the actual reason if the buyer could use the coupon, or for `staff`;
/// otherwise [`UNUSABLE_COUPON`].
pub fn admit_coupon(cart: Cart, code: String, outcome: CouponOutcome, staff: bool) -> Result<Cart> {
    let reason = match outcome {
        CouponOutcome::Applied(_) | CouponOutcome::Idle => return Ok(cart),
        CouponOutcome::Unmet(why) => why,
        CouponOutcome::Gone(why) if staff => why,
        CouponOutcome::Gone(_) => Cow::Borrowed(UNUSABLE_COUPON),
    };
    Err(Error::CouponNotApplicable { code, reason: reason.into_owned() })
}

/// Removes a coupon, in any spelling of its code.
///
/// # Errors
/// [`Error::NotFound`] when the cart does not have it.
pub fn remove_coupon(mut cart: Cart, code: &str) -> Result<Cart> {
    let before = cart.coupons.len();
    let key = code_key(code);
    cart.coupons.retain(|there| code_key(there) != key);
    if cart.coupons.len() == before { Err(Error::NotFound) } else { Ok(cart) }
}

/// Whether the cart has this coupon, in any spelling of its code.
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
    fn the_reason_is_told_where_it_is_no_secret() {
        let reason = |outcome: CouponOutcome, staff: bool| {
            let refusal = admit_coupon(cart(), "CODE".to_owned(), outcome, staff).unwrap_err();
            let Error::CouponNotApplicable { reason, .. } = refusal else { panic!("{refusal:?}") };
            reason
        };
        for why in ["There is no such coupon.", "It has expired.", "You have used it as often as you can."] {
            assert_eq!(reason(CouponOutcome::Gone(why.into()), false), UNUSABLE_COUPON);
            assert_eq!(reason(CouponOutcome::Gone(why.into()), true), why);
        }
        assert_eq!(
            reason(CouponOutcome::Unmet("It needs 3 matching pieces.".into()), false),
            "It needs 3 matching pieces."
        );
        for outcome in [CouponOutcome::Applied(crate::money::Amount(1)), CouponOutcome::Idle] {
            assert!(admit_coupon(cart(), "CODE".to_owned(), outcome, false).is_ok());
        }
    }

    #[test]
    fn a_cart_has_a_most_of_coupons() {
        let full = (0..MAX_CART_COUPONS).fold(cart(), |cart, number| add_coupon(cart, &format!("C{number}")).unwrap());
        assert_eq!(add_coupon(full.clone(), "one-more").unwrap_err().code(), "invalid");
        assert!(add_coupon(full, "c1").is_ok());
    }
}
