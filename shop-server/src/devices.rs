//! Known devices, from which a user has signed in before: a stranger's wrong attempts do not lock the owner out there.
//!
//! Sign-in returns a device token in `X-Device-Token`. A client that sends it with the next sign-in has its own limit
//! of attempts. In cookie mode a cookie does this automatically. The token grants no access.

use std::sync::Arc;

use poem::http::HeaderValue;
use poem::{FromRequest, IntoResponse, Request, RequestBody, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaResponses, Registry};

use crate::cookies::CookieMode;

const HEADER: &str = "x-device-token";

/// The device token in a request's header or, in cookie mode, cookie, as a handler argument.
#[derive(Debug, Clone)]
pub struct Device(Option<String>);

impl Device {
    /// The token, if the request has one.
    pub fn shown(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl<'a> FromRequest<'a> for Device {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        let cookie = || request.data::<Arc<CookieMode>>().and_then(|mode| mode.device(request));
        Ok(Self(request.header(HEADER).or_else(cookie).map(str::to_owned)))
    }
}

/// A response that also carries a new device token, outside cookie mode.
#[derive(Debug)]
pub struct WithDevice<R> {
    /// The response to which the header is added.
    pub answer: R,
    /// The value of its `X-Device-Token` header.
    pub token: Option<HeaderValue>,
}

impl<R: IntoResponse> IntoResponse for WithDevice<R> {
    fn into_response(self) -> Response {
        let mut response = self.answer.into_response();
        if let Some(token) = self.token {
            response.headers_mut().insert(HEADER, token);
        }
        response
    }
}

impl<R: ApiResponse> ApiResponse for WithDevice<R> {
    fn meta() -> MetaResponses {
        R::meta()
    }

    fn register(registry: &mut Registry) {
        R::register(registry);
    }
}
