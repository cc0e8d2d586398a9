//! The accept loop: connections with limits, and a stop that loses nothing.
//!
//! poem's own server waits for ever for a request's headers. This one runs hyper directly (HTTP/1.1; HTTP/2 is a
//! proxy's business) with a timer: a request's headers must arrive within [`HEADER_TIMEOUT`], and so must the
//! next request of a kept connection. Bodies are bounded in [`crate::edge`].

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
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use crate::health::Health;

/// How long the headers of a request may take, from the opening of the connection or the end of the last answer.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long requests in work may take to end after a stop was asked for.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// When a client that met a stopping server should come again, in seconds.
pub const RETRY_AFTER_RESTART: u32 = 5;
/// Connections at once; further ones wait in the system's queue. Each costs some 20 KiB.
const MAX_CONNECTIONS: usize = 4096;
/// The headers of one request together, in bytes; more is answered with 431.
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// Serves until `stop` completes, then lets the requests in work end, at most [`DRAIN_TIMEOUT`].
///
/// While they end, the listener stays open: who connects now is answered with 503 (`/readyz` above all, so that a
/// load balancer sees it), and every connection is closed after its answer.
pub async fn serve<E>(listener: TcpListener, endpoint: E, health: Arc<Health>, stop: impl Future<Output = ()>)
where
    E: Endpoint<Output = Response> + 'static,
{
    let endpoint = Arc::new(endpoint);
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let open = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let (socket, peer, slot) = tokio::select! {
            accepted = accept(&listener, &slots) => accepted,
            () = &mut stop => break,
        };
        let connection = connection(&endpoint, socket, peer, true);
        let watched = open.watch(connection);
        tokio::spawn(async move {
            // A connection that breaks is the client's affair.
            let _ = watched.await;
            drop(slot);
        });
    }
    health.drain();
    tracing::info!(connections = open.count(), "stopping: finishing the requests in work");
    let mut drained = std::pin::pin!(open.shutdown());
    let mut patience = std::pin::pin!(sleep(DRAIN_TIMEOUT));
    loop {
        tokio::select! {
            () = &mut drained => break,
            () = &mut patience => {
                tracing::warn!("some requests did not end in time and were cut");
                break;
            }
            (socket, peer, slot) = accept(&listener, &slots) => {
                let connection = connection(&endpoint, socket, peer, false);
                tokio::spawn(async move {
                    let _ = connection.await;
                    drop(slot);
                });
            }
        }
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    loop {
        // The semaphore is never closed.
        let slot = Arc::clone(slots).acquire_owned().await.ok();
        match listener.accept().await {
            Ok((socket, peer)) => return (socket, peer, slot),
            Err(why) if is_one_connections_error(&why) => {}
            Err(why) => {
                // Out of file descriptors, most likely: some will be free in a moment.
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

fn connection<E>(
    endpoint: &Arc<E>,
    socket: TcpStream,
    peer: SocketAddr,
    keep_alive: bool,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + Send + use<E>
where
    E: Endpoint<Output = Response> + 'static,
{
    // An answer is one small write: waiting for more to send would only delay it.
    let _ = socket.set_nodelay(true);
    let remote = RemoteAddr(Addr::SocketAddr(peer));
    let local = LocalAddr(socket.local_addr().map_or_else(|_| Addr::Custom("tcp", "unknown".into()), Addr::SocketAddr));
    let endpoint = Arc::clone(endpoint);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let endpoint = Arc::clone(&endpoint);
        let request = (request, local.clone(), remote.clone(), Scheme::HTTP).into();
        async move { Ok::<_, std::convert::Infallible>(hyper::Response::from(endpoint.get_response(request).await)) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES)
        .keep_alive(keep_alive)
        .serve_connection(TokioIo::new(socket), service)
}

/// Completes when the process is asked to stop: SIGTERM, or SIGINT (Ctrl-C).
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
