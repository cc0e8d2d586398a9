//! A low-level HTTP client: sends exactly the bytes that a test specifies, and reports a dying server as an error.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// The timeout for a response. Nothing takes this long by design, so reaching it means a hang.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A parsed response.
#[derive(Debug, Clone)]
pub(crate) struct TestResponse {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl TestResponse {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }

    /// The code of a problem, after checking that it is complete.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert!(self.header("x-request-id").is_some(), "{self:?}");
        let body = self.json();
        assert_eq!(body["status"], self.status, "{self:?}");
        assert!(body["title"].is_string() && body["detail"].is_string() && body["type"].is_string(), "{self:?}");
        body["code"].as_str().unwrap().to_owned()
    }

    /// The JSON body, after checking the status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    pub(crate) fn is_replayed(&self) -> bool {
        self.header("idempotency-replayed") == Some("true")
    }
}

/// A client that calls a server over a kept-alive connection.
#[derive(Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    connection: Option<Raw>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, connection: None }
    }

    /// Sends a JSON request (null: without a body).
    ///
    /// # Errors
    /// When the connection ends before the response is complete: the server may or may not have executed the request.
    pub(crate) fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> io::Result<TestResponse> {
        let mut headers = headers.to_vec();
        if body.is_null() {
            return self.send(method, path, &headers, b"");
        }
        headers.push(("Content-Type", "application/json"));
        self.send(method, path, &headers, body.to_string().as_bytes())
    }

    /// Sends a request with any bytes as body.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<TestResponse> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: shop.test\r\n");
        for &(name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        if !body.is_empty() || method != "GET" {
            request.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body);
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Raw::open(self.address)?,
        };
        // A server that has seen enough may respond and close before everything is written.
        let written = connection.write(&bytes);
        let answer = connection.answer(method == "HEAD");
        let answer = match (written, answer) {
            (_, Ok(answer)) => answer,
            (Err(why), Err(_)) | (Ok(()), Err(why)) => return Err(why),
        };
        if answer.header("connection") != Some("close") {
            self.connection = Some(connection);
        }
        Ok(answer)
    }

    /// Like [`Client::call`], with a server that must respond.
    #[track_caller]
    pub(crate) fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> TestResponse {
        self.call(method, path, headers, body).unwrap_or_else(|why| panic!("{method} {path}: {why}"))
    }
}

/// A raw connection.
#[derive(Debug)]
pub(crate) struct Raw {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Raw {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self { stream, read: Vec::new() })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Signals that nothing more will be sent.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown(std::net::Shutdown::Write)
    }

    /// Reads one response: the head, then a body by its length.
    pub(crate) fn answer(&mut self, head_only: bool) -> io::Result<TestResponse> {
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.more()?;
        };
        let head: Vec<u8> = self.read.drain(..end).collect();
        let mut answer = read_answer(&head)?;
        let length = answer.header("content-length").map_or(0, |value| value.parse::<usize>().unwrap());
        let length = if head_only || matches!(answer.status, 204 | 304) { 0 } else { length };
        while self.read.len() < length {
            self.more()?;
        }
        answer.body = String::from_utf8(self.read.drain(..length).collect()).map_err(io::Error::other)?;
        Ok(answer)
    }

    /// Reads until the server closes; returns whether it does so in time.
    pub(crate) fn closes(&mut self) -> bool {
        loop {
            match self.more() {
                Ok(()) => self.read.clear(),
                Err(why) => return !matches!(why.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
            }
        }
    }

    fn more(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    self.read.extend_from_slice(&buffer[..count]);
                    return Ok(());
                }
                // A signal to the test process is not the server's doing.
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => return Err(why),
            }
        }
    }
}

/// Parses the status and headers of a response.
fn read_answer(head: &[u8]) -> io::Result<TestResponse> {
    let head = std::str::from_utf8(head).map_err(io::Error::other)?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("no status line"))?;
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Ok(TestResponse { status, headers, body: String::new() })
}
