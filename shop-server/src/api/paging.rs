//! The query parameters that every list takes.

use poem_openapi::param::Query;
use shop_core::page::{PageRequest, SortKey};

use crate::field::Optional;
use crate::problem::Result;

/// An optional query parameter, not yet parsed.
pub(super) type Text = Query<Optional<String>>;

/// The value of a parameter, if one was sent.
pub(super) fn text(parameter: &Text) -> Option<&str> {
    parameter.0.0.given().map(String::as_str)
}

/// Parses the requested page and sort order.
///
/// # Errors
/// 400 naming each parameter that is unknown or out of range.
pub(super) fn page<K: SortKey>(
    page: &Text,
    page_size: &Text,
    cursor: &Text,
    ordering: Option<&str>,
) -> Result<PageRequest<K>> {
    Ok(PageRequest::parse(text(page), text(page_size), text(cursor), ordering)?)
}
