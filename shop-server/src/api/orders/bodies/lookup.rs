//! An order that a guest looks for.

use poem_openapi::Object;
use serde::Serialize;
use shop_core::orders::LookupInput;

use crate::field::Required;

/// The number of an order, and the address that it was placed with.
#[derive(Debug, Object)]
#[oai(rename = "OrderLookupRequest")]
pub(crate) struct LookupRequest {
    /// Case, blanks and hyphens do not matter.
    number: Required<String>,
    email: Required<String>,
}

impl LookupRequest {
    /// Who is counted with it.
    pub(crate) fn account(&self) -> Option<&str> {
        self.email.0.given().map(String::as_str)
    }
}

impl From<LookupRequest> for LookupInput {
    fn from(request: LookupRequest) -> Self {
        Self { number: request.number.into(), email: request.email.into() }
    }
}

/// The same for any pair.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "OrderLookup")]
pub(crate) struct LookupBody {
    /// A sentence for the person.
    detail: String,
}

impl LookupBody {
    pub(crate) fn new() -> Self {
        Self { detail: "If there is such an order, a link to it was sent to its e-mail address.".to_owned() }
    }
}
