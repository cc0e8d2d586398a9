//! Ids: `UUIDv7` (RFC 9562), with one type per kind of entity so that they cannot be confused.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl crate::row::Stored for $name {
            const KIND: crate::row::ColumnKind = crate::row::ColumnKind::Id;

            fn value(&self) -> crate::row::Value<'_> {
                crate::row::Value::Id(self.0)
            }

            fn from_value(value: crate::row::Value<'_>) -> Result<Self, crate::error::BoxError> {
                crate::row::Stored::from_value(value).map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }
    )+};
}

ids! {
    /// A user account.
    UserId,
    /// A sign-in session: a family of refresh tokens.
    SessionId,
    /// A one-time password sent by e-mail.
    OtpId,
    /// A node of the category tree.
    CategoryId,
    /// A product.
    ProductId,
    /// A purchasable variant of a product.
    VariantId,
    /// A cart.
    CartId,
    /// A line of a cart.
    CartItemId,
    /// An order.
    OrderId,
    /// A line of an order.
    OrderItemId,
    /// A return of goods from an order.
    ReturnId,
    /// A buyer's declaration that they withdraw from the contract.
    WithdrawalId,
    /// A draft order, created by staff.
    DraftId,
    /// An entry of an order's history.
    HistoryId,
    /// One attempt to pay an order.
    PaymentId,
    /// A refund of a payment.
    RefundId,
    /// An entry of a customer's address book.
    AddressId,
    /// A shipping zone: a set of countries.
    ZoneId,
    /// A shipping method.
    MethodId,
    /// A shipment of items of an order.
    ShipmentId,
    /// A location that holds stock.
    LocationId,
    /// An entry of the stock ledger.
    MovementId,
    /// Stock reserved for one line of an order.
    ReservationId,
    /// A domain event in the outbox.
    EventId,
    /// An event or mail to be delivered to one receiver.
    DeliveryId,
    /// A webhook: a URL that receives events.
    WebhookId,
    /// One submitted batch.
    OperationId,
    /// A promotion: a rule that grants a discount.
    PromotionId,
    /// A tax rate.
    TaxRateId,
}
