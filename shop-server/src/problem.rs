//! Error responses: RFC 9457 problem details, made from the core's errors and the framework's.
//!
//! [`status`] is the only table of status codes. A handler returns [`Result`] and uses `?`. [`Problem::from_poem`]
//! converts any other error that leaves the API (no such route, a panic, …).

use std::borrow::Cow;
use std::collections::BTreeMap;

use poem::Response;
use poem::error::ResponseError;
use poem::http::{HeaderValue, StatusCode, header};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaResponses, Registry};
use serde::Serialize;
use shop_core::Error;
use shop_core::error::BoxError;

use crate::security::ProblemCode;

/// The return type of handlers.
pub type Result<T, E = Problem> = std::result::Result<T, E>;

/// The media type of every error response.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// An error response.
#[derive(Debug)]
pub struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: Cow<'static, str>,
    errors: BTreeMap<String, Vec<String>>,
    stock: Option<(String, i64)>,
    retry_after: Option<u32>,
    allow: Option<HeaderValue>,
    source: Option<BoxError>,
}

/// The HTTP status of each core error. This is the only such table.
pub fn status(error: &Error) -> StatusCode {
    match error {
        Error::Invalid(_) | Error::InvalidOtp | Error::InvalidToken | Error::InvalidSignature => {
            StatusCode::BAD_REQUEST
        }
        Error::NotAuthenticated | Error::TokenNotValid | Error::InvalidCredentials => StatusCode::UNAUTHORIZED,
        Error::PermissionDenied | Error::EmailNotVerified => StatusCode::FORBIDDEN,
        Error::NotFound => StatusCode::NOT_FOUND,
        Error::OutOfStock { .. }
        | Error::TotalChanged { .. }
        | Error::TotalNotChargeable { .. }
        | Error::CouponNotApplicable { .. }
        | Error::InsufficientStock { .. }
        | Error::InvalidTransition { .. }
        | Error::AlreadyExists { .. }
        | Error::WithdrawalPeriodOver { .. }
        | Error::InUse { .. }
        | Error::CartEmpty
        | Error::RequestInProgress => StatusCode::CONFLICT,
        Error::VersionMismatch => StatusCode::PRECONDITION_FAILED,
        Error::IdempotencyMismatch => StatusCode::UNPROCESSABLE_ENTITY,
        Error::TooManyUnpaidOrders { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl Problem {
    /// Creates a problem with a stable machine-readable code and a sentence for humans.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Parts {
            status,
            code: code.into(),
            detail: detail.into(),
            errors: BTreeMap::new(),
            stock: None,
            retry_after: None,
            allow: None,
            source: None,
        }))
    }

    /// 400 `parse_error`: the request or its body cannot be parsed.
    pub fn parse_error(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "parse_error", detail)
    }

    /// 415: the body's media type is not supported.
    pub fn unsupported_media_type() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "The body must be JSON, with the Content-Type application/json.",
        )
    }

    /// 413: the body exceeds the size limit.
    pub fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", "The body is too large.")
    }

    /// 408: the body did not arrive in time.
    pub fn body_timeout() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", "The body did not arrive in time.")
    }

    /// 429: too many requests; retry after this many seconds.
    pub fn throttled(retry_after: u32) -> Self {
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "throttled", "Too many requests; try again later.");
        problem.0.retry_after = Some(retry_after);
        problem
    }

    /// 503: temporarily unavailable; retry after this many seconds.
    pub fn unavailable(retry_after: u32) -> Self {
        Error::Unavailable { retry_after, source: None }.into()
    }

    /// 500: an internal error. Its source goes only to the log.
    pub fn fault(source: impl Into<BoxError>) -> Self {
        Error::Fault(source.into()).into()
    }

    /// Sets the `Allow` header, which a 405 needs.
    #[must_use]
    pub fn with_allow(mut self, allow: HeaderValue) -> Self {
        self.0.allow = Some(allow);
        self
    }

    /// The HTTP status code.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable machine-readable code.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The internal cause, for the log.
    pub fn source(&self) -> Option<&BoxError> {
        self.0.source.as_ref()
    }

    /// Converts any framework error to a problem. Exposes none of its text except field names and parse errors.
    pub fn from_poem(error: poem::Error) -> Self {
        use poem_openapi::error::{ContentTypeError, ParseParamError, ParsePathError, ParseRequestPayloadError};
        let error = match error.downcast::<Self>() {
            Ok(problem) => return problem,
            Err(error) => error,
        };
        if let Some(parameter) = error.downcast_ref::<ParseParamError>() {
            return Error::invalid(parameter.name, "Not a valid value.").into();
        }
        // A malformed id identifies nothing.
        if error.is::<ParsePathError>() || error.is::<poem::error::ParsePathError>() {
            return Error::NotFound.into();
        }
        if error.is::<ContentTypeError>() {
            return Self::unsupported_media_type();
        }
        if let Some(payload) = error.downcast_ref::<ParseRequestPayloadError>() {
            return Self::parse_error(payload.reason.clone());
        }
        let status = error.status();
        match status {
            StatusCode::NOT_FOUND => Error::NotFound.into(),
            StatusCode::UNAUTHORIZED => Error::NotAuthenticated.into(),
            StatusCode::FORBIDDEN => Error::PermissionDenied.into(),
            StatusCode::METHOD_NOT_ALLOWED => {
                Self::new(status, "method_not_allowed", "This path does not have this method.")
            }
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::unsupported_media_type(),
            StatusCode::BAD_REQUEST => Self::parse_error("The request cannot be read."),
            status if status.is_client_error() => {
                Self::new(status, "invalid", status.canonical_reason().unwrap_or("The request was refused."))
            }
            _ => Self::fault(error),
        }
    }

    /// Builds the response with its headers.
    pub fn to_response(&self) -> Response {
        let parts = &*self.0;
        let body = Body {
            r#type: "about:blank",
            title: parts.status.canonical_reason().unwrap_or("Error"),
            status: parts.status.as_u16(),
            code: &parts.code,
            detail: &parts.detail,
            errors: (!parts.errors.is_empty()).then_some(&parts.errors),
            sku: parts.stock.as_ref().map(|(sku, _)| sku.as_str()),
            available: parts.stock.as_ref().map(|(_, available)| *available),
        };
        // Strings and numbers always serialize.
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = Response::builder().status(parts.status).body(poem::Body::from_vec(body));
        response.set_data(ProblemCode(parts.code.clone()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if parts.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, self.challenge());
        }
        if let Some(seconds) = parts.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = &parts.allow {
            headers.insert(header::ALLOW, allow.clone());
        }
        response
    }

    /// RFC 6750, 3.1: names the error only to clients that sent a token.
    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static(match &*self.0.code {
            "token_not_valid" => "Bearer realm=\"shop\", error=\"invalid_token\"",
            _ => "Bearer realm=\"shop\"",
        })
    }
}

/// The members of RFC 9457 and the shop's own, in the order in which they are serialized.
#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<&'a BTreeMap<String, Vec<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<i64>,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let mut problem = Self::new(status(&error), error.code(), error.to_string());
        let parts = &mut *problem.0;
        match error {
            Error::Invalid(invalid) => parts.errors = invalid.fields,
            Error::AlreadyExists { field } => {
                parts.errors.insert(field.to_owned(), vec![parts.detail.clone().into_owned()]);
            }
            Error::OutOfStock { sku, available } => parts.stock = Some((sku, available)),
            Error::TooManyUnpaidOrders { retry_after, .. } => parts.retry_after = Some(retry_after),
            Error::Unavailable { retry_after, source } => {
                parts.retry_after = Some(retry_after.max(1));
                parts.source = source;
            }
            Error::Fault(source) => parts.source = Some(source),
            _ => {}
        }
        problem
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.0.status.as_u16(), self.0.code, self.0.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        self.0.status
    }

    fn as_response(&self) -> Response {
        self.to_response()
    }
}

impl ApiResponse for Problem {
    /// Returns nothing: the document gets its error responses by rule, see [`crate::openapi`].
    fn meta() -> MetaResponses {
        MetaResponses { responses: Vec::new() }
    }

    fn register(_registry: &mut Registry) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem::error::{MethodNotAllowedError, NotFoundError, ReadBodyError};

    async fn body(problem: &Problem) -> serde_json::Value {
        problem.to_response().into_body().into_json().await.unwrap()
    }

    #[tokio::test]
    async fn a_problem_has_all_members() {
        let problem = Problem::from(Error::invalid("email", "This field is required."));
        let body = body(&problem).await;
        let expected = serde_json::json!({"type": "about:blank", "title": "Bad Request", "status": 400,
            "code": "invalid", "detail": "Invalid input.", "errors": {"email": ["This field is required."]}});
        assert_eq!(body, expected);
        assert_eq!(problem.to_response().content_type(), Some(CONTENT_TYPE));
    }

    #[tokio::test]
    async fn out_of_stock_says_what_and_how_many() {
        let body = body(&Error::OutOfStock { sku: "A-1".into(), available: 2 }.into()).await;
        assert_eq!((&body["sku"], &body["available"], &body["status"]), (&"A-1".into(), &2.into(), &409.into()));
    }

    #[tokio::test]
    async fn faults_keep_their_inside() {
        let problem = Problem::from(Error::fault("disk on fire"));
        assert_eq!(problem.source().unwrap().to_string(), "disk on fire");
        assert!(!body(&problem).await.to_string().contains("fire"));
    }

    #[test]
    fn headers_follow_the_status() {
        let response = Problem::from(Error::TokenNotValid).to_response();
        assert_eq!(response.header("www-authenticate"), Some("Bearer realm=\"shop\", error=\"invalid_token\""));
        assert_eq!(Problem::throttled(7).to_response().header("retry-after"), Some("7"));
        assert_eq!(Problem::unavailable(0).to_response().header("retry-after"), Some("1"));
        let allow = Problem::from_poem(MethodNotAllowedError.into()).with_allow(HeaderValue::from_static("GET"));
        assert_eq!(allow.to_response().header("allow"), Some("GET"));
    }

    #[test]
    fn framework_errors_become_problems() {
        let code = |error: poem::Error| Problem::from_poem(error).code().to_owned();
        assert_eq!(code(NotFoundError.into()), "not_found");
        assert_eq!(code(ReadBodyError::PayloadTooLarge.into()), "payload_too_large");
        assert_eq!(code(Problem::parse_error("x").into()), "parse_error");
        assert_eq!(code(std::io::Error::other("x").into_poem()), "internal_error");
    }

    trait IntoPoem {
        fn into_poem(self) -> poem::Error;
    }

    impl IntoPoem for std::io::Error {
        fn into_poem(self) -> poem::Error {
            poem::error::InternalServerError(self)
        }
    }
}
