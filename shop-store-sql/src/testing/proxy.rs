//! A proxy between a store and its server that can cut the connection at any message, or switch it to another server.
//!
//! It reads the Postgres protocol (PostgreSQL's documentation, chapter "Frontend/Backend Protocol") just far enough to
//! separate messages and to know which statement a message is about. It does not offer TLS.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::{Result, TestingError, sql};

/// The sender of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The store.
    FromClient,
    /// The database.
    FromServer,
}

/// One message in transit.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// The number of the connection it belongs to.
    pub connection: u64,
    /// The sender.
    pub direction: Direction,
    /// The protocol's letter for its kind: `Q` is a simple query, `C` from the server is the end of a statement.
    pub kind: char,
    /// The statement that the client's `Q`, `P` (Parse) or `B` (Bind) is about.
    pub sql: Option<&'a str>,
    /// The bytes after the length field.
    pub payload: &'a [u8],
}

impl Message<'_> {
    /// Whether the client asks to commit.
    pub fn is_commit(&self) -> bool {
        let begins = |sql: &str| sql.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("COMMIT"));
        self.direction == Direction::FromClient && self.kind != 'P' && self.sql.is_some_and(begins)
    }

    /// Whether the server reports a commit.
    pub fn is_committed(&self) -> bool {
        self.direction == Direction::FromServer && self.kind == 'C' && self.payload.starts_with(b"COMMIT\0")
    }
}

/// What to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Forward it.
    Pass,
    /// Cut the connection without forwarding it.
    CutBefore,
    /// Forward half of it, then cut the connection.
    CutWithin,
    /// Forward it, then cut the connection.
    CutAfter,
    /// Drop it silently: the connection stays open.
    Swallow,
}

type Judge = Arc<dyn Fn(&Message<'_>) -> Verdict + Send + Sync>;

/// A TCP proxy in front of a Postgres server.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    /// Where new connections go; if `None`, they are closed at once.
    target: Mutex<Option<SocketAddr>>,
    judge: Mutex<Judge>,
    open: Mutex<HashMap<u64, [TcpStream; 2]>>,
    next: AtomicU64,
    /// The isolation level of new connections, if it overrides what the client asks for.
    isolation: Mutex<Option<&'static str>>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Proxy {
    /// Listens at a new port, in front of the server of this URL.
    ///
    /// # Errors
    /// If it cannot listen, or if the server's name is unknown.
    pub fn start(url: &str) -> Result<Self> {
        let failed = |why: io::Error| TestingError::because("the proxy cannot listen", why);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let state = Arc::new(State {
            target: Mutex::new(Some(sql::address(url)?)),
            judge: Mutex::new(Arc::new(|_| Verdict::Pass)),
            open: Mutex::default(),
            next: AtomicU64::new(0),
            isolation: Mutex::default(),
        });
        let accepting = Arc::downgrade(&state);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Some(state), Ok(client)) = (accepting.upgrade(), client) else { return };
                // If the server is down, the client sees a closed connection.
                let _ = state.join(client);
            }
        });
        Ok(Self { address, state })
    }

    /// The URL of the same database through this proxy.
    pub fn url(&self, url: &str) -> String {
        sql::redirected(url, self.address)
    }

    /// Judges every message from now on, on open and new connections.
    pub fn judge(&self, judge: impl Fn(&Message<'_>) -> Verdict + Send + Sync + 'static) {
        *locked(&self.state.judge) = Arc::new(judge);
    }

    /// Lets every message pass again.
    pub fn pass(&self) {
        self.judge(|_| Verdict::Pass);
    }

    /// Cuts open connections, and sends new ones to the server of another URL.
    ///
    /// # Errors
    /// If the server's name is unknown.
    pub fn switch_to(&self, url: &str) -> Result {
        *locked(&self.state.target) = Some(sql::address(url)?);
        self.cut();
        Ok(())
    }

    /// Cuts open connections, and refuses new ones until [`Proxy::switch_to`].
    pub fn close(&self) {
        *locked(&self.state.target) = None;
        self.cut();
    }

    /// Cuts every open connection.
    pub fn cut(&self) {
        for (_, ends) in locked(&self.state.open).drain() {
            close(&ends);
        }
    }

    /// Makes this isolation level (`serializable`) the default of new connections, whatever the client requests at
    /// startup; transactions can still set their own. This simulates an engine that knows no other level.
    pub fn isolate(&self, level: &'static str) {
        *locked(&self.state.isolation) = Some(level);
    }

    /// The number of open connections.
    pub fn open(&self) -> usize {
        locked(&self.state.open).len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.close();
        // Wakes the accepting thread, which then finds nothing left to serve.
        self.state = Arc::new(State {
            target: Mutex::new(None),
            judge: Mutex::new(Arc::new(|_| Verdict::Pass)),
            open: Mutex::default(),
            next: AtomicU64::new(0),
            isolation: Mutex::default(),
        });
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    /// Connects a client and the server with two threads.
    fn join(self: Arc<Self>, mut client: TcpStream) -> io::Result<()> {
        let Some(target) = *locked(&self.target) else { return client.shutdown(Shutdown::Both) };
        let mut server = TcpStream::connect(target)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let connection = self.next.fetch_add(1, Ordering::Relaxed);
        locked(&self.open).insert(connection, [client.try_clone()?, server.try_clone()?]);
        let (mut to_client, mut from_server) = (client.try_clone()?, server.try_clone()?);
        let state = Arc::clone(&self);
        thread::spawn(move || {
            let mut wire = Wire::new(connection, Direction::FromClient, &self);
            let isolation = *locked(&self.isolation);
            if start_up(&mut client, &mut server, isolation).is_ok() {
                wire.carry(&mut client, &mut server);
            }
            self.ended(connection);
        });
        thread::spawn(move || {
            Wire::new(connection, Direction::FromServer, &state).carry(&mut from_server, &mut to_client);
            state.ended(connection);
        });
        Ok(())
    }

    fn ended(&self, connection: u64) {
        if let Some(ends) = locked(&self.open).remove(&connection) {
            close(&ends);
        }
    }
}

/// The first messages of a client have no kind letter. Encryption is declined here, so that the rest can be read.
fn start_up(client: &mut TcpStream, server: &mut TcpStream, isolation: Option<&str>) -> io::Result<()> {
    const SSL_REQUEST: u32 = 80_877_103;
    const GSS_REQUEST: u32 = 80_877_104;
    loop {
        let mut head = [0; 8];
        client.read_exact(&mut head)?;
        let [a, b, c, d, code @ ..] = head;
        if matches!(u32::from_be_bytes(code), SSL_REQUEST | GSS_REQUEST) {
            client.write_all(b"N")?;
            continue;
        }
        let mut rest = vec![0; length([a, b, c, d])?.saturating_sub(4)];
        client.read_exact(&mut rest)?;
        if let Some(level) = isolation {
            rest = isolated(&rest, level);
        }
        let length = u32::try_from(rest.len() + head.len()).map_err(|_| malformed())?;
        server.write_all(&[length.to_be_bytes().as_slice(), &code, &rest].concat())?;
        return Ok(());
    }
}

/// The parameters of a startup message (names and values, each terminated by a zero, and one more zero), with an
/// isolation level after the client's own options: the last one counts.
fn isolated(parameters: &[u8], level: &str) -> Vec<u8> {
    let mut changed = Vec::with_capacity(parameters.len() + 64);
    let mut options = Vec::new();
    let mut parts = parameters.split(|byte| *byte == 0);
    while let Some((name, value)) = parts.next().filter(|name| !name.is_empty()).zip(parts.next()) {
        if name == b"options" {
            options = [value, b" "].concat();
        } else {
            changed.extend([name, b"\0", value, b"\0"].concat());
        }
    }
    options.extend(format!("-c default_transaction_isolation={}", level.replace(' ', "\\ ")).bytes());
    changed.extend([b"options\0".as_slice(), &options, b"\0\0"].concat());
    changed
}

/// The number of bytes after a length field, which counts itself.
fn length(head: [u8; 4]) -> io::Result<usize> {
    usize::try_from(u32::from_be_bytes(head)).ok().and_then(|length| length.checked_sub(4)).ok_or_else(malformed)
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a message of Postgres")
}

/// One direction of a connection.
struct Wire<'a> {
    connection: u64,
    direction: Direction,
    state: &'a State,
    /// The text of every prepared statement, by name.
    prepared: HashMap<Vec<u8>, String>,
}

impl<'a> Wire<'a> {
    fn new(connection: u64, direction: Direction, state: &'a State) -> Self {
        Self { connection, direction, state, prepared: HashMap::new() }
    }

    /// Forwards messages until one end is closed or a verdict cuts the connection.
    fn carry(&mut self, from: &mut TcpStream, to: &mut TcpStream) {
        let mut buffer = vec![0; 64 * 1024];
        let mut read = Vec::new();
        loop {
            match from.read(&mut buffer) {
                Ok(count) if count > 0 => read.extend_from_slice(buffer.get(..count).unwrap_or_default()),
                _ => return,
            }
            match self.forward(&mut read, from, to) {
                Ok(true) => {}
                Ok(false) | Err(_) => return,
            }
        }
    }

    /// Forwards every complete message, in as few writes as they came; false if the connection is to be cut.
    fn forward(&mut self, read: &mut Vec<u8>, from: &TcpStream, to: &mut TcpStream) -> io::Result<bool> {
        let judge = Arc::clone(&*locked(&self.state.judge));
        let mut done = 0;
        while let Some(rest) = read.get(done..)
            && let [kind, a, b, c, d, after @ ..] = rest
            && let Some(payload) = after.get(..length([*a, *b, *c, *d])?)
        {
            let end = done + 5 + payload.len();
            let sql = self.statement(*kind, payload);
            let (connection, direction) = (self.connection, self.direction);
            let message = Message { connection, direction, kind: char::from(*kind), sql: sql.as_deref(), payload };
            let upto = match judge(&message) {
                Verdict::Pass => {
                    done = end;
                    continue;
                }
                Verdict::Swallow => {
                    to.write_all(read.get(..done).unwrap_or_default())?;
                    read.drain(..end);
                    done = 0;
                    continue;
                }
                Verdict::CutBefore => done,
                Verdict::CutWithin => done + (end - done) / 2,
                Verdict::CutAfter => end,
            };
            if self.direction == Direction::FromClient {
                // Otherwise the answer could reach the client before the cut.
                from.shutdown(Shutdown::Both)?;
            }
            to.write_all(read.get(..upto).unwrap_or_default())?;
            return Ok(false);
        }
        to.write_all(read.get(..done).unwrap_or_default())?;
        read.drain(..done);
        Ok(true)
    }

    /// The statement of a client's message.
    fn statement(&mut self, kind: u8, payload: &[u8]) -> Option<String> {
        if self.direction == Direction::FromServer {
            return None;
        }
        let mut strings = payload.split(|byte| *byte == 0);
        match kind {
            b'Q' => strings.next().map(text),
            b'P' => {
                let name = strings.next()?.to_vec();
                let sql = text(strings.next()?);
                self.prepared.insert(name, sql.clone());
                Some(sql)
            }
            // The portal's name, then the statement's.
            b'B' => self.prepared.get(strings.nth(1)?).cloned(),
            _ => None,
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn close(ends: &[TcpStream; 2]) {
    for end in ends {
        // It may already be closed.
        let _ = end.shutdown(Shutdown::Both);
    }
}

/// A judge that panicked has failed its test; the others continue.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
