//! Stored counts, as reads use them: the number of rows of a list for each combination of the values it is filtered by,
//! and a number that changes with every change of the list. ([`super::commit`] updates them in each transaction.)

use std::sync::Arc;

use shop_core::page::PageMemo;
use shop_core::row::Source as _;
use shop_core::store::StoreResult;
use sqlx::Row as _;
use uuid::Uuid;

use super::error::store_error;
use super::listed::IN_STOCK;
use super::paging::Value;
use super::pool::Pool;
use super::rows::{ColumnReader, StatementArguments, is_storable};

/// The stored count of the list that a query reads.
#[derive(Debug, Clone)]
pub(crate) struct StoredCount {
    /// The list's name.
    pub(crate) list: &'static str,
    /// The values that the query filters by. `None` if it filters by anything else; then there is no stored count.
    pub(crate) keys: Option<[Option<String>; 3]>,
    /// Remembered totals and page positions.
    pub(crate) memo: Arc<PageMemo>,
}

/// A flag as a key value.
pub(crate) fn flag(flag: bool) -> String {
    i64::from(flag).to_string()
}

/// An id as a key value.
pub(crate) fn key(id: impl Into<Uuid>) -> String {
    id.into().simple().to_string()
}

/// A number that changes with every change of the list, as an expression.
pub(crate) fn generation(list: &str) -> String {
    format!("(SELECT coalesce(sum(changes), 0)::bigint FROM list_counts WHERE list = '{list}')")
}

impl StoredCount {
    /// The list's generation, as an expression.
    pub(crate) fn generation(&self) -> String {
        generation(self.list)
    }

    /// The number of rows, as an expression with a `?` for each value; NULL if it is not stored.
    pub(crate) fn total(&self) -> (String, Vec<Value>) {
        let Some(keys) = &self.keys else { return ("NULL::bigint".to_owned(), Vec::new()) };
        let mut sql = format!("(SELECT coalesce(sum(total), 0)::bigint FROM list_counts WHERE list = '{}'", self.list);
        let mut values = Vec::new();
        for (place, key) in (1..).zip(keys) {
            match key {
                Some(key) if !is_storable(key) => sql.push_str(" AND FALSE"),
                Some(key) => {
                    sql = format!("{sql} AND key_{place} = ?");
                    values.push(Value::Text(key.clone()));
                }
                None => {}
            }
        }
        sql.push(')');
        (sql, values)
    }
}

/// The expected counts of each list: its name, and a query for the combinations with their totals.
const COUNTED: [(&str, &str); 6] = [
    ("orders", "SELECT status, payment_status, fulfillment_status, count(*) FROM orders GROUP BY 1, 2, 3"),
    ("payments", "SELECT state, gateway, '', count(*) FROM payments GROUP BY 1, 2"),
    ("movements", "SELECT replace(location_id::text, '-', ''), '', '', count(*) FROM movements GROUP BY 1"),
    ("users", "SELECT is_active::int::text, is_staff::int::text, '', count(*) FROM users GROUP BY 1, 2"),
    ("products", "SELECT status, in_stock::int::text, '', count(*) FROM listed_products GROUP BY 1, 2"),
    (
        "products_of_category",
        "SELECT status, in_stock::int::text, replace(category_id::text, '-', ''), count(*) FROM listed_products
            WHERE category_id IS NOT NULL GROUP BY 1, 2, 3",
    ),
];

/// Counts all rows and describes the stored counts that are wrong.
pub(crate) async fn miscounted(pool: &Arc<Pool>) -> StoreResult<Vec<String>> {
    let mut wrong = Vec::new();
    for (list, counted) in COUNTED {
        let kept = format!(
            "SELECT key_1, key_2, key_3, sum(total)::bigint FROM list_counts WHERE list = '{list}'
                GROUP BY 1, 2, 3 HAVING sum(total) <> 0"
        );
        // In one statement, and therefore in one snapshot.
        let sql = format!(
            "SELECT DISTINCT key_1, key_2, key_3 FROM (
                (({kept}) EXCEPT ({counted})) UNION ALL (({counted}) EXCEPT ({kept}))) AS wrong (key_1, key_2, key_3, total)"
        );
        for row in pool.rows(sql, StatementArguments::new()).await? {
            let key = |place: usize| row.try_get::<String, _>(place).map_err(store_error);
            let keys = [key(0)?, key(1)?, key(2)?].into_iter().filter(|key| !key.is_empty()).collect::<Vec<_>>();
            wrong.push(format!("the stored count of {list} ({}) is wrong", keys.join(", ")));
        }
    }
    let sql = format!(
        "SELECT products.id FROM products LEFT JOIN listed_products AS listed ON listed.id = products.id
            WHERE (listed.status, listed.category_id, listed.in_stock, listed.created_at, listed.name_key, listed.price)
                IS DISTINCT FROM (products.status, products.category_id, {IN_STOCK}, products.created_at,
                    products.name_key, products.price)"
    );
    for row in pool.rows(sql, StatementArguments::new()).await? {
        let id: Uuid = ColumnReader::new(&row).take().map_err(store_error)?;
        wrong.push(format!("the stored list values of product {id} are out of date"));
    }
    Ok(wrong)
}
