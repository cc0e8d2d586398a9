//! The `Idempotency-Key` request header and the `Idempotency-Replayed` response header.

use poem::http::{HeaderMap, HeaderName, HeaderValue};
use poem::{IntoResponse, Request, RequestBody, Response};
use poem_openapi::registry::{MetaParamIn, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions};
use shop_core::{Error, idempotency};

use super::{JsonResponse, header_meta};
use crate::field::JsonBody;
use crate::problem::{Problem, Result};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The longest key, in characters. Keys are stored with their response.
const MAX_LENGTH: usize = 255;

/// The `Idempotency-Key` of a request: 1 to 255 visible ASCII characters, or `None` if none was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(pub Option<String>);

impl IdempotencyKey {
    /// Reads the header.
    ///
    /// # Errors
    /// 400 naming `Idempotency-Key` when it is empty, too long, not visible ASCII, or sent more than once.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self> {
        let mut values = headers.get_all(KEY).iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        let bytes = value.as_bytes();
        let fits = (1..=MAX_LENGTH).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
        match value.to_str() {
            Ok(text) if fits && values.next().is_none() => Ok(Self(Some(text.to_owned()))),
            _ => Err(Problem::from(Error::invalid(
                "Idempotency-Key",
                format!("Must be 1 to {MAX_LENGTH} visible ASCII characters, once."),
            ))),
        }
    }
}

impl IdempotencyKey {
    /// Splits off the request body and builds the core's key, which is valid for this body only.
    ///
    /// # Errors
    /// None for keys that [`IdempotencyKey::from_headers`] accepts.
    pub fn of<T>(self, body: JsonBody<T>) -> Result<(T, Option<idempotency::IdempotencyKey>)> {
        let (request, raw) = body.into_parts();
        let key = self.0.map(|key| idempotency::IdempotencyKey::new(&key, &raw));
        Ok((request, key.transpose()?))
    }
}

impl<'a> ApiExtractor<'a> for IdempotencyKey {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    type ParamType = String;
    type ParamRawType = String;

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        let schema = MetaSchema { min_length: Some(1), max_length: Some(MAX_LENGTH), ..MetaSchema::new("string") };
        Some(MetaSchemaRef::Inline(Box::new(schema)))
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<String>,
    ) -> poem::Result<Self> {
        Ok(Self::from_headers(request.headers())?)
    }
}

/// A response that sends `Idempotency-Replayed: true` when it repeats the first response to its key.
#[derive(Debug)]
pub struct ReplayableResponse<R> {
    answer: R,
    replayed: bool,
}

impl<R> ReplayableResponse<R> {
    /// Wraps a response; `replayed` says whether it repeats an earlier one.
    pub fn new(answer: R, replayed: bool) -> Self {
        Self { answer, replayed }
    }

    /// Converts the core's outcome; `answer` turns its value into a response.
    pub fn from_outcome<T>(outcome: idempotency::Replayable<T>, answer: impl FnOnce(T) -> R) -> Self {
        Self { answer: answer(outcome.value), replayed: outcome.replayed }
    }
}

impl<T, B: From<T>, const STATUS: u16> From<idempotency::Replayable<T>>
    for ReplayableResponse<JsonResponse<B, STATUS>>
{
    fn from(outcome: idempotency::Replayable<T>) -> Self {
        Self::from_outcome(outcome, |value| JsonResponse(value.into()))
    }
}

impl<R: IntoResponse> IntoResponse for ReplayableResponse<R> {
    fn into_response(self) -> Response {
        let mut response = self.answer.into_response();
        if self.replayed {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

impl<R: ApiResponse> ApiResponse for ReplayableResponse<R> {
    fn meta() -> MetaResponses {
        let mut meta = R::meta();
        for response in &mut meta.responses {
            response.headers.push(header_meta(&REPLAYED, "`true` on an answer that is given again."));
        }
        meta
    }

    fn register(registry: &mut Registry) {
        R::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&[u8]]) -> Result<Option<String>> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(KEY, HeaderValue::from_bytes(value).unwrap());
        }
        IdempotencyKey::from_headers(&headers).map(|key| key.0)
    }

    #[test]
    fn keys_are_short_visible_and_single() {
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&[b"order-1"]).unwrap(), Some("order-1".to_owned()));
        assert!(read(&["k".repeat(255).as_bytes()]).is_ok());
        let long = "k".repeat(256);
        for bad in [&[b"".as_slice()][..], &[b"a b"], &[long.as_bytes()], &["schlüssel".as_bytes()], &[b"a", b"a"]] {
            assert_eq!(read(bad).unwrap_err().code(), "invalid");
        }
    }
}
