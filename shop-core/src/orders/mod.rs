//! Orders: placement, snapshots, history, cancellation and returns.
//!
//! Placing turns a cart into an order in one batch and freezes everything the buyer agreed to. Money and shipments live
//! in [`payments`](crate::payments) and [`shipping`](crate::shipping). Every change of them settles the order in the
//! same batch ([`operations::settle`]), so that its sums and derived statuses always match its payments and shipments.
//! Returned goods are [returns](Return) of the order.

#[cfg(test)]
pub(crate) mod fixtures;
mod input;
pub(crate) mod mails;
pub mod operations;
mod service;
#[cfg(test)]
pub(crate) mod tests;
mod view;

pub use input::{
    CancelItemsInput, CancelOrders, DraftInput, DraftItemInput, LookupInput, NoteInput, OrderKey, OrderQuery,
    PlaceOrder, ReceiveReturn, RejectReturn, ReturnInput, ReturnItemInput, WithdrawalInput,
};
pub use service::Orders;
pub use view::{CancelOutcome, Canceled, DraftItemView, DraftView, OrderQuote, OrderView, PlacedOrder};

pub use crate::batch::OrdersWrite;
pub use crate::mail::OrderMailContent;
pub use crate::model::orders::{
    CanceledItem, Draft, DraftItem, DraftSort, FulfillmentStatus, HistoryEntry, MailedItem, Order, OrderFilter,
    OrderItem, OrderMail, OrderNews, OrderSort, OrderStatus, PaymentStatus, PriceOverride, Return, ReturnFilter,
    ReturnItem, ReturnSort, ReturnStatus, ShippingMethodSnapshot, Withdrawal, WithdrawalReceipt, search_text,
};
pub use crate::store::OrdersRepository;
