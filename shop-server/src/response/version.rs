//! Resource versions over HTTP: `ETag` on responses, `If-Match` on writes.

use std::hash::{DefaultHasher, Hasher as _};

use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Request, RequestBody, Response};
use poem_openapi::registry::{MetaParamIn, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions};
use serde::Serialize;

use super::{described, json};
use crate::problem::Problem;

/// A versioned body, sent with the `ETag` `"<version>-<digest of the body>"`.
///
/// The tag includes a digest because the body can change while the version does not (availability, a price in a cart).
/// [`VersionedResponse::created`] sends 201 instead of 200 for calls that either create a resource or find it. The
/// OpenAPI document then has a single success body, which is what client generators read.
#[derive(Debug)]
pub struct VersionedResponse<T, const STATUS: u16 = 200> {
    body: T,
    version: i64,
    status: u16,
}

impl<T, const STATUS: u16> VersionedResponse<T, STATUS> {
    /// A response with this body, which shows this version of a resource.
    pub fn new(body: T, version: i64) -> Self {
        Self { body, version, status: STATUS }
    }

    /// Sends 201 if the call created the resource.
    #[must_use]
    pub fn created(mut self, created: bool) -> Self {
        if created {
            self.status = 201;
        }
        self
    }
}

impl<T: Serialize + Send, const STATUS: u16> IntoResponse for VersionedResponse<T, STATUS> {
    fn into_response(self) -> Response {
        let body = match serde_json::to_vec(&self.body) {
            Ok(body) => body,
            Err(why) => return Problem::fault(why).to_response(),
        };
        let tag = entity_tag(self.version, &body);
        let mut response = json(StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK), body);
        if let Ok(tag) = HeaderValue::try_from(tag) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

impl<T: Type + Serialize, const STATUS: u16> ApiResponse for VersionedResponse<T, STATUS> {
    fn meta() -> MetaResponses {
        described::<T>(&[STATUS], &[(&header::ETAG, "`\"<version>-<digest of the body>\"`")])
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// The tag of a body. Uses the standard library's SipHash-1-3 with its fixed key: the digest protects no secret, and a
/// collision gains nobody anything. A Rust release may change the hash; clients then read the body once more.
fn entity_tag(version: i64, body: &[u8]) -> String {
    let mut digest = DefaultHasher::new();
    digest.write(body);
    format!("\"{version}-{:016x}\"", digest.finish())
}

/// The `If-Match` header of a write (RFC 9110, 13.1.1). Only the version in each tag is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfMatch(Option<i64>);

/// A version that no resource has. A tag without a valid version is read as this one, so it matches nothing.
const NO_VERSION: i64 = -1;

impl IfMatch {
    /// The version that the caller expects, for the core to compare. `None` accepts any version (no header, or `*`). If
    /// there are several tags, the highest version counts, since versions only grow.
    pub fn expected(self) -> Option<i64> {
        self.0
    }

    fn from_headers(headers: &HeaderMap) -> Self {
        let mut newest = None;
        for value in headers.get_all(header::IF_MATCH) {
            for tag in tags(value.to_str().unwrap_or_default()) {
                if tag == "*" {
                    return Self(None);
                }
                newest = newest.max(Some(version(tag)));
            }
            newest = newest.or(Some(NO_VERSION));
        }
        Self(newest)
    }
}

/// The tags of a list, without `W/` and quotes; `*` is kept. Splitting at commas is safe: our tags contain none.
pub(crate) fn tags(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(|tag| {
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag)
    })
}

fn version(tag: &str) -> i64 {
    let number = tag.split('-').next().unwrap_or_default();
    if number.bytes().all(|byte| byte.is_ascii_digit()) { number.parse().unwrap_or(NO_VERSION) } else { NO_VERSION }
}

impl<'a> ApiExtractor<'a> for IfMatch {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    type ParamType = String;
    type ParamRawType = String;

    fn register(_registry: &mut Registry) {}

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(String::schema_ref())
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<String>,
    ) -> poem::Result<Self> {
        Ok(Self::from_headers(request.headers()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(values: &[&str]) -> Option<i64> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, value.parse().unwrap());
        }
        IfMatch::from_headers(&headers).expected()
    }

    #[test]
    fn the_version_part_counts() {
        assert_eq!(expected(&[]), None);
        assert_eq!(expected(&["*"]), None);
        assert_eq!(expected(&["\"7-abc\""]), Some(7));
        assert_eq!(expected(&["W/\"7-abc\""]), Some(7));
        assert_eq!(expected(&["\"3-a\", \"12-b\""]), Some(12));
        assert_eq!(expected(&["\"3-a\"", "\"5-b\""]), Some(5));
        for never_given in ["\"abc\"", "\"\"", "", "\"-7\"", "\"99999999999999999999-a\""] {
            assert_eq!(expected(&[never_given]), Some(NO_VERSION), "{never_given}");
        }
    }

    #[test]
    fn the_tag_follows_version_and_body() {
        let tag = entity_tag(7, b"{}");
        assert_eq!(expected(&[tag.as_str()]), Some(7));
        assert_eq!(tag, entity_tag(7, b"{}"));
        assert_ne!(tag, entity_tag(8, b"{}"));
        assert_ne!(tag, entity_tag(7, b"[]"));
    }

    #[test]
    fn created_changes_the_status_only() {
        let response = VersionedResponse::<_, 200>::new(1, 2).created(true).into_response();
        assert_eq!((response.status(), response.headers().contains_key("etag")), (StatusCode::CREATED, true));
        assert_eq!(VersionedResponse::<_, 200>::new(1, 2).created(false).into_response().status(), StatusCode::OK);
    }
}
