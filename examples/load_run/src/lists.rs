//! Measures lists by page number: compared with the same lists by cursor, with a small shop, and at high page numbers.

use std::sync::Arc;
use std::time::Instant;

use shop_core::accounts::UserFilter;
use shop_core::batch::Batch;
use shop_core::catalog::ProductQuery;
use shop_core::inventory::{InventoryWrite, Movement, MovementFilter, MovementReason};
use shop_core::orders::{OrderQuery, OrderStatus};
use shop_core::page::{Page, PageRequest, Position, SortKey};
use shop_core::payments::{PaymentFilter, PaymentState};
use shop_core::{Actor, Result as ShopResult, Shop};

use crate::support::Result;
use crate::support::world::World;
use crate::table::{Figure, Target, median};
use crate::{Scale, figure};

/// The median milliseconds for a page of a list.
#[derive(Debug, Clone, Copy)]
struct Times {
    /// The first page by cursor.
    cursor: f64,
    /// The first page by number.
    first: f64,
    /// A deep page by number.
    far: f64,
}

/// The pair of times with the greatest ratio of the second to the first.
fn worst(pairs: impl IntoIterator<Item = (f64, f64)>) -> (f64, f64) {
    pairs.into_iter().max_by(|left, right| (left.1 / left.0).total_cmp(&(right.1 / right.0))).unwrap_or_default()
}

/// Compares the lists of a large shop with each other and with those of a small one. `store` names the storage.
pub(crate) async fn measure(
    store: &str,
    small: (&Shop, usize),
    large: (&Shop, usize),
    scale: Scale,
) -> Result<Vec<Figure>> {
    let rounds = scale.rounds * 30;
    let of_both = products([small, large], rounds).await?;
    let of_large: Vec<_> = of_both.iter().map(|[_, large]| *large).collect();
    let of_staff = of_staff(large.0, scale.large_orders, rounds).await?;
    let to_cursor = |lists: &[Times]| worst(lists.iter().map(|list| (list.cursor, list.first)));
    let far_to_first = |lists: &[Times]| worst(lists.iter().map(|list| (list.first, list.far)));
    let to_small = worst(of_both.iter().map(|[small, large]| (small.first, large.first)));
    let row = |what: String, (bare, ours), most| figure(&what, bare, ours, "ms", Target::AtMost(most));
    let products = format!("the slowest of five lists of 100,000 products on {store}");
    let staff = format!("the slowest of six lists of staff with 1,000,000 orders on {store}");
    Ok(vec![
        row(format!("{products}, by number, to by cursor"), to_cursor(&of_large), 1.25),
        row(format!("{products}, to 1,000 products"), to_small, 1.25),
        row(format!("{products}, page 5,000 by number, to page 1"), far_to_first(&of_large), 3.0),
        row(format!("{staff}, by number, to by cursor"), to_cursor(&of_staff), 1.25),
        row(format!("{staff}, page 5,000 by number, to page 1"), far_to_first(&of_staff), 3.0),
    ])
}

/// Writes stock movements, for all variants in turn.
pub(crate) async fn fill_movements(shop: &Shop, world: &World, movements: usize) -> Result<()> {
    let variants: Vec<_> = world.variants.iter().cycle().take(movements).collect();
    for variants in variants.chunks(4_000) {
        let mut context = shop.context();
        let mut batch = Batch::new(&mut context);
        for sold in variants {
            batch.write(InventoryWrite::Movement(Movement {
                id: context.id(),
                variant_id: sold.variant,
                sku: sold.sku.clone(),
                location_id: world.location,
                delta: 1,
                reason: MovementReason::Received,
                note: String::new(),
                order_id: None,
                created_at: context.now(),
            }));
        }
        shop.store().commit(Arc::new(batch)).await?;
    }
    Ok(())
}

/// Reads a list of several shops, each with its deep page number, in every way in turn, so that a slow phase of the
/// machine affects all of them.
async fn times<'a, const SHOPS: usize, K: SortKey, T, Reading>(
    rounds: usize,
    shops: [(&'a Shop, u32); SHOPS],
    read: impl Fn(&'a Shop, PageRequest<K>) -> Reading,
) -> Result<[Times; SHOPS]>
where
    Reading: Future<Output = ShopResult<Page<T>>>,
{
    let mut found = shops.map(|_| [Vec::new(), Vec::new(), Vec::new()]);
    // The first round is the warm-up.
    for round in 0..=rounds {
        for (found, (shop, far)) in found.iter_mut().zip(shops) {
            let positions = [Position::Start, Position::Number(1), Position::Number(far)];
            for (times, position) in found.iter_mut().zip(positions) {
                let started = Instant::now();
                let page = read(shop, PageRequest { position, ..PageRequest::default() }).await?;
                let took = started.elapsed().as_secs_f64() * 1_000.0;
                if page.items.is_empty() {
                    return Err("a page is empty".into());
                }
                times.extend((round > 0).then_some(took));
            }
        }
    }
    Ok(found.map(|found| {
        let [cursor, first, far] = found.map(median);
        Times { cursor, first, far }
    }))
}

/// Lists of products in a small and a large shop, given with their number of products: all, of a category, of a status
/// (read by staff), in stock, in a price range.
async fn products(shops: [(&Shop, usize); 2], rounds: usize) -> Result<Vec<[Times; 2]>> {
    let (guest, staff) = (Actor::anonymous(), Actor::system());
    let all = ProductQuery::default;
    let queries = [
        (&guest, all(), 1),
        (&guest, ProductQuery { category: "category-1".to_owned().into(), ..all() }, 10),
        (&staff, ProductQuery { status: shop_core::catalog::ProductStatus::Active.into(), ..all() }, 1),
        (&guest, ProductQuery { in_stock: true.into(), ..all() }, 1),
        (
            &guest,
            ProductQuery { min_price: "10.00".to_owned().into(), max_price: "17.99".to_owned().into(), ..all() },
            10,
        ),
    ];
    let mut lists = Vec::new();
    for (actor, query, part) in queries {
        let far = |products: usize| u32::try_from(products / 20 / part).unwrap_or(u32::MAX).clamp(1, 5_000);
        let read = |shop, request| {
            let query = query.clone();
            async move { Shop::catalog(shop).list_products(actor, query, &request).await }
        };
        lists.push(times(rounds, shops.map(|(shop, products)| (shop, far(products))), read).await?);
    }
    Ok(lists)
}

/// Lists that only staff read: orders, orders of a status, payments, payments of a state, customers, stock movements.
async fn of_staff(shop: &Shop, orders: usize, rounds: usize) -> Result<Vec<Times>> {
    let staff = &Actor::system();
    let far = u32::try_from(orders / 20)?.clamp(1, 5_000);
    let mut lists = Vec::new();
    for status in [None, Some(OrderStatus::Completed)] {
        let query = OrderQuery { status, ..OrderQuery::default() };
        let read = |shop, request| {
            let query = query.clone();
            async move { Shop::orders(shop).list(staff, query, &request).await }
        };
        lists.extend(times(rounds, [(shop, far)], read).await?);
    }
    for state in [None, Some(PaymentState::Captured)] {
        let filter = &PaymentFilter { state, ..PaymentFilter::default() };
        let read = |shop, request| async move { Shop::payments(shop).list(staff, filter, &request).await };
        lists.extend(times(rounds, [(shop, far)], read).await?);
    }
    let read = |shop, request| async move { Shop::accounts(shop).list(staff, UserFilter::default(), &request).await };
    lists.extend(times(rounds, [(shop, 2)], read).await?);
    let filter = &MovementFilter::default();
    let read = |shop, request| async move { Shop::inventory(shop).list_movements(staff, filter, &request).await };
    lists.extend(times(rounds, [(shop, far)], read).await?);
    Ok(lists)
}
