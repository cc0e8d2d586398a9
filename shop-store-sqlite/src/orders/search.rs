//! Fills in the search text of orders that were written before it was stored.

use rusqlite::{Connection, params};
use shop_core::orders::search_text;
use shop_core::row::Source as _;

use crate::rows::ColumnReader;

/// Orders read at a time, so that memory use does not grow with the shop.
const AT_A_TIME: i64 = 1_000;

/// Fills in the search text of every order.
pub(crate) fn fill_search(connection: &Connection) -> rusqlite::Result<()> {
    let mut read = connection.prepare(
        "SELECT rowid, number, email_key, shipping_address, billing_address,
            coalesce((SELECT group_concat(sku, ' ') FROM order_items WHERE order_id = orders.id), '')
        FROM orders WHERE rowid > ?1 ORDER BY rowid LIMIT ?2",
    )?;
    let mut write = connection.prepare("UPDATE orders SET search_text = ?2 WHERE rowid = ?1")?;
    let mut last = i64::MIN;
    loop {
        let mut texts = Vec::new();
        let mut rows = read.query(params![last, AT_A_TIME])?;
        while let Some(row) = rows.next()? {
            let mut columns = ColumnReader::new(row);
            let (rowid, number, email_key): (i64, String, String) = (columns.take()?, columns.take()?, columns.take()?);
            let (shipping, billing) = (columns.json()?, columns.json()?);
            let skus: String = columns.take()?;
            texts.push((rowid, search_text(&number, &email_key, [&shipping, &billing], [skus.as_str()])));
        }
        let Some((rowid, _)) = texts.last() else { return Ok(()) };
        last = *rowid;
        for (rowid, text) in &texts {
            write.execute(params![rowid, text])?;
        }
    }
}
