//! Points in the shop's Postgres database: `commit_in` applies the order inside a transaction of the program.

use std::sync::Arc;

use shop_core::Shop;
use shop_core::accounts::MemoryMailer;
use shop_core::batch::Batch;
use shop_core::id::{OrderId, UserId};
use shop_core::idempotency::Replayable;
use shop_core::orders::PlacedOrder;
use shop_core::prepare::{Next, Retries};
use shop_core::store::CommitError;
use shop_store_sql::{PostgresOptions, PostgresStore};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::points::{Booking, Loyalty, OrderWithPoints, Refused};

/// The program's tables. A balance is a row with a constraint, not a computed sum, because two transactions could read
/// the same sum.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS app_accounts (
        customer_id uuid PRIMARY KEY REFERENCES users (id),
        points bigint NOT NULL CONSTRAINT app_enough_points CHECK (points >= 0)
    );
    CREATE TABLE IF NOT EXISTS app_bookings (
        order_id uuid PRIMARY KEY REFERENCES orders (id),
        customer_id uuid NOT NULL REFERENCES app_accounts,
        earned bigint NOT NULL,
        spent bigint NOT NULL
    )";

/// A shop with points in one database. The shop and the program have separate connections.
pub(crate) struct Points {
    shop: Shop,
    store: Arc<PostgresStore>,
    pool: PgPool,
    mailer: Arc<MemoryMailer>,
}

/// An error after which neither the order nor its points are written, or the outcome is unknown.
enum Failed {
    Shop(CommitError),
    Program(Refused),
}

impl Points {
    /// Connects to the database and creates the tables.
    pub(crate) async fn connect(url: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let store = Arc::new(PostgresStore::connect(PostgresOptions::parse(url)?).await?);
        // The shop has created its tables; the program's tables refer to them.
        let pool = PgPool::connect(url).await?;
        sqlx::raw_sql(TABLES).execute(&pool).await?;
        let mailer = Arc::new(MemoryMailer::new());
        let secret = b"an example's key; a real one comes from a secure random source";
        let shop = Shop::builder(Arc::clone(&store) as _, secret).mailer(Arc::clone(&mailer) as _).open().await?;
        Ok(Self { shop, store, pool, mailer })
    }

    /// Closes all connections.
    pub(crate) async fn close(self) {
        self.pool.close().await;
        self.store.close().await;
    }

    /// Writes the order and its points, or neither, in one transaction of the program.
    async fn submit(&self, batch: &Batch, booking: Option<&Booking>) -> Result<(), Failed> {
        let mut transaction = self.pool.begin().await?;
        // The shop's rows come first: the points refer to them, and every transaction must lock in this order.
        self.store.commit_in(&mut transaction, batch).await.map_err(Failed::Shop)?;
        if let Some(booking) = booking {
            book(&mut transaction, booking).await?;
        }
        // An early return above rolls back. An error from here on means that the outcome is unknown.
        transaction.commit().await.map_err(|error| Failed::Shop(CommitError::OutcomeUnknown(error.into())))
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
            match self.submit(&prepared.batch, booking.as_ref()).await {
                Ok(()) => break,
                Err(Failed::Program(refused)) => return Err(refused),
                Err(Failed::Shop(error)) => match retries.after(error)? {
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
        let points = sqlx::query_scalar("SELECT points FROM app_accounts WHERE customer_id = $1").bind(customer.0);
        let points: Option<i64> = points.fetch_optional(&self.pool).await.map_err(refused)?;
        Ok(points.unwrap_or_default())
    }

    async fn bookings(&self) -> Result<Vec<Booking>, Refused> {
        let all = sqlx::query_as("SELECT order_id, customer_id, earned, spent FROM app_bookings");
        let rows: Vec<(Uuid, Uuid, i64, i64)> = all.fetch_all(&self.pool).await.map_err(refused)?;
        let booking = |(order, customer, earned, spent)| Booking {
            order: OrderId(order),
            customer: UserId(customer),
            earned,
            spent,
        };
        Ok(rows.into_iter().map(booking).collect())
    }
}

/// Writes the points of an order in its transaction.
async fn book(transaction: &mut PgConnection, booking: &Booking) -> Result<(), Failed> {
    let Booking { order, customer, earned, spent } = booking;
    let open = "INSERT INTO app_accounts (customer_id, points) VALUES ($1, 0) ON CONFLICT DO NOTHING";
    sqlx::query(open).bind(customer.0).execute(&mut *transaction).await?;
    let book = "INSERT INTO app_bookings (order_id, customer_id, earned, spent) VALUES ($1, $2, $3, $4)";
    sqlx::query(book).bind(order.0).bind(customer.0).bind(earned).bind(spent).execute(&mut *transaction).await?;
    // Spend first: points that this order earns cannot pay for its own gift.
    let spend = "UPDATE app_accounts SET points = points - $2 WHERE customer_id = $1";
    sqlx::query(spend).bind(customer.0).bind(spent).execute(&mut *transaction).await.map_err(|error| {
        let rule = error.as_database_error().and_then(|error| error.constraint());
        if rule == Some("app_enough_points") { Failed::Program(Refused::TooFewPoints) } else { error.into() }
    })?;
    let earn = "UPDATE app_accounts SET points = points + $2 WHERE customer_id = $1";
    sqlx::query(earn).bind(customer.0).bind(earned).execute(transaction).await?;
    Ok(())
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self::Program(refused(error))
    }
}

fn refused(error: sqlx::Error) -> Refused {
    Refused::Database(error.into())
}
