//! Lookup of an order by a guest.

use poem_openapi::Object;
use serde::Serialize;
use shop_core::orders::LookupInput;

use crate::field::Required;

/// An order number, and the e-mail address that the order was placed with.
#[derive(Debug, Object)]
#[oai(rename = "OrderLookupRequest")]
pub(crate) struct LookupRequest {
    /// Case, spaces and hyphens are ignored.
    number: Required<String>,
    email: Required<String>,
}

impl LookupRequest {
    /// The account that the attempt counts against in the rate limits.
    pub(crate) fn account(&self) -> Option<&str> {
        self.email.0.given().map(String::as_str)
    }
}

impl From<LookupRequest> for LookupInput {
    fn from(request: LookupRequest) -> Self {
        Self { number: request.number.into(), email: request.email.into() }
    }
}

/// The response to every lookup, whether the order exists or not.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "OrderLookup")]
pub(crate) struct LookupBody {
    /// A message for the user.
    detail: String,
}

impl LookupBody {
    pub(crate) fn new() -> Self {
        Self { detail: "If there is such an order, a link to it was sent to its e-mail address.".to_owned() }
    }
}
