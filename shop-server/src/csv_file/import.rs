//! Imports the rows of a CSV file: writes the valid ones and reports errors line by line.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use shop_core::catalog::{PRODUCT_COLUMNS, ProductRows, given_slug, is_image_row, product_of_row};
use shop_core::error::BoxError;
use shop_core::idempotency::IdempotencyKey;
use shop_core::import::{CellError, Cells, DryRun, Imported};
use shop_core::inventory::STOCK_COLUMNS;
use shop_core::{Shop, validate};
use shop_store_sqlite::SqliteStore;

use super::Import;
use super::calls::{Calls, ImportDestination, Lines};
use super::read::{CsvReader, CsvRow, Format};
use crate::config::Config;
use crate::progress::Bar;
use crate::start;
use crate::storage::{Purpose, Storage};

type Result<T = ()> = std::result::Result<T, BoxError>;

/// What to import, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ImportOptions {
    /// What the rows contain.
    pub(crate) what: Import,
    /// How the file is parsed.
    pub(crate) format: Format,
    /// Whether to check everything and write nothing.
    pub(crate) dry_run: bool,
}

/// Imports a CSV file.
///
/// # Errors
/// When any row was refused, or the file or the storage cannot be read.
pub(crate) async fn import(config: &Config, file: &Path, options: ImportOptions) -> Result {
    let columns = match options.what {
        Import::Products => PRODUCT_COLUMNS.as_slice(),
        Import::Stock => STOCK_COLUMNS.as_slice(),
    };
    let open = || CsvReader::open(file, columns, options.format);
    // Before the storage opens, so that an invalid file fails early.
    let reader = open()?;
    let reserved = match options.what {
        Import::Products if reader.has("slug") && std::fs::metadata(file)?.is_file() => given_slugs(open()?)?,
        _ => HashSet::new(),
    };
    let storage = Storage::open(config, Purpose::Tool).await?;
    let shop = start::open(config, storage.store()).await?;
    // A corrected file is a different file, so its deltas would be booked again. Therefore a file with an invalid line
    // is not booked in part.
    let tries_first = options.what == Import::Stock && reader.has("delta") && !options.dry_run;
    let mut is_dry = options.dry_run || tries_first;
    let mut run = Run::new(&shop, reserved, file, is_dry).await?;
    let mut done = run.all(options.what, reader, file).await;
    if tries_first && done.is_ok() && run.summary.refused == 0 {
        is_dry = false;
        run = Run::new(&shop, HashSet::new(), file, is_dry).await?;
        done = run.all(options.what, open()?, file).await;
    }
    let Run { summary, bar, .. } = run;
    drop(bar);
    storage.close().await?;
    let mut out = std::io::stdout();
    let end = match (is_dry, tries_first) {
        (true, false) => " Nothing was written: this was a dry run.",
        (true, true) => " Nothing was written: a file with a delta column is booked as a whole.",
        // A row that was valid in the trial run but is no longer: another change came in between.
        (false, true) if summary.refused > 0 => " The other rows were written: import only those that were refused.",
        (false, _) => "",
    };
    writeln!(out, "{}{end}", summary.text())?;
    if summary.stock_kept > 0 {
        let count = summary.stock_kept;
        let note = "the stock column counts for new variants only; `import stock` books counts";
        writeln!(std::io::stderr(), "note: {count} products already existed: {note}.")?;
    }
    done?;
    match summary.refused {
        0 => Ok(()),
        count => Err(format!("{count} rows were refused").into()),
    }
}

/// The slugs that rows give explicitly, so that the shop does not derive them for other rows.
fn given_slugs(mut reader: CsvReader<File>) -> Result<HashSet<String>> {
    let mut given = HashSet::new();
    while let Some(line) = reader.next()? {
        let Ok(cells) = line.cells else { continue };
        given.extend(given_slug(&cells).and_then(|slug| validate::slug(slug.to_owned()).ok()));
    }
    Ok(given)
}

/// An import in progress.
struct Run {
    calls: Calls,
    summary: ImportSummary,
    bar: Bar,
    /// The number of bytes of the file read so far.
    place: u64,
}

/// The results of the rows so far.
#[derive(Debug, Default, PartialEq, Eq)]
struct ImportSummary {
    created: u64,
    changed: u64,
    unchanged: u64,
    /// Counts rows, not cells.
    refused: u64,
    /// The number of existing products with stock in the file.
    stock_kept: u64,
}

impl ImportSummary {
    fn text(&self) -> String {
        let Self { created, changed, unchanged, refused, .. } = self;
        format!("{created} created, {changed} changed, {unchanged} unchanged; {refused} rows refused.")
    }
}

impl Run {
    async fn new(shop: &Shop, reserved: HashSet<String>, file: &Path, is_dry: bool) -> Result<Self> {
        let dry_run = if is_dry { Some(DryRun::new(shop, Arc::new(SqliteStore::temporary()?)).await?) } else { None };
        let calls = Calls::new(ImportDestination { shop: shop.clone(), dry_run }, reserved);
        let bar = Bar::new(if is_dry { "checking" } else { "importing" }, std::fs::metadata(file)?.len());
        Ok(Self { calls, summary: ImportSummary::default(), bar, place: 0 })
    }

    /// Imports all rows of a file.
    async fn all(&mut self, what: Import, reader: CsvReader<File>, file: &Path) -> Result {
        let done = match what {
            Import::Products => products(self, reader).await,
            Import::Stock => stock(self, reader, file).await,
        };
        self.calls.settle().await;
        done
    }

    /// Records the available results, in the order of the file; at the end, all of them.
    async fn catch_up(&mut self, is_end: bool) -> Result {
        while let Some((lines, imported)) = self.calls.next(is_end).await? {
            self.note(&lines, imported)?;
        }
        Ok(())
    }

    /// Records the result of the rows in these lines, and prints their errors.
    fn note(&mut self, lines: &Lines, imported: Imported) -> Result {
        if lines.has_stock && matches!(imported, Imported::Changed | Imported::Unchanged) {
            self.summary.stock_kept += 1;
        }
        match imported {
            Imported::Created => self.summary.created += 1,
            Imported::Changed => self.summary.changed += 1,
            Imported::Unchanged => self.summary.unchanged += 1,
            Imported::Refused(cells) => {
                self.summary.refused += lines.count;
                let mut out = std::io::stdout();
                for CellError { row, column, why } in cells {
                    let line = lines.numbers.get(row).or(lines.numbers.first()).copied().unwrap_or_default();
                    writeln!(out, "line {line}, {column}: {why}")?;
                }
            }
        }
        Ok(())
    }

    fn refuse(&mut self, line: u64, cells: Vec<CellError>) {
        self.calls.refuse(Lines::one(line), cells);
    }

    /// Returns the next row that can be parsed, with its line number; refuses the others.
    async fn next(&mut self, reader: &mut CsvReader<File>) -> Result<Option<(u64, Cells)>> {
        while let Some(CsvRow { number, end, cells }) = reader.next()? {
            self.bar.add(end.saturating_sub(self.place));
            self.place = end;
            match cells {
                Ok(cells) => return Ok(Some((number, cells))),
                Err(wrong) => self.refuse(number, wrong),
            }
            self.catch_up(false).await?;
        }
        Ok(None)
    }
}

fn cell(column: &str, why: String) -> CellError {
    CellError { row: 0, column: column.to_owned(), why }
}

/// The rows of one product, while they are collected.
#[derive(Default)]
struct ProductGroup {
    product: String,
    /// The lines of the rows that are kept.
    lines: Vec<u64>,
    rows: ProductRows,
    /// The number of rows, kept or not.
    count: u64,
    /// The line of the first row that exceeds the product's limits, and why.
    excess: Option<(u64, String)>,
}

impl ProductGroup {
    fn add(&mut self, line: u64, row: Cells) {
        self.count += 1;
        if self.excess.is_some() {
            return;
        }
        match self.rows.push(row) {
            Ok(true) => self.lines.push(line),
            Ok(false) => {}
            Err(why) => {
                self.excess = Some((line, why));
                self.rows = ProductRows::default();
            }
        }
    }

    /// Passes the rows on to the import.
    fn finish(self, calls: &mut Calls) {
        let Self { lines, rows, count, excess, .. } = self;
        match excess {
            Some((line, why)) => calls.refuse(Lines { count, ..Lines::one(line) }, vec![cell("sku", why)]),
            None if lines.is_empty() => {}
            None => {
                let rows = rows.into_rows();
                let has_stock = rows.iter().any(|row| row.get("stock").is_some());
                calls.product(Lines { numbers: lines, count, has_stock }, rows);
            }
        }
    }
}

async fn products(run: &mut Run, mut reader: CsvReader<File>) -> Result {
    let mut group = ProductGroup::default();
    // The first lines of products and skus: a product that appears again would change what its first rows created.
    let (mut seen, mut skus): (HashMap<Digest, u64>, HashMap<Digest, u64>) = (HashMap::new(), HashMap::new());
    while let Some((line, cells)) = run.next(&mut reader).await? {
        let product = match product_of_row(&cells) {
            Some(product) => product,
            None if group.count > 0 && is_image_row(&cells) => group.product.clone(),
            None => {
                run.refuse(line, vec![cell("name", "Give a slug, a name or a sku.".to_owned())]);
                continue;
            }
        };
        if product != group.product {
            std::mem::take(&mut group).finish(&mut run.calls);
            run.catch_up(false).await?;
            if let Some(first) = seen.get(&digest_of(&product)) {
                let why =
                    format!("The rows of a product must follow each other; its first rows begin in line {first}.");
                run.refuse(line, vec![cell("name", why)]);
                continue;
            }
            seen.insert(digest_of(&product), line);
            group.product = product;
        }
        if group.excess.is_none()
            && let Some(sku) = cells.get("sku")
        {
            let sku = digest_of(sku.trim());
            if let Some(first) = skus.get(&sku) {
                run.refuse(line, vec![cell("sku", format!("This sku is also in line {first}."))]);
                continue;
            }
            skus.insert(sku, line);
        }
        group.add(line, cells);
    }
    group.finish(&mut run.calls);
    run.catch_up(true).await
}

async fn stock(run: &mut Run, mut reader: CsvReader<File>, file: &Path) -> Result {
    let digest = digest(file)?;
    // Two counts of one sku at one location cannot both be true.
    let mut counted: HashMap<Digest, u64> = HashMap::new();
    while let Some((line, cells)) = run.next(&mut reader).await? {
        let text = |column| cells.get(column).unwrap_or_default().trim();
        let place = digest_of(&format!("{} {}", text("sku"), text("location")));
        if cells.get("on_hand").is_some()
            && let Some(first) = counted.insert(place, line)
        {
            run.refuse(line, vec![cell("sku", format!("This was also counted in line {first}."))]);
            continue;
        }
        // The same line of the same file is the same delta.
        let key = IdempotencyKey::new(&format!("import:{digest}:{line}"), &json!(null))?;
        run.calls.stock(line, cells, key);
        run.catch_up(false).await?;
    }
    run.catch_up(true).await
}

/// A short stand-in for a text: a file may have millions of them, of any length.
type Digest = [u8; 16];

fn digest_of(text: &str) -> Digest {
    let mut digest = Digest::default();
    digest.iter_mut().zip(Sha256::digest(text.as_bytes())).for_each(|(byte, from)| *byte = from);
    digest
}

/// The SHA-256 of a file as text, independent of its line endings.
fn digest(file: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    let mut reader = BufReader::new(File::open(file)?);
    loop {
        let chunk = reader.fill_buf()?;
        let length = chunk.len();
        if length == 0 {
            break;
        }
        chunk.split(|byte| *byte == b'\r').for_each(|part| hash.update(part));
        reader.consume(length);
    }
    Ok(URL_SAFE_NO_PAD.encode(hash.finalize()))
}
