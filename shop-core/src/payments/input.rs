//! The inputs of the payment calls, before they are validated.

use serde::Deserialize;

use crate::error::Result;
use crate::field::{Checks, Field};
use crate::id::OrderId;
use crate::model::payments::Payment;
use crate::money::Amount;
use crate::validate;

/// The maximum length of a refund's reason, in characters.
const MAX_REASON_LENGTH: usize = 500;

/// Another attempt to pay an order, as sent by its buyer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AttemptInput {
    /// The order to pay.
    pub order_id: Field<OrderId>,
    /// The id of the gateway: one of [`Payments::gateways`](super::Payments::gateways).
    pub gateway: Field<String>,
}

/// The amount to capture, as sent by staff.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AmountInput {
    /// The amount, as a decimal string in major units. Default: the whole open amount.
    pub amount: Field<String>,
    /// If present, must be the payment's currency.
    pub currency: Field<String>,
}

/// A refund, as sent by staff.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RefundInput {
    /// The amount, as a decimal string in major units. Default: everything not yet refunded.
    pub amount: Field<String>,
    /// If present, must be the payment's currency.
    pub currency: Field<String>,
    /// The reason, for the staff's records.
    pub reason: Field<String>,
    /// Whether the goods are restocked; only with a refund of everything that is left.
    pub restock: Field<bool>,
}

impl AttemptInput {
    /// Validates the order and the gateway, which `known` must accept.
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

/// A validated [`RefundInput`].
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
