//! Buyers' withdrawals from the contract.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::{OrderId, ReturnId, WithdrawalId};
use crate::model::orders::{Order, Return};
use crate::model::shipping::ShipmentItem;
use crate::money::{Amount, Ratio, half_up, share};

/// A buyer's declaration of withdrawal from the contract (Directive 2011/83/EU, articles 9 to 16), as it was received.
/// Only [`Withdrawal::shipping_refund`] ever changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// Unique id.
    pub id: WithdrawalId,
    /// When the declaration was received; stated in the receipt.
    pub received_at: Timestamp,
    /// The withdrawn units per line.
    pub items: Vec<ShipmentItem>,
    /// The return of the units that had shipped, if any. The other units were canceled.
    pub return_id: Option<ReturnId>,
    /// Refund of the shipping price, including tax: paid with the return, or at once if no goods are outstanding. At
    /// most the price of the cheapest method (article 13(2)), and zero unless the whole order is withdrawn. Of several
    /// withdrawals, the one whose goods arrive last carries it. Reset to zero if its return ends without goods. If the
    /// order is canceled, it is all that was paid for shipping.
    pub shipping_refund: Amount,
    /// The buyer's note.
    pub note: String,
}

/// The response to a withdrawal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawalReceipt {
    /// The order that was withdrawn from.
    pub order_id: OrderId,
    /// The withdrawal as received.
    pub withdrawal: Withdrawal,
}

impl Order {
    /// The shipping part of a return's refund: what its withdrawal refunds of the shipping price.
    #[must_use]
    pub fn shipping_refund_of(&self, returned: ReturnId) -> Amount {
        let of_return = self.withdrawals.iter().find(|one| one.return_id == Some(returned));
        of_return.map_or(Amount::ZERO, |one| one.shipping_refund)
    }

    /// Whether a withdrawal opened this return.
    pub(crate) fn is_of_withdrawal(&self, returned: ReturnId) -> bool {
        self.withdrawals.iter().any(|one| one.return_id == Some(returned))
    }

    /// Sets the shipping refund of the withdrawal that opened this return.
    pub(crate) fn set_shipping_refund(&mut self, returned: ReturnId, amount: Amount) {
        if let Some(one) = self.withdrawals.iter_mut().find(|one| one.return_id == Some(returned)) {
            one.shipping_refund = amount;
        }
    }

    /// The shipping refund still available to a buyer who withdraws from the whole order: the paid shipping price or
    /// that of the cheapest method, whichever is less, including tax, minus refunds already promised. Orders of earlier
    /// releases do not record the cheapest method; for them it is the paid price. `returns` are all returns of the
    /// order: a refund promised with a return that ended without goods does not count.
    pub(crate) fn refundable_shipping(&self, returns: &[Return]) -> Result<Amount> {
        let (charged, price) = (self.shipping_charged()?, self.shipping_total);
        let refundable = match self.shipping_method.cheapest {
            Some(cheapest) if cheapest < price => {
                half_up(i128::from(charged.0) * i128::from(cheapest.0), i128::from(price.0))
            }
            _ => charged,
        };
        let is_live = |id: ReturnId| returns.iter().any(|one| one.id == id && one.status.is_live());
        let promised = self.withdrawals.iter().filter(|one| one.return_id.is_none_or(is_live));
        let promised = Amount::sum(promised.map(|one| one.shipping_refund))?;
        Ok(refundable.minus(promised)?.max(Amount::ZERO))
    }

    /// Splits a part of the shipping price by the tax rates of the shipping, as a refund splits goods.
    pub(crate) fn refunded_shipping(&self, amount: Amount) -> Vec<(Option<Ratio>, Amount)> {
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
