//! A write timeout, for clients that send requests but do not read the responses.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// The time limit for a client to accept each 128 KiB of a blocked response.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// The minimum that a client must accept in that time: about the speed of a poor phone line.
const MIN_BYTES: u64 = 128 * 1024;

/// A stream whose writes fail when the peer reads too slowly.
///
/// The timer runs from the first write that blocks until everything is written. Data in the system's socket buffer
/// counts as accepted, but the buffer of a client that does not read is soon full.
pub(super) struct WriteTimeoutStream<S> {
    stream: S,
    waiting: Option<Waiting>,
}

struct Waiting {
    since: Instant,
    written: u64,
    alarm: Pin<Box<Sleep>>,
}

impl Waiting {
    fn new() -> Self {
        let since = Instant::now();
        Self { since, written: 0, alarm: Box::pin(sleep_until(since + WRITE_TIMEOUT)) }
    }

    fn took(&mut self, bytes: usize) {
        self.written = self.written.saturating_add(bytes as u64);
        if self.written >= MIN_BYTES {
            (self.since, self.written) = (Instant::now(), 0);
        }
    }
}

impl<S> WriteTimeoutStream<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, waiting: None }
    }

    /// Passes on the result of a write, or fails if writing has been blocked for too long.
    fn judge(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(count)) => {
                if let Some(waiting) = &mut self.waiting {
                    waiting.took(count);
                }
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(why)) => Poll::Ready(Err(why)),
            Poll::Pending => {
                let waiting = self.waiting.get_or_insert_with(Waiting::new);
                let deadline = waiting.since + WRITE_TIMEOUT;
                if waiting.alarm.deadline() != deadline {
                    waiting.alarm.as_mut().reset(deadline);
                }
                ready!(waiting.alarm.as_mut().poll(context));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read its response")))
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteTimeoutStream<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteTimeoutStream<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.judge(context, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, parts);
        this.judge(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes after it has handed over everything, so nothing is blocked any longer.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = ready!(Pin::new(&mut this.stream).poll_flush(context));
        this.waiting = None;
        Poll::Ready(flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    /// Writes `bytes` to a client that reads `chunk` bytes every ten seconds. Returns whether all was written, and the
    /// seconds taken.
    async fn write_to(chunk: usize, bytes: usize) -> (bool, u64) {
        let (near, mut far) = duplex(1024);
        let reader = tokio::spawn(async move {
            let mut buffer = vec![0; chunk.max(1)];
            loop {
                tokio::time::sleep(Duration::from_secs(10)).await;
                if chunk > 0 && far.read_exact(&mut buffer).await.is_err() {
                    return;
                }
            }
        });
        let started = Instant::now();
        let mut stream = WriteTimeoutStream::new(near);
        let whole = stream.write_all(&vec![b'x'; bytes]).await.is_ok() && stream.flush().await.is_ok();
        reader.abort();
        (whole, started.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_nothing_is_given_up() {
        assert_eq!(write_to(0, 4096).await, (false, WRITE_TIMEOUT.as_secs()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_a_byte_now_and_then_is_given_up_too() {
        let (whole, seconds) = write_to(1, 1 << 20).await;
        assert!(!whole && seconds <= WRITE_TIMEOUT.as_secs() + 1, "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_slowly_but_steadily_gets_everything() {
        let (whole, seconds) = write_to(80_000, 1_000_000).await;
        assert!(whole && seconds > 100, "{seconds}");
    }
}
