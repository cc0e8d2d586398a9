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
mod model;
pub mod operations;
mod repository;
mod search;
mod service;
mod state;
#[cfg(test)]
pub(crate) mod tests;
mod view;

pub use input::{
    CancelItemsInput, CancelOrders, DraftInput, DraftItemInput, LookupInput, NoteInput, OrderKey, OrderQuery,
    PlaceOrder, ReceiveReturn, RejectReturn, ReturnInput, ReturnItemInput, WithdrawalInput,
};
pub use mails::{MailedItem, OrderMail, OrderMailContent, OrderNews};
pub use model::{
    CanceledItem, Draft, DraftItem, DraftSort, FulfillmentStatus, HistoryEntry, Order, OrderFilter, OrderItem,
    OrderSort, OrderStatus, PaymentStatus, PriceOverride, Return, ReturnFilter, ReturnItem, ReturnSort, ReturnStatus,
    ShippingMethodSnapshot, Withdrawal, WithdrawalReceipt,
};
pub use repository::{OrdersRepository, OrdersWrite};
pub use search::search_text;
pub use service::Orders;
pub(crate) use state::OrderState;
pub use view::{CancelOutcome, Canceled, DraftItemView, DraftView, OrderQuote, OrderView, PlacedOrder};
