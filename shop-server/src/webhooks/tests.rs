//! Tests the sender against misbehaving receivers, with short timeouts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use shop_core::id::EventId;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use super::*;

const TIMEOUT: Duration = Duration::from_millis(400);
const MUCH_LONGER: Duration = Duration::from_secs(30);

fn message(url: String) -> WebhookMessage {
    WebhookMessage {
        url,
        id: EventId(Uuid::from_u128(7)),
        timestamp: 1_800_000_000,
        signature: "v1,c2lnbmF0dXJl".to_owned(),
        body: r#"{"type":"order.placed"}"#.to_owned(),
    }
}

/// Starts a receiver that handles every connection the same way; returns its port and the number of connections.
async fn receiver<F>(answer: impl Fn(TcpStream) -> F + Send + 'static) -> (u16, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(answer(stream));
        }
    });
    (port, count)
}

/// Reads a whole request.
async fn request(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    while !read.ends_with(b"}") {
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the request ended early");
        read.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8(read).unwrap()
}

async fn sent(port: u16, limit: Duration) -> Result<u16, String> {
    let sender = HttpSender::new(true).unwrap();
    let url = format!("http://127.0.0.1:{port}/hook?key=hidden");
    sender.send(&message(url), limit).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_message_is_one_post_with_three_headers() {
    let (told, mut received) = tokio::sync::mpsc::unbounded_channel();
    let (port, _) = receiver(move |mut stream| {
        let told = told.clone();
        async move {
            told.send(request(&mut stream).await).unwrap();
            stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        }
    })
    .await;
    assert_eq!(sent(port, MUCH_LONGER).await, Ok(202));
    let request = received.recv().await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, r#"{"type":"order.placed"}"#);
    assert!(head.starts_with("POST /hook?key=hidden HTTP/1.1\r\n"), "{head}");
    for line in [
        "content-type: application/json",
        "webhook-id: 00000000-0000-0000-0000-000000000007",
        "webhook-timestamp: 1800000000",
        "webhook-signature: v1,c2lnbmF0dXJl",
        "content-length: 23",
    ] {
        assert!(head.split("\r\n").any(|found| found.eq_ignore_ascii_case(line)), "{line} is not in {head}");
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let (elsewhere, count) = receiver(async |_| {}).await;
    let (port, _) = receiver(move |mut stream| async move {
        request(&mut stream).await;
        let answer = format!("HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:{elsewhere}/\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    assert_eq!(sent(port, MUCH_LONGER).await, Ok(307));
    assert_eq!(count.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn who_says_nothing_or_too_slowly_has_no_answer_in_time() {
    let (silent, _) = receiver(|stream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let (dripping, _) = receiver(|mut stream| async move {
        request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(b"X: y\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    for port in [silent, dripping] {
        let started = Instant::now();
        assert_eq!(sent(port, TIMEOUT).await, Err("no answer within 0.4 seconds".to_owned()));
        assert!(started.elapsed() < TIMEOUT * 10, "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn what_comes_without_end_is_not_read() {
    let (flood_of_headers, _) = receiver(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX: ").await;
        while stream.write_all(&vec![b'y'; 65_536]).await.is_ok() {}
    })
    .await;
    assert!(sent(flood_of_headers, MUCH_LONGER).await.is_err());
    // Only the status counts.
    let (flood_of_body, _) = receiver(|mut stream| async move {
        request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n").await;
        while stream.write_all(&vec![b'y'; 65_536]).await.is_ok() {}
    })
    .await;
    let started = Instant::now();
    assert_eq!(sent(flood_of_body, MUCH_LONGER).await, Ok(200));
    assert!(started.elapsed() < MUCH_LONGER);
}

#[tokio::test]
async fn who_closes_or_talks_nonsense_has_not_answered() {
    let (closing, _) = receiver(async |_| {}).await;
    let (nonsense, _) = receiver(|mut stream| async move {
        request(&mut stream).await;
        let _ = stream.write_all(b"220 mail.example.com ESMTP\r\n").await;
    })
    .await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    for port in [closing, nonsense, nobody] {
        let error = sent(port, MUCH_LONGER).await.unwrap_err();
        // The error is stored and shown, so it must not contain the URL, which may hold a key.
        assert!(!error.contains("hidden") && !error.contains("hook") && error.len() > 10, "{error}");
    }
}

#[tokio::test]
async fn without_leave_nothing_near_is_connected_to() {
    let (port, count) = receiver(async |_| {}).await;
    let sender = HttpSender::new(false).unwrap();
    // The name resolves to this machine.
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "127.1", "localhost"] {
        let error =
            sender.send(&message(format!("https://{host}:{port}/")), MUCH_LONGER).await.unwrap_err().to_string();
        assert!(error.contains("not public"), "{host}: {error}");
    }
    let error = sender.send(&message("http://1.1.1.1/".to_owned()), MUCH_LONGER).await.unwrap_err().to_string();
    assert!(error.contains("scheme"), "{error}");
    assert_eq!(count.load(Ordering::Relaxed), 0);
    // With permission it connects, and TLS fails.
    let error = HttpSender::new(true).unwrap().send(&message(format!("https://localhost:{port}/")), MUCH_LONGER).await;
    assert!(error.is_err() && count.load(Ordering::Relaxed) > 0);
}
