//! Payments and their refunds.

use std::sync::LazyLock;

use async_trait::async_trait;
use rusqlite::Connection;
use rusqlite::types::Value;
use shop_core::batch::{Change, Conflict, Entity, Unique};
use shop_core::clock::Timestamp;
use shop_core::id::{OrderId, PaymentId};
use shop_core::page::{Page, PageRequest};
use shop_core::payments::{
    Asking, Payment, PaymentFilter, PaymentSort, PaymentsRepository, PaymentsWrite, Refund, RemoteState,
};
use shop_core::secret::Sealed;
use shop_core::store::StoreResult;
use shop_core::word::Word as _;

use crate::SqliteStore;
use crate::commit::{Applied, Failure, unless_taken};
use crate::kept::{self, Keys, Tally};
use crate::paging::{List, Query};
use crate::record::{self, Record, Shape, Table};
use crate::rows::{Columns, Id, Json, Values, at, id, optional_at, optional_id, prepare};

static PAYMENTS: LazyLock<Table> = LazyLock::new(|| {
    Table::new(Shape {
        name: "payments",
        columns: &[
            "id",
            "order_id",
            "gateway",
            "amount",
            "currency",
            "state",
            "amount_authorized",
            "amount_captured",
            "amount_refunded",
            "gateway_reference",
            "failure",
            "created_at",
            "updated_at",
            "version",
            "asking",
            "asking_step",
            "look_at",
            "client_secret",
            "mismatch",
            "confirmed_at",
        ],
        derived: &[],
        fixed: &["order_id", "gateway", "created_at"],
        uniques: &[(
            Unique::LivePayment,
            "old.order_id = new.order_id
                AND old.state IN ('pending', 'requires_action', 'authorized', 'captured')
                AND new.state IN ('pending', 'requires_action', 'authorized', 'captured')",
        )],
        deletable: false,
    })
});

impl Record for Payment {
    fn table() -> &'static Table {
        &PAYMENTS
    }

    fn write(&self, values: &mut Values<'_, '_>) -> rusqlite::Result<()> {
        values.put(id(self.id))?.put(id(self.order_id))?.put(&self.gateway)?.put(self.amount.0)?;
        values.put(self.currency.code())?.put(self.state.word())?.put(self.amount_authorized.0)?;
        values.put(self.amount_captured.0)?.put(self.amount_refunded.0)?.put(&self.gateway_reference)?;
        values.put(&self.failure)?.put(at(self.created_at))?.put(at(self.updated_at))?.put(self.version)?;
        let RemoteState { asking, look_at, client_secret, mismatch, confirmed_at } = &self.remote;
        values.put(optional_id(asking.map(|asking| asking.intent)))?.put(asking.map(|asking| asking.step.word()))?;
        values.put(optional_at(*look_at))?.put(client_secret.as_ref().map(Sealed::stored))?;
        values.put(mismatch)?.put(optional_at(*confirmed_at))?;
        Ok(())
    }

    fn read(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Self> {
        let mut payment = Self {
            id: columns.id()?,
            order_id: columns.id()?,
            gateway: columns.take()?,
            amount: columns.amount()?,
            currency: columns.currency()?,
            state: columns.word()?,
            amount_authorized: columns.amount()?,
            amount_captured: columns.amount()?,
            amount_refunded: columns.amount()?,
            gateway_reference: columns.take()?,
            failure: columns.take()?,
            remote: RemoteState::default(),
            refunds: Vec::new(),
            created_at: columns.at()?,
            updated_at: columns.at()?,
            version: columns.take()?,
        };
        let asking = match columns.optional_id()? {
            Some(intent) => Some(Asking { intent, step: columns.word()? }),
            None => columns.take::<Option<String>>()?.and(None),
        };
        payment.remote = RemoteState {
            asking,
            look_at: columns.optional_at()?,
            client_secret: columns.take::<Option<String>>()?.map(Sealed::from_stored),
            mismatch: columns.take()?,
            confirmed_at: columns.optional_at()?,
        };
        Ok(payment)
    }

    fn fill(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let sql = "SELECT id, amount, state, reason, created_at, gateway_reference, taxes FROM refunds
            WHERE payment_id = ?1 ORDER BY id";
        let mut statement = prepare(connection, sql)?;
        let mut rows = statement.query([Id(self.id.0)])?;
        while let Some(row) = rows.next()? {
            let mut columns = Columns::new(row);
            self.refunds.push(Refund {
                id: columns.id()?,
                amount: columns.amount()?,
                state: columns.word()?,
                reason: columns.take()?,
                created_at: columns.at()?,
                gateway_reference: columns.take()?,
                taxes: columns.json()?,
            });
        }
        Ok(())
    }
}

/// Applies a write of payments.
pub(crate) fn apply(connection: &Connection, tally: &mut Tally, write: &PaymentsWrite) -> Applied {
    let PaymentsWrite::Payment(change) = write;
    let before = record::counted_before(connection, change, COUNTED)?;
    let (done, payment) = match change {
        Change::Insert(payment) => (record::insert(connection, payment, &[]), payment),
        Change::Update(payment) => (record::update(connection, payment, &[]), payment),
        Change::Delete { .. } => return Err(record::never_deleted(Entity::Payment)),
    };
    if let Err(Failure::Conflict(Conflict::Exists(Unique::LivePayment))) = done
        && others_refund(connection, payment)?
    {
        // Judged before: see the order of the unique keys in `PaymentsWrite`.
        return Err(Conflict::Exists(Unique::OtherId).into());
    }
    done?;
    tally.changed(kept::List::Payments, before, Some(counted(payment)));
    put_refunds(connection, payment)
}

/// Reads what a payment is counted by.
const COUNTED: &str = "SELECT state, gateway, '' FROM payments WHERE id = ?1";

/// What payments are counted by.
fn counted(payment: &Payment) -> Keys {
    [payment.state.word().into(), payment.gateway.clone().into(), "".into()]
}

/// True when one of the refunds belongs to another payment.
fn others_refund(connection: &Connection, payment: &Payment) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM refunds WHERE id = ?1 AND payment_id <> ?2";
    for refund in &payment.refunds {
        if record::exists(connection, sql, [id(refund.id), id(payment.id)])? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn put_refunds(connection: &Connection, payment: &Payment) -> Applied {
    // The id of a refund is unique over all payments: one of another payment is not taken over.
    let sql = "INSERT INTO refunds (payment_id, id, amount, state, reason, created_at, gateway_reference, taxes)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (payment_id, id) DO UPDATE SET amount = excluded.amount, state = excluded.state,
            reason = excluded.reason, created_at = excluded.created_at,
            gateway_reference = excluded.gateway_reference, taxes = excluded.taxes";
    for refund in &payment.refunds {
        let done = record::execute(
            connection,
            sql,
            &[
                &id(payment.id),
                &id(refund.id),
                &refund.amount.0,
                &refund.state.word(),
                &refund.reason,
                &at(refund.created_at),
                &refund.gateway_reference,
                &Json(&refund.taxes),
            ],
        );
        unless_taken(done, Unique::OtherId)?;
    }
    Ok(())
}

fn payments() -> List<PaymentSort, Payment> {
    List {
        columns: PAYMENTS.columns().to_owned(),
        key: |key| match key {
            PaymentSort::CreatedAt => Some("payments.created_at"),
        },
        id: "payments.id",
        read: record::whole,
    }
}

/// Those of a gateway, in a state or in any: found in the index by time alone.
fn listed_payments() -> List<PaymentSort, Payment> {
    List {
        key: |key| match key {
            PaymentSort::CreatedAt => Some("listed.created_at"),
        },
        id: "listed.id",
        ..payments()
    }
}

#[async_trait]
impl PaymentsRepository for SqliteStore {
    async fn payment(&self, id: PaymentId) -> StoreResult<Option<Payment>> {
        self.readers().snapshot(|connection| record::lookup(connection, id))
    }

    async fn payments_of_orders(&self, orders: &[OrderId]) -> StoreResult<Vec<Payment>> {
        self.readers().snapshot(|connection| {
            let mut found: Vec<Payment> = Vec::new();
            for order in orders {
                found.extend(record::select::<Payment>(connection, "WHERE order_id = ?1", [Id(order.0)])?);
            }
            found.sort_by_key(|payment| payment.id);
            found.dedup_by_key(|payment| payment.id);
            Ok(found)
        })
    }

    async fn payment_by_reference(&self, gateway: &str, reference: &str) -> StoreResult<Option<Payment>> {
        let sql = "WHERE gateway_reference = ?1 AND gateway = ?2 ORDER BY id LIMIT 1";
        self.readers().snapshot(|connection| Ok(record::select(connection, sql, [reference, gateway])?.pop()))
    }

    async fn payments_to_look_at(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<Payment>> {
        let sql = "WHERE look_at <= ?1 ORDER BY look_at, id LIMIT ?2";
        self.readers().snapshot(|connection| record::select(connection, sql, [at(now), i64::from(limit)]))
    }

    async fn list_payments(
        &self,
        filter: &PaymentFilter,
        page: &PageRequest<PaymentSort>,
    ) -> StoreResult<Page<Payment>> {
        // Of an order there are few; by state alone there is an index.
        let by_gateway = filter.gateway.is_some() && filter.order_id.is_none();
        let (list, mut query, table) = if by_gateway {
            (listed_payments(), Query::listed(PAYMENTS.name()), "listed")
        } else {
            (payments(), Query::from(PAYMENTS.name()), PAYMENTS.name())
        };
        let keys = [filter.state.map(|state| state.word().into()), filter.gateway.clone().map(Into::into), None];
        query.kept(self.kept(kept::List::Payments, filter.order_id.is_none().then_some(keys)));
        query.filter("payments.order_id = ?", filter.order_id.map(|order| order.0.as_bytes().to_vec()));
        // The sign keeps SQLite from the index by state, which finds more than an order or a gateway has.
        let sign = if by_gateway || filter.order_id.is_some() { "+" } else { "" };
        query.filter(&format!("{sign}{table}.state = ?"), filter.state.map(|state| state.word().to_owned()));
        query.filter(&format!("{table}.gateway = ?"), filter.gateway.clone().map(Value::Text));
        let page = page.clone();
        self.readers().list(move |connection| list.page(connection, query, &page)).await
    }
}
