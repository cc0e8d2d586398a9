//! Limits the number of concurrent connections, in total and per client.
//!
//! A connection over the limit does not wait in the system's accept queue, where a health check would wait behind it.
//! Instead it gets one of a few reserve slots, for one request and a short time. There `/healthz` works as usual, and
//! everything else gets a 503.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::client::{Network, Proxies, client_network};

/// The maximum numbers of concurrent connections of a server.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// The maximum in total. Each connection costs about 20 KiB.
    pub total: usize,
    /// The maximum per client: an IPv4 address, or an IPv6 /64.
    pub per_client: usize,
    /// The trusted proxies. `per_client` does not apply to them, because each serves many clients.
    pub trusted: Proxies,
}

impl Default for ConnectionLimits {
    /// A browser opens six connections, an office behind one address about a hundred. It takes sixteen greedy addresses
    /// to fill a server.
    fn default() -> Self {
        Self { total: 4096, per_client: 256, trusted: Proxies::default() }
    }
}

/// The number of reserve slots, and the maximum of them per client and per trusted proxy.
const RESERVE: usize = 64;
const RESERVE_PER_CLIENT: usize = 8;
const RESERVE_PER_PROXY: usize = 48;

/// The minimum interval between log lines about refused connections.
const PAUSE_OF_WARNINGS: Duration = Duration::from_mins(1);

/// Assigns slots to connections.
pub(super) struct ConnectionSlots {
    limits: ConnectionLimits,
    free: Arc<Semaphore>,
    reserve: Arc<Semaphore>,
    taken: Arc<Taken>,
    /// When the last warning about refused connections was logged.
    warned: Mutex<Option<Instant>>,
}

/// The number of connections by client, separately for regular and reserve slots.
type Taken = Mutex<HashMap<(Network, bool), usize>>;

/// The slot of one connection; dropping it frees the slot.
pub(super) struct ConnectionSlot {
    /// Whether this is a reserve slot.
    pub(super) is_reserve: bool,
    _permit: Option<OwnedSemaphorePermit>,
    _counted: Option<ClientConnection>,
}

impl ConnectionSlots {
    pub(super) fn new(limits: ConnectionLimits) -> Self {
        let free = Arc::new(Semaphore::new(limits.total));
        let reserve = Arc::new(Semaphore::new(RESERVE));
        Self { limits, free, reserve, taken: Arc::default(), warned: Mutex::default() }
    }

    /// Logs a connection without a regular slot, at most once per interval.
    pub(super) fn warn(&self, client: IpAddr) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_none_or(|at| at.elapsed() >= PAUSE_OF_WARNINGS) {
            *warned = Some(Instant::now());
            tracing::warn!(
                %client,
                "too many connections, further ones are refused; if this client is a proxy, name it in TRUSTED_PROXIES"
            );
        }
    }

    /// Waits until a connection can be accepted. One over the limit needs a reserve slot, which soon becomes free.
    pub(super) async fn reserve(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.reserve).acquire_owned().await.ok()
    }

    /// Assigns a slot to a connection from this address; `None` if this client has no reserve slots left either.
    pub(super) fn take(&self, address: IpAddr, reserved: Option<OwnedSemaphorePermit>) -> Option<ConnectionSlot> {
        let address = address.to_canonical();
        let client = client_network(address);
        let trusted = self.limits.trusted.trusts(address);
        let per_client = if trusted { usize::MAX } else { self.limits.per_client };
        if let Some(counted) = ClientConnection::new(&self.taken, (client, false), per_client)
            && let Ok(permit) = Arc::clone(&self.free).try_acquire_owned()
        {
            return Some(ConnectionSlot { is_reserve: false, _permit: Some(permit), _counted: Some(counted) });
        }
        let in_reserve = if trusted { RESERVE_PER_PROXY } else { RESERVE_PER_CLIENT };
        let counted = ClientConnection::new(&self.taken, (client, true), in_reserve)?;
        Some(ConnectionSlot { is_reserve: true, _permit: reserved, _counted: Some(counted) })
    }
}

/// One counted connection of a client; dropping it lowers the count.
struct ClientConnection {
    taken: Arc<Taken>,
    key: (Network, bool),
}

impl ClientConnection {
    fn new(taken: &Arc<Taken>, key: (Network, bool), most: usize) -> Option<Self> {
        let mut counts = taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(key).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Self { taken: Arc::clone(taken), key })
    }
}

impl Drop for ClientConnection {
    fn drop(&mut self) {
        let mut counts = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = counts.entry(self.key) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(total: usize, per_client: usize) -> ConnectionSlots {
        let trusted = Proxies { trusted: vec!["10.0.0.1".parse().unwrap()], public_url: None };
        ConnectionSlots::new(ConnectionLimits { total, per_client, trusted })
    }

    fn take(slots: &ConnectionSlots, address: &str) -> Option<ConnectionSlot> {
        slots.take(address.parse().unwrap(), None)
    }

    #[test]
    fn one_client_takes_its_slots_and_leaves_the_others() {
        let slots = slots(10, 2);
        let first = take(&slots, "192.0.2.1").unwrap();
        let _second = take(&slots, "::ffff:192.0.2.1").unwrap();
        assert!(!first.is_reserve && take(&slots, "192.0.2.1").unwrap().is_reserve);
        assert!(!take(&slots, "192.0.2.2").unwrap().is_reserve);
        drop(first);
        assert!(!take(&slots, "192.0.2.1").unwrap().is_reserve);
        let network: Vec<_> = (1..4).map(|number| take(&slots, &format!("2001:db8::{number}")).unwrap()).collect();
        assert_eq!(network.iter().filter(|slot| slot.is_reserve).count(), 1, "a /64 is one client");
    }

    #[test]
    fn a_trusted_proxy_takes_as_many_as_there_are() {
        let slots = slots(10, 2);
        let taken: Vec<_> = (0..10).map(|_| take(&slots, "10.0.0.1").unwrap()).collect();
        assert!(taken.iter().all(|slot| !slot.is_reserve));
        assert!(take(&slots, "10.0.0.1").unwrap().is_reserve && take(&slots, "192.0.2.1").unwrap().is_reserve);
    }

    #[test]
    fn the_reserve_is_for_every_client_and_nothing_stays_counted() {
        let slots = slots(0, 9);
        let taken: Vec<_> = (0..RESERVE_PER_CLIENT).map(|_| take(&slots, "192.0.2.1").unwrap()).collect();
        assert!(take(&slots, "192.0.2.1").is_none());
        assert!(take(&slots, "192.0.2.2").is_some());
        drop(taken);
        assert!(slots.taken.lock().unwrap().is_empty());
    }
}
