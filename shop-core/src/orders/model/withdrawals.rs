//! Declarations of a buyer who withdraws from the contract.

use serde::{Deserialize, Serialize};

use super::Order;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::{OrderId, ReturnId, WithdrawalId};
use crate::money::Amount;
use crate::orders::Return;
use crate::pricing::{Ratio, half_up, share};
use crate::shipping::ShipmentItem;

/// A buyer's declaration that they withdraw from the contract (Directive 2011/83/EU, articles 9 to 16): what was received,
/// and when. Only [`Withdrawal::shipping_refund`] ever changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// Identity.
    pub id: WithdrawalId,
    /// When the declaration was received; the receipt says it.
    pub received_at: Timestamp,
    /// How many of which lines.
    pub items: Vec<ShipmentItem>,
    /// The return of what had shipped, if anything had. The rest was called off.
    pub return_id: Option<ReturnId>,
    /// The part of the price of shipping that is given back, with its tax: with the return, or at once where no goods are
    /// outstanding. It is not more than the cheapest method would have cost (article 13(2)), and zero unless the order is
    /// withdrawn as a whole. Of several withdrawals, the one whose goods come last has it; it is zero again when a return ends
    /// without its goods. Of an order that is canceled it is all that was paid of the price.
    pub shipping_refund: Amount,
    /// The buyer's words.
    pub note: String,
}

/// What a buyer who withdraws is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawalReceipt {
    /// The order that was withdrawn from.
    pub order_id: OrderId,
    /// What was received.
    pub withdrawal: Withdrawal,
}

impl Order {
    /// What of a return's amount is the price of shipping: what a withdrawal gives back with it.
    #[must_use]
    pub fn shipping_refund_of(&self, returned: ReturnId) -> Amount {
        let of_return = self.withdrawals.iter().find(|one| one.return_id == Some(returned));
        of_return.map_or(Amount::ZERO, |one| one.shipping_refund)
    }

    /// Whether a return was opened by a withdrawal.
    pub(in crate::orders) fn is_of_withdrawal(&self, returned: ReturnId) -> bool {
        self.withdrawals.iter().any(|one| one.return_id == Some(returned))
    }

    /// Changes what a withdrawal gives back of the price of shipping with this return.
    pub(in crate::orders) fn set_shipping_refund(&mut self, returned: ReturnId, amount: Amount) {
        if let Some(one) = self.withdrawals.iter_mut().find(|one| one.return_id == Some(returned)) {
            one.shipping_refund = amount;
        }
    }

    /// The most of the price of shipping that a buyer who withdraws from all of the order gets back: what the cheapest method
    /// would have cost, its tax considered, or what was paid, whichever is less. In orders of earlier releases, which do not
    /// know the cheapest method, it is what was paid. `returns` are all of the order: what was promised with one that will not
    /// come, is promised no more.
    pub(in crate::orders) fn refundable_shipping(&self, returns: &[Return]) -> Result<Amount> {
        let (charged, price) = (self.shipping_charged()?, self.shipping_total);
        let refundable = match self.shipping_method.cheapest {
            Some(cheapest) if cheapest < price => {
                half_up(i128::from(charged.0) * i128::from(cheapest.0), i128::from(price.0))
            }
            _ => charged,
        };
        let stands = |id: ReturnId| returns.iter().any(|one| one.id == id && one.status.is_live());
        let promised = self.withdrawals.iter().filter(|one| one.return_id.is_none_or(stands));
        let promised = Amount::sum(promised.map(|one| one.shipping_refund))?;
        Ok(refundable.minus(promised)?.max(Amount::ZERO))
    }

    /// An amount of the price of shipping, split by the tax rates of the shipping, as a refund splits goods.
    pub(in crate::orders) fn refunded_shipping(&self, amount: Amount) -> Vec<(Option<Ratio>, Amount)> {
        let added = |tax: Amount| if self.explanation.prices_include_tax { 0 } else { tax.0 };
        let taxed = self.explanation.taxes.iter().filter_map(|tax| {
            let shipping = tax.shipping.as_ref()?;
            Some((tax.rate, Amount(shipping.base.0.saturating_add(added(shipping.amount)))))
        });
        let (rates, parts): (Vec<_>, Vec<_>) = taxed.unzip();
        if amount <= Amount::ZERO {
            return Vec::new();
        }
        if rates.is_empty() {
            return vec![(self.shipping_tax_rate(), amount)];
        }
        rates.into_iter().map(Some).zip(share(amount, &parts)).collect()
    }
}
