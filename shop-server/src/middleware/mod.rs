//! The one wrapper around all routes, which every request and response passes.
//!
//! It is hand-written instead of a stack of middleware, because each layer of a stack boxes its own future. It
//! determines the client, assigns a request id, limits the body, trims the path, calls the routes, turns every error
//! into a [`Problem`], handles conditional reads, and adds headers, metrics and log lines.
//!
//! A response of 500 or above is logged with its cause. Everything else is logged only at debug level under the target
//! `access` (`RUST_LOG=info,access=debug` turns the access log on), because a line per request would cost more than
//! most requests.

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
use poem::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};
use poem::{Endpoint, Request, Response};
use tracing::Instrument as _;

use crate::client::Proxies;
use crate::client::forwarded::is_host;
use crate::health::Health;
use crate::problem::Problem;
use crate::security::{self, KnownUser, ProblemCode};
use crate::serve::OverLimit;
use shop_core::error::with_causes;

pub use body::{BODY_LIMIT, BODY_TIMEOUT};
pub use cors::Cors;
pub use metrics::{Metrics, Routes};
pub use request_id::RequestId;

use body::Guard;
use request_id::RequestIds;

/// The wrapper around all routes. Its endpoint never fails: it turns every error into a response.
pub struct Middleware<E> {
    inner: E,
    ids: RequestIds,
    cors: Cors,
    proxies: Proxies,
    routes: Arc<Routes>,
    health: Arc<Health>,
}

impl<E: Endpoint<Output = Response>> Middleware<E> {
    /// Wraps `inner`, whose paths `routes` lists.
    pub fn new(inner: E, cors: Cors, proxies: Proxies, routes: Arc<Routes>, health: Arc<Health>) -> Self {
        Self { inner, ids: RequestIds::new(), cors, proxies, routes, health }
    }

    /// Responds without calling the routes, if the request is refused or is a CORS preflight.
    fn refusal(&self, request: &mut Request) -> Option<Response> {
        let path = request.uri().path();
        if self.health.refuses(path) {
            return Some(Problem::unavailable(crate::serve::RETRY_AFTER_RESTART).to_response());
        }
        if request.data::<OverLimit>().is_some() && !Health::is_live_path(path) {
            return Some(Problem::unavailable(crate::serve::RETRY_AFTER_CROWD).to_response());
        }
        if let Err(problem) = check_host(request) {
            return Some(problem.to_response());
        }
        if let Some(preflight) = self.cors.preflight(request) {
            return Some(preflight);
        }
        let unreadable = trim_slash(request.uri_mut()).err();
        unreadable.or_else(|| Guard::refusal(request)).map(|problem| problem.to_response())
    }

    async fn route(&self, request: Request, guard: Option<&Guard>, id: &HeaderValue) -> Response {
        let outcome = AssertUnwindSafe(self.inner.call(request)).catch_unwind().await;
        let mut response = match outcome {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => self.failed(error, id),
            Err(panic) => logged(&Problem::fault(panic_message(&*panic)), id),
        };
        // A body that was cut off explains whatever error the handler made of it.
        if let Some(problem) = guard.and_then(Guard::verdict) {
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

impl<E: Endpoint<Output = Response>> Endpoint for Middleware<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let started = Instant::now();
        let id = self.ids.of(&request);
        request.set_data(RequestId(id.clone()));
        let method = request.method().clone();
        let origin = request.headers().get(header::ORIGIN).cloned();
        let if_none_match = conditional::wanted(&request);
        let sender = self.proxies.origin(&request);
        let (client, https) = (sender.client(), sender.is_https());
        request.set_data(sender);
        let user = KnownUser::default();
        request.set_data(user.clone());
        let guard = Guard::new(&mut request);

        // Every log line names its request and client.
        let client = client.map(tracing::field::display);
        let span = tracing::error_span!("request", id = id.to_str().unwrap_or_default(), client);
        let mut response = if let Some(refused) = self.refusal(&mut request) {
            refused
        } else if span.is_disabled() {
            self.route(request, guard.as_ref(), &id).await
        } else {
            self.route(request, guard.as_ref(), &id).instrument(span.clone()).await
        };
        if !response.status().is_success() {
            span.in_scope(|| security::answered(response.status(), response.data::<ProblemCode>(), &user));
        }

        if let Some(tags) = if_none_match {
            conditional::apply(&tags, &mut response);
        }
        let succeeded = response.status().is_success();
        let headers = response.headers_mut();
        if let Some(origin) = &origin {
            self.cors.decorate(origin, headers);
        }
        secure(headers, https);
        if !succeeded && guard.is_some_and(|guard| guard.is_unread()) {
            headers.insert(header::CONNECTION, CLOSE);
        }
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

/// Responds with a problem, and logs the cause that the response hides.
fn logged(problem: &Problem, id: &HeaderValue) -> Response {
    if problem.status().is_server_error() {
        let id = id.to_str().unwrap_or_default();
        let cause = problem.source().map(|source| with_causes(&**source)).unwrap_or_default();
        if problem.status() == StatusCode::SERVICE_UNAVAILABLE {
            tracing::warn!(id, cause, "unavailable");
        } else {
            tracing::error!(id, cause, "internal error");
        }
    }
    problem.to_response()
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a message"))
}

/// Removes one trailing slash from a path: routes are stored without it, and both forms work.
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

/// Requires a `Host` header in HTTP/1.1 and never allows two (RFC 9112, 3.2), so that the server and every proxy agree
/// on the host that links use.
fn check_host(request: &Request) -> Result<(), Problem> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let fine = match (hosts.next(), hosts.next()) {
        // HTTP/2 has the host in the request's address.
        (None, _) => request.version() != Version::HTTP_11,
        (Some(host), None) => host.is_empty() || host.to_str().is_ok_and(is_host),
        (Some(_), Some(_)) => false,
    };
    if fine {
        Ok(())
    } else {
        Err(Problem::parse_error("The request must have exactly one Host header that names a host."))
    }
}

/// The rest of the request's body is not read, so the connection cannot be reused.
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// Adds the security headers of every response (OWASP REST Security Cheat Sheet), unless the route sets its own.
fn secure(headers: &mut poem::http::HeaderMap, https: bool) {
    const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
    const DENY: HeaderValue = HeaderValue::from_static("DENY");
    const NOTHING: HeaderValue =
        HeaderValue::from_static("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
    // One year. Without `includeSubDomains`, because other hosts of this domain are unknown here.
    const TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=31536000");
    const REVALIDATE: HeaderValue = HeaderValue::from_static("private, no-cache");
    const NEVER: HeaderValue = HeaderValue::from_static("no-store");
    let mut default = |name: HeaderName, value: HeaderValue| {
        headers.entry(name).or_insert(value);
    };
    default(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    default(header::X_FRAME_OPTIONS, DENY);
    default(header::CONTENT_SECURITY_POLICY, NOTHING);
    default(header::REFERRER_POLICY, NO_REFERRER);
    if https {
        default(header::STRICT_TRANSPORT_SECURITY, TRANSPORT);
    }
    let cache = if headers.contains_key(header::ETAG) { REVALIDATE } else { NEVER };
    headers.entry(header::CACHE_CONTROL).or_insert(cache);
}

/// Whether a method changes nothing (RFC 9110, 9.2.1) and may be answered with a 304.
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
}
