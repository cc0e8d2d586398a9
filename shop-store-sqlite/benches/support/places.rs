//! Orders placed by concurrent callers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use shop_core::Shop;
use shop_core::orders::PlaceOrder;

use super::world::Customer;
use super::{CALLERS, Result};

/// Every customer orders what is in their cart, [`CALLERS`] of them at a time. Returns the elapsed time.
///
/// # Errors
/// The first order that was refused.
pub(crate) async fn place(shop: &Shop, order_input: &PlaceOrder, customers: &Arc<[Customer]>) -> Result<Duration> {
    place_by(CALLERS, shop, order_input, customers).await
}

/// Like [`place`], with this many callers at a time.
///
/// # Errors
/// The first order that was refused.
pub(crate) async fn place_by(
    callers: usize,
    shop: &Shop,
    order_input: &PlaceOrder,
    customers: &Arc<[Customer]>,
) -> Result<Duration> {
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let callers: Vec<_> = (0..callers)
        .map(|_| {
            let (shop, order_input) = (shop.clone(), order_input.clone());
            let (customers, next) = (Arc::clone(customers), Arc::clone(&next));
            tokio::spawn(async move {
                while let Some(customer) = customers.get(next.fetch_add(1, Ordering::Relaxed)) {
                    shop.orders().place(&customer.actor(), order_input.clone(), None).await?;
                }
                Ok::<_, shop_core::Error>(())
            })
        })
        .collect();
    for caller in callers {
        caller.await??;
    }
    Ok(started.elapsed())
}
