//! Runs the calls of an import concurrently, and reports their results in the order of the file.
//!
//! A store commits concurrent calls in batches, so calls that wait for the disk wait together. Calls about the same
//! product or sku run one after the other ([`Sequence`]).

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::sync::Arc;

use shop_core::catalog::ImportTarget;
use shop_core::error::BoxError;
use shop_core::idempotency::IdempotencyKey;
use shop_core::import::{CellError, Cells, DryRun, Imported};
use shop_core::{Actor, Shop};
use tokio::task::JoinHandle;

use super::sequence::{Keys, Sequence};

/// The maximum number of products that are looked up ahead.
const AHEAD: usize = 128;
/// The maximum number of calls in progress: two batches of the SQLite store, so that one is prepared while the other is
/// committed.
const UNDER_WAY: usize = 512;
/// The maximum total size of held rows in bytes; the rows of one more call (at most 1 MiB) may exceed it.
const MEMORY: usize = 64 << 20;

type CallResult<T> = shop_core::Result<T>;

/// Where the calls go.
#[derive(Clone)]
pub(super) struct ImportDestination {
    pub(super) shop: Shop,
    /// Replaces the shop when nothing is to be written.
    pub(super) dry_run: Option<DryRun>,
}

/// The line numbers of one call's rows.
#[derive(Debug)]
pub(super) struct Lines {
    /// The lines of the rows that were passed to the call.
    pub(super) numbers: Vec<u64>,
    /// The number of rows in total, including those that were not passed.
    pub(super) count: u64,
    /// Whether any row gives stock for a product.
    pub(super) has_stock: bool,
}

impl Lines {
    /// A single row.
    pub(super) fn one(line: u64) -> Self {
        Self { numbers: vec![line], count: 1, has_stock: false }
    }
}

/// The calls in progress: first looked up, then imported, each in the order of the file.
pub(super) struct Calls {
    destination: ImportDestination,
    /// The slugs that rows of the file give explicitly.
    reserved: Arc<HashSet<String>>,
    sequence: Sequence,
    ahead: VecDeque<PendingLines<LookUp>>,
    under_way: VecDeque<PendingLines<Call>>,
    /// The total size of held rows in bytes.
    held: usize,
}

/// Some lines with their pending work, or their result.
struct PendingLines<T> {
    lines: Lines,
    /// The size of the rows in bytes.
    size: usize,
    work: Result<T, Imported>,
}

struct LookUp {
    rows: Arc<Vec<Cells>>,
    found: JoinHandle<CallResult<ImportTarget>>,
}

struct Call {
    keys: Keys,
    done: JoinHandle<CallResult<Imported>>,
}

impl Calls {
    /// Starts with no calls.
    pub(super) fn new(destination: ImportDestination, reserved: HashSet<String>) -> Self {
        let (ahead, under_way) = (VecDeque::new(), VecDeque::new());
        Self { destination, reserved: Arc::new(reserved), sequence: Sequence::default(), ahead, under_way, held: 0 }
    }

    /// Adds lines that are refused without a call.
    pub(super) fn refuse(&mut self, lines: Lines, cells: Vec<CellError>) {
        let refused = Imported::Refused(cells);
        if self.ahead.is_empty() {
            self.under_way.push_back(PendingLines { lines, size: 0, work: Err(refused) });
        } else {
            self.ahead.push_back(PendingLines { lines, size: 0, work: Err(refused) });
        }
    }

    /// Adds the rows of one product.
    pub(super) fn product(&mut self, lines: Lines, rows: Vec<Cells>) {
        let size = rows.iter().map(Cells::size).sum();
        self.held += size;
        let (shop, rows) = (self.destination.shop.clone(), Arc::new(rows));
        let look = Arc::clone(&rows);
        let found = tokio::spawn(async move { shop.catalog().find_imported(&Actor::system(), &look).await });
        self.sequence.announce();
        self.ahead.push_back(PendingLines { lines, size, work: Ok(LookUp { rows, found }) });
    }

    /// Adds a row of stock, whose key is its sku.
    pub(super) fn stock(&mut self, line: u64, row: Cells, key: IdempotencyKey) {
        let size = row.size();
        self.held += size;
        let destination = self.destination.clone();
        let keys = vec![row.get("sku").unwrap_or_default().trim().to_owned()];
        self.sequence.announce();
        let call = self.call(keys, async move |_| match &destination.dry_run {
            Some(dry_run) => dry_run.import_stock(&Actor::system(), &row, Some(&key)).await,
            None => destination.shop.inventory().import_stock(&Actor::system(), &row, Some(&key)).await,
        });
        self.under_way.push_back(PendingLines { lines: Lines::one(line), size, work: Ok(call) });
    }

    /// Returns the next result if it must be waited for: because too much is in progress, or because the file has
    /// ended.
    ///
    /// # Errors
    /// When the shop fails, rather than a row being wrong.
    pub(super) async fn next(&mut self, is_end: bool) -> Result<Option<(Lines, Imported)>, BoxError> {
        let (ahead, under_way) = if is_end { (0, 0) } else { (AHEAD, UNDER_WAY) };
        while self.ahead.len() > if self.held > MEMORY { 0 } else { ahead } {
            let Some(pending) = self.ahead.pop_front() else { break };
            self.enter(pending).await?;
            if self.under_way.len() > UNDER_WAY {
                break;
            }
        }
        if self.under_way.len() <= if self.held > MEMORY { 0 } else { under_way } {
            return Ok(None);
        }
        let Some(PendingLines { lines, size, work }) = self.under_way.pop_front() else { return Ok(None) };
        self.held = self.held.saturating_sub(size);
        let imported = match work {
            Ok(call) => {
                let done = call.done.await;
                self.sequence.end(call.keys);
                done?.map_err(|why| stopped(&lines, &why))?
            }
            Err(refused) => refused,
        };
        Ok(Some((lines, imported)))
    }

    /// Waits for all calls in progress, whatever their results.
    pub(super) async fn settle(&mut self) {
        for pending in self.under_way.drain(..) {
            if let Ok(call) = pending.work {
                let _ = call.done.await;
            }
        }
    }

    /// Starts the import of a product that was looked up.
    async fn enter(&mut self, pending: PendingLines<LookUp>) -> Result<(), BoxError> {
        let PendingLines { lines, size, work } = pending;
        let work = match work {
            Ok(LookUp { rows, found }) => {
                let found = found.await?.map_err(|why| stopped(&lines, &why))?;
                let (destination, reserved) = (self.destination.clone(), Arc::clone(&self.reserved));
                let keys = found.keys(&rows);
                Ok(self.call(keys, async move |is_fresh| {
                    let (actor, reserved) = (Actor::system(), |slug: &str| reserved.contains(slug));
                    let catalog = destination.shop.catalog();
                    match &destination.dry_run {
                        Some(dry_run) => dry_run.import_product(&actor, &rows, &reserved).await,
                        None if is_fresh => catalog.import_found(&actor, &rows, found, &reserved).await,
                        None => catalog.import_product(&actor, &rows, &reserved).await,
                    }
                }))
            }
            Err(refused) => Err(refused),
        };
        self.under_way.push_back(PendingLines { lines, size, work });
        Ok(())
    }

    /// Starts a call once the calls before it with a common key have ended. The argument tells whether there were none.
    fn call<F>(&mut self, keys: Vec<String>, call: impl FnOnce(bool) -> F + Send + 'static) -> Call
    where
        F: Future<Output = CallResult<Imported>> + Send,
    {
        let (mut permit, keys) = self.sequence.enter(keys);
        let done = tokio::spawn(async move {
            let waited = permit.come().await;
            let done = call(!waited).await;
            drop(permit);
            done
        });
        Call { keys, done }
    }
}

/// The error when the shop fails, rather than a row being wrong. The import can safely be run again.
fn stopped(lines: &Lines, why: &shop_core::Error) -> BoxError {
    let source = match why {
        shop_core::Error::Unavailable { source: Some(source), .. } | shop_core::Error::Fault(source) => {
            format!(" {source}")
        }
        _ => String::new(),
    };
    format!("stopped at line {}: {why}{source}", lines.numbers.first().copied().unwrap_or_default()).into()
}

#[cfg(test)]
mod tests {
    use shop_core::memory::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn many_calls_are_under_way_and_their_results_come_in_order() {
        let shop = Shop::builder(Arc::new(MemoryStore::new()), &[7; 32]).open().await.unwrap();
        let mut calls = Calls::new(ImportDestination { shop, dry_run: None }, HashSet::from(["mug-2".to_owned()]));
        let row = |number: u64| {
            // Every other product derives the same slug as the one before.
            let name = format!("Mug{} {}", "!".repeat(usize::from(number % 2 == 1)), number / 2);
            vec![Cells::new([("name", name), ("price", "1".to_owned())])]
        };
        let many = (AHEAD + UNDER_WAY) as u64;
        for number in 0..many {
            calls.product(Lines::one(number), row(number));
            assert!(calls.next(false).await.unwrap().is_none(), "nothing is waited for");
        }
        calls.refuse(Lines::one(many), Vec::new());
        let (first, imported) = calls.next(false).await.unwrap().unwrap();
        assert_eq!((first.numbers, imported), (vec![0], Imported::Created));
        for number in 1..many {
            let (lines, imported) = calls.next(true).await.unwrap().unwrap();
            assert_eq!((lines.numbers, imported), (vec![number], Imported::Created));
        }
        let (last, imported) = calls.next(true).await.unwrap().unwrap();
        assert_eq!((last.numbers, imported), (vec![many], Imported::Refused(Vec::new())));
        assert!(calls.next(true).await.unwrap().is_none());
        let store = calls.destination.shop.store();
        for (slug, name) in [("mug-0", "Mug 0"), ("mug-0-2", "Mug! 0"), ("mug-40", "Mug 40"), ("mug-40-2", "Mug! 40")] {
            assert_eq!(store.product_by_slug(slug).await.unwrap().unwrap().name, name);
        }
        assert_eq!(store.product_by_slug("mug-2").await.unwrap().map(|product| product.name), None, "it is reserved");
        assert_eq!(store.product_by_slug("mug-2-2").await.unwrap().unwrap().name, "Mug 2");
    }

    #[tokio::test]
    async fn rows_that_are_held_have_a_bounded_size() {
        let shop = Shop::builder(Arc::new(MemoryStore::new()), &[7; 32]).open().await.unwrap();
        let mut calls = Calls::new(ImportDestination { shop, dry_run: None }, HashSet::new());
        let megabyte = "x".repeat(1 << 20);
        let (mut under_way, mut most, mut done) = (0, 0, 0);
        for number in 0..200 {
            let row = Cells::new([("name", number.to_string()), ("description", megabyte.clone())]);
            calls.product(Lines::one(number), vec![row]);
            under_way += 1;
            while calls.next(false).await.unwrap().is_some() {
                under_way -= 1;
                done += 1;
            }
            most = most.max(under_way);
        }
        while calls.next(true).await.unwrap().is_some() {
            done += 1;
        }
        assert_eq!((done, calls.held), (200, 0));
        assert!(most < 66, "{most} megabytes were held");
    }
}
