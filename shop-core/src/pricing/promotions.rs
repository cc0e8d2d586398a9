//! Computes the discounts of promotions and coupons.

use std::borrow::Cow;

use super::{Basket, sum};
use crate::model::pricing::{CountedOffer, PriceRules, UsedPromotion};
use crate::model::promotions::{Offer, Promotion, code_key};
use crate::money::{Amount, half_up, share};

/// A coupon of a basket and its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coupon {
    /// The code, as entered.
    pub code: String,
    /// Whether it applies, and why not.
    pub outcome: CouponOutcome,
}

/// Whether a coupon applies to a basket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CouponOutcome {
    /// It applies and takes this amount off. Zero in a cart for free shipping, since the shipping price is not known
    /// yet.
    Applied(Amount),
    /// It would apply, but there is nothing to take off.
    Idle,
    /// Its conditions do not hold for the basket; the sentence says which.
    Unmet(Cow<'static, str>),
    /// It is not available now or to this buyer; the sentence says why.
    Gone(Cow<'static, str>),
}

/// The discounts of all promotions.
#[derive(Debug, Default)]
pub(super) struct Discounts {
    /// Discount of each line, in the order of the basket.
    pub(super) lines: Vec<Amount>,
    /// Discount on the shipping.
    pub(super) shipping: Amount,
    /// The applied promotions, in the order of application.
    pub(super) used: Vec<UsedPromotion>,
    /// The outcome of each coupon, in the order of the basket.
    pub(super) coupons: Vec<Coupon>,
}

/// A promotion that may apply, and the index of the coupon that requests it; `None` if it is automatic.
struct Candidate<'a> {
    offered: &'a CountedOffer,
    coupon: Option<usize>,
}

/// Applies the eligible promotions in the order that [the module](super) defines.
pub(super) fn apply(basket: &Basket<'_>, rules: &PriceRules) -> Discounts {
    let mut discounts = Discounts { lines: vec![Amount::ZERO; basket.lines.len()], ..Discounts::default() };
    let mut candidates: Vec<_> = rules
        .promotions
        .iter()
        .filter(|offered| offered.promotion.code.is_none())
        .map(|offered| Candidate { offered, coupon: None })
        .collect();
    for (index, code) in basket.coupons.iter().enumerate() {
        let key = code_key(code);
        let found = rules.promotions.iter().find(|offered| offered.promotion.code_key.as_deref() == Some(&*key));
        candidates.extend(found.map(|offered| Candidate { offered, coupon: Some(index) }));
        let outcome = CouponOutcome::Gone("There is no such coupon.".into());
        discounts.coupons.push(Coupon { code: code.clone(), outcome });
    }
    candidates.sort_by_key(|candidate| {
        let Promotion { id, priority, .. } = candidate.offered.promotion;
        (std::cmp::Reverse(priority), candidate.coupon.is_none(), id)
    });
    let subtotal = sum(basket.lines.iter().map(super::BasketLine::total));
    // Whether a non-combinable promotion has been applied.
    let mut closed = false;
    for Candidate { offered, coupon } in candidates {
        let promotion = &offered.promotion;
        let outcome = match judge(basket, offered, rules.customer_orders, subtotal) {
            Some(refusal) => refusal,
            None if closed || (!promotion.combinable && !discounts.used.is_empty()) => {
                CouponOutcome::Unmet("It cannot be combined with the other offers that apply.".into())
            }
            None => take(basket, offered, &mut discounts),
        };
        if let CouponOutcome::Applied(amount) = outcome {
            closed = !promotion.combinable;
            discounts.used.push(UsedPromotion {
                promotion_id: promotion.id,
                name: promotion.name.clone(),
                code: promotion.code.clone(),
                free_shipping: promotion.offer == Offer::FreeShipping,
                amount,
            });
        }
        if let Some(coupon) = coupon.and_then(|index| discounts.coupons.get_mut(index)) {
            coupon.outcome = outcome;
        }
    }
    discounts
}

/// Why a promotion is refused, not counting its matching lines and whether it combines with others.
fn judge(basket: &Basket<'_>, offered: &CountedOffer, orders: Option<i64>, subtotal: Amount) -> Option<CouponOutcome> {
    let promotion = &offered.promotion;
    let gone = |why: &'static str| Some(CouponOutcome::Gone(why.into()));
    let reached = |limit: Option<i64>, uses: i64| limit.is_some_and(|limit| uses >= limit);
    if !promotion.active || promotion.currency != basket.currency {
        gone("It is not valid.")
    } else if promotion.starts_at.is_some_and(|start| basket.now < start) {
        gone("It is not valid yet.")
    } else if promotion.ends_at.is_some_and(|end| basket.now >= end) {
        gone("It has expired.")
    } else if !promotion.customer_ids.is_empty()
        && !basket.customer_id.is_some_and(|customer| promotion.customer_ids.contains(&customer))
    {
        gone("It is meant for other customers.")
    } else if promotion.counts_customers() && basket.customer_id.is_none() {
        // Every guest gets the same response, whatever e-mail address they give, so that it reveals nothing about past
        // orders.
        gone("It is for customers with an account: sign in to use it.")
    } else if promotion.first_order_only && orders.is_some_and(|orders| orders > 0) {
        gone("It is meant for a first order.")
    } else if reached(promotion.usage_limit, offered.uses) {
        gone("It has been used as often as it can be.")
    } else if reached(promotion.usage_limit_per_customer, offered.customer_uses) {
        gone("You have used it as often as you can.")
    } else {
        let least = promotion.min_subtotal.filter(|least| subtotal < *least)?;
        let least = promotion.currency.format_amount(least);
        Some(CouponOutcome::Unmet(format!("It needs a subtotal of at least {least} {}.", promotion.currency).into()))
    }
}

/// Applies a promotion to what the earlier ones left.
fn take(basket: &Basket<'_>, offered: &CountedOffer, discounts: &mut Discounts) -> CouponOutcome {
    let promotion = &offered.promotion;
    let mut lines = Vec::with_capacity(basket.lines.len());
    let mut left = Vec::with_capacity(basket.lines.len());
    for (index, line) in basket.lines.iter().enumerate() {
        if promotion.qualifies(line.product_id, line.category_id, &offered.categories) {
            lines.push(index);
            let taken = discounts.lines.get(index).copied().unwrap_or_default();
            left.push(Amount(line.total().0 - taken.0));
        }
    }
    if lines.is_empty() && !basket.lines.is_empty() {
        return CouponOutcome::Unmet("It is not for anything that is in the cart.".into());
    }
    let parts = match promotion.offer {
        Offer::FreeShipping => return ship_for_nothing(basket, discounts),
        Offer::Percent { ratio } => share(ratio.of(sum(left.iter().copied())), &left),
        Offer::Fixed { amount } => share(amount.min(sum(left.iter().copied())), &left),
        Offer::BuyXGetY { buy, get } => match free_pieces(basket, &lines, &left, buy, get) {
            Some(parts) => parts,
            None => {
                return CouponOutcome::Unmet(format!("It needs {} matching pieces.", buy.saturating_add(get)).into());
            }
        },
    };
    let amount = sum(parts.iter().copied());
    if amount == Amount::ZERO {
        return CouponOutcome::Idle;
    }
    for (index, part) in lines.into_iter().zip(parts) {
        if let Some(taken) = discounts.lines.get_mut(index) {
            taken.0 = taken.0.saturating_add(part.0);
        }
    }
    CouponOutcome::Applied(amount)
}

fn ship_for_nothing(basket: &Basket<'_>, discounts: &mut Discounts) -> CouponOutcome {
    match basket.shipping {
        // The shipping price is not known yet.
        None if !basket.lines.is_empty() => CouponOutcome::Applied(Amount::ZERO),
        Some((_, price)) if price > discounts.shipping => {
            let amount = Amount(price.0 - discounts.shipping.0);
            discounts.shipping = price;
            CouponOutcome::Applied(amount)
        }
        _ => CouponOutcome::Idle,
    }
}

/// The discount per line if `get` of every `buy + get` pieces are free. The cheapest pieces are free. A line with free
/// pieces gives their share of its remaining amount. `None` if there are too few pieces.
fn free_pieces(basket: &Basket<'_>, lines: &[usize], left: &[Amount], buy: i64, get: i64) -> Option<Vec<Amount>> {
    let mut pieces: Vec<(Amount, usize, i64)> = Vec::with_capacity(lines.len());
    for (place, line) in lines.iter().enumerate() {
        pieces.extend(basket.lines.get(*line).map(|line| (line.unit_price, place, line.quantity)));
    }
    pieces.sort_unstable();
    let count = pieces.iter().fold(0_i64, |sum, (_, _, quantity)| sum.saturating_add(*quantity));
    let bundles = count.checked_div(buy.saturating_add(get)).unwrap_or_default();
    let mut free = bundles.saturating_mul(get);
    if free == 0 {
        return None;
    }
    let mut parts = vec![Amount::ZERO; left.len()];
    for (_, place, quantity) in pieces {
        let taken = free.min(quantity);
        free -= taken;
        if let (Some(part), Some(left)) = (parts.get_mut(place), left.get(place)) {
            *part = half_up(i128::from(left.0) * i128::from(taken), i128::from(quantity));
        }
    }
    Some(parts)
}
