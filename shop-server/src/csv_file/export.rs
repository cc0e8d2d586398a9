//! Exports the shop's lists to CSV files, page by page.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;

use shop_core::catalog::{PRODUCT_COLUMNS, ProductQuery, ProductSort, product_rows};
use shop_core::error::BoxError;
use shop_core::orders::{OrderQuery, OrderSort};
use shop_core::page::{MAX_PAGE_SIZE, Page, PageRequest, Position, Sort, SortKey};
use shop_core::{Actor, Shop};

use super::write::CsvWriter;
use super::{Export, orders};
use crate::config::Config;
use crate::progress::Bar;
use crate::start;
use crate::storage::{Purpose, Storage};

type Result<T = ()> = std::result::Result<T, BoxError>;

/// Exports a list to a new file; with `excel`, the file starts with a byte order mark.
///
/// # Errors
/// When the file already exists or cannot be written, or the storage cannot be read.
pub(crate) async fn export(config: &Config, what: Export, file: &Path, excel: bool) -> Result {
    let storage = Storage::open(config, Purpose::Look).await?;
    let shop = start::open(config, storage.store()).await?;
    let rows = match what {
        Export::Products => products(&shop, (file, excel)).await,
        Export::Orders => self::orders(&shop, (file, excel), false).await,
        Export::OrderLines => self::orders(&shop, (file, excel), true).await,
    };
    storage.close().await?;
    Ok(writeln!(std::io::stdout(), "{} rows written to {}.", rows?, file.display())?)
}

/// Requests a single item with the total count. Later pages continue from a cursor, so each is as fast as the first.
fn first<K: SortKey>(key: K) -> PageRequest<K> {
    PageRequest { order: vec![Sort { key, descending: false }], size: 1, position: Position::Number(1) }
}

/// The request for the following page; after the counting request, for the first page. `None` after the last.
fn next<K: SortKey, T>(request: PageRequest<K>, page: &Page<T>) -> Option<PageRequest<K>> {
    let position = match (&request.position, &page.next) {
        (Position::Number(_), _) => Position::Start,
        (_, Some(cursor)) => Position::Cursor(cursor.clone()),
        (_, None) => return None,
    };
    Some(PageRequest { size: MAX_PAGE_SIZE, position, ..request })
}

async fn products(shop: &Shop, (file, excel): (&Path, bool)) -> Result<u64> {
    // Stock is not exported: it belongs to `import stock`, and the column sets it for new products only.
    let columns: Vec<&str> = PRODUCT_COLUMNS.into_iter().filter(|column| *column != "stock").collect();
    let mut writer = CsvWriter::create(file, &columns, excel)?;
    let tree = shop.store().category_tree().await?;
    let slugs: HashMap<_, _> = tree.categories.into_iter().map(|category| (category.id, category.slug)).collect();
    let system = Actor::system();
    let mut request = first(ProductSort::CreatedAt);
    let counting = shop.catalog().list_products(&system, ProductQuery::default(), &request).await?;
    let mut bar = Bar::new("exporting", counting.total.unwrap_or_default());
    let mut rows = 0;
    let mut page = counting;
    while let Some(after) = next(request, &page) {
        request = after;
        page = shop.catalog().list_products(&system, ProductQuery::default(), &request).await?;
        for view in &page.items {
            let category = view.product.category_id.and_then(|id| slugs.get(&id)).map(String::as_str);
            for cells in product_rows(&view.product, category) {
                let cells: Vec<&str> = columns.iter().map(|column| cells.get(column).unwrap_or_default()).collect();
                writer.row(&cells)?;
                rows += 1;
            }
            bar.add(1);
        }
    }
    writer.finish()?;
    Ok(rows)
}

async fn orders(shop: &Shop, (file, excel): (&Path, bool), lines: bool) -> Result<u64> {
    let columns = if lines { orders::LINE_COLUMNS.as_slice() } else { orders::ORDER_COLUMNS.as_slice() };
    let mut writer = CsvWriter::create(file, columns, excel)?;
    let system = Actor::system();
    let mut request = first(OrderSort::PlacedAt);
    let mut page = shop.orders().list(&system, OrderQuery::default(), &request).await?;
    let mut bar = Bar::new("exporting", page.total.unwrap_or_default());
    let mut rows = 0;
    while let Some(after) = next(request, &page) {
        request = after;
        page = shop.orders().list(&system, OrderQuery::default(), &request).await?;
        for view in &page.items {
            let of_order = if lines { orders::lines(&view.order) } else { vec![orders::order(&view.order)] };
            for cells in &of_order {
                writer.row(cells)?;
                rows += 1;
            }
            bar.add(1);
        }
    }
    writer.finish()?;
    Ok(rows)
}
