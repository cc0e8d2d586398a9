//! Queues mails to the buyer of an order.

use crate::batch::{Batch, Change};
use crate::clock::DecisionContext;
use crate::id::OrderId;
use crate::model::orders::{OrderMail, OrderNews};
use crate::model::outbox::{Content, Delivery, MAIL};

/// Adds a mail to the buyer of an order to the batch of the change that causes it. Mails about one order are sent in
/// the order in which they were added.
pub(crate) fn mail_buyer(batch: &mut Batch, context: &mut DecisionContext, order_id: OrderId, news: OrderNews) {
    let payload = Content::OrderMail(OrderMail { order_id, news });
    let delivery = Delivery::new(context.id(), MAIL, order_id.0, payload, context.now());
    batch.write(Change::Insert(delivery));
}
