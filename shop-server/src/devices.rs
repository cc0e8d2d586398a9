//! Devices on which somebody signed in before: a stranger's wrong tries do not lock the owner of an account out of them.
//!
//! Sign-in answers with a token for the device in `X-Device-Token`; a client that keeps it and sends it with the next
//! sign-in has tries of its own there. In cookie mode a cookie does it by itself. The token opens nothing.

use std::sync::Arc;

use poem::http::HeaderValue;
use poem::{FromRequest, IntoResponse, Request, RequestBody, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaResponses, Registry};

use crate::cookies::CookieMode;

const HEADER: &str = "x-device-token";

/// The device token that a request shows, in its header or, in cookie mode, its cookie. Take it as a handler's argument.
#[derive(Debug, Clone)]
pub struct Device(Option<String>);

impl Device {
    /// The token.
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

/// An answer that also gives the device its token, outside cookie mode.
#[derive(Debug)]
pub struct WithDevice<R> {
    /// The answer.
    pub answer: R,
    /// The token, for the header.
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
