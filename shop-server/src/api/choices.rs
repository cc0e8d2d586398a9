//! The string enums of the API. Their values are those of the core (`string_enums!` there).

use shop_core::{catalog, inventory, orders, outbox, payments, pricing, promotions, shipping};

use super::shipping::RateType;
use crate::field::Choices;

macro_rules! choices {
    ($(#[doc = $description:literal] $name:literal = $type:ty,)+) => {
        $(impl Choices for $type {
            const NAME: &'static str = $name;
            const DESCRIPTION: &'static str = $description.trim_ascii();
        })+
    };
}

choices! {
    /// Whether a product is offered: `draft` is in preparation, `archived` was taken out of the catalog.
    "ProductStatus" = catalog::ProductStatus,
    /// What a promotion does.
    "PromotionKind" = promotions::PromotionKind,
    /// The kind of an adjustment.
    "AdjustmentKind" = pricing::AdjustmentKind,
    /// Why stock changed.
    "MovementReason" = inventory::MovementReason,
    /// The state of a reservation.
    "ReservationStatus" = inventory::ReservationStatus,
    /// The state of an order.
    "OrderStatus" = orders::OrderStatus,
    /// The payment state of an order.
    "PaymentStatus" = orders::PaymentStatus,
    /// The shipping state of an order, derived from its shipments.
    "FulfillmentStatus" = orders::FulfillmentStatus,
    /// The state of a return.
    "ReturnStatus" = orders::ReturnStatus,
    /// The state of an attempt to pay.
    "PaymentState" = payments::PaymentState,
    /// The state of a refund.
    "RefundState" = payments::RefundState,
    /// What a shipping rate depends on.
    "RateType" = RateType,
    /// The state of a shipment.
    "ShipmentStatus" = shipping::ShipmentStatus,
    /// A state reported by the carrier.
    "TrackingStatus" = shipping::TrackingStatus,
    /// The state of a delivery.
    "DeliveryStatus" = outbox::DeliveryStatus,
}
