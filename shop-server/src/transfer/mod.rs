//! Moves a whole shop from one storage to another: `shop-server transfer --from … --to …`.
//!
//! Tables are filled one after the other in batches. Each batch is stored together with the progress, so that the next
//! run resumes wherever the process ended. Afterwards both sides are read again and compared row by row, and the
//! target's invariants are verified. The stores define the rows and how to read and write them
//! ([`shop_core::transfer`]).

mod digest;
mod ends;

use std::io::Write as _;
use std::path::PathBuf;

use shop_core::Shop;
use shop_core::clock::{Random as _, SystemRandom};
use shop_core::error::BoxError;
use shop_core::shop::OtherKey;
use shop_core::transfer::{TableProgress, TransferSource, TransferTable, TransferTarget};

use crate::config::{Config, Database, key_file};
use crate::progress::Bar;
use crate::storage::{Purpose, Storage};
use digest::Digest;

type Result<T = ()> = std::result::Result<T, BoxError>;

/// The number of rows per batch: enough to make the round trip cheap, few enough that the largest rows fit into memory.
const BATCH: u32 = 500;

/// Moves the shop, verifies the result, and reports it.
///
/// # Errors
/// Names the end that failed, or what is wrong with the data. Running it again resumes an unfinished move.
pub(crate) async fn transfer(config: &Config, from: &str, to: &str) -> Result {
    let from = Config::database_at("--from", from)?;
    let to = Config::database_at("--to", to)?;
    if from == to {
        return Err(same_shop());
    }
    let rows = {
        // Open the source first: if it does not exist, no target is created.
        let source = ends::source(&from).await?;
        let target = ends::target(&to).await?;
        fill(&*source, &*target).await?
    };
    let mut out = std::io::stdout();
    writeln!(out, "{rows} rows moved; both sides hold the same.")?;
    if let (None, Some(key)) = (&config.secret_key, kept_key(&from)) {
        writeln!(
            out,
            "The shop needs the same key: it is in {}. Give its content to the servers as SECRET_KEY.",
            key.display()
        )?;
    }
    check(config, to).await?;
    Ok(writeln!(out, "All is well.")?)
}

/// The key file next to an SQLite file, if it exists.
fn kept_key(database: &Database) -> Option<PathBuf> {
    let Database::Sqlite(path) = database else { return None };
    Some(key_file(path)).filter(|path| path.exists())
}

/// Copies all rows from the source to the target. Returns their number.
async fn fill(source: &dyn TransferSource, target: &dyn TransferTarget) -> Result<u64> {
    agree(source, target)?;
    let steps = match target.progress().await? {
        Some(progress) if progress.source == source.identity() => progress.steps,
        Some(_) => return Err("--to: a transfer from another shop into it is not finished".into()),
        None => {
            begin(source, target).await?;
            target.progress().await?.map(|progress| progress.steps).unwrap_or_default()
        }
    };
    let mut total = 0;
    for table in source.tables() {
        total += source.count(table).await?;
    }
    let mut bar = Bar::new("moving", total);
    // In the target's order, because its rows reference each other.
    for table in target.tables().iter().filter_map(|table| named(source.tables(), &table.name)) {
        let mut progress = steps.get(&table.name).cloned().unwrap_or_default();
        bar.add(progress.rows);
        loop {
            let rows = source.read(table, progress.after.as_deref(), BATCH).await?;
            let Some(last) = rows.last() else { break };
            let count = rows.len() as u64;
            progress = TableProgress { after: Some(table.key_of(last)), rows: progress.rows + count };
            target.write(table, &rows, &progress).await?;
            bar.add(count);
        }
    }
    drop(bar);
    let products = named(target.tables(), "products").ok_or("--to: there are no products")?;
    let mut bar = Bar::new("indexing", target.count(products).await?);
    loop {
        match target.index(BATCH).await? {
            0 => break,
            done => bar.add(done),
        }
    }
    drop(bar);
    compare(source, target, total).await?;
    target.finish().await?;
    Ok(total)
}

fn same_shop() -> BoxError {
    "--from and --to are the same shop".into()
}

/// Refuses two ends if some rows would not fit.
fn agree(source: &dyn TransferSource, target: &dyn TransferTarget) -> Result {
    if source.identity() == target.identity() {
        return Err(same_shop());
    }
    let differences = differences(source.tables(), target.tables());
    match differences.first() {
        None => Ok(()),
        Some(difference) => Err(format!("the two storages do not hold the same: {difference}").into()),
    }
}

/// Lists the tables and columns that only one storage has.
fn differences(source: &[TransferTable], target: &[TransferTable]) -> Vec<String> {
    let mut found = Vec::new();
    for (these, those, side) in [(source, target, "the target"), (target, source, "the source")] {
        for table in these {
            let Some(other) = named(those, &table.name) else {
                found.push(format!("{side} has no table {}", table.name));
                continue;
            };
            let lacks = table.columns.iter().filter(|column| {
                !other.columns.iter().any(|other| other.name == column.name && other.kind == column.kind)
            });
            found.extend(
                lacks.map(|column| format!("{side} has no column {}.{} of that kind", table.name, column.name)),
            );
        }
    }
    found
}

fn named<'t>(tables: &'t [TransferTable], name: &str) -> Option<&'t TransferTable> {
    tables.iter().find(|table| table.name == name)
}

async fn begin(source: &dyn TransferSource, target: &dyn TransferTarget) -> Result {
    // The key's fingerprint comes last: the other tables tell operators more.
    let mut tables: Vec<_> = target.tables().iter().filter(|table| !table.seeded).collect();
    tables.sort_by_key(|table| table.name == "key_fingerprint");
    for table in tables {
        if !target.read(table, None, 1).await?.is_empty() {
            return Err(format!(
                "--to: it is not empty, there are {} in it. Name a file that is not there, or an empty database: the tables are made here.",
                table.name.replace('_', " ")
            )
            .into());
        }
    }
    Ok(target.begin(source.identity()).await?)
}

/// Compares every row of both sides.
async fn compare(source: &dyn TransferSource, target: &dyn TransferTarget, total: u64) -> Result {
    let mut bar = Bar::new("comparing", total.saturating_mul(2));
    for table in source.tables() {
        let there = named(target.tables(), &table.name).ok_or("--to: a table is missing")?;
        let sent = Digest::of(source, table, |count| bar.add(count)).await?;
        let arrived = Digest::of(target, there, |count| bar.add(count)).await?;
        if sent != arrived {
            return Err(format!(
                "{}: {} rows in the source, {} in the target, and they are not the same. The source was changed between two \
                 runs: empty the target and begin anew.",
                table.name, sent.rows, arrived.rows
            )
            .into());
        }
    }
    Ok(())
}

/// Verifies the invariants of the moved data.
async fn check(config: &Config, database: Database) -> Result {
    let storage = Storage::open(&Config { database, ..config.clone() }, Purpose::Look).await?;
    // Nothing is signed here, so any key works.
    let shop = Shop::builder(storage.store(), &SystemRandom.seed()).other_key(OtherKey::Ignore).open().await?;
    let mut problems = storage.damage().await?;
    problems.extend(shop.check().await?);
    storage.close().await?;
    let mut out = std::io::stdout();
    for problem in &problems {
        writeln!(out, "{problem}")?;
    }
    match problems.len() {
        0 => Ok(()),
        count => {
            Err(format!("{count} things are wrong, and were wrong before: the rows are those of the source").into())
        }
    }
}

#[cfg(test)]
mod tests {
    use shop_core::transfer::{CellKind, TransferColumn};

    use super::*;

    fn table(name: &str, columns: &[(&str, CellKind)]) -> TransferTable {
        let column =
            |(name, kind): &(&str, CellKind)| TransferColumn { name: (*name).to_owned(), kind: *kind, optional: false };
        TransferTable {
            name: name.to_owned(),
            columns: columns.iter().map(column).collect(),
            key: vec![0],
            needs: Vec::new(),
            seeded: false,
        }
    }

    #[test]
    fn what_one_side_lacks_is_named() {
        let (id, at) = (("id", CellKind::Bytes), ("at", CellKind::Number));
        let one = [table("a", &[id, at]), table("b", &[id])];
        assert_eq!(differences(&one, &one), Vec::<String>::new());
        let other = [table("a", &[id, ("at", CellKind::Text)])];
        assert_eq!(
            differences(&one, &other),
            [
                "the target has no column a.at of that kind",
                "the target has no table b",
                "the source has no column a.at of that kind"
            ]
        );
    }
}
