//! Amounts as Stripe writes them ("Supported currencies", sections "Zero-decimal currencies", "Three-decimal
//! currencies" and "Special cases").
//!
//! Both sides count in minor units, but do not always agree on how many decimals a currency has. A wrong guess is off by
//! a factor of a hundred, so only what the manual names departs from ISO 4217, and whatever does not come out
//! whole is refused, never rounded.

use shop_core::money::{Amount, Currency};
use shop_core::payments::ChargeLimits;

/// No decimals at Stripe. All but MGA have none in ISO 4217 either.
const ZERO_DECIMAL: [&str; 15] =
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"];
/// Three decimals, of which the last must be 0, for the sake of Stripe's partners.
const THREE_DECIMAL: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];
/// No fractions, and yet written with two decimals that are always 00. (UGX stands in both lists of the manual; its
/// special case says how it is written. HUF and TWD are special for payouts only.)
const WHOLE_IN_HUNDREDTHS: [&str; 2] = ["ISK", "UGX"];

/// The least that is charged in a currency, in its ISO 4217 minor units ("Minimum and maximum charge amounts"). It is that of
/// accounts that settle in the currency; what must be converted may have to be more, which only Stripe can say.
const MINIMUM: [(&str, i64); 24] = [
    ("AED", 200),
    ("AUD", 50),
    ("BGN", 100),
    ("BRL", 50),
    ("CAD", 50),
    ("CHF", 50),
    ("CZK", 1500),
    ("DKK", 250),
    ("EUR", 50),
    ("GBP", 30),
    ("HKD", 400),
    ("HUF", 17_500),
    ("INR", 50),
    ("JPY", 50),
    ("MXN", 1000),
    ("MYR", 200),
    ("NOK", 300),
    ("NZD", 50),
    ("PLN", 200),
    ("RON", 200),
    ("SEK", 300),
    ("SGD", 50),
    ("THB", 1000),
    ("USD", 50),
];
/// An amount has at most eight digits at Stripe, of rupiahs twelve.
const MAXIMUM: i64 = 99_999_999;
const MAXIMUM_IDR: i64 = 999_999_999_999;

/// How an amount of a currency is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Scale {
    /// Decimals at Stripe.
    decimals: u32,
    /// What every amount at Stripe must be a multiple of.
    step: i64,
}

fn scale(currency: Currency) -> Option<Scale> {
    let code = currency.code();
    if ZERO_DECIMAL.contains(&code) {
        Some(Scale { decimals: 0, step: 1 })
    } else if THREE_DECIMAL.contains(&code) {
        Some(Scale { decimals: 3, step: 10 })
    } else if WHOLE_IN_HUNDREDTHS.contains(&code) {
        Some(Scale { decimals: 2, step: 100 })
    } else if currency.decimals() == 2 {
        Some(Scale { decimals: 2, step: 1 })
    } else {
        // Not in the manual, and no cents: Stripe does not charge it.
        None
    }
}

/// What Stripe charges of a currency; `None` when it does not take it.
pub(super) fn limits(currency: Currency) -> Option<ChargeLimits> {
    let scale = scale(currency)?;
    let (ours, theirs) = (factor(currency.decimals()), factor(scale.decimals));
    // The least amount of ours that is a whole number of their steps.
    let step = ours * scale.step / greatest_common_divisor(ours * scale.step, theirs);
    let minimum = MINIMUM.iter().find(|(code, _)| *code == currency.code()).map_or(step, |(_, minimum)| *minimum);
    let maximum = if currency.code() == "IDR" { MAXIMUM_IDR } else { MAXIMUM };
    let maximum = maximum * ours / theirs;
    Some(ChargeLimits { step: Amount(step), minimum: Amount(minimum), maximum: Amount(maximum - maximum % step) })
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// An amount of the shop as Stripe wants it.
///
/// # Errors
/// A sentence for staff: Stripe does not charge this currency, or not this amount of it.
pub(super) fn to_stripe(amount: Amount, currency: Currency) -> Result<i64, String> {
    let scale = scale(currency).ok_or_else(|| format!("Stripe does not take {currency}."))?;
    let (ours, theirs) = (factor(currency.decimals()), factor(scale.decimals));
    let too_fine = || format!("Stripe does not take {} {currency}: too many decimals.", currency.format_amount(amount));
    let scaled = amount.0.checked_mul(theirs).ok_or_else(too_fine)?;
    let whole = scaled % ours == 0 && (scaled / ours) % scale.step == 0;
    if whole { Ok(scaled / ours) } else { Err(too_fine()) }
}

/// An amount that Stripe has written, in the shop's minor units; `None` when it is not a whole number of them.
pub(super) fn from_stripe(amount: i64, currency: Currency) -> Option<Amount> {
    let scale = scale(currency)?;
    let (ours, theirs) = (factor(currency.decimals()), factor(scale.decimals));
    let scaled = amount.checked_mul(ours)?;
    (scaled % theirs == 0).then(|| Amount(scaled / theirs))
}

/// Ten to this power; at most thousandths occur.
fn factor(decimals: u32) -> i64 {
    10_i64.pow(decimals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn currency(code: &str) -> Currency {
        code.parse().unwrap()
    }

    #[test]
    fn amounts_are_written_as_the_manual_says() {
        let same = [("USD", 1999), ("JPY", 500), ("HUF", 1045), ("TWD", 80_045), ("KRW", 1), ("KWD", 5120)];
        for (code, minor) in same {
            assert_eq!(to_stripe(Amount(minor), currency(code)), Ok(minor), "{code}");
        }
        assert_eq!(to_stripe(Amount(5), currency("ISK")), Ok(500), "5 ISK are 500");
        assert_eq!(to_stripe(Amount(5), currency("UGX")), Ok(500), "5 UGX are 500");
        assert_eq!(to_stripe(Amount(500), currency("MGA")), Ok(5), "two decimals in ISO 4217, none at Stripe");
    }

    #[test]
    fn what_does_not_come_out_whole_is_refused() {
        for (minor, code) in [(5124, "KWD"), (1, "BHD"), (550, "MGA"), (1000, "IQD"), (i64::MAX, "ISK")] {
            assert!(to_stripe(Amount(minor), currency(code)).is_err(), "{minor} {code}");
        }
        assert_eq!(from_stripe(550, currency("ISK")), None, "half a króna");
        assert_eq!(from_stripe(1000, currency("IQD")), None);
    }

    #[test]
    fn every_named_currency_is_one() {
        for code in ZERO_DECIMAL.iter().chain(&THREE_DECIMAL).chain(&WHOLE_IN_HUNDREDTHS) {
            let currency = currency(code);
            let thousandths = THREE_DECIMAL.contains(code);
            assert_eq!(currency.decimals() == 3, thousandths, "{code}");
            assert_eq!(currency.decimals() == 2, *code == "MGA", "{code}");
        }
    }

    #[test]
    fn the_limits_are_those_of_the_manual() {
        let of = |code: &str| {
            let limits = limits(currency(code)).unwrap();
            (limits.step.0, limits.minimum.0, limits.maximum.0)
        };
        for (code, minimum) in [("USD", 50), ("EUR", 50), ("GBP", 30), ("AED", 200), ("HUF", 17_500), ("THB", 1000)] {
            assert_eq!(of(code), (1, minimum, 99_999_999), "{code}");
        }
        for code in THREE_DECIMAL {
            assert_eq!(of(code), (10, 10, 99_999_990), "{code}");
        }
        assert_eq!(of("JPY"), (1, 50, 99_999_999));
        assert_eq!(of("ISK"), (1, 1, 999_999), "5 ISK are 500");
        assert_eq!(of("MGA"), (100, 100, 9_999_999_900), "two decimals in ISO 4217, none at Stripe");
        assert_eq!(of("IDR"), (1, 1, 999_999_999_999));
        assert_eq!(limits(currency("IQD")), None);
    }

    proptest! {
        #[test]
        fn what_is_within_the_limits_can_be_sent(
            minor in 0..=Amount::MAX.0,
            code in prop::sample::select(vec!["USD", "EUR", "JPY", "KWD", "ISK", "UGX", "MGA", "HUF", "IDR"]),
        ) {
            let currency = currency(code);
            let limits = limits(currency).unwrap();
            let rounded = limits.rounded(Amount(minor)).min(limits.maximum);
            let written = to_stripe(rounded, currency).unwrap();
            let most = if code == "IDR" { MAXIMUM_IDR } else { MAXIMUM };
            prop_assert!(written <= most);
            prop_assert_eq!(to_stripe(Amount(minor), currency).is_ok(), limits.is_multiple(Amount(minor)));
        }

        #[test]
        fn what_was_sent_is_read_back(
            minor in 0..=Amount::MAX.0,
            code in prop::sample::select(vec!["USD", "EUR", "JPY", "KWD", "ISK", "UGX", "MGA", "HUF"]),
        ) {
            let currency = currency(code);
            if let Ok(written) = to_stripe(Amount(minor), currency) {
                prop_assert_eq!(from_stripe(written, currency), Some(Amount(minor)));
            }
        }
    }
}
