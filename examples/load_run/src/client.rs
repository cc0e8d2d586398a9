//! A cheap client of HTTP/1.1: it shares the cores with what it measures, so it writes prepared bytes and looks at no
//! more of an answer than its status and its length.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep_until, timeout};

use crate::support::Result;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// The bytes of a request.
pub(crate) type Bytes = Arc<[u8]>;

/// Writes a request down.
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

/// One kept connection.
pub(crate) struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub(crate) async fn open(server: SocketAddr) -> Result<Self> {
        let socket = TcpStream::connect(server).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, buffer: Vec::with_capacity(64 * 1024) })
    }

    /// Sends a request and answers the status and the body.
    ///
    /// # Errors
    /// When the connection breaks, or what comes is no answer.
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
        match timeout(PATIENCE, self.socket.read_buf(&mut self.buffer)).await?? {
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

/// Sends each of these requests once over so many connections; every answer must be a success.
///
/// # Errors
/// The first answer that is none.
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

/// Sends these requests round and round for so long, and answers how many were answered per second.
///
/// # Errors
/// The first answer that is no success.
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

/// Sends so many requests a second, whether or not earlier ones were answered, and answers how long each took from the
/// moment at which it was due, in milliseconds.
///
/// # Errors
/// The first answer that is no success.
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
                    // The timer is a millisecond coarse; what it oversleeps is not the server's doing.
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
