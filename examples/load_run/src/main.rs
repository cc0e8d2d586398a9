//! The load run: compares the shop with bare baselines measured in the same run, and prints one table of ratios.
//!
//! ```sh
//! cargo build --release --bin shop-server --bin load_run && target/release/load_run --large
//! ```
//!
//! It starts everything itself, on loopback and in a temporary folder: the release binary `shop-server` from its own
//! folder, a bare poem server, and a shop inside this process. Both sides of a ratio are measured in alternating short
//! rounds, and the median of each counts, so other load on the machine affects both. The load generator shares the
//! cores with the servers, so absolute rates are lower than those of a server alone.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Parser;

#[path = "../../../shop-store-sqlite/benches/support/mod.rs"]
mod support;

mod bare_server;
mod catalog;
mod checkout;
mod client;
mod gateway_events;
mod lists;
mod orders;
mod postgres;
mod process;
mod searches;
mod sign_ins;
mod table;

use process::Server;
use support::world::World;
use support::{CALLERS, Result};
use table::{Figure, Target};

/// The allocator of the `shop-server` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Signs the tokens of the run's shops.
const SECRET_KEY: &str = "the-load-run-signs-with-this-key-and-no-other-does";

/// Compares the shop with bare baselines.
#[derive(Parser)]
struct Options {
    /// Also measure with 100,000 products and 1,000,000 orders, on SQLite and Postgres. Takes half an hour and 10 GB in
    /// the temporary folder.
    #[arg(long)]
    large: bool,
    /// Run everything once on a tiny scale, to test that it works. The figures are meaningless.
    #[arg(long)]
    smoke: bool,
    /// Run only these parts: orders, catalog, checkout, cards, sign-ins, process, postgres, large, large-postgres, and
    /// searches, which runs only if named.
    #[arg(long)]
    only: Vec<String>,
    /// Run the bare server on this file and address.
    #[arg(long, hide = true, num_args = 2)]
    bare_server: Option<Vec<String>>,
    /// Run the bare Postgres server on this URL and address.
    #[arg(long, hide = true, num_args = 2)]
    bare_postgres: Option<Vec<String>>,
}

/// The scale of a run.
#[derive(Debug, Clone, Copy)]
struct Scale {
    rounds: usize,
    /// The number of orders per round, in groups of [`CALLERS`]: enough for a SQLite checkpoint in each round.
    groups: usize,
    /// The duration of a timed round.
    length: Duration,
    products: usize,
    orders: usize,
    searched_products: usize,
    large_products: usize,
    large_orders: usize,
}

const FULL: Scale = Scale {
    rounds: 7,
    groups: 64,
    length: Duration::from_millis(1_500),
    products: 1_000,
    orders: 1_000,
    searched_products: 30_000,
    large_products: 100_000,
    large_orders: 1_000_000,
};

const SMOKE: Scale = Scale {
    rounds: 1,
    groups: 1,
    length: Duration::from_millis(100),
    products: 100,
    orders: 10,
    searched_products: 400,
    large_products: 400,
    large_orders: 100,
};

/// A folder that is removed on drop.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().build()?;
    if let Some([file, address]) = options.bare_server.as_deref() {
        return runtime.block_on(bare_server::serve(Path::new(file), address));
    }
    if let Some([url, address]) = options.bare_postgres.as_deref() {
        return runtime.block_on(postgres::serve(url, address));
    }
    let folder = Folder(std::env::temp_dir().join(format!("shop-load-run-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0)?;
    let figures = runtime.block_on(async { tokio::spawn(run(options, folder.0.clone())).await? })?;
    say(&table::table(&figures));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a program for people at a terminal")]
fn say(text: &str) {
    println!("{text}");
}

async fn run(options: Options, folder: PathBuf) -> Result<Vec<Figure>> {
    let scale = if options.smoke { SMOKE } else { FULL };
    let wanted = |part: &str| {
        if part.starts_with("large") && !options.large {
            return false;
        }
        options.only.is_empty() || options.only.iter().any(|only| only == part)
    };
    let file = folder.join("shop.sqlite3");
    let world = fill(&file, scale, scale.products, scale.orders).await?;
    let mut figures = Vec::new();
    let mut capacity = 1_000.0;
    if wanted("orders") {
        say("orders in process …");
        let rates = orders::measure(&file, &world, scale.rounds, scale.groups).await?;
        figures.push(figure("orders of two lines, in process", rates.bare, rates.spread, "/s", Target::AtLeast(0.5)));
        figures.push(figure(
            "the same, all of one hot pair, to spread over 1,000",
            rates.spread,
            rates.hot,
            "/s",
            Target::AtLeast(1.0),
        ));
    }
    if wanted("catalog") {
        say("catalog over HTTP …");
        let rates = catalog::measure(&file, &world, scale.rounds, scale.length).await?;
        let (bare, ours) = rates.product;
        capacity = ours;
        figures.push(figure("`GET /catalog/products/{id}/`", bare, ours, "/s", Target::AtLeast(0.75)));
        let (bare, ours) = rates.list;
        figures.push(figure("`GET /catalog/products/`, 20 of them", bare, ours, "/s", Target::AtLeast(0.5)));
    }
    if wanted("checkout") {
        figures.extend(checkout_figures(&file, &world, scale).await?);
    }
    if wanted("cards") {
        figures.extend(card_figures(&file, &world, capacity, scale).await?);
    }
    if wanted("sign-ins") {
        figures.extend(sign_in_figures(&file, &world, capacity, scale).await?);
    }
    if wanted("process") {
        say("the process …");
        figures.extend(process_figures(&file, scale).await?);
    }
    if wanted("postgres") {
        say("Postgres …");
        figures.extend(postgres_figures(scale).await?);
    }
    if options.only.iter().any(|only| only == "searches") {
        figures.push(search_figure(&folder, scale).await?);
    }
    if wanted("large") {
        figures.extend(large_figures(&folder, &file, &world, scale).await?);
    }
    if wanted("large-postgres") {
        say("lists in a large shop on Postgres …");
        figures.extend(postgres::lists(scale).await?);
    }
    Ok(figures)
}

async fn checkout_figures(file: &Path, world: &World, scale: Scale) -> Result<Vec<Figure>> {
    say("carts and orders over HTTP …");
    let rates = checkout::measure(file, world, scale.rounds, scale.groups / 2 + 1).await?;
    let (bare_items, items) = rates.items;
    let (bare_orders, orders) = rates.orders;
    Ok(vec![
        figure("`POST /cart/items/`, to in process", bare_items, items, "/s", Target::AtLeast(0.4)),
        figure("`POST /orders/`, to in process", bare_orders, orders, "/s", Target::AtLeast(0.4)),
        alone("resident memory under that load, at most", rates.memory, "MiB", 200.0),
    ])
}

async fn card_figures(file: &Path, world: &World, capacity: f64, scale: Scale) -> Result<Vec<Figure>> {
    say("events of a card network while people shop …");
    let measured = gateway_events::measure(file, world, capacity, scale.rounds, scale.length).await?;
    let target = f64::from(gateway_events::TARGET);
    let what = "events of a card network acknowledged while people shop";
    Ok(vec![
        figure(what, target, measured.rate, "/s", Target::AtLeast(1.0)),
        alone("p99 of that", measured.tail, "ms", 50.0),
    ])
}

async fn sign_in_figures(file: &Path, world: &World, capacity: f64, scale: Scale) -> Result<Vec<Figure>> {
    say("sign-ins …");
    let measured = sign_ins::measure(file, world, capacity, scale.rounds, scale.length).await?;
    let (bare, ours) = measured.rates;
    let (quiet, storm) = measured.catalog;
    let what = "p99 of a product at a fifth of capacity, quiet and while people sign in";
    Ok(vec![
        figure("sign-ins, to bare argon2 on as many threads", bare, ours, "/s", Target::AtLeast(0.8)),
        figure(what, quiet, storm, "ms", Target::AtMost(3.0)),
    ])
}

async fn search_figure(folder: &Path, scale: Scale) -> Result<Figure> {
    say("lists while others search …");
    let path = folder.join("searched.sqlite3");
    fill(&path, scale, scale.searched_products, 1).await?;
    let (quiet, busy) = searches::measure(&path, scale.rounds, scale.length).await?;
    let what = "p99 of a list of products, quiet and while 100 clients search eight words in 30,000 products";
    Ok(figure(what, quiet, busy, "ms", Target::AtMost(10.0)))
}

async fn process_figures(file: &Path, scale: Scale) -> Result<Vec<Figure>> {
    let (mut times, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        let started = Instant::now();
        let server = Server::shop(file).await?;
        times.push(started.elapsed().as_secs_f64() * 1_000.0);
        memory.push(server.memory()?);
    }
    Ok(vec![
        alone("resident memory after start", table::median(memory), "MiB", 40.0),
        alone("start to first answer, on an existing file", table::median(times), "ms", 200.0),
        alone("stripped release binary", process::program_size()?, "MiB", 30.0),
    ])
}

async fn postgres_figures(scale: Scale) -> Result<Vec<Figure>> {
    let hash = sign_ins::password_hash().await?;
    let Scale { rounds, groups, length, products, orders, .. } = scale;
    let rates = postgres::measure(rounds, (groups, length * 2), (products, orders), &hash).await?;
    let rows = [
        ("orders on Postgres, 32 callers, to pgbench", rates.spread, 0.5),
        ("the same, all of one hot pair", rates.hot, 2.0),
        ("`GET /catalog/products/{id}/` on Postgres, to one sqlx select", rates.product, 0.75),
    ];
    Ok(rows.map(|(what, (bare, ours), part)| figure(what, bare, ours, "/s", Target::AtLeast(part))).into())
}

async fn large_figures(folder: &Path, file: &Path, world: &World, scale: Scale) -> Result<Vec<Figure>> {
    say("filling the large shop …");
    let path = folder.join("large.sqlite3");
    let large = fill(&path, scale, scale.large_products, scale.large_orders).await?;
    say("orders in the large shop …");
    let (small_rate, large_rate) = orders::compare((file, world), (&path, &large), scale.rounds, scale.groups).await?;
    let (_store, shop) = orders::open(&path).await?;
    let far = scale.large_products / 20;
    let (first, last) = catalog::pages(&shop, far, scale.rounds * 30).await?;
    say("lists in the large shop …");
    lists::fill_movements(&shop, &large, scale.large_orders).await?;
    let (_small_store, small_shop) = orders::open(file).await?;
    let (small, large) = ((&small_shop, scale.products), (&shop, scale.large_products));
    let mut figures = vec![
        figure(
            "orders with 1,000,000 of them and 100,000 products in the file, to 1,000",
            small_rate,
            large_rate,
            "/s",
            Target::AtLeast(0.75),
        ),
        figure("page 5,000 by cursor, to page 1, with 100,000 products", first, last, "ms", Target::AtMost(1.25)),
    ];
    figures.extend(lists::measure("SQLite", small, large, scale).await?);
    Ok(figures)
}

async fn fill(path: &Path, scale: Scale, products: usize, orders: usize) -> Result<World> {
    let (store, _shop) = orders::open(path).await?;
    let hash = sign_ins::password_hash().await?;
    let world = World::fill(store.as_ref(), products, scale.groups * CALLERS, &hash).await?;
    world.fill_orders(store.as_ref(), orders).await?;
    store.close().await?;
    Ok(world)
}

fn figure(what: &str, bare: f64, ours: f64, unit: &'static str, target: Target) -> Figure {
    Figure { what: what.to_owned(), bare: Some(bare), ours, unit, target }
}

fn alone(what: &str, ours: f64, unit: &'static str, limit: f64) -> Figure {
    Figure { what: what.to_owned(), bare: None, ours, unit, target: Target::Below(limit) }
}
