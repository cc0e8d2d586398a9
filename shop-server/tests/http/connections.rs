//! Limits on the number of connections and their waiting time, and whether a connection can be reused after a refusal.

use poem_openapi::{Object, OpenApi};
use shop_server::client::Proxies;
use shop_server::field::{JsonBody, Optional};
use shop_server::problem::{Problem, Result};
use shop_server::response::NoContent;
use shop_server::serve::{ConnectionLimits, MAX_HEADER_BYTES, WRITE_TIMEOUT};
use tokio::time::Instant;

use crate::support::{Connection, Server};

#[derive(Object)]
struct Request {
    note: Optional<String>,
}

/// Accepts a note, or refuses one without reading it.
pub(crate) struct Api;

#[expect(clippy::unused_async, reason = "handlers are async")]
#[OpenApi]
impl Api {
    #[oai(path = "/notes/", method = "post")]
    async fn create(&self, body: JsonBody<Request>) -> Result<NoContent> {
        drop(body.into_inner().note);
        Ok(NoContent)
    }

    /// Refuses without reading the body.
    #[oai(path = "/refusal/", method = "post")]
    async fn refuse(&self) -> Result<NoContent> {
        Err(Problem::from(shop_core::Error::PermissionDenied))
    }
}

fn limits(total: usize, per_client: usize) -> ConnectionLimits {
    ConnectionLimits { total, per_client, trusted: Proxies::default() }
}

/// Opens connections that have a place, which a response proves.
async fn take_places(server: &Server, count: usize) -> Vec<Connection> {
    let mut taken = Vec::new();
    for _ in 0..count {
        let mut connection = server.connect().await;
        connection.request("GET", "/nothing/", &[], "").await;
        assert_eq!(connection.answer(false).await.status, 404);
        taken.push(connection);
    }
    taken
}

async fn is_full(server: &Server) {
    let refused = server.get("/readyz").await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "unavailable"));
    assert_eq!((refused.header("connection"), refused.header("retry-after")), (Some("close"), Some("5")));
    for path in ["/healthz", "/healthz/"] {
        assert_eq!(server.get(path).await.status, 200);
    }
}

#[tokio::test]
async fn healthz_answers_when_all_places_are_taken() {
    let server = Server::start_with_places(Api, limits(3, 100)).await;
    let taken = take_places(&server, 3).await;
    is_full(&server).await;
    drop(taken);
    while server.get("/readyz").await.status != 200 {}
}

#[tokio::test]
async fn one_client_leaves_places_to_others() {
    let server = Server::start_with_places(Api, limits(100, 3)).await;
    let _taken = take_places(&server, 3).await;
    is_full(&server).await;
    // Silent connections without a place are closed soon, or at once if there are many.
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(server.connect().await);
    }
    for connection in &mut silent {
        assert!(connection.closed().await);
    }
    is_full(&server).await;
}

#[tokio::test]
async fn a_trusted_proxy_takes_as_many_places_as_there_are() {
    let trusted = Proxies { trusted: vec!["127.0.0.1".parse().unwrap()], public_url: None };
    let server = Server::start_with_places(Api, ConnectionLimits { trusted, ..limits(10, 3) }).await;
    let _taken = take_places(&server, 10).await;
    is_full(&server).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_is_cut() {
    let server = Server::start(Api).await;
    let mut connection = server.connect().await;
    // More responses than the socket buffers of both sides can hold.
    let request = b"GET /docs/swagger-ui.js HTTP/1.1\r\nHost: a\r\n\r\n";
    let started = Instant::now();
    for _ in 0..100 {
        connection.raw(request).await.unwrap();
    }
    while connection.raw(b"\r\n").await.is_ok() {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        assert!(started.elapsed() < 3 * WRITE_TIMEOUT, "nobody stops it");
    }
}

#[tokio::test]
async fn a_refusal_before_the_body_was_read_closes_and_says_so() {
    let server = Server::start(Api).await;
    let head = |path: &str, length: usize| {
        format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n")
    };
    for (path, status) in [("/refusal/", 403), ("/nothing/", 404), ("/healthz", 405)] {
        // With none of the body sent yet, and with all of it.
        for body in ["", "{\"note\": 1}"] {
            let mut connection = server.connect().await;
            connection.raw([head(path, 11).as_str(), body].concat().as_bytes()).await.unwrap();
            let answer = connection.answer(false).await;
            assert_eq!((answer.status, answer.header("connection")), (status, Some("close")), "{path}");
            assert!(connection.closed().await, "{path}");
        }
    }
    let mut polite = server.connect().await;
    let asks = head("/notes/", 9_999_999).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
    polite.raw(asks.as_bytes()).await.unwrap();
    let answer = polite.answer(false).await;
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    // After a response to a body that was read, or a refusal without a body, the connection stays open.
    let mut kept = server.connect().await;
    for (method, path, body, status) in [
        ("POST", "/notes/", "{\"note\": 1}", 204),
        ("GET", "/nothing/", "", 404),
        ("POST", "/refusal/", "", 403),
        ("POST", "/notes/", "{}", 204),
    ] {
        kept.request(method, path, &[("Content-Type", "application/json")], body).await;
        let answer = kept.answer(false).await;
        assert_eq!((answer.status, answer.header("connection")), (status, None), "{method} {path}");
    }
}

#[tokio::test]
async fn a_request_has_one_host() {
    let server = Server::start(Api).await;
    for (head, status) in [
        ("GET /healthz HTTP/1.1\r\nHost: a\r\n", 200),
        ("GET /healthz HTTP/1.1\r\nhost: shop.example:8000\r\n", 200),
        ("GET /healthz HTTP/1.1\r\nHost: [::1]:8000\r\n", 200),
        ("GET /healthz HTTP/1.0\r\n", 200),
        ("GET /healthz HTTP/1.1\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: a\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n", 400),
        ("GET /healthz HTTP/1.0\r\nHost: a\r\nHost: b\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: a, b\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: a/b\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: user@a\r\n", 400),
        ("OPTIONS /notes/ HTTP/1.1\r\nOrigin: http://shop.example\r\nAccess-Control-Request-Method: POST\r\n", 400),
    ] {
        let mut connection = server.connect().await;
        connection.raw([head, "\r\n"].concat().as_bytes()).await.unwrap();
        let answer = connection.answer(false).await;
        assert_eq!(answer.status, status, "{head}");
        if status == 400 {
            assert_eq!(answer.code(), "parse_error", "{head}");
        }
    }
}

#[tokio::test]
async fn the_limit_of_the_header_is_exact() {
    let server = Server::start(Api).await;
    let sized = |length: usize| {
        let head = "GET /healthz HTTP/1.1\r\nHost: a\r\nX: ";
        format!("{head}{}\r\n\r\n", "x".repeat(length - head.len() - 4))
    };
    for (length, status) in [(MAX_HEADER_BYTES, 200), (MAX_HEADER_BYTES + 1, 431), (MAX_HEADER_BYTES + 5000, 431)] {
        let head = sized(length);
        assert_eq!(head.len(), length);
        // In one write, and in two.
        for cut in [0, 100, length - 1] {
            let mut connection = server.connect().await;
            connection.raw(&head.as_bytes()[..cut]).await.unwrap();
            let _ = connection.raw(&head.as_bytes()[cut..]).await;
            assert_eq!(connection.answer(false).await.status, status, "{length} {cut}");
        }
    }
}

#[tokio::test]
async fn every_answer_keeps_browsers_from_passing_things_on() {
    let server = Server::start(Api).await;
    for path in ["/healthz", "/nothing/", "/docs/", "/openapi.json"] {
        let answer = server.get(path).await;
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert!(answer.header("content-security-policy").unwrap().contains("base-uri 'none'"), "{path}");
        assert_eq!(answer.header("strict-transport-security"), None);
    }
    // Credentials entered in the documentation are gone when its page closes.
    let start = server.get("/docs/start.js").await.body;
    assert!(start.contains("persistAuthorization: false") && !start.contains("Storage"), "{start}");
}
