//! Cookie mode (`AUTH_COOKIES=True`): sign-in for browsers that should not expose tokens to scripts.
//!
//! Tokens are set only as HttpOnly cookies, together with a readable `csrftoken`. Names of `Secure` cookies start with
//! `__Host-`, so that no other host of the domain can set them (RFC 6265bis, 4.1.3.2). A request that is authorized by
//! a cookie and may change something must repeat the CSRF token in `X-CSRFToken` and come from an allowed origin. The
//! token is an HMAC of the session, so a cookie pair planted by an attacker (from a sibling domain, say) is worthless.

use std::time::Duration;

use poem::http::header::{COOKIE, ORIGIN, SET_COOKIE};
use poem::http::{HeaderMap, HeaderValue, Method, StatusCode};
use poem::{IntoResponse, Request, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaResponses, Registry};
use shop_core::Shop;
use shop_core::accounts::TokenPair;
use shop_core::id::SessionId;
use shop_core::secret::Secret;

use crate::client::RequestOrigin;
use crate::config::Config;
use crate::problem::{Problem, Result};

/// The names of the cookies that hold tokens.
#[derive(Debug, Clone, Copy)]
struct Names {
    access: &'static str,
    refresh: &'static str,
    device: &'static str,
}

/// The names for `Secure` cookies, and for a developer's machine. Only the names of the current mode are accepted.
const HOST_NAMES: Names = Names { access: "__Host-access", refresh: "__Host-refresh", device: "__Host-device" };
const PLAIN_NAMES: Names = Names { access: "access", refresh: "refresh", device: "device" };
/// How long a browser keeps the device cookie: 400 days, the longest that browsers allow.
const DEVICE_LIFETIME: Duration = Duration::from_hours(400 * 24);
const CSRF: &str = "csrftoken";
const CSRF_PURPOSE: &str = "csrf";
const CSRF_HEADER: &str = "x-csrftoken";

/// How cookies are set and checked.
#[derive(Debug, Clone)]
pub struct CookieMode {
    secure: bool,
    origins: Vec<String>,
    access_lifetime: Duration,
    refresh_lifetime: Duration,
}

impl CookieMode {
    /// Returns the mode if the configuration turns it on.
    pub fn new(config: &Config) -> Option<Self> {
        config.auth_cookies.then(|| Self {
            secure: !config.debug,
            origins: config.cors_allowed_origins.clone(),
            access_lifetime: config.access_token_lifetime,
            refresh_lifetime: config.refresh_token_lifetime,
        })
    }

    fn names(&self) -> Names {
        if self.secure { HOST_NAMES } else { PLAIN_NAMES }
    }

    /// The access token in a request's cookies.
    pub fn access<'a>(&self, request: &'a Request) -> Option<&'a str> {
        value(request.headers(), self.names().access)
    }

    /// The refresh token in a request's cookies.
    pub fn refresh(&self, request: &Request) -> Option<Secret> {
        value(request.headers(), self.names().refresh).map(Secret::from)
    }

    /// The cookies for a new pair of tokens.
    pub fn hold(&self, shop: &Shop, tokens: &TokenPair) -> Vec<HeaderValue> {
        let word = csrf_token(shop, tokens.session_id);
        let cookies = [
            self.cookie(self.names().access, tokens.access.expose(), self.access_lifetime, true),
            self.cookie(self.names().refresh, tokens.refresh.expose(), self.refresh_lifetime, true),
            self.cookie(CSRF, word.expose(), self.refresh_lifetime, false),
        ];
        cookies.into_iter().flatten().collect()
    }

    /// The cookie that identifies this browser at the next sign-in. [`CookieMode::clear`] does not remove it.
    pub fn hold_device(&self, token: &Secret) -> Option<HeaderValue> {
        self.cookie(self.names().device, token.expose(), DEVICE_LIFETIME, true)
    }

    /// The device token in a request's cookies.
    pub fn device<'a>(&self, request: &'a Request) -> Option<&'a str> {
        value(request.headers(), self.names().device)
    }

    /// The cookies that delete the session's cookies.
    pub fn clear(&self) -> Vec<HeaderValue> {
        let gone = |name, http_only| self.cookie(name, "", Duration::ZERO, http_only);
        let names = self.names();
        [gone(names.access, true), gone(names.refresh, true), gone(CSRF, false)].into_iter().flatten().collect()
    }

    /// `None` for a value that no header can hold; tokens never have one.
    fn cookie(&self, name: &str, value: &str, lifetime: Duration, http_only: bool) -> Option<HeaderValue> {
        let http_only = if http_only { "; HttpOnly" } else { "" };
        let secure = if self.secure { "; Secure" } else { "" };
        let seconds = lifetime.as_secs();
        let text = format!("{name}={value}; Max-Age={seconds}; Path=/; SameSite=Lax{http_only}{secure}");
        HeaderValue::try_from(text).ok()
    }

    /// Checks the CSRF token and the origin of a request that a session cookie authorizes. Safe methods pass.
    ///
    /// # Errors
    /// 403 `csrf_failed`.
    pub fn guard(&self, request: &Request, shop: &Shop, session: SessionId) -> Result<()> {
        if [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()) {
            return Ok(());
        }
        let given = request.header(CSRF_HEADER).unwrap_or_default();
        if !shop.is_tag(CSRF_PURPOSE, session.0.as_bytes(), given) {
            return Err(csrf_failed("The X-CSRFToken header does not hold the session's csrftoken."));
        }
        if !self.is_allowed(request) {
            return Err(csrf_failed("The request does not come from an allowed origin."));
        }
        Ok(())
    }

    /// Whether the request comes from a listed origin or the server's own (a page cannot forge either in a browser).
    fn is_allowed(&self, request: &Request) -> bool {
        let headers = request.headers();
        let Some(origin) = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()) else { return false };
        let nowhere = RequestOrigin::default();
        let own = request.data::<RequestOrigin>().unwrap_or(&nowhere);
        own.is_own(origin, request.original_uri(), headers)
            || self.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    }
}

/// The value of a cookie (RFC 6265, 5.4); the first if several have this name.
fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(known, value)| *known == name && !value.is_empty()).map(|(_, value)| value).next()
}

fn csrf_token(shop: &Shop, session: SessionId) -> Secret {
    shop.tag(CSRF_PURPOSE, session.0.as_bytes())
}

fn csrf_failed(detail: &'static str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "csrf_failed", detail)
}

/// A response that also sets cookies; none outside cookie mode.
#[derive(Debug)]
pub struct WithCookies<R> {
    /// The response to which the cookies are added.
    pub answer: R,
    /// The values of its `Set-Cookie` headers.
    pub cookies: Vec<HeaderValue>,
}

impl<R: IntoResponse> IntoResponse for WithCookies<R> {
    fn into_response(self) -> Response {
        let mut response = self.answer.into_response();
        for cookie in self.cookies {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }
}

impl<R: ApiResponse> ApiResponse for WithCookies<R> {
    fn meta() -> MetaResponses {
        R::meta()
    }

    fn register(registry: &mut Registry) {
        R::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(secure: bool) -> CookieMode {
        let lifetime = Duration::from_mins(5);
        let origins = vec!["https://shop.example".to_owned()];
        CookieMode { secure, origins, access_lifetime: lifetime, refresh_lifetime: lifetime }
    }

    #[test]
    fn cookies_say_who_may_read_them() {
        let text = |secure, http_only| {
            let cookie = mode(secure).cookie("a", "b", Duration::from_secs(7), http_only).unwrap();
            cookie.to_str().unwrap().to_owned()
        };
        assert_eq!(text(true, true), "a=b; Max-Age=7; Path=/; SameSite=Lax; HttpOnly; Secure");
        assert_eq!(text(false, false), "a=b; Max-Age=7; Path=/; SameSite=Lax");
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("xaccess=1; theme=dark;access=abc=="));
        headers.append(COOKIE, HeaderValue::from_static("refresh=; access=second; __Host-access=host"));
        assert_eq!(value(&headers, "access"), Some("abc=="));
        assert_eq!(value(&headers, "refresh"), None);
        let mut request = Request::default();
        *request.headers_mut() = headers;
        assert_eq!((mode(true).access(&request), mode(false).access(&request)), (Some("host"), Some("abc==")));
    }

    #[test]
    fn only_listed_origins_and_the_own_one_are_allowed() {
        let allowed = |origin: Option<&'static str>| {
            let mut request = Request::default();
            request.headers_mut().insert("host", HeaderValue::from_static("api.example:8000"));
            if let Some(origin) = origin {
                request.headers_mut().insert(ORIGIN, HeaderValue::from_static(origin));
            }
            mode(true).is_allowed(&request)
        };
        assert!(allowed(Some("https://Shop.example")) && allowed(Some("http://api.example:8000")));
        for wrong in ["https://evil.example", "null", "http://api.example", "https://shop.example.evil.example", ""] {
            assert!(!allowed(Some(wrong)), "{wrong}");
        }
        assert!(!allowed(None));
    }
}
