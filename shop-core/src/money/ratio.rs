//! Percentages and tax rates in whole millionths, so that a share of an amount is exact until it is rounded, once.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::money::Amount;

/// Number of decimal places of a ratio.
const DECIMALS: usize = 6;
/// The ratio 1, in millionths.
const ONE: i64 = 1_000_000;

/// A ratio in whole millionths: 82,500 is 0.0825, or 8.25 %.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ratio(pub i64);

impl Ratio {
    /// The ratio 1, or 100 %.
    pub const WHOLE: Self = Self(ONE);

    /// Parses a ratio from 0 to 1, such as `"0.0825"`, with at most six decimals.
    ///
    /// # Errors
    /// A sentence for the API client.
    pub fn parse(text: &str) -> Result<Self, String> {
        parse(text, DECIMALS, "0.0825").and_then(|ratio| match ratio {
            Self(..=ONE) => Ok(ratio),
            _ => Err("Must be at most 1: \"0.2\" stands for 20 %.".into()),
        })
    }

    /// Parses a percentage above 0 and up to 100, such as `"12.5"`, with at most four decimals.
    ///
    /// # Errors
    /// A sentence for the API client.
    pub fn parse_percent(text: &str) -> Result<Self, String> {
        parse(text, DECIMALS - 2, "12.5").and_then(|ratio| match ratio {
            Self(1..=ONE) => Ok(ratio),
            _ => Err("Must be more than 0 and at most 100.".into()),
        })
    }

    /// Formats the ratio as a percentage without trailing zeros: `"8.25"`.
    #[must_use]
    pub fn percent(self) -> String {
        format(self.0, DECIMALS - 2)
    }

    /// This share of a non-negative amount, rounded half up.
    #[must_use]
    pub fn of(self, amount: Amount) -> Amount {
        half_up(i128::from(amount.0) * i128::from(self.0), i128::from(ONE))
    }

    /// The part of a non-negative amount that was added at this ratio, rounded half up: the tax in a tax-inclusive
    /// price.
    #[must_use]
    pub fn contained_in(self, amount: Amount) -> Amount {
        half_up(i128::from(amount.0) * i128::from(self.0), i128::from(ONE) + i128::from(self.0))
    }
}

impl fmt::Display for Ratio {
    /// Formats the ratio as a decimal without trailing zeros: `"0.0825"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format(self.0, DECIMALS))
    }
}

/// Divides non-negative numbers, rounded half up.
pub(crate) fn half_up(dividend: i128, divisor: i128) -> Amount {
    let rounded = if divisor > 0 { divide(2 * dividend + divisor, 2 * divisor).0 } else { 0 };
    Amount(i64::try_from(rounded).unwrap_or(i64::MAX))
}

/// Quotient and remainder of non-negative numbers; both 0 if the divisor is. Typical amounts fit into 64 bits, where
/// division is several times faster.
pub(super) fn divide(dividend: i128, divisor: i128) -> (i128, i128) {
    match (u64::try_from(dividend), u64::try_from(divisor)) {
        (_, Ok(0)) => (0, 0),
        (Ok(dividend), Ok(divisor)) => (i128::from(dividend / divisor), i128::from(dividend % divisor)),
        _ => (dividend / divisor, dividend % divisor),
    }
}

fn parse(text: &str, decimals: usize, example: &str) -> Result<Ratio, String> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let padded = whole.len() > 1 && whole.starts_with('0');
    if !digits(whole) || padded || whole.len() > 3 || fraction.is_some_and(|part| !digits(part)) {
        return Err(format!("Must be a decimal string such as \"{example}\"."));
    }
    let fraction = fraction.unwrap_or_default();
    if fraction.len() > decimals {
        return Err(format!("At most {decimals} decimal places."));
    }
    format!("{whole}{fraction:0<decimals$}").parse().map(Ratio).map_err(|_| "Is too large.".to_owned())
}

fn format(units: i64, decimals: usize) -> String {
    let digits = format!("{units:0width$}", width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ratios_are_read_exactly() {
        for (text, millionths) in [("0", 0), ("0.0825", 82_500), ("1", 1_000_000), ("0.000001", 1), ("1.0", 1_000_000)]
        {
            assert_eq!(Ratio::parse(text), Ok(Ratio(millionths)));
        }
        for text in ["", ".5", "5.", "-0.1", "1.1", "0.0000001", "00.1", "1e-2", "0,2", " 0.2", "٠.١", "20", "9999"] {
            assert!(Ratio::parse(text).is_err(), "{text}");
        }
        for (text, millionths) in [("10", 100_000), ("12.5", 125_000), ("100", 1_000_000), ("0.0001", 1)] {
            assert_eq!(Ratio::parse_percent(text), Ok(Ratio(millionths)));
        }
        for text in ["0", "100.0001", "101", "-5", "5%", "0.00001"] {
            assert!(Ratio::parse_percent(text).is_err(), "{text}");
        }
    }

    #[test]
    fn halves_are_rounded_up() {
        assert_eq!(Ratio(500_000).of(Amount(1)), Amount(1));
        assert_eq!(Ratio(499_999).of(Amount(1)), Amount(0));
        assert_eq!(Ratio(82_500).of(Amount(1999)), Amount(165)); // 164.9175
        assert_eq!(Ratio(200_000).contained_in(Amount(1200)), Amount(200));
        assert_eq!(Ratio(190_000).contained_in(Amount(1000)), Amount(160)); // 159.66…
        assert_eq!(Ratio(1_000_000).contained_in(Amount(1)), Amount(1)); // one half
        assert_eq!(Ratio::WHOLE.of(Amount::MAX), Amount::MAX);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(millionths in 0_i64..=1_000_000) {
            let ratio = Ratio(millionths);
            prop_assert_eq!(Ratio::parse(&ratio.to_string()), Ok(ratio));
            if millionths > 0 {
                prop_assert_eq!(Ratio::parse_percent(&ratio.percent()), Ok(ratio));
            }
        }

        #[test]
        fn a_share_is_at_most_the_whole(millionths in 0_i64..=1_000_000, amount in 0_i64..=Amount::MAX.0) {
            let (ratio, amount) = (Ratio(millionths), Amount(amount));
            prop_assert!((Amount::ZERO..=amount).contains(&ratio.of(amount)));
            prop_assert!((Amount::ZERO..=amount).contains(&ratio.contained_in(amount)));
        }
    }
}
