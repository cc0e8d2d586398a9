//! Cancellation of items that cannot be delivered.

use poem_openapi::Object;
use shop_core::orders::CancelItemsInput;

use crate::api::shipping::ShipmentItemRequest;
use crate::field::{Optional, Required};

/// The items of an order to cancel.
#[derive(Debug, Object)]
pub(crate) struct CancelItemsRequest {
    /// Quantities by order line, each line once.
    items: Required<Vec<ShipmentItemRequest>>,
    /// At most 500 characters; shown to the buyer.
    reason: Optional<String>,
    /// Whether to refund what was paid for the items. Defaults to true.
    refund: Optional<bool>,
}

impl From<CancelItemsRequest> for CancelItemsInput {
    fn from(request: CancelItemsRequest) -> Self {
        Self { items: request.items.into_list(), reason: request.reason.into(), refund: request.refund.into() }
    }
}
