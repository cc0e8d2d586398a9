//! The baseline for catalog responses: only poem, a handler, rusqlite and serde. It reads the same rows of the same
//! file and writes the same body.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use poem::error::InternalServerError;
use poem::listener::TcpListener;
use poem::web::{Json, Path as PathParam};
use poem::{Route, Server, get, handler};
use rusqlite::{Connection, OpenFlags, Row};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::support::Result;

static FILE: OnceLock<PathBuf> = OnceLock::new();

thread_local! {
    static CONNECTION: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

#[derive(Serialize)]
struct Product {
    id: Uuid,
    slug: String,
    name: String,
    description: String,
    status: String,
    category_id: Option<Uuid>,
    price: String,
    currency: String,
    sku: Option<String>,
    options: Vec<String>,
    variants: Vec<Variant>,
    images: Vec<Image>,
    attributes: serde_json::Map<String, serde_json::Value>,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct Variant {
    id: Uuid,
    sku: String,
    price: String,
    compare_at_price: Option<String>,
    lowest_price_30_days: Option<String>,
    options: BTreeMap<String, String>,
    weight_grams: i64,
    barcode: Option<String>,
    tax_class: String,
    available: Option<i64>,
    in_stock: bool,
}

#[derive(Serialize, Deserialize)]
struct Image {
    url: String,
    alt: String,
}

#[derive(Serialize)]
struct List {
    count: i64,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<Product>,
}

const PRODUCT: &str = "id, slug, name, description, status, category_id, price, currency, options, images, attributes,
    version, created_at, updated_at";

const VARIANTS: &str = "SELECT variants.id, variants.sku, price, compare_at_price, options, weight_grams, barcode,
        tax_class, max(sum(on_hand - reserved), 0), lowest_price_30_days
    FROM variants JOIN stock_levels ON stock_levels.variant_id = variants.id
    WHERE variants.product_id = ?1 AND archived = 0 GROUP BY variants.id ORDER BY position";

/// Serves the file until the process is killed.
pub(crate) async fn serve(file: &Path, address: &str) -> Result<()> {
    FILE.get_or_init(|| file.to_owned());
    let routes = Route::new().at("/catalog/products", get(product_list)).at("/catalog/products/:id", get(one_product));
    Ok(Server::new(TcpListener::bind(address)).run(routes).await?)
}

#[handler]
fn one_product(PathParam(id): PathParam<Uuid>) -> poem::Result<Json<Product>> {
    let found = with(|connection| {
        let sql = format!("SELECT {PRODUCT} FROM products WHERE id = ?1");
        let mut product = connection.prepare_cached(&sql)?.query_row([id.as_bytes().as_slice()], read_product)?;
        fill(connection, &mut product)?;
        Ok(product)
    });
    found.map(Json).map_err(InternalServerError)
}

#[handler]
fn product_list() -> poem::Result<Json<List>> {
    let found = with(|connection| {
        let count = connection
            .prepare_cached("SELECT count(*) FROM listed_products WHERE status = 'active'")?
            .query_row([], |row| row.get(0))?;
        // All products of the run are in stock.
        let sql = format!(
            "SELECT {PRODUCT} FROM (SELECT id AS listed_id, created_at AS listed_at FROM listed_products
                WHERE status = 'active' AND in_stock = 1 ORDER BY created_at DESC, id DESC LIMIT 20 OFFSET 0)
            CROSS JOIN products ON products.id = listed_id ORDER BY listed_at DESC, listed_id DESC"
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let mut results: Vec<_> = statement.query_map([], read_product)?.collect::<rusqlite::Result<_>>()?;
        for product in &mut results {
            fill(connection, product)?;
        }
        let next = Some("http://shop.test/catalog/products?page=2".to_owned());
        Ok(List { count, next, previous: None, results })
    });
    found.map(Json).map_err(InternalServerError)
}

fn with<T>(read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    CONNECTION.with_borrow_mut(|slot| {
        if slot.is_none() {
            let path = FILE.get().ok_or(rusqlite::Error::InvalidQuery)?;
            *slot = Some(Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?);
        }
        read(slot.as_ref().ok_or(rusqlite::Error::InvalidQuery)?)
    })
}

fn read_product(row: &Row<'_>) -> rusqlite::Result<Product> {
    Ok(Product {
        id: uuid(row, 0)?,
        slug: row.get(1)?,
        name: row.get(2)?,
        description: row.get(3)?,
        status: row.get(4)?,
        category_id: row.get::<_, Option<Vec<u8>>>(5)?.and_then(|id| Uuid::from_slice(&id).ok()),
        price: money(row.get(6)?),
        currency: row.get(7)?,
        sku: None,
        options: json(row, 8)?,
        variants: Vec::new(),
        images: json(row, 9)?,
        attributes: json(row, 10)?,
        version: row.get(11)?,
        created_at: time(row, 12)?,
        updated_at: time(row, 13)?,
    })
}

fn fill(connection: &Connection, product: &mut Product) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(VARIANTS)?;
    let rows = statement.query_map([product.id.as_bytes().as_slice()], |row| {
        let available: i64 = row.get(8)?;
        Ok(Variant {
            id: uuid(row, 0)?,
            sku: row.get(1)?,
            price: money(row.get(2)?),
            compare_at_price: row.get::<_, Option<i64>>(3)?.map(money),
            lowest_price_30_days: row.get::<_, Option<i64>>(9)?.map(money),
            options: json(row, 4)?,
            weight_grams: row.get(5)?,
            barcode: row.get(6)?,
            tax_class: row.get(7)?,
            available: Some(available),
            in_stock: available > 0,
        })
    })?;
    product.variants = rows.collect::<rusqlite::Result<_>>()?;
    Ok(())
}

fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    Uuid::from_slice(row.get_ref(column)?.as_blob()?).map_err(|_| rusqlite::Error::InvalidQuery)
}

fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|_| rusqlite::Error::InvalidQuery)
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<DateTime<Utc>> {
    DateTime::from_timestamp_micros(row.get(column)?).ok_or(rusqlite::Error::InvalidQuery)
}
