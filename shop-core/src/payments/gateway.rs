//! The port to whoever moves the money.

mod remote;

pub use remote::{
    CaptureCall, ConfirmCall, CreateCall, GatewayError, GatewayNotice, InvalidNotice, NoticeHeaders, RefundCall,
    RemoteGateway, RemotePayment, RemoteRefund, Snapshot, VoidCall,
};

use super::limits::ChargeLimits;
use crate::money::Currency;

/// A way to pay.
///
/// What is required serves gateways whose money is received outside the shop and recorded by staff: cash on
/// delivery, bank transfer. [`ManualGateway`] is one. A gateway that is asked over a network has a
/// [remote](PaymentGateway::remote) side.
pub trait PaymentGateway: Send + Sync {
    /// The machine word buyers' programs send (`manual`).
    fn id(&self) -> &str;

    /// What buyers read.
    fn name(&self) -> &str;

    /// True when the money must come before an order ships, and soon: it holds its stock for
    /// [`Settings::reservation_ttl`](crate::shop::Settings::reservation_ttl) and is then canceled. False when the order
    /// ships before it is paid (cash on delivery, say): one that has not shipped is canceled after
    /// [`Settings::manual_payment_ttl`](crate::shop::Settings::manual_payment_ttl).
    fn prepaid(&self) -> bool;

    /// What amounts of a currency it charges; `None` when it does not take the currency. By default every amount.
    ///
    /// The total of an order that is placed with it is rounded to the nearest multiple of the step, half up; an order whose
    /// total it cannot charge is refused. Parts of a payment that are captured or given back are multiples of the step, too.
    fn charge_limits(&self, _currency: Currency) -> Option<ChargeLimits> {
        Some(ChargeLimits::default())
    }

    /// The side of it that is asked over a network; `None` when staff record what happens outside the shop.
    fn remote(&self) -> Option<&dyn RemoteGateway> {
        None
    }
}

/// Money received outside the shop; its capture by staff records that it came, authorizing and capturing at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManualGateway {
    id: String,
    name: String,
    prepaid: bool,
}

impl ManualGateway {
    /// A gateway that delivers on trust.
    #[must_use]
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into(), prepaid: false }
    }

    /// The same, but orders wait for the money and are canceled when it does not come in time.
    #[must_use]
    pub fn prepaid(mut self) -> Self {
        self.prepaid = true;
        self
    }
}

impl Default for ManualGateway {
    /// `manual`: cash on delivery or a bank transfer. The mail that confirms an order shows its name, and
    /// SpamAssassin 4.0.1 takes the word "transfer" next to an amount for a sign of fraud (`XFER_LOTSA_MONEY`).
    fn default() -> Self {
        Self::new("manual", "Cash on delivery or payment in advance")
    }
}

impl PaymentGateway for ManualGateway {
    fn id(&self) -> &str {
        &self.id
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn prepaid(&self) -> bool {
        self.prepaid
    }
}
