//! Splits an amount into parts that sum to it exactly.

use super::ratio::divide;
use crate::money::Amount;

/// Splits `whole` in proportion to the weights (none negative) by largest remainder: each part is its exact share
/// rounded down; the remaining units go one by one to the parts that lost most by rounding, the earlier first in a tie.
///
/// The parts sum to `whole`. If `whole` is at most the sum of the weights, no part exceeds its weight. If all weights
/// are zero, the first part gets everything.
#[must_use]
pub fn share(whole: Amount, weights: &[Amount]) -> Vec<Amount> {
    let total: i128 = weights.iter().map(|weight| i128::from(weight.0)).sum();
    if total <= 0 {
        return weights.iter().enumerate().map(|(index, _)| if index == 0 { whole } else { Amount::ZERO }).collect();
    }
    let mut left = whole.0;
    let mut parts = Vec::with_capacity(weights.len());
    let mut losses = Vec::with_capacity(weights.len());
    for (index, weight) in weights.iter().enumerate() {
        let exact = i128::from(whole.0) * i128::from(weight.0);
        let (part, loss) = divide(exact, total);
        losses.push((std::cmp::Reverse(loss), index));
        let part = i64::try_from(part).unwrap_or(i64::MAX);
        left = left.saturating_sub(part);
        parts.push(Amount(part));
    }
    // There are fewer remaining units than parts, since each part lost less than one unit.
    let left = usize::try_from(left).unwrap_or_default();
    if left < losses.len() {
        // Only membership in the first `left` matters, not the order.
        losses.select_nth_unstable(left);
    }
    for (_, index) in losses.into_iter().take(left) {
        if let Some(part) = parts.get_mut(index) {
            part.0 += 1;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shared(whole: i64, weights: &[i64]) -> Vec<i64> {
        let weights: Vec<_> = weights.iter().copied().map(Amount).collect();
        share(Amount(whole), &weights).into_iter().map(|part| part.0).collect()
    }

    #[test]
    fn the_largest_remainder_gets_what_is_left() {
        assert_eq!(shared(100, &[1, 1, 1]), [34, 33, 33]);
        assert_eq!(shared(10, &[1000, 1999]), [3, 7]);
        assert_eq!(shared(1, &[1, 2, 1]), [0, 1, 0]);
        assert_eq!(shared(0, &[5, 5]), [0, 0]);
        assert_eq!(shared(7, &[0, 0]), [7, 0]);
        assert_eq!(shared(7, &[0, 3, 0]), [0, 7, 0]);
        assert_eq!(shared(7, &[]), [0; 0]);
    }

    proptest! {
        #[test]
        fn the_parts_sum_to_the_whole_and_exceed_no_weight(
            weights in proptest::collection::vec(0_i64..=Amount::MAX.0, 1..50), of in 0_i64..=1_000_000,
        ) {
            let total: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
            let whole = i64::try_from(total * i128::from(of) / 1_000_000).unwrap();
            let parts = shared(whole, &weights);
            prop_assert_eq!(parts.iter().sum::<i64>(), whole);
            for (part, weight) in parts.iter().zip(&weights) {
                prop_assert!((0..=*weight).contains(part));
            }
        }

        #[test]
        fn equal_weights_differ_by_a_unit_at_most(whole in 0_i64..10_000, count in 1_usize..50) {
            let parts = shared(whole, &vec![7; count]);
            prop_assert!(parts.iter().max().unwrap() - parts.iter().min().unwrap() <= 1);
        }
    }
}
