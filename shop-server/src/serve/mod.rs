//! The accept loop: limits connections, and stops without losing requests.
//!
//! poem's own server waits forever for a request's headers. This one runs hyper directly with a timer (HTTP/1.1 only; a
//! proxy can add HTTP/2). A request's headers must arrive within [`HEADER_TIMEOUT`], and so must the next request on a
//! kept-alive connection. [`crate::middleware`] limits bodies; a client that does not read its response is disconnected
//! after [`WRITE_TIMEOUT`]. [`ConnectionLimits`] bounds the number of concurrent connections.

mod slots;
mod slow_readers;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::health::Health;

pub use slots::ConnectionLimits;
use slots::{ConnectionSlot, ConnectionSlots};
pub use slow_readers::WRITE_TIMEOUT;
use slow_readers::WriteTimeoutStream;

/// The time limit for a request's headers, from the opening of the connection or the end of the last response.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long requests in progress may take to finish after a stop signal.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// The `Retry-After` of responses from a stopping server, in seconds.
pub const RETRY_AFTER_RESTART: u32 = 5;
/// The `Retry-After` of responses to connections over the limit, in seconds.
pub const RETRY_AFTER_CROWD: u32 = 5;
/// The time limit of a connection over the limit, including its one request.
const CROWD_TIMEOUT: Duration = Duration::from_secs(5);
/// The maximum size of the request line and headers together, in bytes; larger requests get a 431.
pub const MAX_HEADER_BYTES: usize = 32 * 1024;

/// Marks a request whose connection is over the limit: it is refused unless it asks for `/healthz`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OverLimit;

/// Serves until `stop` completes, then lets requests in progress finish for at most [`DRAIN_TIMEOUT`].
///
/// Meanwhile the listener stays open. New connections get a 503 (above all for `/readyz`, so that a load balancer
/// notices), and every connection is closed after its response.
pub async fn serve<E>(
    listener: TcpListener,
    endpoint: E,
    health: Arc<Health>,
    limits: ConnectionLimits,
    stop: impl Future<Output = ()>,
) where
    E: Endpoint<Output = Response> + 'static,
{
    let endpoint = Arc::new(endpoint);
    let slots = ConnectionSlots::new(limits);
    let open = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let (socket, peer, slot) = tokio::select! {
            accepted = accept(&listener, &slots) => accepted,
            () = &mut stop => break,
        };
        if slot.is_reserve {
            slots.warn(peer.ip());
            let connection = connection(&endpoint, socket, peer, ConnectionKind::Crowd);
            tokio::spawn(async move {
                let _ = timeout(CROWD_TIMEOUT, connection).await;
                drop(slot);
            });
            continue;
        }
        let connection = connection(&endpoint, socket, peer, ConnectionKind::Kept);
        let watched = open.watch(connection);
        tokio::spawn(async move {
            // A broken connection is the client's concern.
            let _ = watched.await;
            drop(slot);
        });
    }
    health.drain();
    tracing::info!(connections = open.count(), "stopping: finishing the requests in work");
    let mut drained = std::pin::pin!(open.shutdown());
    let mut drain_timeout = std::pin::pin!(sleep(DRAIN_TIMEOUT));
    loop {
        tokio::select! {
            () = &mut drained => break,
            () = &mut drain_timeout => {
                tracing::warn!("some requests did not end in time and were cut");
                break;
            }
            (socket, peer, slot) = accept(&listener, &slots) => {
                let connection = connection(&endpoint, socket, peer, ConnectionKind::Last);
                tokio::spawn(async move {
                    let _ = connection.await;
                    drop(slot);
                });
            }
        }
    }
}

async fn accept(listener: &TcpListener, slots: &ConnectionSlots) -> (TcpStream, SocketAddr, ConnectionSlot) {
    loop {
        let reserved = slots.reserve().await;
        match listener.accept().await {
            Ok((socket, peer)) => match slots.take(peer.ip(), reserved) {
                Some(slot) => return (socket, peer, slot),
                // This client already has its share of refused connections, so close this one without a response.
                None => drop(socket),
            },
            Err(why) if is_one_connections_error(&why) => {}
            Err(why) => {
                // Most likely out of file descriptors; some will be free soon.
                tracing::warn!(%why, "cannot accept a connection");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

fn is_one_connections_error(why: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(why.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// How a connection is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConnectionKind {
    /// Keeps the connection open for further requests.
    Kept,
    /// Closes after one request, because the server is stopping.
    Last,
    /// Closes after one request, which is refused because there are too many connections.
    Crowd,
}

fn connection<E>(
    endpoint: &Arc<E>,
    socket: TcpStream,
    peer: SocketAddr,
    kind: ConnectionKind,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + Send + use<E>
where
    E: Endpoint<Output = Response> + 'static,
{
    // A response is one small write; Nagle's algorithm would only delay it.
    let _ = socket.set_nodelay(true);
    let remote = RemoteAddr(Addr::SocketAddr(peer));
    let local = LocalAddr(socket.local_addr().map_or_else(|_| Addr::Custom("tcp", "unknown".into()), Addr::SocketAddr));
    let endpoint = Arc::clone(endpoint);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let endpoint = Arc::clone(&endpoint);
        let mut request: poem::Request = (request, local.clone(), remote.clone(), Scheme::HTTP).into();
        if kind == ConnectionKind::Crowd {
            request.set_data(OverLimit);
        }
        async move { Ok::<_, std::convert::Infallible>(hyper::Response::from(endpoint.get_response(request).await)) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES)
        // The buffer size alone is not an exact limit: the buffer may grow a little larger.
        .max_header_size(MAX_HEADER_BYTES)
        .keep_alive(kind == ConnectionKind::Kept)
        .serve_connection(TokioIo::new(WriteTimeoutStream::new(socket)), service)
}

/// Completes when the process is asked to stop, by SIGTERM or SIGINT (Ctrl-C).
///
/// # Errors
/// When the system refuses to report signals.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
