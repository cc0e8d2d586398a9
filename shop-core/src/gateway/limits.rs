//! The amounts that a gateway can charge.

use crate::error::{Error, Result};
use crate::gateway::PaymentGateway;
use crate::money::{Amount, Currency};
use crate::pricing::Priced;

/// The amounts of a currency that a gateway charges, in minor units. Default: every amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChargeLimits {
    /// Every amount that is charged, captured or refunded is a multiple of this: 10 if a dinar is only charged in
    /// hundredths. 0 counts as 1.
    pub step: Amount,
    /// The minimum charge for an order.
    pub minimum: Amount,
    /// The maximum charge for an order.
    pub maximum: Amount,
}

impl Default for ChargeLimits {
    fn default() -> Self {
        Self { step: Amount(1), minimum: Amount(1), maximum: Amount::MAX }
    }
}

impl ChargeLimits {
    /// The limits of a gateway for a currency.
    ///
    /// # Errors
    /// [`Error::TotalNotChargeable`] when the gateway does not support the currency.
    pub(crate) fn of(gateway: &dyn PaymentGateway, currency: Currency) -> Result<Self> {
        gateway.charge_limits(currency).ok_or_else(|| {
            let detail = format!("{} does not take {currency}.", gateway.name());
            Error::TotalNotChargeable { detail }
        })
    }

    /// Rounds a non-negative amount to the nearest multiple of the step, half up.
    #[must_use]
    pub fn rounded(&self, amount: Amount) -> Amount {
        let (step, amount) = (i128::from(self.step.0.max(1)), i128::from(amount.0));
        let rounded = (2 * amount + step) / (2 * step) * step;
        Amount(i64::try_from(rounded).unwrap_or(i64::MAX))
    }

    /// Rounds a non-negative amount up to a multiple of the step.
    #[must_use]
    pub fn raised(&self, amount: Amount) -> Amount {
        let step = self.step.0.max(1);
        Amount(amount.0.saturating_add(step - 1) / step * step)
    }

    /// Rounds a non-negative amount down to a multiple of the step.
    #[must_use]
    pub fn lowered(&self, amount: Amount) -> Amount {
        Amount(amount.0 - amount.0 % self.step.0.max(1))
    }

    /// The minimum charge, always more than zero.
    fn least(&self) -> Amount {
        self.minimum.max(self.step).max(Amount(1))
    }

    /// Whether an amount is a multiple of the step.
    #[must_use]
    pub fn is_multiple(&self, amount: Amount) -> bool {
        amount.0 % self.step.0.max(1) == 0
    }

    /// Checks the total of an order.
    ///
    /// # Errors
    /// [`Error::TotalNotChargeable`] that says what the gateway charges.
    pub(crate) fn judge(&self, gateway: &dyn PaymentGateway, total: Amount, currency: Currency) -> Result<()> {
        let format = |amount| format!("{} {currency}", currency.format_amount(amount));
        let what = if total < self.least() {
            format!("at least {}", format(self.least()))
        } else if total > self.maximum {
            format!("at most {}", format(self.maximum))
        } else if !self.is_multiple(total) {
            format!("multiples of {} only", format(self.step))
        } else {
            return Ok(());
        };
        let detail = format!("{} charges {what}: {} cannot be paid with it.", gateway.name(), format(total));
        Err(Error::TotalNotChargeable { detail })
    }

    /// Checks an amount to capture or refund.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `amount` when it is not a multiple of the step.
    pub(crate) fn judge_part(&self, part: Amount, currency: Currency) -> Result<()> {
        if self.is_multiple(part) {
            return Ok(());
        }
        let step = currency.format_amount(self.step);
        Err(Error::invalid("amount", format!("Must be a multiple of {step} {currency}: the gateway moves no others.")))
    }
}

/// Rounds the total of an order for its gateway: to the nearest multiple of the gateway's step, half up, as an
/// adjustment. An order with a total of zero is not charged and not changed.
///
/// # Errors
/// [`Error::TotalNotChargeable`] when the gateway cannot charge the rounded total.
pub(crate) fn round_for(gateway: &dyn PaymentGateway, currency: Currency, priced: &mut Priced) -> Result<()> {
    if priced.total <= Amount::ZERO {
        return Ok(());
    }
    let limits = ChargeLimits::of(gateway, currency)?;
    let rounded = limits.rounded(priced.total);
    if rounded < limits.least() {
        return limits.judge(gateway, priced.total, currency);
    }
    priced.round_to(rounded);
    limits.judge(gateway, rounded, currency)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gateway::ManualGateway;

    fn limits(step: i64, minimum: i64, maximum: i64) -> ChargeLimits {
        ChargeLimits { step: Amount(step), minimum: Amount(minimum), maximum: Amount(maximum) }
    }

    fn judged(limits: ChargeLimits, total: i64) -> String {
        let currency = "KWD".parse().unwrap();
        match limits.judge(&ManualGateway::new("card", "Card"), Amount(total), currency) {
            Ok(()) => String::new(),
            Err(error) => {
                assert_eq!(error.code(), "total_not_chargeable");
                error.to_string()
            }
        }
    }

    #[test]
    fn an_amount_is_rounded_to_the_nearest_multiple_half_up() {
        let rounded = |step, amount| limits(step, 1, i64::MAX).rounded(Amount(amount)).0;
        assert_eq!([1625, 1624, 1620, 4, 5].map(|amount| rounded(10, amount)), [1630, 1620, 1620, 0, 10]);
        assert_eq!([12, 13, 2, 3].map(|amount| rounded(5, amount)), [10, 15, 0, 5]);
        assert_eq!([7, 0].map(|amount| rounded(1, amount)), [7, 0]);
        assert_eq!((rounded(0, 7), rounded(-3, 7), rounded(10, i64::MAX)), (7, 7, i64::MAX));
    }

    #[test]
    fn an_amount_is_raised_and_lowered_to_a_multiple() {
        let around = |step, amount| {
            let limits = limits(step, 1, i64::MAX);
            (limits.lowered(Amount(amount)).0, limits.raised(Amount(amount)).0)
        };
        assert_eq!([around(10, 1625), around(10, 1620), around(10, 0)], [(1620, 1630), (1620, 1620), (0, 0)]);
        assert_eq!([around(1, 7), around(0, 7), around(-3, 7)], [(7, 7); 3]);
    }

    #[test]
    fn a_refusal_says_what_can_be_charged() {
        let limits = limits(10, 500, 9000);
        assert_eq!((judged(limits, 500), judged(limits, 9000)), (String::new(), String::new()));
        assert!(judged(limits, 490).contains("at least 0.500 KWD"), "{}", judged(limits, 490));
        assert!(judged(limits, 9010).contains("at most 9.000 KWD"));
        assert!(judged(limits, 1625).contains("multiples of 0.010 KWD"));
        assert!(judged(ChargeLimits { step: Amount(10), ..ChargeLimits::default() }, 0).contains("at least 0.010 KWD"));
        assert_eq!(judged(ChargeLimits::default(), 1), "");
    }

    proptest! {
        #[test]
        fn a_rounded_amount_is_near_and_stays(step in 1_i64..1000, amount in 0..=Amount::MAX.0) {
            let limits = limits(step, 1, i64::MAX);
            let rounded = limits.rounded(Amount(amount));
            prop_assert!(limits.is_multiple(rounded) && (rounded.0 - amount).abs() * 2 <= step);
            prop_assert_eq!(limits.rounded(rounded), rounded);
        }
    }
}
