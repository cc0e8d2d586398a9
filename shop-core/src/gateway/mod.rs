//! The port to payment gateways.

mod limits;
mod remote;

pub use limits::ChargeLimits;
pub(crate) use limits::round_for;
pub use remote::{
    CaptureCall, ConfirmCall, CreateCall, GatewayError, GatewayEventHeaders, InvalidGatewayEvent, RefundCall,
    RemoteGateway, RemoteRefund, Snapshot, VoidCall,
};

use crate::money::Currency;

/// A payment method.
///
/// The required methods are enough for gateways whose money is received outside the shop and recorded by staff: cash on
/// delivery, bank transfer. [`ManualGateway`] is one. A gateway that is called over a network also has a
/// [remote](PaymentGateway::remote) side.
pub trait PaymentGateway: Send + Sync {
    /// The id in the API (`manual`).
    fn id(&self) -> &str;

    /// The name shown to buyers.
    fn name(&self) -> &str;

    /// Whether the order must be paid before it ships. If true, the order reserves its stock for
    /// [`Settings::reservation_ttl`](crate::shop::Settings::reservation_ttl) and is then canceled. If false, it ships
    /// before it is paid (cash on delivery, for example); an order that has not shipped is canceled after
    /// [`Settings::manual_payment_ttl`](crate::shop::Settings::manual_payment_ttl).
    fn prepaid(&self) -> bool;

    /// The amounts of a currency that the gateway charges; `None` if it does not support the currency. Default: every
    /// amount.
    ///
    /// The total of an order with this gateway is rounded to the nearest multiple of the step, half up; an order whose
    /// total cannot be charged is refused. Partial captures and refunds must be multiples of the step, too.
    fn charge_limits(&self, _currency: Currency) -> Option<ChargeLimits> {
        Some(ChargeLimits::default())
    }

    /// The side that is called over a network; `None` when staff record what happens outside the shop.
    fn remote(&self) -> Option<&dyn RemoteGateway> {
        None
    }
}

/// Money received outside the shop. A capture by staff records its receipt, authorizing and capturing at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManualGateway {
    id: String,
    name: String,
    prepaid: bool,
}

impl ManualGateway {
    /// A gateway whose orders ship before they are paid.
    #[must_use]
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into(), prepaid: false }
    }

    /// Makes orders wait for the money; they are canceled when it does not arrive in time.
    #[must_use]
    pub fn prepaid(mut self) -> Self {
        self.prepaid = true;
        self
    }
}

impl Default for ManualGateway {
    /// `manual`: cash on delivery or a bank transfer. The order confirmation mail contains the name, and SpamAssassin
    /// 4.0.1 treats the word "transfer" next to an amount as a sign of fraud (`XFER_LOTSA_MONEY`).
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
