//! Request ids: taken from the client or generated, and added to every response and log line.

use std::sync::atomic::{AtomicU64, Ordering};

use poem::Request;
use poem::http::{HeaderName, HeaderValue};
use shop_core::clock::{Random as _, SystemRandom};

/// The header of both request and response.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The maximum length of a client's id, because it goes into every log line.
const MAX_LENGTH: usize = 128;

/// The id of a request, stored in the request's data.
#[derive(Debug, Clone)]
pub struct RequestId(pub HeaderValue);

/// Generates ids that are unique across processes: a random half and a counter.
pub(super) struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub(super) fn new() -> Self {
        let seed = SystemRandom.seed();
        let process = seed.first_chunk().map_or(0, |half| u64::from_be_bytes(*half));
        Self { process, next: AtomicU64::new(0) }
    }

    /// Returns the client's id if it is 1 to 128 visible ASCII characters, otherwise a new one.
    pub(super) fn of(&self, request: &Request) -> HeaderValue {
        if let Some(id) = request.headers().get(HEADER).filter(|id| acceptable(id.as_bytes())) {
            return id.clone();
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        HeaderValue::try_from(format!("{:016x}{number:016x}", self.process)).unwrap_or(HeaderValue::from_static("-"))
    }
}

fn acceptable(id: &[u8]) -> bool {
    (1..=MAX_LENGTH).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ids: &RequestIds, sent: Option<&[u8]>) -> HeaderValue {
        let mut request = Request::default();
        if let Some(sent) = sent {
            request.headers_mut().insert(HEADER, HeaderValue::from_bytes(sent).unwrap());
        }
        ids.of(&request)
    }

    #[test]
    fn good_ids_are_kept_and_bad_ones_replaced() {
        let ids = RequestIds::new();
        assert_eq!(id(&ids, Some(b"abc-123")), "abc-123");
        for bad in [b"".as_slice(), b"a b", "\u{fc}".as_bytes(), &[b'x'; 129]] {
            assert_eq!(id(&ids, Some(bad)).len(), 32);
        }
        assert_ne!(id(&ids, None), id(&ids, None));
    }
}
