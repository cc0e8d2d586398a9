//! Converts amounts to and from Stripe's notation ("Supported currencies", sections "Zero-decimal currencies",
//! "Three-decimal currencies" and "Special cases").
//!
//! Both sides count in minor units, but disagree on the decimals of some currencies. A wrong guess is off by a factor
//! of a hundred. So only the currencies that the manual names depart from ISO 4217, and amounts that do not convert
//! exactly are refused, never rounded.

use shop_core::money::{Amount, Currency};
use shop_core::payments::ChargeLimits;

/// Currencies without decimals at Stripe. All but MGA have none in ISO 4217 either.
const ZERO_DECIMAL: [&str; 15] =
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"];
/// Currencies with three decimals, of which the last must be 0 (a requirement of Stripe's partners).
const THREE_DECIMAL: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];
/// Currencies without fractions that Stripe still writes with two decimals, always 00. (The manual lists UGX in both
/// groups; its special case says how it is written. HUF and TWD are special only for payouts.)
const WHOLE_IN_HUNDREDTHS: [&str; 2] = ["ISK", "UGX"];

/// The minimum charge of a currency, in ISO 4217 minor units ("Minimum and maximum charge amounts"). It applies to
/// accounts that settle in that currency. With a conversion the minimum may be higher, which only Stripe knows.
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
/// The maximum charge: eight digits at Stripe, but twelve for Indonesian rupiahs.
const MAXIMUM: i64 = 99_999_999;
const MAXIMUM_IDR: i64 = 999_999_999_999;

/// How Stripe writes amounts of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Scale {
    /// The number of decimals at Stripe.
    decimals: u32,
    /// Every amount at Stripe must be a multiple of this.
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
        // Neither in the manual nor with two decimals: Stripe does not charge it.
        None
    }
}

/// The amounts that Stripe can charge in a currency; `None` if it does not support the currency.
pub(super) fn limits(currency: Currency) -> Option<ChargeLimits> {
    let scale = scale(currency)?;
    let (ours, theirs) = (factor(currency.decimals()), factor(scale.decimals));
    // The smallest of our amounts that is a whole number of Stripe's steps.
    let step = ours * scale.step / greatest_common_divisor(ours * scale.step, theirs);
    let minimum = MINIMUM.iter().find(|(code, _)| *code == currency.code()).map_or(step, |(_, minimum)| *minimum);
    let maximum = if currency.code() == "IDR" { MAXIMUM_IDR } else { MAXIMUM };
    let maximum = maximum * ours / theirs;
    Some(ChargeLimits { step: Amount(step), minimum: Amount(minimum), maximum: Amount(maximum - maximum % step) })
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// Converts an amount to Stripe's notation.
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

/// Converts an amount from Stripe to the shop's minor units; `None` if it is not a whole number of them.
pub(super) fn from_stripe(amount: i64, currency: Currency) -> Option<Amount> {
    let scale = scale(currency)?;
    let (ours, theirs) = (factor(currency.decimals()), factor(scale.decimals));
    let scaled = amount.checked_mul(ours)?;
    (scaled % theirs == 0).then(|| Amount(scaled / theirs))
}

/// Ten to this power; `decimals` is at most 3.
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
