//! Clients that start a request and never finish it are disconnected. These tests advance a paused clock instead of
//! waiting.

use crate::connections::Api;
use crate::support::Server;

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
