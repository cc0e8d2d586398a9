//! Request and response bodies of returns.

use chrono::{DateTime, Utc};
use shop_core::money::Currency;
use shop_core::orders::{ReceiveReturn, RejectReturn, Return, ReturnInput, ReturnItem, ReturnItemInput, ReturnStatus};
use uuid::Uuid;

use crate::api::macros::{bodies, requests};
use crate::field::{Choice, Money};

requests! {
    /// Goods that the buyer wants to return.
    ReturnRequest => ReturnInput {
        items: Required<Vec<ReturnItemRequest>>,
        /// At most 2,000 characters.
        note: Optional<String>,
    }

    /// How many units of an order line to return.
    ReturnItemRequest => ReturnItemInput {
        order_item_id: Required<Uuid>,
        quantity: Required<i64>,
        /// At most 500 characters.
        reason: Optional<String>,
    }

    /// The rejection of a return.
    RejectReturnRequest => RejectReturn {
        /// At most 500 characters; shown to the buyer.
        reason: Optional<String>,
    }

    /// What happens to the goods of a return that arrived.
    ReceiveReturnRequest => ReceiveReturn {
        /// True returns the goods to the stock they came from, false writes them off.
        restock: Required<bool>,
    }
}

bodies! {
    /// A return of goods of an order.
    ReturnBody as "Return" from(returned: Return) with {
        let currency = returned.currency;
        let item = |item| ReturnItemBody::new(item, currency);
    } {
        id: Uuid,
        order_id: Uuid,
        status: Choice<ReturnStatus>,
        items: Vec<ReturnItemBody> = returned.items.into_iter().map(item).collect(),
        note: String,
        /// Why staff rejected the return.
        rejection: String,
        /// Whether the goods arrived and are in stock again.
        restocked: bool,
        /// The amount to refund: the sum of the items' amounts, after a withdrawal including its `shipping_refund`.
        refund_amount: Money = Money::new(returned.refund_amount, currency),
        /// The amount refunded; lower than `refund_amount` if less was left of the money received for the order.
        amount_refunded: Money = Money::new(returned.amount_refunded, currency),
        currency: String,
        created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>,
    }

    /// How many units of an order line come back.
    ReturnItemBody as "ReturnItem" new(item: ReturnItem, currency: Currency) {
        order_item_id: Uuid,
        quantity: i64,
        reason: String,
        /// The units' share of the line's price, after discount and including tax.
        amount: Money = Money::new(item.amount, currency),
    }
}
