//! Cross-origin reads (the Fetch standard's CORS protocol).
//!
//! poem's own middleware refuses every request from an unlisted origin, including those of the server's own pages. The
//! protocol needs no refusal: a browser hides a response that does not allow the page's origin.

use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};

const ALLOW_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
const EXPOSE: HeaderValue =
    HeaderValue::from_static("ETag, X-Request-Id, X-Device-Token, Idempotency-Replayed, Retry-After, WWW-Authenticate");
/// How long a browser may cache a preflight response, in seconds; Chromium caps it at two hours.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");
const TRUE: HeaderValue = HeaderValue::from_static("true");
const VARY_ORIGIN: HeaderValue = HeaderValue::from_static("Origin");

/// The browser origins that may read responses.
#[derive(Debug, Clone, Default)]
pub struct Cors {
    origins: Vec<String>,
    credentials: bool,
}

impl Cors {
    /// Allows these origins, `scheme://host[:port]` in lower case. `credentials` (cookies) is for cookie mode only.
    pub fn new(origins: Vec<String>, credentials: bool) -> Self {
        Self { origins, credentials }
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        self.origins.iter().any(|allowed| origin.as_bytes().eq_ignore_ascii_case(allowed.as_bytes()))
    }

    /// Responds to a preflight request; `None` if the request is not one.
    pub(super) fn preflight(&self, request: &Request) -> Option<Response> {
        let headers = request.headers();
        if *request.method() != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        let origin = headers.get(header::ORIGIN)?;
        let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
        if self.allows(origin) {
            let answer = response.headers_mut();
            answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOW_METHODS);
            answer.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
            if let Some(wanted) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
                answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
            }
        }
        Some(response)
    }

    /// Allows the page to read the response, if its origin is listed.
    pub(super) fn decorate(&self, origin: &HeaderValue, headers: &mut HeaderMap) {
        headers.append(header::VARY, VARY_ORIGIN);
        if self.allows(origin) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSE);
            if self.credentials {
                headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
            }
        }
    }
}
