//! Stored counts: the number of rows of a list for each combination of the values it is filtered by, so that a page by
//! number counts no rows.
//!
//! A [`CountChanges`] collects the changes while batches are applied and writes them once per commit: a few rows on one
//! page, however many orders there are.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::types::Value;
use shop_core::id::ProductId;
use shop_core::page::PageMemo;
use uuid::Uuid;

use crate::record;
use crate::rows::{Id, prepare};
use crate::write_connection::WriteConnection;

/// The values by which a row is counted.
pub(crate) type Keys = [Cow<'static, str>; 3];

/// A list with stored counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CountedList {
    /// By status, payment status and fulfillment status.
    Orders,
    /// By state and gateway.
    Payments,
    /// By location.
    Movements,
    /// By active and staff flag.
    Users,
    /// By status and stock.
    Products,
    /// By status, stock and category; products without a category are left out.
    ProductsOfCategory,
}

impl CountedList {
    fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Payments => "payments",
            Self::Movements => "movements",
            Self::Users => "users",
            Self::Products => "products",
            Self::ProductsOfCategory => "products_of_category",
        }
    }
}

/// A flag as a key value.
pub(crate) fn flag(flag: bool) -> Cow<'static, str> {
    Cow::Borrowed(if flag { "1" } else { "0" })
}

/// An id as a key value.
pub(crate) fn key(id: impl Into<Uuid>) -> Cow<'static, str> {
    Cow::Owned(id.into().simple().to_string())
}

#[derive(Debug, Default)]
struct Delta {
    total: i64,
    changes: i64,
}

/// What a batch did to a product, as far as product lists depend on it. A later variant includes the earlier ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ProductChange {
    /// Its stock changed.
    #[default]
    Stock,
    /// The product was updated.
    Updated,
    /// The product is new.
    Inserted,
}

/// Changes of the stored counts.
#[derive(Debug, Default)]
pub(crate) struct CountChanges {
    deltas: BTreeMap<(CountedList, Keys), Delta>,
    /// Products whose rows in `listed_products` are recomputed when the batch is applied.
    products: BTreeMap<ProductId, ProductChange>,
}

impl CountChanges {
    /// Counts a new row.
    pub(crate) fn added(&mut self, list: CountedList, keys: Keys) {
        self.change(list, keys, 1);
    }

    /// Counts a changed row: it moves from the values `before` to the values `after`.
    pub(crate) fn changed(&mut self, list: CountedList, before: Option<Keys>, after: Option<Keys>) {
        if let Some(before) = before {
            self.change(list, before, -1);
        }
        if let Some(after) = after {
            self.change(list, after, 1);
        }
    }

    /// Notes that something the list is filtered by changed, although none of its rows did.
    pub(crate) fn touched(&mut self, list: CountedList) {
        self.change(list, Keys::default(), 0);
    }

    fn change(&mut self, list: CountedList, keys: Keys, total: i64) {
        let delta = self.deltas.entry((list, keys)).or_default();
        delta.total += total;
        delta.changes += 1;
    }

    /// Notes an inserted product.
    pub(crate) fn product_inserted(&mut self, product: ProductId) {
        self.products.insert(product, ProductChange::Inserted);
    }

    /// Notes an updated product.
    pub(crate) fn product_updated(&mut self, product: ProductId) {
        let touched = self.products.entry(product).or_default();
        *touched = ProductChange::Updated.max(*touched);
    }

    /// Notes that a product's availability may have changed.
    pub(crate) fn stock_changed(&mut self, product: ProductId) {
        self.products.entry(product).or_default();
    }

    /// Takes the products whose list entries may have changed.
    pub(crate) fn take_products(&mut self) -> BTreeMap<ProductId, ProductChange> {
        std::mem::take(&mut self.products)
    }

    /// Adds the changes of another batch.
    pub(crate) fn merge(&mut self, other: Self) {
        for (keys, Delta { total, changes }) in other.deltas {
            let delta = self.deltas.entry(keys).or_default();
            delta.total += total;
            delta.changes += changes;
        }
    }

    /// Writes the changes.
    pub(crate) fn write(&self, connection: &WriteConnection<'_>) -> rusqlite::Result<()> {
        let sql = "INSERT INTO list_counts (list, key_1, key_2, key_3, slot, total, changes)
            VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6)
            ON CONFLICT (list, key_1, key_2, key_3, slot) DO UPDATE SET
                total = total + excluded.total, changes = changes + excluded.changes";
        for ((list, [one, two, three]), Delta { total, changes }) in &self.deltas {
            record::execute(connection, sql, &[&list.name(), one, two, three, total, changes])?;
        }
        Ok(())
    }
}

/// The stored count of the list that a query reads.
#[derive(Debug, Clone)]
pub(crate) struct StoredCount {
    /// The list to read.
    pub(crate) list: CountedList,
    /// The values that the query filters by. `None` if it filters by anything else; then there is no stored count.
    pub(crate) keys: Option<[Option<Cow<'static, str>>; 3]>,
    /// Remembered totals and page positions.
    pub(crate) memo: Arc<PageMemo>,
}

/// A number that changes with every change of the list.
pub(crate) fn generation(connection: &Connection, list: CountedList) -> rusqlite::Result<i64> {
    let sql = "SELECT coalesce(sum(changes), 0) FROM list_counts WHERE list = ?1";
    prepare(connection, sql)?.query_row([list.name()], |row| row.get(0))
}

/// The number of rows of a list with these values.
pub(crate) fn total(
    connection: &Connection,
    list: CountedList,
    keys: &[Option<Cow<'static, str>>; 3],
) -> rusqlite::Result<i64> {
    let mut sql = "SELECT coalesce(sum(total), 0) FROM list_counts WHERE list = ?".to_owned();
    let mut values = vec![Value::Text(list.name().to_owned())];
    for (column, key) in ["key_1", "key_2", "key_3"].into_iter().zip(keys) {
        if let Some(key) = key {
            sql.push_str(" AND ");
            sql.push_str(column);
            sql.push_str(" = ?");
            values.push(Value::Text(key.clone().into_owned()));
        }
    }
    prepare(connection, &sql)?.query_row(rusqlite::params_from_iter(values), |row| row.get(0))
}

/// The expected counts of each list: its name, and a query for the combinations with their totals.
const COUNTED: [(&str, &str); 6] = [
    (
        "orders",
        "SELECT status AS key_1, payment_status AS key_2, fulfillment_status AS key_3, count(*) AS total
            FROM orders GROUP BY 1, 2, 3",
    ),
    ("payments", "SELECT state AS key_1, gateway AS key_2, '' AS key_3, count(*) AS total FROM payments GROUP BY 1, 2"),
    (
        "movements",
        "SELECT lower(hex(location_id)) AS key_1, '' AS key_2, '' AS key_3, count(*) AS total FROM movements GROUP BY 1",
    ),
    (
        "users",
        "SELECT CAST(is_active AS TEXT) AS key_1, CAST(is_staff AS TEXT) AS key_2, '' AS key_3, count(*) AS total
            FROM users GROUP BY 1, 2",
    ),
    (
        "products",
        "SELECT status AS key_1, CAST(in_stock AS TEXT) AS key_2, '' AS key_3, count(*) AS total
            FROM listed_products GROUP BY 1, 2",
    ),
    (
        "products_of_category",
        "SELECT status AS key_1, CAST(in_stock AS TEXT) AS key_2, lower(hex(category_id)) AS key_3, count(*) AS total
            FROM listed_products WHERE category_id IS NOT NULL GROUP BY 1, 2, 3",
    ),
];

/// Counts all rows and describes the stored counts that are wrong.
pub(crate) fn miscounted(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut wrong = Vec::new();
    // Not through `prepare`: this scans whole tables on purpose.
    for (list, counted) in COUNTED {
        let stored = "SELECT key_1, key_2, key_3, sum(total) AS total FROM list_counts WHERE list = ?1
            GROUP BY 1, 2, 3 HAVING sum(total) <> 0";
        let sql = format!(
            "SELECT DISTINCT key_1, key_2, key_3 FROM (
                SELECT * FROM (SELECT * FROM ({stored}) EXCEPT SELECT * FROM ({counted}))
                UNION ALL SELECT * FROM (SELECT * FROM ({counted}) EXCEPT SELECT * FROM ({stored})))"
        );
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([list])?;
        while let Some(row) = rows.next()? {
            let keys: [String; 3] = [row.get(0)?, row.get(1)?, row.get(2)?];
            let keys: Vec<_> = keys.iter().map(String::as_str).filter(|key| !key.is_empty()).collect();
            wrong.push(format!("the stored count of {list} ({}) is wrong", keys.join(", ")));
        }
    }
    let sql = format!(
        "SELECT products.id FROM products LEFT JOIN listed_products AS listed ON listed.id = products.id
            WHERE (listed.status, listed.category_id, listed.in_stock, listed.created_at, listed.name_key, listed.price)
                IS NOT (products.status, products.category_id, {}, products.created_at, products.name_key, products.price)",
        crate::listed::IN_STOCK
    );
    let mut statement = connection.prepare(&sql)?;
    let stale = statement.query_map([], |row| row.get::<_, Id>(0))?.collect::<rusqlite::Result<BTreeSet<_>>>()?;
    wrong.extend(stale.iter().map(|Id(id)| format!("the stored list values of product {id} are out of date")));
    Ok(wrong)
}
