//! Fills in the search text of orders that were written before it was stored.

use shop_core::orders::search_text;
use shop_core::row::Source as _;
use sqlx_core::error::Error;
use uuid::Uuid;

use crate::pool::Session;
use crate::rows::{ColumnReader, StatementArguments};

/// Orders read at a time, so that memory use does not grow with the shop.
const AT_A_TIME: i64 = 1_000;

/// Fills in the search text of every order.
pub(crate) async fn fill_search(session: &mut Session<'_>) -> Result<(), Error> {
    let read = "SELECT id, number, email_key, shipping_address, billing_address,
            coalesce((SELECT string_agg(sku, ' ') FROM order_items WHERE order_id = orders.id), '')
        FROM orders WHERE id > $1 ORDER BY id LIMIT $2";
    let write = "UPDATE orders SET search_text = new.search_text
        FROM unnest($1::uuid[], $2::text[]) AS new (id, search_text) WHERE orders.id = new.id";
    let mut last = Uuid::nil();
    loop {
        let arguments = StatementArguments::new().put(last).put(AT_A_TIME).finish()?;
        let (mut ids, mut texts) = (Vec::new(), Vec::new());
        for row in session.rows(read, arguments).await? {
            let mut columns = ColumnReader::new(&row);
            ids.push(columns.take::<Uuid>()?);
            let (number, email_key): (String, String) = (columns.take()?, columns.take()?);
            let (shipping, billing) = (columns.json()?, columns.json()?);
            let skus: String = columns.take()?;
            texts.push(search_text(&number, &email_key, [&shipping, &billing], [skus.as_str()]));
        }
        let Some(id) = ids.last() else { return Ok(()) };
        last = *id;
        session.execute(write, StatementArguments::new().put(ids).put(texts).finish()?).await?;
    }
}
