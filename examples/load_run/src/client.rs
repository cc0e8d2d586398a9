//! A cheap HTTP/1.1 client. It shares the cores with the server that it measures, so it writes prepared bytes and
//! parses only the status and the length of a response.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep_until, timeout};

use crate::support::Result;

/// The timeout of a call, longer than any call of the run takes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A complete request.
pub(crate) type Bytes = Arc<[u8]>;

/// Formats a request.
pub(crate) fn request(method: &str, path: &str, token: Option<&str>, body: &str) -> Bytes {
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: shop.test\r\n{token}");
    let request = if body.is_empty() {
        format!("{head}\r\n")
    } else {
        format!("{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    request.into_bytes().into()
}

/// A keep-alive connection.
pub(crate) struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects to the server.
    ///
    /// # Errors
    /// When the connection is refused.
    pub(crate) async fn open(server: SocketAddr) -> Result<Self> {
        let socket = TcpStream::connect(server).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, buffer: Vec::with_capacity(64 * 1024) })
    }

    /// Sends a request and returns the status and the body.
    ///
    /// # Errors
    /// When the connection breaks, or the response is invalid.
    pub(crate) async fn call(&mut self, request: &[u8]) -> Result<(u16, &[u8])> {
        self.socket.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            self.read().await?;
            if let Some(head) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break head + 4;
            }
        };
        let (status, length) = read_head(self.buffer.get(..head).unwrap_or_default())?;
        while self.buffer.len() < head + length {
            self.read().await?;
        }
        Ok((status, self.buffer.get(head..).unwrap_or_default()))
    }

    async fn read(&mut self) -> Result<()> {
        match timeout(TIMEOUT, self.socket.read_buf(&mut self.buffer)).await?? {
            0 => Err("the server closed the connection".into()),
            _ => Ok(()),
        }
    }
}

fn read_head(head: &[u8]) -> Result<(u16, usize)> {
    let text = std::str::from_utf8(head)?;
    let status = text.get(9..12).ok_or("no status line")?.parse()?;
    let mut length = 0;
    for line in text.split("\r\n").skip(1) {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
    }
    Ok((status, length))
}

/// Sends each request once, over `connections` connections, and returns the elapsed time.
///
/// # Errors
/// The first response that is not a success.
pub(crate) async fn send_all(server: SocketAddr, connections: usize, requests: &Arc<[Bytes]>) -> Result<Duration> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(server).await?);
    }
    let started = Instant::now();
    let senders: Vec<_> = open
        .into_iter()
        .map(|mut connection| {
            let (next, requests) = (Arc::clone(&next), Arc::clone(requests));
            tokio::spawn(async move {
                while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    succeed(&mut connection, request).await?;
                }
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
            })
        })
        .collect();
    for sender in senders {
        sender.await??;
    }
    Ok(started.elapsed())
}

/// Sends the requests in a loop for `length`, and returns the number of responses per second.
///
/// # Errors
/// The first response that is not a success.
#[expect(clippy::cast_precision_loss, reason = "counts here are small")]
pub(crate) async fn send_for(
    server: SocketAddr,
    connections: usize,
    requests: &Arc<[Bytes]>,
    length: Duration,
) -> Result<f64> {
    let started = Instant::now();
    let until = started + length;
    let senders: Vec<_> = (0..connections)
        .map(|number| {
            let requests = Arc::clone(requests);
            tokio::spawn(async move {
                let mut connection = Connection::open(server).await?;
                let mut sent = 0_usize;
                for request in requests.iter().cycle().skip(number * 61 % requests.len()) {
                    if Instant::now() >= until {
                        break;
                    }
                    succeed(&mut connection, request).await?;
                    sent += 1;
                }
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(sent)
            })
        })
        .collect();
    let mut sent = 0;
    for sender in senders {
        sent += sender.await??;
    }
    Ok(sent as f64 / started.elapsed().as_secs_f64())
}

/// Sends `per_second` requests per second, as far as the responses allow: a connection waits for each response before
/// its next request. Returns the milliseconds from sending each request to its response.
///
/// # Errors
/// The first response that is not a success.
pub(crate) async fn pace(
    server: SocketAddr,
    connections: u32,
    requests: &Arc<[Bytes]>,
    per_second: f64,
    length: Duration,
) -> Result<Vec<f64>> {
    let step = Duration::from_secs_f64(f64::from(connections) / per_second);
    let started = Instant::now() + Duration::from_millis(50);
    let senders: Vec<_> = (0..connections)
        .map(|number| {
            let requests = Arc::clone(requests);
            tokio::spawn(async move {
                let mut connection = Connection::open(server).await?;
                let mut due = started + step * number / connections;
                let mut times = Vec::new();
                for request in requests.iter().cycle() {
                    if due >= started + length {
                        break;
                    }
                    sleep_until(due.into()).await;
                    // Measured from here, not from `due`: the timer may oversleep by a millisecond.
                    let sent = Instant::now();
                    succeed(&mut connection, request).await?;
                    times.push(sent.elapsed().as_secs_f64() * 1_000.0);
                    due += step;
                }
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(times)
            })
        })
        .collect();
    let mut all = Vec::new();
    for sender in senders {
        all.extend(sender.await??);
    }
    Ok(all)
}

async fn succeed(connection: &mut Connection, request: &[u8]) -> Result<()> {
    match connection.call(request).await? {
        (200..=299, _) => Ok(()),
        (status, body) => Err(format!("{status}: {}", String::from_utf8_lossy(body)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_tells_status_and_length() {
        let head = b"HTTP/1.1 201 Created\r\nx: y\r\ncontent-LENGTH: 12\r\n\r\n";
        assert_eq!(read_head(head).unwrap(), (201, 12));
        assert!(read_head(b"nonsense").is_err());
    }
}
