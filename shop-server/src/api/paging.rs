//! The parameters that every list takes.

use poem_openapi::param::Query;
use shop_core::page::{PageRequest, SortKey};

use crate::field::Optional;
use crate::problem::Result;

/// A parameter as it was sent, if it was.
pub(super) type Text = Query<Optional<String>>;

/// What was sent of a parameter.
pub(super) fn text(parameter: &Text) -> Option<&str> {
    parameter.0.0.given().map(String::as_str)
}

/// Which page is wanted, and in which order.
///
/// # Errors
/// 400 naming each parameter that is out of bounds or unknown.
pub(super) fn page<K: SortKey>(
    page: &Text,
    page_size: &Text,
    cursor: &Text,
    ordering: Option<&str>,
) -> Result<PageRequest<K>> {
    Ok(PageRequest::parse(text(page), text(page_size), text(cursor), ordering)?)
}
