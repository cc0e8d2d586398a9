//! Mails about orders, composed when they are sent.
//!
//! A decision adds the mail as a job to the batch of its change (`lifecycle::mail_buyer`). The job only says what
//! happened, so it is cheap and happens exactly once. The worker composes the text when it sends the mail, from the
//! order's own snapshot. Texts for staff only (notes, reasons of refunds and cancellations) never appear in a mail.

use crate::error::Result;
use crate::mail::{Mailed, OrderMailContent};
use crate::model::orders::{OrderMail, OrderNews};
use crate::shop::Shop;

/// The recipient and the content of the mail; `None` if its order, shipment or return does not exist.
pub(crate) async fn compose(shop: &Shop, mail: &OrderMail) -> Result<Option<(String, OrderMailContent)>> {
    let store = shop.store();
    let Some(order) = store.order(mail.order_id).await? else { return Ok(None) };
    let payments = store.payments_of_orders(&[order.id]).await?;
    let shipment = match mail.news {
        OrderNews::Shipped { shipment_id } => store.shipment(shipment_id).await?,
        _ => None,
    };
    let returned = match mail.news.return_id() {
        Some(id) => store.order_return(id).await?,
        None => None,
    };
    if mail.news.return_id().is_some() && returned.is_none()
        || matches!(mail.news, OrderNews::Shipped { .. }) && shipment.is_none()
    {
        return Ok(None);
    }
    // The newest payment: the buyer may have switched to another gateway.
    let gateway = payments.last().and_then(|payment| shop.gateway(&payment.gateway));
    let gateway = gateway.map(|gateway| gateway.name().to_owned()).unwrap_or_default();
    let mailed =
        Mailed { order: &order, news: &mail.news, shipment: shipment.as_ref(), returned: returned.as_ref(), gateway };
    Ok(Some((order.email.clone(), OrderMailContent::of(&mailed))))
}

#[cfg(test)]
pub(crate) mod tests;
