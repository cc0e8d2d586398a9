//! Limits request bodies by size, as they stream, and by time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use futures_util::{Stream, StreamExt as _, stream};
use poem::http::header;
use poem::{Body, Request};
use tokio::time::{Instant, timeout_at};

use crate::problem::Problem;

/// The maximum size of a body, in bytes.
pub const BODY_LIMIT: u64 = 1024 * 1024;
/// The time limit for a whole body: 1 MiB in this time needs 35 KiB/s.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// How much of an oversized body is read and discarded. An honest client sends everything before it reads, so this lets
/// it see the 413. Beyond this limit the connection is closed.
const DRAIN_LIMIT: u64 = 8 * BODY_LIMIT;

const UNREAD: u8 = 0;
const TOO_LARGE: u8 = 1;
const TOO_SLOW: u8 = 2;
const READ: u8 = 3;

/// The state of a request's body after reading.
pub(super) struct Guard(Arc<AtomicU8>);

impl Guard {
    /// Wraps the body of a request; `None` if it is empty.
    pub(super) fn new(request: &mut Request) -> Option<Self> {
        let body = request.take_body();
        if body.is_empty() {
            return None;
        }
        let verdict = Arc::new(AtomicU8::new(UNREAD));
        request.set_body(Body::from_bytes_stream(bounded(body, Arc::clone(&verdict))));
        Some(Self(verdict))
    }

    /// Refuses a body whose declared length is too large if the client sends `Expect`: it can get the response before
    /// it sends any of the body.
    pub(super) fn refusal(request: &Request) -> Option<Problem> {
        let asks = request.headers().contains_key(header::EXPECT);
        (asks && declared(request) > BODY_LIMIT).then(Problem::too_large)
    }

    /// Whether part of the body is unread. If so, it is still on the connection, ahead of the next request.
    pub(super) fn is_unread(&self) -> bool {
        self.0.load(Ordering::Relaxed) != READ
    }

    /// The error for a body that was cut off, whatever the handler made of it.
    pub(super) fn verdict(&self) -> Option<Problem> {
        match self.0.load(Ordering::Relaxed) {
            TOO_LARGE => Some(Problem::too_large()),
            TOO_SLOW => Some(Problem::body_timeout()),
            _ => None,
        }
    }
}

fn declared(request: &Request) -> u64 {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    length.and_then(|length| length.parse().ok()).unwrap_or(0)
}

fn bounded<B>(body: B, verdict: Arc<AtomicU8>) -> impl Stream<Item = io::Result<Vec<u8>>> + Send + 'static
where
    B: Into<Body>,
{
    let chunks = Box::pin(body.into().into_bytes_stream());
    let bounded = Bounded { chunks, deadline: Instant::now() + BODY_TIMEOUT, seen: 0, verdict };
    stream::unfold(bounded, |mut bounded| async move { Some((bounded.next_chunk().await?, bounded)) })
}

/// A body that is being read.
struct Bounded<S> {
    chunks: Pin<Box<S>>,
    deadline: Instant,
    /// The number of bytes that arrived.
    seen: u64,
    verdict: Arc<AtomicU8>,
}

impl<S, C> Bounded<S>
where
    S: Stream<Item = io::Result<C>>,
    C: AsRef<[u8]>,
{
    /// The next chunk, or the error that ends the body.
    async fn next_chunk(&mut self) -> Option<io::Result<Vec<u8>>> {
        loop {
            let chunk = match timeout_at(self.deadline, self.chunks.next()).await {
                Ok(Some(Ok(chunk))) => chunk,
                Ok(Some(Err(why))) => return Some(Err(why)),
                Ok(None) if self.seen > BODY_LIMIT => return Some(Err(cut())),
                Ok(None) => {
                    self.verdict.store(READ, Ordering::Relaxed);
                    return None;
                }
                Err(_) => {
                    // A body that is already too large is reported as such.
                    let why = if self.seen > BODY_LIMIT { TOO_LARGE } else { TOO_SLOW };
                    self.verdict.store(why, Ordering::Relaxed);
                    return Some(Err(cut()));
                }
            };
            self.seen = self.seen.saturating_add(chunk.as_ref().len() as u64);
            if self.seen <= BODY_LIMIT {
                return Some(Ok(chunk.as_ref().to_vec()));
            }
            self.verdict.store(TOO_LARGE, Ordering::Relaxed);
            if self.seen > DRAIN_LIMIT {
                return Some(Err(cut()));
            }
        }
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the body was cut")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(body: Body) -> (Result<usize, ()>, Option<u16>) {
        let mut request = Request::builder().body(body);
        let Some(guard) = Guard::new(&mut request) else { return (Ok(0), None) };
        let length = request.into_body().into_vec().await.map(|bytes| bytes.len()).map_err(|_| ());
        (length, guard.verdict().map(|problem| problem.status().as_u16()))
    }

    fn chunks(count: u64) -> Body {
        let chunk = vec![b' '; usize::try_from(BODY_LIMIT / 16).unwrap()];
        let chunks = (0..count).map(move |_| Ok::<_, io::Error>(chunk.clone()));
        Body::from_bytes_stream(stream::iter(chunks))
    }

    #[tokio::test]
    async fn bodies_pass_up_to_the_limit() {
        assert_eq!(read(Body::empty()).await, (Ok(0), None));
        let limit = usize::try_from(BODY_LIMIT).unwrap();
        assert_eq!(read(chunks(16)).await, (Ok(limit), None));
        assert_eq!(read(chunks(17)).await, (Err(()), Some(413)));
    }

    #[tokio::test]
    async fn an_endless_body_is_cut() {
        assert_eq!(read(chunks(u64::MAX)).await, (Err(()), Some(413)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_to_arrive_is_cut() {
        let body = chunks(1).into_bytes_stream().chain(stream::pending());
        assert_eq!(read(Body::from_bytes_stream(body)).await, (Err(()), Some(408)));
        let body = chunks(17).into_bytes_stream().chain(stream::pending());
        assert_eq!(read(Body::from_bytes_stream(body)).await, (Err(()), Some(413)));
    }
}
