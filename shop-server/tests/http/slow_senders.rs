//! Clients that begin a request and never end it are cut. The clock of these tests is turned, not waited for.

use crate::support::Server;
use poem_openapi::{Object, OpenApi};
use shop_server::answer::NoContent;
use shop_server::field::{JsonBody, Optional};
use shop_server::problem::Result;

#[derive(Object)]
struct Request {
    note: Optional<String>,
}

struct Api;

#[expect(clippy::unused_async, reason = "handlers are async")]
#[OpenApi]
impl Api {
    #[oai(path = "/notes/", method = "post")]
    async fn create(&self, body: JsonBody<Request>) -> Result<NoContent> {
        drop(body.into_inner().note);
        Ok(NoContent)
    }
}

#[tokio::test(start_paused = true)]
async fn half_a_head_is_cut() {
    let server = Server::start(Api).await;
    let mut connection = server.connect().await;
    connection.raw(b"POST /notes/ HTTP/1.1\r\nHost: a\r\nX-Slow: ").await.unwrap();
    assert!(connection.closed().await);
}

#[tokio::test(start_paused = true)]
async fn silence_is_cut() {
    let server = Server::start(Api).await;
    assert!(server.connect().await.closed().await);
}

#[tokio::test(start_paused = true)]
async fn half_a_body_is_cut() {
    let server = Server::start(Api).await;
    let mut connection = server.connect().await;
    let head =
        "POST /notes/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{\"note\"";
    connection.raw(head.as_bytes()).await.unwrap();
    let answer = connection.answer(false).await;
    assert_eq!((answer.status, answer.code().as_str()), (408, "request_timeout"));
    assert!(connection.closed().await);
}
