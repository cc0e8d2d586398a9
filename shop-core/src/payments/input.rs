//! What callers say, before it is checked.

use serde::Deserialize;

use super::model::Payment;
use crate::error::Result;
use crate::field::{Checks, Field};
use crate::id::OrderId;
use crate::money::Amount;
use crate::validate;

/// The longest reason of a refund, in characters.
const MAX_REASON_LENGTH: usize = 500;

/// Another attempt to pay an order, as its buyer wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AttemptInput {
    /// Which order.
    pub order_id: Field<OrderId>,
    /// Through which gateway: one of [`Payments::gateways`](super::Payments::gateways).
    pub gateway: Field<String>,
}

/// How much is received or called off, as staff wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AmountInput {
    /// How much, as a decimal string in major units; all when nothing was said.
    pub amount: Field<String>,
    /// That of the payment, if anything is said.
    pub currency: Field<String>,
}

/// Money to be given back, as staff wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RefundInput {
    /// How much, as a decimal string in major units; all that is left when nothing was said.
    pub amount: Field<String>,
    /// That of the payment, if anything is said.
    pub currency: Field<String>,
    /// Why, for the staff's own memory.
    pub reason: Field<String>,
    /// The goods come back too; only with a refund of all that is left.
    pub restock: Field<bool>,
}

impl AttemptInput {
    /// Order and gateway, one of those that `known` says there are.
    pub(super) fn check(self, known: impl FnOnce(&str) -> bool) -> Result<(OrderId, String)> {
        let mut checks = Checks::new();
        let order_id = checks.required("order_id", self.order_id, Ok);
        let gateway = checks.required("gateway", self.gateway, |id| {
            if known(&id) { Ok(id) } else { Err("There is no such payment gateway.".to_owned()) }
        });
        match (order_id, gateway) {
            (Some(order_id), Some(gateway)) => Ok((order_id, gateway)),
            _ => Err(checks.into_error()),
        }
    }
}

impl AmountInput {
    pub(super) fn check(self, payment: &Payment) -> Result<Option<Amount>> {
        let mut checks = Checks::new();
        let amount = checks.optional("amount", self.amount, |text| payment.currency.parse_amount(&text));
        checks.optional("currency", self.currency, validate::amounts_in(payment.currency));
        checks.finish()?;
        Ok(amount)
    }
}

/// A refund whose every field passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CheckedRefund {
    pub(super) amount: Option<Amount>,
    pub(super) reason: String,
    pub(super) restock: bool,
}

impl RefundInput {
    pub(super) fn check(self, payment: &Payment) -> Result<CheckedRefund> {
        let mut checks = Checks::new();
        let amount = checks.optional("amount", self.amount, |text| payment.currency.parse_amount(&text));
        checks.optional("currency", self.currency, validate::amounts_in(payment.currency));
        let reason = checks.optional("reason", self.reason, validate::multiline(0, MAX_REASON_LENGTH));
        let restock = checks.optional("restock", self.restock, Ok);
        checks.finish()?;
        Ok(CheckedRefund { amount, reason: reason.unwrap_or_default(), restock: restock.unwrap_or_default() })
    }
}
