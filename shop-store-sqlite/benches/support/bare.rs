//! The bare loop that orders are compared with: one thread and one connection that only execute the statements of
//! orders whose rows were prepared before. It reads nothing, decides nothing and has no callers.
//!
//! The rows, tables, indexes and PRAGMAs are those of the shop. [`CALLERS`] orders share a commit, as they do when that
//! many callers place orders concurrently.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, params};
use shop_core::cart::Cart;
use shop_core::clock::DecisionContext;
use shop_core::orders::operations::draw_number;
use uuid::Uuid;

use super::world::{Customer, World, address};
use super::{CALLERS, Result};

const STATEMENTS: [&str; 10] = [
    "INSERT INTO operations (id, at) VALUES (?1, ?2)",
    "UPDATE carts SET status = 'ordered', updated_at = ?2, version = version + 1 WHERE id = ?1 AND version = 1",
    "INSERT INTO orders (id, number, cart_id, customer_id, email, email_key, currency, subtotal, discount_total,
        shipping_total, shipping_tax, tax_total, total, amount_paid, amount_refunded, shipping_address,
        billing_address, shipping_method, status, payment_status, fulfillment_status, note, placed_at, canceled_at,
        hold_until, updated_at, version) VALUES (?1, ?2, ?3, ?4, ?5, ?5, 'USD', ?6, 0, 499, 0, 0, ?6 + 499, 0, 0, ?7, ?7, ?8,
        'placed', 'not_paid', 'unfulfilled', '', ?9, NULL, NULL, ?9, 1)",
    "INSERT INTO order_items (order_id, position, id, product_id, variant_id, sku, name, options, unit_price, quantity,
        discount, tax, line_total) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, 0, 0, ?9)",
    "UPDATE stock_levels SET reserved = reserved + 1
        WHERE variant_id = ?1 AND location_id = ?2 AND on_hand - reserved >= 1",
    "INSERT INTO reservations (id, order_id, order_item_id, variant_id, sku, location_id, quantity, remaining, status,
        created_at, version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, 1, 'committed', ?7, 1)",
    "INSERT INTO payments (id, order_id, gateway, amount, currency, state, amount_authorized, amount_captured,
        amount_refunded, gateway_reference, failure, created_at, updated_at, version)
        VALUES (?1, ?2, 'manual', ?3, 'USD', 'pending', 0, 0, 0, NULL, NULL, ?4, ?4, 1)",
    "INSERT INTO order_history (id, order_id, at, event, actor, detail) VALUES (?1, ?2, ?3, 'placed', 'customer', ?4)",
    "INSERT INTO events (id, kind, thing, data, at) VALUES (?1, 'order.placed', ?2, ?3, ?4)",
    "INSERT INTO promotion_uses (promotion_id, customer, uses) VALUES (zeroblob(16), ?1, 1)
        ON CONFLICT (promotion_id, customer) DO UPDATE SET uses = uses + 1",
];

/// The bare loop over a file that a shop created.
pub(crate) struct Loop {
    connection: Connection,
    place: String,
    method: String,
    options: String,
}

/// The rows of one order.
struct Row {
    ids: [Uuid; 5],
    number: String,
    cart: Uuid,
    customer: Option<Uuid>,
    email: String,
    at: i64,
    detail: String,
    event: String,
    lines: Vec<Line>,
}

struct Line {
    ids: [Uuid; 2],
    product: Uuid,
    variant: Uuid,
    sku: String,
    name: String,
    price: i64,
}

impl Loop {
    /// Opens the file.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn open(path: &Path, world: &World) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 16000; PRAGMA cache_size = -32768;
            PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = ON;",
        )?;
        connection.set_prepared_statement_cache_capacity(64);
        let method = serde_json::json!({"id": world.method, "name": "Standard", "price": 499, "carrier": "UPS"});
        Ok(Self {
            connection,
            place: serde_json::to_string(&address())?,
            method: method.to_string(),
            options: r#"{"color":"black","size":"M"}"#.to_owned(),
        })
    }

    /// Writes the orders of these carts. Returns the elapsed time.
    ///
    /// # Errors
    /// When a statement fails, or changes no row.
    pub(crate) fn place(&mut self, world: &World, carts: &[Cart], context: &mut DecisionContext) -> Result<Duration> {
        let rows = carts.iter().enumerate().map(|(number, cart)| row(world, cart, number, context));
        let rows: Vec<_> = rows.collect::<Option<_>>().ok_or("a cart holds what is not sold")?;
        let location = world.location.0;
        let started = Instant::now();
        for group in rows.chunks(CALLERS) {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            for row in group {
                self.write(row, location)?;
            }
            self.connection.execute_batch("COMMIT")?;
        }
        Ok(started.elapsed())
    }

    fn write(&self, row: &Row, location: Uuid) -> Result<()> {
        let [operation, cart, order, item, stock, reservation, payment, history, event, orders] = STATEMENTS;
        let run = |sql: &str, params: &[&dyn rusqlite::ToSql]| -> Result<()> {
            match self.connection.prepare_cached(sql)?.execute(params)? {
                1 => Ok(()),
                changed => Err(format!("{changed} rows changed by {sql}").into()),
            }
        };
        let [operation_id, order_id, payment_id, history_id, event_id] = &row.ids;
        let (order_id, at) = (blob(order_id), row.at);
        let subtotal: i64 = row.lines.iter().map(|line| line.price).sum();
        run(operation, params![blob(operation_id), at])?;
        run(cart, params![blob(&row.cart), at])?;
        let customer = row.customer.as_ref().map(blob);
        run(
            order,
            params![order_id, row.number, blob(&row.cart), customer, row.email, subtotal, self.place, self.method, at],
        )?;
        for (position, line) in (0_i64..).zip(&row.lines) {
            let [item_id, reservation_id] = &line.ids;
            let (item_id, variant) = (blob(item_id), blob(&line.variant));
            run(
                item,
                params![
                    order_id,
                    position,
                    item_id,
                    blob(&line.product),
                    variant,
                    line.sku,
                    line.name,
                    self.options,
                    line.price
                ],
            )?;
            run(stock, params![variant, blob(&location)])?;
            let place = blob(&location);
            run(reservation, params![blob(reservation_id), order_id, item_id, variant, line.sku, place, at])?;
        }
        run(payment, params![blob(payment_id), order_id, subtotal + 499, at])?;
        run(history, params![blob(history_id), order_id, at, row.detail])?;
        run(event, params![blob(event_id), order_id, row.event, at])?;
        run(orders, params![row.email])
    }
}

fn blob(id: &Uuid) -> &[u8] {
    id.as_bytes()
}

fn row(world: &World, cart: &Cart, number: usize, context: &mut DecisionContext) -> Option<Row> {
    let lines = cart.items.iter().map(|item| {
        let sold = world.variants.iter().take(1_000).find(|sold| sold.variant == item.variant_id)?;
        Some(Line {
            ids: [context.id(), context.id()],
            product: sold.product.0,
            variant: sold.variant.0,
            sku: sold.sku.clone(),
            name: "Shirt number 100 for every day".to_owned(),
            price: 1_999,
        })
    });
    let lines: Vec<_> = lines.collect::<Option<_>>()?;
    let items = lines.iter().map(|line| {
        serde_json::json!({"product_id": line.product, "variant_id": line.variant, "sku": line.sku, "quantity": 1,
            "unit_price": "19.99", "line_total": "19.99"})
    });
    let number_of_order = draw_number(context);
    let event = serde_json::json!({"number": number_of_order, "status": "placed", "total": "44.97",
        "customer_id": cart.customer_id, "currency": "USD", "items": items.collect::<Vec<_>>()});
    Some(Row {
        ids: [context.id(), context.id(), context.id(), context.id(), context.id()],
        detail: format!("Order {number_of_order} was placed."),
        number: number_of_order,
        cart: cart.id.0,
        customer: cart.customer_id.map(|id| id.0),
        email: Customer::email(number),
        at: context.now().timestamp_micros(),
        event: event.to_string(),
        lines,
    })
}
