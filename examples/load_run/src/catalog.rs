//! Catalog responses over HTTP, compared with the bare server; and deep pages of a long list.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shop_core::catalog::{ProductQuery, ProductSort};
use shop_core::page::{PageRequest, Position, SortKey as _};
use shop_core::{Actor, Shop};

use crate::client::{Bytes, Connection, request, send_for};
use crate::process::Server;
use crate::support::world::World;
use crate::support::{CALLERS, Result};
use crate::table::median;

/// Requests per second: bare server and shop.
pub(crate) struct Rates {
    /// `GET /catalog/products/{id}/`.
    pub(crate) product: (f64, f64),
    /// A list of twenty products.
    pub(crate) list: (f64, f64),
}

/// One request per product, for at most a thousand products.
pub(crate) fn product_requests(world: &World) -> Arc<[Bytes]> {
    let variants = world.variants.iter().take(1_000);
    variants.map(|sold| request("GET", &format!("/catalog/products/{}", sold.product), None, "")).collect()
}

/// Measures both servers on one file in alternating rounds.
pub(crate) async fn measure(file: &Path, world: &World, rounds: usize, length: Duration) -> Result<Rates> {
    let (bare, shop) = (Server::bare(file).await?, Server::shop(file).await?);
    let products = product_requests(world);
    let list: Arc<[Bytes]> = Arc::new([request("GET", "/catalog/products", None, "")]);
    for request in products.first().into_iter().chain(list.first()) {
        same(&bare, &shop, request).await?;
    }
    let mut rates = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    // The first round is the warm-up.
    for round in 0..=rounds {
        let sides = [(&bare, &products), (&shop, &products), (&bare, &list), (&shop, &list)];
        for (rates, (server, requests)) in rates.iter_mut().zip(sides) {
            let rate = send_for(server.address, CALLERS, requests, length).await?;
            rates.extend((round > 0).then_some(rate));
        }
    }
    let [bare_product, product, bare_list, list] = rates.map(median);
    Ok(Rates { product: (bare_product, product), list: (bare_list, list) })
}

/// Fails unless both servers send the same body.
async fn same(bare: &Server, shop: &Server, request: &Bytes) -> Result<()> {
    let mut answers = Vec::new();
    for server in [bare, shop] {
        let mut connection = Connection::open(server.address).await?;
        let (_, body) = connection.call(request).await?;
        answers.push(serde_json::from_slice::<serde_json::Value>(body)?);
    }
    match answers.as_slice() {
        [bare, shop] if bare == shop => Ok(()),
        [bare, shop] => {
            let start = |answer: &serde_json::Value| answer.to_string().chars().take(1_000).collect::<String>();
            Err(format!("the servers differ:\n{}\n{}", start(bare), start(shop)).into())
        }
        _ => Err("a server did not answer".into()),
    }
}

/// The milliseconds that the first page by cursor and page `far` take, in process.
pub(crate) async fn pages(shop: &Shop, far: usize, rounds: usize) -> Result<(f64, f64)> {
    let request = |position| PageRequest { order: ProductSort::default_order(), size: 20, position };
    let actor = Actor::anonymous();
    let mut position = Position::Start;
    for page in 1..far {
        let page_after = shop.catalog().list_products(&actor, ProductQuery::default(), &request(position)).await?;
        let next = page_after.next.ok_or_else(|| format!("page {page} is the last"))?;
        position = Position::Cursor(next);
    }
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        for (times, position) in [(&mut first, Position::Start), (&mut last, position.clone())] {
            let started = Instant::now();
            let page = shop.catalog().list_products(&actor, ProductQuery::default(), &request(position)).await?;
            times.push(started.elapsed().as_secs_f64() * 1_000.0);
            if page.items.len() != 20 {
                return Err("a page is not full".into());
            }
        }
    }
    Ok((median(first), median(last)))
}
