//! Requests that are not HTTP, or incomplete.

use serde_json::Value;

use super::World;
use crate::support::Raw;

/// Requests after which the server must respond with a 4xx or close, without waiting for its timeouts.
fn broken() -> Vec<Vec<u8>> {
    let head = "POST /cart/items/ HTTP/1.1\r\nHost: shop.test\r\nContent-Type: application/json\r\n";
    let mut broken: Vec<Vec<u8>> = [
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/0.9\r\n\r\n",
        "get  /  http/1.1\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n: empty\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nBad\u{0}Name: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\u{0}b\r\n\r\n",
        "GET /\u{1f600} HTTP/1.1\r\nHost: a\r\n\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{0}\u{a5}\u{1}\u{0}\u{0}\u{a1}\u{3}\u{3}\r\n\r\n",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    for rest in [
        "Content-Length: -1\r\n\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}{}{}",
        "Content-Length: 99999999999999999999999\r\n\r\n",
        "Content-Length: ten\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        "Transfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n0\r\n\r\n",
        "Transfer-Encoding: gzip, identity\r\n\r\n{}",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ] {
        broken.push([head, rest].concat().into_bytes());
    }
    let long = "a".repeat(100_000);
    broken.push(format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes());
    broken.push(format!("GET /catalog/products/?search={long} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes());
    broken.push(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n").into_bytes());
    broken.push(format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: 1\r\n".repeat(2_000)).into_bytes());
    broken.push(long.into_bytes());
    broken
}

#[test]
fn what_is_no_request_is_refused_or_cut() {
    let world = World::open();
    for request in broken() {
        let shown = String::from_utf8_lossy(&request[..request.len().min(120)]).into_owned();
        let mut connection = Raw::open(world.shop.process.address).unwrap();
        // The server may close before everything is written.
        let _ = connection.write(&request);
        let _ = connection.finish();
        if let Ok(answer) = connection.answer(false) {
            assert!((400..500).contains(&answer.status), "{shown:?}: {answer:?}");
        }
        assert!(connection.closes(), "{shown:?} leaves the connection hanging");
    }
    world.is_unharmed();
}

#[test]
fn who_hangs_up_in_the_midst_changes_nothing() {
    let world = World::open();
    let before = world.shop.orders();
    let body = "{\"shipping_method_id\": \"x\"}";
    let whole = format!(
        "POST /orders/ HTTP/1.1\r\nHost: shop.test\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        world.shop.staff,
        body.len()
    );
    // Cut at every place of the request, by dropping the connection or by shutting down the write side.
    for cut in (0..whole.len()).step_by(7) {
        let mut rude = Raw::open(world.shop.process.address).unwrap();
        rude.write(&whole.as_bytes()[..cut]).unwrap();
        drop(rude);
        let mut polite = Raw::open(world.shop.process.address).unwrap();
        polite.write(&whole.as_bytes()[..cut]).unwrap();
        polite.finish().unwrap();
        if let Ok(answer) = polite.answer(false) {
            assert!((400..500).contains(&answer.status), "cut at {cut}: {answer:?}");
        }
        assert!(polite.closes(), "cut at {cut}");
    }
    // An endless chunked body is cut off, and many unfinished requests do not block other clients.
    let waiting: Vec<_> = (0..200)
        .map(|_| {
            let mut connection = Raw::open(world.shop.process.address).unwrap();
            connection.write(b"POST /orders/ HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{").unwrap();
            connection
        })
        .collect();
    let mut endless = Raw::open(world.shop.process.address).unwrap();
    endless
        .write(b"POST /cart/items/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        .unwrap();
    let mut chunk = b"10000\r\n".to_vec();
    chunk.extend(std::iter::repeat_n(b' ', 0x10000));
    chunk.extend(b"\r\n");
    let mut sent = 0;
    while endless.write(&chunk).is_ok() {
        sent += chunk.len();
        assert!(sent < 64 * 1024 * 1024, "an endless body is read for ever");
    }
    assert_eq!(world.shop.client().ask("GET", "/catalog/products/", &[], &Value::Null).status, 200);
    drop(waiting);
    assert_eq!(world.shop.orders(), before);
    world.is_unharmed();
}
