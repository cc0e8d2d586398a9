//! Response types of handlers: a body, its status, and its headers.
//!
//! A response body derives `poem_openapi::Object` for its schema and `serde::Serialize` for its encoding: serializing
//! straight to bytes costs a fraction of poem-openapi's detour through a tree of values.
//!
//! | type | status | adds |
//! | --- | --- | --- |
//! | [`JsonResponse`] | 200, or its `STATUS` | |
//! | [`Created`] | 201 | |
//! | [`NoContent`] | 204 | |
//! | [`VersionedResponse`] | 200, or its `STATUS`; 201 with [`VersionedResponse::created`] | `ETag` |
//! | [`ReplayableResponse`] | that of the inner response | `Idempotency-Replayed` |
//! | [`List`] | inside a [`JsonResponse`] | the envelope of a paged list |
//!
//! [`IdempotencyKey`], [`IfMatch`] and [`Paging`] are what requests send for them.

mod idempotency;
mod list;
mod paging;
mod version;

use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use serde::Serialize;

use crate::problem::Problem;

pub use idempotency::{IdempotencyKey, ReplayableResponse};
pub use list::{List, RequestUrl};
pub use paging::Paging;
pub(crate) use version::tags;
pub use version::{IfMatch, VersionedResponse};

const JSON: &str = "application/json";

/// A JSON response with a fixed status, 200 by default.
#[derive(Debug)]
pub struct JsonResponse<T, const STATUS: u16 = 200>(pub T);

/// 201 Created, for a new resource.
pub type Created<T> = JsonResponse<T, 201>;

/// 204 No Content, for a success without a body.
#[derive(Debug, Clone, Copy)]
pub struct NoContent;

impl<T: Serialize + Send, const STATUS: u16> IntoResponse for JsonResponse<T, STATUS> {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(STATUS).unwrap_or(StatusCode::OK);
        match serde_json::to_vec(&self.0) {
            Ok(body) => json(status, body),
            Err(why) => Problem::fault(why).to_response(),
        }
    }
}

impl<T: Type + Serialize, const STATUS: u16> ApiResponse for JsonResponse<T, STATUS> {
    fn meta() -> MetaResponses {
        described::<T>(&[STATUS], &[])
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl ApiResponse for NoContent {
    fn meta() -> MetaResponses {
        let response = MetaResponse {
            description: "",
            status: Some(204),
            status_range: None,
            content: Vec::new(),
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(_registry: &mut Registry) {}
}

fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::builder().status(status).body(Body::from_vec(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}

/// The same body schema for each of these statuses.
fn described<T: Type>(statuses: &[u16], headers: &[(&HeaderName, &str)]) -> MetaResponses {
    let response = |status: &u16| MetaResponse {
        description: "",
        status: Some(*status),
        status_range: None,
        content: vec![MetaMediaType { content_type: JSON, schema: T::schema_ref() }],
        headers: headers.iter().map(|(name, description)| header_meta(name, description)).collect(),
    };
    MetaResponses { responses: statuses.iter().map(response).collect() }
}

fn header_meta(name: &HeaderName, description: &str) -> MetaHeader {
    MetaHeader {
        name: name.as_str().to_owned(),
        description: Some(description.to_owned()),
        required: false,
        deprecated: false,
        schema: String::schema_ref(),
    }
}
