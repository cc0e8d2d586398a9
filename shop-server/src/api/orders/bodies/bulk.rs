//! Many orders at once.

use poem_openapi::{Enum, Object};
use serde::Serialize;
use shop_core::orders::{CancelOrders, CancelOutcome, Canceled};
use uuid::Uuid;

use crate::field::{Optional, Required};

/// Which orders are canceled.
#[derive(Debug, Object)]
#[oai(rename = "CancelOrdersRequest")]
pub(in crate::api::orders) struct CancelOrdersRequest {
    /// 1 to 100, each once.
    ids: Required<Vec<Uuid>>,
    /// Why: it goes into the history of each, for staff. At most 500 characters.
    reason: Optional<String>,
}

impl From<CancelOrdersRequest> for CancelOrders {
    fn from(request: CancelOrdersRequest) -> Self {
        Self { ids: request.ids.into_list(), reason: request.reason.into() }
    }
}

/// What became of the orders, in the order in which they were named.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "CancelOrders")]
pub(in crate::api::orders) struct CancelOrdersBody {
    results: Vec<CancelOutcomeBody>,
}

/// What became of an order.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "CancelOutcome")]
struct CancelOutcomeBody {
    id: Uuid,
    outcome: CanceledWord,
    /// Why it was refused: the `code` of the answer to its own cancellation.
    code: Option<String>,
    /// The same as a sentence.
    detail: Option<String>,
}

/// `canceled`; `pending` while a gateway is asked to give up its payment; `refused` when it stays as it is.
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
