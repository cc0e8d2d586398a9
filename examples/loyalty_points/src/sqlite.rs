//! Points in the shop's SQLite file: the closure of `commit_with` runs in the transaction of the order.

use std::sync::Arc;

use shop_core::Shop;
use shop_core::accounts::MemoryMailer;
use shop_core::id::{OrderId, UserId};
use shop_core::idempotency::Replayable;
use shop_core::orders::PlacedOrder;
use shop_core::prepare::{Next, Retries};
use shop_store_sqlite::rusqlite::{self, Connection, ErrorCode, Row};
use shop_store_sqlite::{CommitWithError, SqliteStore};
use uuid::Uuid;

use crate::points::{Booking, Loyalty, OrderWithPoints, Refused};

/// The program's tables. Their names begin with `app_`, which the shop never uses. A balance is a row with a
/// constraint, not a computed sum, because two callers could read the same sum.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS app_accounts (
        customer_id BLOB NOT NULL PRIMARY KEY REFERENCES users (id),
        points INTEGER NOT NULL CHECK (points >= 0)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS app_bookings (
        order_id BLOB NOT NULL PRIMARY KEY REFERENCES orders (id),
        customer_id BLOB NOT NULL REFERENCES app_accounts,
        earned INTEGER NOT NULL,
        spent INTEGER NOT NULL
    ) STRICT;";

/// A shop with points in one SQLite file.
pub(crate) struct Points {
    shop: Shop,
    store: Arc<SqliteStore>,
    mailer: Arc<MemoryMailer>,
}

impl Points {
    /// Opens a shop in a temporary file; a real program opens `SqliteStore::open("shop.sqlite3")`.
    pub(crate) async fn temporary() -> Result<Self, Box<dyn std::error::Error>> {
        let store = Arc::new(SqliteStore::temporary()?);
        // The shop creates the file first; then the program adds its tables.
        store.transaction(|tables| tables.execute_batch(TABLES)).await?;
        let mailer = Arc::new(MemoryMailer::new());
        let secret = b"an example's key; a real one comes from a secure random source";
        let shop = Shop::builder(Arc::clone(&store) as _, secret).mailer(Arc::clone(&mailer) as _).open().await?;
        Ok(Self { shop, store, mailer })
    }
}

impl Loyalty for Points {
    fn shop(&self) -> &Shop {
        &self.shop
    }

    fn mailer(&self) -> &MemoryMailer {
        &self.mailer
    }

    async fn order(&self, request: &OrderWithPoints<'_>) -> Result<Replayable<PlacedOrder>, Refused> {
        let mut retries = Retries::default();
        let mut prepared = request.prepare(&self.shop).await?;
        // An empty batch is a replay: this key has placed its order before, together with the points.
        while !prepared.batch.is_empty() {
            let booking = Booking::of(&prepared.reply.value.view.order, request.spend);
            let book = move |tables: &Connection| booking.map_or(Ok(()), |booking| book(tables, &booking));
            match self.store.commit_with(Arc::clone(&prepared.batch), book).await {
                Ok(()) => break,
                Err(CommitWithError::Host(refused)) => return Err(refused),
                Err(CommitWithError::Commit(error)) => match retries.after(error)? {
                    Next::Prepare => prepared = request.prepare(&self.shop).await?,
                    Next::Submit => {}
                    Next::Done => break,
                },
            }
        }
        self.shop.committed(&prepared.batch);
        Ok(prepared.reply)
    }

    async fn balance(&self, customer: UserId) -> Result<i64, Refused> {
        let read = move |tables: &Connection| {
            let points = "SELECT coalesce(sum(points), 0) FROM app_accounts WHERE customer_id = ?1";
            tables.query_row(points, [customer.0.as_bytes()], |row| row.get(0))
        };
        self.store.read(read).await.map_err(|error| Refused::Database(error.into()))
    }

    async fn bookings(&self) -> Result<Vec<Booking>, Refused> {
        let read = |tables: &Connection| {
            let mut all = tables.prepare("SELECT order_id, customer_id, earned, spent FROM app_bookings")?;
            let rows = all.query_map([], booking)?;
            rows.collect()
        };
        self.store.read(read).await.map_err(|error| Refused::Database(error.into()))
    }
}

/// Runs on the writer thread, possibly more than once, so it only writes these rows.
fn book(tables: &Connection, booking: &Booking) -> Result<(), Refused> {
    let Booking { order, customer, earned, spent } = booking;
    let open = "INSERT INTO app_accounts (customer_id, points) VALUES (?1, 0) ON CONFLICT DO NOTHING";
    tables.execute(open, [customer.0.as_bytes()]).map_err(refused)?;
    let book = "INSERT INTO app_bookings (order_id, customer_id, earned, spent) VALUES (?1, ?2, ?3, ?4)";
    tables.execute(book, (order.0.as_bytes(), customer.0.as_bytes(), earned, spent)).map_err(refused)?;
    // Spend first: points that this order earns cannot pay for its own gift.
    let spend = "UPDATE app_accounts SET points = points - ?2 WHERE customer_id = ?1";
    tables.execute(spend, (customer.0.as_bytes(), spent)).map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => Refused::TooFewPoints,
        _ => refused(error),
    })?;
    let earn = "UPDATE app_accounts SET points = points + ?2 WHERE customer_id = ?1";
    tables.execute(earn, (customer.0.as_bytes(), earned)).map_err(refused)?;
    Ok(())
}

fn refused(error: rusqlite::Error) -> Refused {
    Refused::Database(error.into())
}

fn booking(row: &Row<'_>) -> rusqlite::Result<Booking> {
    let id = |index| row.get::<_, [u8; 16]>(index);
    Ok(Booking {
        order: OrderId(Uuid::from_bytes(id(0)?)),
        customer: UserId(Uuid::from_bytes(id(1)?)),
        earned: row.get(2)?,
        spent: row.get(3)?,
    })
}
