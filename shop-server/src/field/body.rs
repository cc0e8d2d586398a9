//! Request bodies: a leniently parsed JSON object, or raw bytes with a signature.

use std::ops::Deref;

use poem::http::{HeaderName, HeaderValue};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::{Map, Value};

use crate::problem::{Problem, Result};

/// A JSON object whose fields may be wrong (see [`crate::field`]).
///
/// Refuses other media types (415), and malformed JSON and anything but an object (400 `parse_error`). An empty body
/// counts as `{}`, with or without a media type, so that calls without parameters need no body. Nesting is limited to
/// 128 levels (serde_json's limit), size and time by [`crate::middleware`].
#[derive(Debug)]
pub struct JsonBody<T> {
    request: T,
    bytes: Vec<u8>,
}

impl<T> JsonBody<T> {
    /// Returns the parsed request.
    pub fn into_inner(self) -> T {
        self.request
    }

    /// Returns the parsed request, and the body as plain JSON with every field, known or not. The fingerprint of an
    /// idempotent request needs the latter, because it compares bodies as JSON and not as bytes.
    pub fn into_parts(self) -> (T, Value) {
        let Self { request, bytes } = self;
        // The bytes have been parsed before, so this cannot fail; an empty body is an empty object.
        let raw = serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::Object(Map::new()));
        (request, raw)
    }
}

impl<T> Deref for JsonBody<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.request
    }
}

impl<'a, T: ParseFromJSON> ApiExtractor<'a> for JsonBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType { content_type: "application/json", schema: T::schema_ref() }],
            required: has_required_fields::<T>(),
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let bytes = body.take()?.into_vec().await?;
        Ok(read(request.content_type(), bytes)?)
    }
}

/// The unparsed body and headers of a message signed by a third party. A signature covers the exact bytes, so nothing
/// is parsed before it is verified.
#[derive(Debug)]
pub struct SignedBody {
    headers: Vec<(String, String)>,
    bytes: Vec<u8>,
}

impl SignedBody {
    /// The headers whose values are text.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The body, byte for byte.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl<'a> ApiExtractor<'a> for SignedBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("object")));
        let content = vec![MetaMediaType { content_type: "application/json", schema }];
        Some(MetaRequest { description: Some("As the gateway writes it."), content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let readable = |(name, value): (&HeaderName, &HeaderValue)| {
            value.to_str().ok().map(|value| (name.as_str().to_owned(), value.to_owned()))
        };
        let headers = request.headers().iter().filter_map(readable).collect();
        Ok(Self { headers, bytes: body.take()?.into_vec().await? })
    }
}

fn read<T: ParseFromJSON>(content_type: Option<&str>, bytes: Vec<u8>) -> Result<JsonBody<T>> {
    let value = if bytes.is_empty() {
        Value::Object(Map::new())
    } else if content_type.is_some_and(is_json) {
        serde_json::from_slice(&bytes).map_err(|why| Problem::parse_error(format!("The body is not JSON: {why}.")))?
    } else {
        return Err(Problem::unsupported_media_type());
    };
    if !value.is_object() {
        return Err(Problem::parse_error("The body must be a JSON object."));
    }
    let request = T::parse_from_json(Some(value)).map_err(|_| Problem::parse_error("The body cannot be read."))?;
    Ok(JsonBody { request, bytes })
}

/// Whether this is `application/json` or `application/…+json` (RFC 6839).
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.strip_prefix("application/") {
        Some("json") => true,
        Some(subtype) => subtype.ends_with("+json"),
        None => false,
    }
}

fn has_required_fields<T: Type>() -> bool {
    let mut registry = Registry::new();
    T::register(&mut registry);
    match T::schema_ref() {
        MetaSchemaRef::Inline(schema) => !schema.required.is_empty(),
        MetaSchemaRef::Reference(name) => registry.schemas.get(&name).is_some_and(|schema| !schema.required.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::{Optional, Required};
    use poem_openapi::Object;
    use shop_core::field::Field;

    #[derive(Debug, Object)]
    struct Capture {
        amount: Optional<String>,
    }

    #[derive(Debug, Object)]
    struct Register {
        email: Required<String>,
    }

    fn code(content_type: Option<&str>, body: &str) -> String {
        read::<Capture>(content_type, body.as_bytes().to_vec()).unwrap_err().code().to_owned()
    }

    #[test]
    fn an_empty_body_is_an_empty_object() {
        for content_type in [None, Some("application/json"), Some("text/plain")] {
            let (capture, raw) = read::<Capture>(content_type, Vec::new()).unwrap().into_parts();
            assert_eq!((capture.amount.0, raw), (Field::Missing, serde_json::json!({})));
        }
    }

    #[test]
    fn what_is_no_json_object_is_refused() {
        assert_eq!(code(None, "{}"), "unsupported_media_type");
        assert_eq!(code(Some("text/plain"), "{}"), "unsupported_media_type");
        assert_eq!(code(Some("application/json"), "{"), "parse_error");
        assert_eq!(code(Some("application/json"), "[]"), "parse_error");
        assert_eq!(code(Some("application/json"), "null"), "parse_error");
        assert_eq!(code(Some("application/json"), &"[".repeat(100_000)), "parse_error");
        assert_eq!(code(Some("application/json"), "{\"amount\": 1e999}"), "parse_error");
    }

    #[test]
    fn json_is_known_by_all_its_names() {
        for name in ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"] {
            assert!(is_json(name), "{name}");
        }
        for name in ["text/json", "application/jsonp", "application/x-www-form-urlencoded", ""] {
            assert!(!is_json(name), "{name}");
        }
    }

    #[test]
    fn the_raw_body_keeps_unknown_fields() {
        let body = read::<Capture>(Some("application/json"), b"{\"amount\":\"1\",\"x\":[1]}".to_vec()).unwrap();
        assert_eq!(body.into_parts().1, serde_json::json!({"amount": "1", "x": [1]}));
    }

    #[test]
    fn a_body_is_required_when_a_field_is() {
        assert!(JsonBody::<Register>::request_meta().unwrap().required);
        assert!(!JsonBody::<Capture>::request_meta().unwrap().required);
    }
}
