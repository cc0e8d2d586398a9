//! Items that cannot be delivered.

use poem_openapi::Object;
use shop_core::orders::CancelItemsInput;

use crate::api::shipping::ShipmentItemRequest;
use crate::field::{Optional, Required};

/// Items of an order that are canceled.
#[derive(Debug, Object)]
pub(crate) struct CancelItemsRequest {
    /// How many of which lines, each line once.
    items: Required<Vec<ShipmentItemRequest>>,
    /// At most 500 characters; the buyer reads them.
    reason: Optional<String>,
    /// Whether what was received for them is given back (true).
    refund: Optional<bool>,
}

impl From<CancelItemsRequest> for CancelItemsInput {
    fn from(request: CancelItemsRequest) -> Self {
        Self { items: request.items.into_list(), reason: request.reason.into(), refund: request.refund.into() }
    }
}
