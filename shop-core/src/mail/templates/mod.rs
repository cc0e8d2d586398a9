//! The built-in templates of all mails.

macro_rules! templates {
    ($($name:literal),+ $(,)?) => { [$(($name, include_str!($name))),+] };
}

/// Templates that others include or extend.
pub(super) const SHARED: [(&str, &str); 7] =
    templates!["layout.html", "legal.html", "legal.txt", "order.html", "order.txt", "goods.html", "goods.txt"];

/// Subject, text and HTML of each mail.
pub(super) const ORDER_MAILS: [(&str, &str); 27] = templates![
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

/// The subject, text and HTML templates of each account mail.
pub(super) const ACCOUNT_MAILS: [(&str, &str); 15] = templates![
    "verify_email.subject.txt",
    "verify_email.txt",
    "verify_email.html",
    "already_registered.subject.txt",
    "already_registered.txt",
    "already_registered.html",
    "password_reset.subject.txt",
    "password_reset.txt",
    "password_reset.html",
    "password_changed.subject.txt",
    "password_changed.txt",
    "password_changed.html",
    "order_lookup.subject.txt",
    "order_lookup.txt",
    "order_lookup.html",
];
