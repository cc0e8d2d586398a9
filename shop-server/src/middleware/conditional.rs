//! Conditional reads: `If-None-Match` (RFC 9110, 13.1.2).

use poem::http::{HeaderValue, StatusCode, header};
use poem::{Body, Request, Response};

use crate::response::tags;

/// Returns the tags that the client has, if the method allows a 304.
pub(super) fn wanted(request: &Request) -> Option<HeaderValue> {
    if !super::is_read(request.method()) {
        return None;
    }
    request.headers().get(header::IF_NONE_MATCH).cloned()
}

/// Turns a 200 whose tag matches into a 304 without a body.
pub(super) fn apply(have: &HeaderValue, response: &mut Response) {
    if response.status() != StatusCode::OK {
        return;
    }
    let Some(tag) = response.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok()) else { return };
    let tag = tags(tag).next().unwrap_or_default();
    if tags(have.to_str().unwrap_or_default()).any(|have| have == "*" || have == tag) {
        response.set_status(StatusCode::NOT_MODIFIED);
        response.headers_mut().remove(header::CONTENT_TYPE);
        response.set_body(Body::empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(have: &'static str) -> StatusCode {
        let mut response = Response::builder().header(header::ETAG, "\"7-abc\"").body("{}");
        apply(&HeaderValue::from_static(have), &mut response);
        response.status()
    }

    #[test]
    fn a_known_tag_gives_304() {
        for known in ["\"7-abc\"", "W/\"7-abc\"", "\"1-x\", \"7-abc\"", "*"] {
            assert_eq!(status(known), StatusCode::NOT_MODIFIED, "{known}");
        }
        for unknown in ["\"7-abd\"", "\"7\"", ""] {
            assert_eq!(status(unknown), StatusCode::OK, "{unknown}");
        }
    }
}
