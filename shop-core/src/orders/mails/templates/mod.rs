//! Templates of the mails about orders, and those that all mails share.

macro_rules! templates {
    ($($name:literal),+ $(,)?) => { [$(($name, include_str!($name))),+] };
}

/// Templates that others include or extend.
pub(crate) const SHARED: [(&str, &str); 7] =
    templates!["layout.html", "legal.html", "legal.txt", "order.html", "order.txt", "goods.html", "goods.txt"];

/// Subject, text and HTML of each mail.
pub(crate) const ORDER_MAILS: [(&str, &str); 27] = templates![
    "order_placed.subject.txt",
    "order_placed.txt",
    "order_placed.html",
    "payment_received.subject.txt",
    "payment_received.txt",
    "payment_received.html",
    "order_shipped.subject.txt",
    "order_shipped.txt",
    "order_shipped.html",
    "order_canceled.subject.txt",
    "order_canceled.txt",
    "order_canceled.html",
    "refund_made.subject.txt",
    "refund_made.txt",
    "refund_made.html",
    "return_approved.subject.txt",
    "return_approved.txt",
    "return_approved.html",
    "return_rejected.subject.txt",
    "return_rejected.txt",
    "return_rejected.html",
    "return_received.subject.txt",
    "return_received.txt",
    "return_received.html",
    "withdrawal_received.subject.txt",
    "withdrawal_received.txt",
    "withdrawal_received.html",
];
