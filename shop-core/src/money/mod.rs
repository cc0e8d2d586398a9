//! Money: integer minor units and an ISO 4217 currency. No floats anywhere.

mod ratio;
mod share;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};

pub use ratio::Ratio;
pub(crate) use ratio::half_up;
pub use share::share;

/// An ISO 4217 currency, which determines the number of decimals.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// The US dollar, the shop's default.
    pub const USD: Self = Self(iso_currency::Currency::USD);

    /// The three-letter ISO 4217 code.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// The number of decimals of amounts in this currency: 2 for USD, 0 for JPY, 3 for KWD.
    #[must_use]
    pub fn decimals(self) -> u32 {
        u32::from(self.0.exponent().unwrap_or(0))
    }

    /// Parses an amount in major units: ASCII `[0-9]+(\.[0-9]+)?` without padding (no spaces, no leading zeros), with
    /// at most this currency's decimals.
    ///
    /// # Errors
    /// A sentence for the caller: not a decimal, padded, too many decimals, or above [`Amount::MAX`].
    ///
    /// ```
    /// use shop_core::money::{Amount, Currency};
    /// assert_eq!(Currency::USD.parse_amount("19.9"), Ok(Amount(1990)));
    /// assert!(Currency::USD.parse_amount("19.999").is_err());
    /// assert!(Currency::USD.parse_amount("019.9").is_err());
    /// ```
    pub fn parse_amount(self, text: &str) -> Result<Amount, String> {
        let (whole, fraction) = text.split_once('.').map_or((text, None), |(a, b)| (a, Some(b)));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || fraction.is_some_and(|part| !digits(part)) || text.len() > 40 {
            return Err("Must be a decimal string such as \"19.99\".".into());
        }
        if whole.len() > 1 && whole.starts_with('0') {
            return Err("May not begin with zeros: write \"1.50\", not \"01.50\".".into());
        }
        let fraction = fraction.unwrap_or("");
        let decimals = self.decimals() as usize;
        if fraction.len() > decimals {
            return Err(format!("{} has at most {decimals} decimal places.", self.code()));
        }
        let minor = format!("{whole}{fraction:0<decimals$}");
        match minor.trim_start_matches('0') {
            "" => Ok(Amount(0)),
            minor => match minor.parse::<i64>() {
                Ok(minor) if minor <= Amount::MAX.0 => Ok(Amount(minor)),
                _ => Err(format!("Must be at most {}.", self.format_amount(Amount::MAX))),
            },
        }
    }

    /// Formats an amount in major units with all decimals of this currency: `"19.99"`, `"80"`, `"1.250"`.
    #[must_use]
    pub fn format_amount(self, amount: Amount) -> String {
        let decimals = self.decimals();
        if decimals == 0 {
            return amount.0.to_string();
        }
        let scale = 10_u64.pow(decimals);
        let minor = amount.0.unsigned_abs();
        let sign = if amount.0 < 0 { "-" } else { "" };
        format!("{sign}{}.{:0width$}", minor / scale, minor % scale, width = decimals as usize)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = String;

    fn from_str(code: &str) -> Result<Self, String> {
        iso_currency::Currency::from_code(code)
            .filter(|currency| currency.exponent().is_some())
            .map(Self)
            .ok_or_else(|| format!("{code:?} is not an ISO 4217 currency code."))
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let code = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        code.parse().map_err(serde::de::Error::custom)
    }
}

/// An amount in minor units (cents). The object that contains it names the currency once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Amount(pub i64);

impl Amount {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// The largest amount accepted on input, 10^15 minor units: the sum of a thousand such lines still fits in an
    /// `i64`.
    pub const MAX: Self = Self(1_000_000_000_000_000);

    /// Adds two amounts.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `amount` when the result exceeds an `i64`.
    pub fn plus(self, other: Self) -> Result<Self> {
        self.0.checked_add(other.0).map(Self).ok_or_else(too_large)
    }

    /// Subtracts an amount; the result may be negative.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `amount` when the result exceeds an `i64`.
    pub fn minus(self, other: Self) -> Result<Self> {
        self.0.checked_sub(other.0).map(Self).ok_or_else(too_large)
    }

    /// Multiplies the amount by `quantity`.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `amount` when the result exceeds an `i64`.
    pub fn times(self, quantity: i64) -> Result<Self> {
        self.0.checked_mul(quantity).map(Self).ok_or_else(too_large)
    }

    /// Adds all amounts.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `amount` when a sum exceeds an `i64`.
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::plus)
    }
}

fn too_large() -> Error {
    Error::invalid("amount", "The amount is too large.")
}

/// A saturating sum, where a result out of range cannot be reported.
pub(crate) fn saturating_sum(amounts: impl IntoIterator<Item = Amount>) -> Amount {
    amounts.into_iter().fold(Amount::ZERO, |sum, amount| Amount(sum.0.saturating_add(amount.0)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_again_and_a_decimal_more_is_refused(
            code in prop_oneof!["JPY", "USD", "KWD"],
            minor in prop_oneof![0..10_000_i64, 0..=Amount::MAX.0],
        ) {
            let currency: Currency = code.parse().unwrap();
            let text = currency.format_amount(Amount(minor));
            prop_assert_eq!(currency.parse_amount(&text), Ok(Amount(minor)));
            let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
            prop_assert_eq!(decimals, currency.decimals() as usize);
            let more = if decimals == 0 { format!("{text}.0") } else { format!("{text}0") };
            prop_assert!(currency.parse_amount(&more).is_err());
            prop_assert_eq!(currency.format_amount(Amount(-minor - 1)), format!("-{}", currency.format_amount(Amount(minor + 1))));
        }
    }
}
