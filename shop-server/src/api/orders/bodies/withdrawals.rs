//! Request and response bodies of withdrawals.

use chrono::{DateTime, Utc};
use shop_core::money::Currency;
use shop_core::orders::{Withdrawal, WithdrawalInput, WithdrawalReceipt};
use shop_core::shipping::ShipmentItem;
use uuid::Uuid;

use crate::api::macros::{bodies, requests};
use crate::api::shipping::ShipmentItemRequest;
use crate::field::Money;

requests! {
    /// What the buyer withdraws from.
    WithdrawalRequest => WithdrawalInput {
        /// Quantities by order line, each line once. Defaults to everything that is left.
        items: Nullable<Vec<ShipmentItemRequest>>,
        /// At most 2,000 characters. The buyer need not give a reason.
        note: Nullable<String>,
    }
}

bodies! {
    /// The receipt of a withdrawal.
    ReceiptBody as "WithdrawalReceipt" from(withdrawal: WithdrawalReceipt) with {
        let WithdrawalReceipt { order_id, withdrawal } = withdrawal;
    } {
        id: Uuid,
        /// When the withdrawal was received, as in the e-mailed receipt.
        received_at: DateTime<Utc>,
        order_id: Uuid = order_id.0,
        /// The approved return of the items that had shipped; null if none had.
        return_id: Option<Uuid>,
        items: Vec<WithdrawalItemBody>,
    }

    /// How many units of an order line are withdrawn.
    WithdrawalItemBody as "WithdrawalItem" from(item: ShipmentItem) {
        order_item_id: Uuid,
        quantity: i64,
    }

    /// A withdrawal of the buyer.
    WithdrawalBody as "Withdrawal" new(withdrawal: Withdrawal, currency: Currency) {
        id: Uuid,
        received_at: DateTime<Utc>,
        return_id: Option<Uuid>,
        items: Vec<WithdrawalItemBody>,
        /// The part of the shipping price that is refunded: with the return, or at once if there is none.
        shipping_refund: Money = Money::new(withdrawal.shipping_refund, currency),
        note: String,
    }
}
