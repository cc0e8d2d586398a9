//! Where every request comes in and every answer goes out: the one wrapper around all routes.
//!
//! One hand-written wrapper instead of a stack of middleware, because each layer of a stack boxes its own future:
//! it gives the request an id, guards its body, trims its path, asks the routes, makes every error a
//! [`Problem`], answers conditional reads, and adds the headers, the metrics and the log lines.
//!
//! Log lines: an answer of 500 and above is logged with its cause, everything else only at debug level under the
//! target `access` (`RUST_LOG=info,access=debug` turns the access log on); a line per request would cost more
//! than most requests.

mod body;
mod conditional;
mod cors;
mod metrics;
mod request_id;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt as _;
use poem::PathPattern;
use poem::http::uri::PathAndQuery;
use poem::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use poem::{Endpoint, Request, Response};
use tracing::Instrument as _;

use crate::health::Health;
use crate::problem::Problem;

pub use body::{BODY_LIMIT, BODY_TIMEOUT};
pub use cors::Cors;
pub use metrics::{Metrics, Routes};
pub use request_id::RequestId;

use body::Guard;
use request_id::RequestIds;

/// The wrapper around all routes. Its endpoint never fails: every error is an answer.
pub struct Edge<E> {
    inner: E,
    ids: RequestIds,
    cors: Cors,
    routes: Arc<Routes>,
    health: Arc<Health>,
}

impl<E: Endpoint<Output = Response>> Edge<E> {
    /// Wraps `inner`, whose paths are known to `routes`.
    pub fn new(inner: E, cors: Cors, routes: Arc<Routes>, health: Arc<Health>) -> Self {
        Self { inner, ids: RequestIds::new(), cors, routes, health }
    }

    async fn route(&self, mut request: Request, id: &HeaderValue) -> Response {
        if let Err(problem) = trim_slash(request.uri_mut()) {
            return problem.to_response();
        }
        let guard = match Guard::new(&mut request) {
            Ok(guard) => guard,
            Err(problem) => return problem.to_response(),
        };
        let outcome = AssertUnwindSafe(self.inner.call(request)).catch_unwind().await;
        let mut response = match outcome {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => self.failed(error, id),
            Err(panic) => logged(&Problem::fault(panic_message(&*panic)), id),
        };
        // A body that was cut explains whatever the handler made of its end.
        if let Some(problem) = guard.and_then(|guard| guard.verdict()) {
            let pattern = response.data::<PathPattern>().cloned();
            response = problem.to_response();
            if let Some(pattern) = pattern {
                response.set_data(pattern);
            }
        }
        response
    }

    fn failed(&self, error: poem::Error, id: &HeaderValue) -> Response {
        let pattern = error.data::<PathPattern>().cloned();
        if error.is_from_response() {
            return error.into_response();
        }
        let mut problem = Problem::from_poem(error);
        if problem.status() == StatusCode::METHOD_NOT_ALLOWED
            && let Some(allow) = pattern.as_ref().and_then(|pattern| self.routes.allow(&pattern.0))
        {
            problem = problem.with_allow(allow);
        }
        let mut response = logged(&problem, id);
        if let Some(pattern) = pattern {
            response.set_data(pattern);
        }
        response
    }
}

impl<E: Endpoint<Output = Response>> Endpoint for Edge<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let started = Instant::now();
        let id = self.ids.of(&request);
        request.set_data(RequestId(id.clone()));
        let method = request.method().clone();
        let origin = request.headers().get(header::ORIGIN).cloned();
        let if_none_match = conditional::wanted(&request);

        // Wherever a line is logged, it says for which request.
        let span = tracing::error_span!("request", id = id.to_str().unwrap_or_default());
        let mut response = if self.health.refuses(request.uri().path()) {
            Problem::unavailable(crate::serve::RETRY_AFTER_RESTART).to_response()
        } else if let Some(preflight) = self.cors.preflight(&request) {
            preflight
        } else if span.is_disabled() {
            self.route(request, &id).await
        } else {
            self.route(request, &id).instrument(span).await
        };

        if let Some(tags) = if_none_match {
            conditional::apply(&tags, &mut response);
        }
        let headers = response.headers_mut();
        if let Some(origin) = &origin {
            self.cors.decorate(origin, headers);
        }
        secure(headers);
        headers.insert(request_id::HEADER, id.clone());
        self.routes.record(&method, &response, started.elapsed());
        tracing::debug!(
            target: "access",
            id = id.to_str().unwrap_or_default(),
            method = method.as_str(),
            route = response.data::<PathPattern>().map_or("", |pattern| &*pattern.0),
            status = response.status().as_u16(),
            micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        );
        Ok(response)
    }
}

/// Answers with a problem, and tells the log what the answer does not tell.
fn logged(problem: &Problem, id: &HeaderValue) -> Response {
    if problem.status().is_server_error() {
        let id = id.to_str().unwrap_or_default();
        let cause = problem.source().map(|source| chain(&**source)).unwrap_or_default();
        if problem.status() == StatusCode::SERVICE_UNAVAILABLE {
            tracing::warn!(id, cause, "unavailable");
        } else {
            tracing::error!(id, cause, "internal error");
        }
    }
    problem.to_response()
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a message"))
}

/// Removes the one slash at the end of a path: routes are kept without it, and both forms are served.
fn trim_slash(uri: &mut Uri) -> Result<(), Problem> {
    let path = uri.path();
    let Some(trimmed) = path.strip_suffix('/').filter(|trimmed| !trimmed.is_empty()) else { return Ok(()) };
    let target = match uri.query() {
        Some(query) => [trimmed, "?", query].concat(),
        None => trimmed.to_owned(),
    };
    let unreadable = || Problem::parse_error("The address cannot be read.");
    let target = PathAndQuery::try_from(target).map_err(|_| unreadable())?;
    let mut parts = std::mem::take(uri).into_parts();
    parts.path_and_query = Some(target);
    *uri = Uri::from_parts(parts).map_err(|_| unreadable())?;
    Ok(())
}

/// What every answer says to browsers (OWASP REST Security Cheat Sheet), unless the route knows better.
fn secure(headers: &mut poem::http::HeaderMap) {
    const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
    const DENY: HeaderValue = HeaderValue::from_static("DENY");
    const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    const REVALIDATE: HeaderValue = HeaderValue::from_static("private, no-cache");
    const NEVER: HeaderValue = HeaderValue::from_static("no-store");
    let mut default = |name: HeaderName, value: HeaderValue| {
        headers.entry(name).or_insert(value);
    };
    default(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    default(header::X_FRAME_OPTIONS, DENY);
    default(header::CONTENT_SECURITY_POLICY, NOTHING);
    let cache = if headers.contains_key(header::ETAG) { REVALIDATE } else { NEVER };
    headers.entry(header::CACHE_CONTROL).or_insert(cache);
}

/// True for the methods that change nothing (RFC 9110, 9.2.1) and may be answered with 304.
fn is_read(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slash_is_trimmed_and_the_query_kept() {
        for (from, to) in
            [("/a/b/?x=1", "/a/b?x=1"), ("/a/", "/a"), ("/", "/"), ("/a?x=/", "/a?x=/"), ("/a//", "/a/"), ("/a", "/a")]
        {
            let mut uri: Uri = from.parse().unwrap();
            trim_slash(&mut uri).unwrap();
            assert_eq!(uri.to_string(), to);
        }
    }

    #[test]
    fn a_cause_is_logged_with_its_causes() {
        let inner = std::io::Error::other("disk");
        let outer = shop_core::Error::Unavailable { retry_after: 1, source: Some(Box::new(inner)) };
        assert!(chain(&outer).ends_with(": disk"));
    }
}
