//! Bulk cancellation of orders.

use poem_openapi::{Enum, Object};
use serde::Serialize;
use shop_core::orders::{CancelOrders, CancelOutcome, Canceled};
use uuid::Uuid;

use crate::field::{Optional, Required};

/// The orders to cancel.
#[derive(Debug, Object)]
#[oai(rename = "CancelOrdersRequest")]
pub(in crate::api::orders) struct CancelOrdersRequest {
    /// 1 to 100 ids, without duplicates.
    ids: Required<Vec<Uuid>>,
    /// Goes into the history of each order, for staff. At most 500 characters.
    reason: Optional<String>,
}

impl From<CancelOrdersRequest> for CancelOrders {
    fn from(request: CancelOrdersRequest) -> Self {
        Self { ids: request.ids.into_list(), reason: request.reason.into() }
    }
}

/// The outcomes, in the order of the requested ids.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "CancelOrders")]
pub(in crate::api::orders) struct CancelOrdersBody {
    results: Vec<CancelOutcomeBody>,
}

/// The outcome for one order.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "CancelOutcome")]
struct CancelOutcomeBody {
    id: Uuid,
    outcome: CanceledWord,
    /// Why the order was refused: the `code` with which its own cancellation would fail.
    code: Option<String>,
    /// The same reason as a sentence.
    detail: Option<String>,
}

/// `canceled`; `pending` while a gateway is asked to release its payment; `refused` if the order stays as it is.
#[derive(Debug, Clone, Copy, Enum, Serialize)]
#[oai(rename = "CancelOutcomeKind", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum CanceledWord {
    Canceled,
    Pending,
    Refused,
}

impl From<Vec<CancelOutcome>> for CancelOrdersBody {
    fn from(outcomes: Vec<CancelOutcome>) -> Self {
        Self { results: outcomes.into_iter().map(CancelOutcomeBody::from).collect() }
    }
}

impl From<CancelOutcome> for CancelOutcomeBody {
    fn from(outcome: CancelOutcome) -> Self {
        let CancelOutcome { order_id, outcome } = outcome;
        let (outcome, code, detail) = match outcome {
            Canceled::Done => (CanceledWord::Canceled, None, None),
            Canceled::Pending => (CanceledWord::Pending, None, None),
            Canceled::Refused { code, detail } => (CanceledWord::Refused, Some(code), Some(detail)),
        };
        Self { id: order_id.0, outcome, code, detail }
    }
}
