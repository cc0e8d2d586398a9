//! Recomputes the listed values of products after a write that they depend on.
//!
//! Their rows are locked first, after all other locks except the counts, and only then read: if two transactions each
//! take one variant of a product out of stock, they must not both see the other variant in stock.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use sqlx::postgres::PgArguments;
use sqlx_core::error::Error;
use uuid::Uuid;

use super::counts::count;
use crate::listed::IN_STOCK;
use crate::pool::Session;
use crate::rows::StatementArguments;

/// The products whose list entries may have changed.
#[derive(Debug, Default)]
pub(crate) struct AffectedProducts {
    /// Products that were written.
    pub(crate) products: BTreeSet<Uuid>,
    /// Variants whose stock changed; their products are meant.
    pub(crate) variants: BTreeSet<Uuid>,
}

/// The ids of the affected products.
const THESE: &str = "SELECT unnest($1::uuid[]) UNION SELECT product_id FROM variants WHERE id = ANY ($2::uuid[])";

static LOCK: LazyLock<String> =
    LazyLock::new(|| format!("SELECT 1 FROM listed_products WHERE id IN ({THESE}) ORDER BY id FOR NO KEY UPDATE"));

static REFRESH: LazyLock<String> = LazyLock::new(|| {
    let keys = |of: &str, total: i8| {
        format!(
            "SELECT 'products' AS list, status AS key_1, in_stock::int::text AS key_2, '' AS key_3, {total} AS total
                FROM {of}
            UNION ALL SELECT 'products_of_category', status, in_stock::int::text, replace(category_id::text, '-', ''), {total}
                FROM {of} WHERE category_id IS NOT NULL"
        )
    };
    format!(
        "WITH wanted AS MATERIALIZED (
            SELECT id, status, category_id, {IN_STOCK} AS in_stock, created_at, name_key, price
            FROM products WHERE id IN ({THESE})
        ), before AS MATERIALIZED (
            SELECT listed.id, listed.status, listed.category_id, listed.in_stock
            FROM wanted JOIN listed_products AS listed ON listed.id = wanted.id
        ), written AS (
            INSERT INTO listed_products AS old (id, status, category_id, in_stock, created_at, name_key, price)
            SELECT id, status, category_id, in_stock, created_at, name_key, price FROM wanted ORDER BY id
            ON CONFLICT (id) DO UPDATE SET status = excluded.status, category_id = excluded.category_id,
                in_stock = excluded.in_stock, created_at = excluded.created_at, name_key = excluded.name_key,
                price = excluded.price
            WHERE (old.status, old.category_id, old.in_stock, old.created_at, old.name_key, old.price)
                IS DISTINCT FROM (excluded.status, excluded.category_id, excluded.in_stock, excluded.created_at,
                    excluded.name_key, excluded.price)
        )
        {}",
        count(&format!("{} UNION ALL {}", keys("before", -1), keys("wanted", 1)))
    )
});

impl AffectedProducts {
    /// Recomputes the list entries.
    pub(crate) async fn refresh(&self, session: &mut Session<'_>) -> Result<(), Error> {
        if self.products.is_empty() && self.variants.is_empty() {
            return Ok(());
        }
        for sql in [&*LOCK, &*REFRESH] {
            session.rows(sql.as_str(), self.arguments()?).await?;
        }
        Ok(())
    }

    fn arguments(&self) -> Result<PgArguments, Error> {
        let ids = |ids: &BTreeSet<Uuid>| ids.iter().copied().collect::<Vec<_>>();
        StatementArguments::new().put(ids(&self.products)).put(ids(&self.variants)).finish()
    }
}
