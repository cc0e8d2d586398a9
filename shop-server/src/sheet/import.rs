//! Rows of a file into the shop: what is right is written, what is wrong is named, line by line.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use shop_core::catalog::{PRODUCT_COLUMNS, product_of_row};
use shop_core::error::BoxError;
use shop_core::idempotency::IdempotencyKey;
use shop_core::import::{CellError, Cells, Imported};
use shop_core::inventory::STOCK_COLUMNS;
use shop_core::{Actor, Shop};

use super::Import;
use super::read::Sheet;
use crate::config::Config;
use crate::progress::Bar;
use crate::start;
use crate::storage::{Purpose, Storage};

type Result<T = ()> = std::result::Result<T, BoxError>;

/// Imports a file. With `dry_run` nothing is written, but everything is judged.
///
/// # Errors
/// When any row was refused; when the file or the storage cannot be read.
pub(crate) async fn import(config: &Config, what: Import, file: &Path, dry_run: bool) -> Result {
    let columns = match what {
        Import::Products => PRODUCT_COLUMNS.as_slice(),
        Import::Stock => STOCK_COLUMNS.as_slice(),
    };
    // Before the storage: a file that is no table costs nothing.
    let sheet = Sheet::open(file, columns)?;
    let storage = Storage::open(config, Purpose::Tool).await?;
    let shop = start::open(config, storage.store()).await?;
    let length = std::fs::metadata(file)?.len();
    let mut run = Run { shop, dry: dry_run, tally: Tally::default(), bar: Bar::new("importing", length), place: 0 };
    let done = match what {
        Import::Products => products(&mut run, sheet).await,
        Import::Stock => stock(&mut run, sheet, file).await,
    };
    let Run { tally, bar, .. } = run;
    drop(bar);
    storage.close().await?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", tally.said(dry_run))?;
    done?;
    match tally.refused {
        0 => Ok(()),
        count => Err(format!("{count} rows were refused").into()),
    }
}

/// An import under way.
struct Run {
    shop: Shop,
    /// Nothing is written.
    dry: bool,
    tally: Tally,
    bar: Bar,
    /// How many bytes of the file are done.
    place: u64,
}

/// What became of the rows so far.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    created: u64,
    changed: u64,
    unchanged: u64,
    /// Rows, not cells.
    refused: u64,
}

impl Tally {
    fn said(&self, dry_run: bool) -> String {
        let Self { created, changed, unchanged, refused } = self;
        let end = if dry_run { " Nothing was written: this was a dry run." } else { "" };
        format!("{created} created, {changed} changed, {unchanged} unchanged; {refused} rows refused.{end}")
    }
}

impl Run {
    /// Notes what became of the rows of these lines, and says what is wrong with them.
    fn note(&mut self, lines: &[u64], imported: Imported) -> Result {
        match imported {
            Imported::Created => self.tally.created += 1,
            Imported::Changed => self.tally.changed += 1,
            Imported::Unchanged => self.tally.unchanged += 1,
            Imported::Refused(cells) => {
                self.tally.refused += lines.len() as u64;
                let mut out = std::io::stdout();
                for CellError { row, column, why } in cells {
                    let line = lines.get(row).or(lines.first()).copied().unwrap_or_default();
                    writeln!(out, "line {line}, {column}: {why}")?;
                }
            }
        }
        Ok(())
    }

    fn refuse(&mut self, line: u64, cells: Vec<CellError>) -> Result {
        self.note(&[line], Imported::Refused(cells))
    }

    /// The next row that can be read, with its line; what cannot is refused.
    fn next(&mut self, sheet: &mut Sheet<File>) -> Result<Option<(u64, Cells)>> {
        while let Some(line) = sheet.next()? {
            self.bar.add(line.end.saturating_sub(self.place));
            self.place = line.end;
            match line.cells {
                Ok(cells) => return Ok(Some((line.number, cells))),
                Err(wrong) => self.refuse(line.number, wrong)?,
            }
        }
        Ok(None)
    }
}

fn cell(column: &str, why: String) -> CellError {
    CellError { row: 0, column: column.to_owned(), why }
}

/// The rows of one product, as they are gathered.
#[derive(Default)]
struct Gathered {
    product: String,
    lines: Vec<u64>,
    rows: Vec<Cells>,
}

async fn products(run: &mut Run, mut sheet: Sheet<File>) -> Result {
    let mut gathered = Gathered::default();
    // Where products and skus stood first: a product that comes again would change what the first rows made.
    let (mut seen, mut skus): (HashMap<String, u64>, HashMap<String, u64>) = (HashMap::new(), HashMap::new());
    while let Some((line, cells)) = run.next(&mut sheet)? {
        let Some(product) = product_of_row(&cells) else {
            run.refuse(line, vec![cell("name", "Give a slug, a name or a sku.".to_owned())])?;
            continue;
        };
        if product != gathered.product {
            finish_product(run, std::mem::take(&mut gathered)).await?;
            if let Some(first) = seen.get(&product) {
                let why = format!("The rows of a product stand together; the others begin in line {first}.");
                run.refuse(line, vec![cell("name", why)])?;
                continue;
            }
            seen.insert(product.clone(), line);
            gathered.product = product;
        }
        if let Some(sku) = cells.get("sku").map(str::trim) {
            if let Some(first) = skus.get(sku) {
                run.refuse(line, vec![cell("sku", format!("This sku stands in line {first}, too."))])?;
                continue;
            }
            skus.insert(sku.to_owned(), line);
        }
        gathered.lines.push(line);
        gathered.rows.push(cells);
    }
    finish_product(run, gathered).await
}

async fn finish_product(run: &mut Run, gathered: Gathered) -> Result {
    let Gathered { lines, rows, .. } = gathered;
    let Some(first) = lines.first() else { return Ok(()) };
    let stopped = |why| stopped(*first, &why);
    let call = async |shop: Shop| shop.catalog().import_product(&Actor::system(), &rows).await;
    let imported = if run.dry {
        run.shop.prepare(call).await.map_err(stopped)?.reply
    } else {
        call(run.shop.clone()).await.map_err(stopped)?
    };
    run.note(&lines, imported)
}

/// What is said when the shop, not a row, is at fault: everything before was done, and doing it again does no harm.
fn stopped(line: u64, why: &shop_core::Error) -> BoxError {
    let source = match why {
        shop_core::Error::Unavailable { source: Some(source), .. } | shop_core::Error::Fault(source) => {
            format!(" {source}")
        }
        _ => String::new(),
    };
    format!("stopped before line {line}: {why}{source}").into()
}

async fn stock(run: &mut Run, mut sheet: Sheet<File>, file: &Path) -> Result {
    let digest = digest(file)?;
    // Two counts of one thing at one place cannot both be true.
    let mut counted: HashMap<(String, String), u64> = HashMap::new();
    while let Some((line, cells)) = run.next(&mut sheet)? {
        let text = |column| cells.get(column).unwrap_or_default().trim().to_owned();
        let place = (text("sku"), text("location"));
        if cells.get("on_hand").is_some()
            && let Some(first) = counted.insert(place, line)
        {
            run.refuse(line, vec![cell("sku", format!("This was counted in line {first}, too."))])?;
            continue;
        }
        // The same line of the same file is the same delta.
        let key = IdempotencyKey::new(&format!("import:{digest}:{line}"), &json!(null))?;
        let call = async |shop: Shop| shop.inventory().import_stock(&Actor::system(), &cells, Some(&key)).await;
        let stopped = |why| stopped(line, &why);
        let imported = if run.dry {
            run.shop.prepare(call).await.map_err(stopped)?.reply
        } else {
            call(run.shop.clone()).await.map_err(stopped)?
        };
        run.note(&[line], imported)?;
    }
    Ok(())
}

/// SHA-256 of a file, as text.
fn digest(file: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    let mut reader = BufReader::new(File::open(file)?);
    loop {
        let chunk = reader.fill_buf()?;
        let length = chunk.len();
        if length == 0 {
            break;
        }
        hash.update(chunk);
        reader.consume(length);
    }
    Ok(URL_SAFE_NO_PAD.encode(hash.finalize()))
}
