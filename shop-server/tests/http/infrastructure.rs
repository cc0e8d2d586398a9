//! What the server does for every endpoint, over real HTTP, with a small API of its own.

use std::sync::Arc;

use crate::support::Server;
use poem_openapi::param::{Path, Query};
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use shop_core::field::Checks;
use shop_server::field::{JsonBody, Money, Optional, Required};
use shop_server::problem::Result;
use shop_server::response::{
    Created, IdempotencyKey, JsonResponse, NoContent, ReplayableResponse, RequestUrl, VersionedResponse,
};
use tokio::sync::Notify;
use uuid::Uuid;

#[derive(Object)]
struct ThingRequest {
    name: Required<String>,
    price: Required<Money>,
    count: Optional<i64>,
}

#[derive(Object, Serialize)]
struct Thing {
    name: String,
}

#[derive(Default, Clone)]
struct Api {
    reached: Arc<Notify>,
    release: Arc<Notify>,
}

#[expect(clippy::unused_async, reason = "handlers are async")]
#[OpenApi]
impl Api {
    #[oai(path = "/things/", method = "post")]
    async fn create(
        &self,
        idempotency_key: IdempotencyKey,
        body: JsonBody<ThingRequest>,
    ) -> Result<ReplayableResponse<Created<Thing>>> {
        let request = body.into_inner();
        let mut checks = Checks::new();
        let name = checks.required("name", request.name.into(), Ok);
        checks.required("price", request.price.into_field::<String>(), Ok);
        checks.optional("count", request.count.0, Ok);
        checks.finish()?;
        let thing = Thing { name: name.unwrap_or_default() };
        Ok(ReplayableResponse::new(JsonResponse(thing), idempotency_key.0.is_some()))
    }

    #[oai(path = "/things/:id/", method = "get")]
    async fn read(&self, id: Path<Uuid>) -> Result<VersionedResponse<Thing>> {
        Ok(VersionedResponse::new(Thing { name: id.0.to_string() }, 7))
    }

    #[oai(path = "/things/:id/", method = "delete")]
    async fn delete(&self, _id: Path<Uuid>) -> Result<NoContent> {
        Ok(NoContent)
    }

    #[oai(path = "/stock/", method = "get")]
    async fn stock(&self) -> Result<NoContent> {
        Err(shop_core::Error::OutOfStock { sku: "A-1".into(), available: 2 }.into())
    }

    #[oai(path = "/fault/", method = "get")]
    async fn fault(&self) -> Result<NoContent> {
        Err(shop_core::Error::fault("the inside").into())
    }

    #[oai(path = "/panic/", method = "get")]
    async fn panic(&self) -> Result<NoContent> {
        Uuid::parse_str("no id").expect("the inside");
        Ok(NoContent)
    }

    #[oai(path = "/login/", method = "get")]
    async fn login(&self) -> Result<NoContent> {
        Err(shop_core::Error::NotAuthenticated.into())
    }

    #[oai(path = "/query/", method = "get")]
    async fn query(&self, url: RequestUrl, count: Query<Optional<i64>>) -> Result<JsonResponse<Thing>> {
        let mut checks = Checks::new();
        let count = checks.optional("count", count.0.0, Ok);
        checks.finish()?;
        Ok(JsonResponse(Thing { name: format!("{count:?} {url:?}") }))
    }

    /// Waits until the test releases it.
    #[oai(path = "/slow/", method = "get")]
    async fn slow(&self) -> Result<NoContent> {
        self.reached.notify_one();
        self.release.notified().await;
        Ok(NoContent)
    }
}

const JSON: (&str, &str) = ("Content-Type", "application/json");
const ID: &str = "/things/01890000-0000-7000-8000-000000000000/";

#[tokio::test]
async fn both_forms_of_a_path_are_served_alike() {
    let server = Server::start(Api::default()).await;
    for path in [ID, ID.trim_end_matches('/')] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    }
    let body = r#"{"name": "a", "price": "1"}"#;
    for path in ["/things", "/things/"] {
        assert_eq!(server.send("POST", path, &[JSON], body).await.status, 201);
    }
}

#[tokio::test]
async fn every_refusal_of_the_framework_is_a_problem() {
    let server = Server::start(Api::default()).await;
    assert_eq!(server.get("/nothing/").await.code(), "not_found");
    assert_eq!(server.get("/things/no-uuid/").await.code(), "not_found");
    let wrong_method = server.send("PUT", ID, &[], "").await;
    assert_eq!((wrong_method.status, wrong_method.code().as_str()), (405, "method_not_allowed"));
    assert_eq!(wrong_method.header("allow"), Some("DELETE, GET, HEAD"));
    let text = server.send("POST", "/things/", &[("Content-Type", "text/plain")], "{}").await;
    assert_eq!((text.status, text.code().as_str()), (415, "unsupported_media_type"));
    let broken = server.send("POST", "/things/", &[JSON], "{").await;
    assert_eq!((broken.status, broken.code().as_str()), (400, "parse_error"));
    let list = server.send("POST", "/things/", &[JSON], "[]").await;
    assert_eq!((list.status, list.code().as_str()), (400, "parse_error"));
    let login = server.get("/login/").await;
    assert_eq!((login.status, login.code().as_str()), (401, "not_authenticated"));
    assert_eq!(login.header("www-authenticate"), Some("Bearer realm=\"shop\""));
}

#[tokio::test]
async fn all_wrong_fields_are_named_at_once() {
    let server = Server::start(Api::default()).await;
    let body = r#"{"name": 5, "price": 19.99, "count": "x", "unknown": 1}"#;
    let answer = server.send("POST", "/things/", &[JSON], body).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "invalid"));
    let errors = answer.json()["errors"].clone();
    assert_eq!(errors["name"][0], "Must be a string.");
    assert_eq!(errors["price"][0], "Must be a decimal string such as \"19.99\".");
    assert_eq!(errors["count"][0], "Must be a whole number.");
    let empty = server.send("POST", "/things/", &[], "").await;
    assert_eq!(empty.json()["errors"]["name"][0], "This field is required.");
    assert_eq!(server.get("/query/?count=x").await.json()["errors"]["count"][0], "Must be a whole number.");
    assert!(server.get("/query/?count=3").await.body.contains("Some(3)"));
}

#[tokio::test]
async fn insides_stay_inside() {
    let server = Server::start(Api::default()).await;
    for path in ["/fault/", "/panic/"] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.code().as_str()), (500, "internal_error"), "{path}");
        assert!(!answer.body.contains("inside"));
    }
    let stock = server.get("/stock/").await;
    assert_eq!(
        (stock.status, stock.json()["sku"].as_str(), stock.json()["available"].as_i64()),
        (409, Some("A-1"), Some(2))
    );
}

#[tokio::test]
async fn request_ids_are_kept_or_made() {
    let server = Server::start(Api::default()).await;
    let kept = server.send("GET", ID, &[("X-Request-Id", "abc-123")], "").await;
    assert_eq!(kept.header("x-request-id"), Some("abc-123"));
    let long = "x".repeat(129);
    for bad in ["a b", long.as_str()] {
        let made = server.send("GET", "/nothing/", &[("X-Request-Id", bad)], "").await;
        assert_eq!(made.header("x-request-id").map(str::len), Some(32));
    }
}

#[tokio::test]
async fn reads_are_conditional() {
    let server = Server::start(Api::default()).await;
    let answer = server.get(ID).await;
    let tag = answer.header("etag").unwrap().to_owned();
    assert!(tag.starts_with("\"7-"));
    let again = server.send("GET", ID, &[("If-None-Match", &tag)], "").await;
    assert_eq!((again.status, again.header("etag"), again.body.as_str()), (304, Some(tag.as_str()), ""));
    assert_eq!(server.send("GET", ID, &[("If-None-Match", "\"6-x\"")], "").await.status, 200);
    assert_eq!(server.send("HEAD", ID, &[], "").await.status, 200);
    assert_eq!(server.send("DELETE", ID, &[("If-None-Match", "*")], "").await.status, 204);
}

#[tokio::test]
async fn idempotency_keys_are_checked_and_replays_are_marked() {
    let server = Server::start(Api::default()).await;
    let body = r#"{"name": "a", "price": "1"}"#;
    let replayed = server.send("POST", "/things/", &[JSON, ("Idempotency-Key", "k")], body).await;
    assert_eq!((replayed.status, replayed.header("idempotency-replayed")), (201, Some("true")));
    let first = server.send("POST", "/things/", &[JSON], body).await;
    assert_eq!(first.header("idempotency-replayed"), None);
    let long = "k".repeat(256);
    let bad = server.send("POST", "/things/", &[JSON, ("Idempotency-Key", &long)], body).await;
    assert!(bad.status == 400 && bad.json()["errors"]["Idempotency-Key"].is_array(), "{bad:?}");
}

#[tokio::test]
async fn large_and_endless_bodies_are_refused() {
    let server = Server::start(Api::default()).await;
    // An honest client that sends everything before it reads.
    let large = server.send("POST", "/things/", &[JSON], &" ".repeat(2 * 1024 * 1024)).await;
    assert_eq!((large.status, large.code().as_str()), (413, "payload_too_large"));
    // A client that asks first.
    let mut polite = server.connect().await;
    polite.raw(b"POST /things/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9999999\r\nExpect: 100-continue\r\n\r\n").await.unwrap();
    assert_eq!(polite.answer(false).await.status, 413);
    // An endless chunked body without a declared length: it is cut off instead of being read forever.
    let mut endless = server.connect().await;
    endless.raw(b"POST /things/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
    let mut chunk = b"10000\r\n".to_vec();
    chunk.extend(std::iter::repeat_n(b' ', 0x10000));
    chunk.extend(b"\r\n");
    let mut sent = 0;
    while endless.raw(&chunk).await.is_ok() {
        sent += chunk.len();
        assert!(sent < 64 * 1024 * 1024, "an endless body is read for ever");
    }
    // The server keeps running.
    assert_eq!(server.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn pages_of_listed_origins_may_read_and_no_origin_is_refused() {
    let server = Server::start(Api::default()).await;
    let listed = server.send("GET", ID, &[("Origin", "http://shop.example")], "").await;
    assert_eq!(listed.header("access-control-allow-origin"), Some("http://shop.example"));
    assert!(listed.header("access-control-expose-headers").unwrap().contains("ETag"));
    assert_eq!((listed.header("vary"), listed.header("access-control-allow-credentials")), (Some("Origin"), None));
    let other = server.send("GET", ID, &[("Origin", "http://evil.example")], "").await;
    assert_eq!((other.status, other.header("access-control-allow-origin")), (200, None));
    let preflight = [
        ("Origin", "http://shop.example"),
        ("Access-Control-Request-Method", "DELETE"),
        ("Access-Control-Request-Headers", "authorization"),
    ];
    let answer = server.send("OPTIONS", ID, &preflight, "").await;
    assert_eq!((answer.status, answer.header("access-control-allow-headers")), (204, Some("authorization")));
    assert!(answer.header("access-control-allow-methods").unwrap().contains("DELETE"));
}

#[tokio::test]
async fn what_stands_beside_the_api_is_served() {
    let server = Server::start(Api::default()).await;
    let document = server.get("/openapi.json").await;
    assert!(document.json()["paths"]["/things/{id}/"]["get"]["responses"]["404"].is_object());
    assert!(server.get("/openapi.yaml").await.body.starts_with("components:"));
    let page = server.get("/docs/").await;
    assert!(page.header("content-type").unwrap().starts_with("text/html") && page.body.contains("/docs/start.js"));
    assert!(!page.body.contains("https://"), "the page needs no internet");
    assert!(server.get("/docs/start.js").await.body.contains("/openapi.json"));
    assert!(server.get("/docs/swagger-ui.js").await.body.len() > 1_000_000);
    assert!(server.get("/docs/swagger-ui.css").await.body.len() > 100_000);
    assert_eq!((server.get("/healthz").await.status, server.get("/readyz").await.status), (200, 200));
    server.get(ID).await;
    let metrics = server.get("/metrics").await.body;
    assert!(metrics.contains(r#"route="/things/{id}/",method="GET",status="2xx"#), "{metrics}");
    assert!(metrics.contains("http_request_duration_seconds_bucket"));
    assert!(!metrics.contains("01890000"), "labels are patterns, not paths");
}

#[tokio::test]
async fn a_server_without_its_storage_is_alive_but_not_ready() {
    let ping =
        Box::new(|| -> futures_util::future::BoxFuture<'static, _> { Box::pin(async { Err("no disk".into()) }) });
    let server = Server::start_with(Api::default(), ping).await;
    assert_eq!(server.get("/healthz").await.status, 200);
    let ready = server.get("/readyz").await;
    assert_eq!((ready.status, ready.code().as_str(), ready.header("retry-after")), (503, "unavailable", Some("1")));
}

#[tokio::test]
async fn a_stop_finishes_what_is_in_work_and_refuses_what_comes() {
    let api = Api::default();
    let mut server = Server::start(api.clone()).await;
    let mut working = server.connect().await;
    working.request("GET", "/slow/", &[], "").await;
    api.reached.notified().await;
    let mut idle = server.connect().await;
    idle.request("GET", ID, &[], "").await;
    assert_eq!(idle.answer(false).await.status, 200);

    server.stop();
    assert!(idle.closed().await, "a kept connection is closed");
    let ready = server.get("/readyz").await;
    assert_eq!((ready.status, ready.code().as_str(), ready.header("connection")), (503, "unavailable", Some("close")));
    assert_eq!(server.get(ID).await.status, 503);
    assert_eq!(server.get("/healthz").await.status, 200);

    api.release.notify_one();
    assert_eq!(working.answer(false).await.status, 204);
    assert!(working.closed().await);
    server.stopped().await;
}
