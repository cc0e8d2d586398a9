//! Formats orders and their lines as CSV rows.

use chrono::SecondsFormat;
use shop_core::clock::Timestamp;
use shop_core::orders::{Order, OrderItem};
use shop_core::shipping::Address;
use shop_core::string_enum::StringEnum as _;

/// The columns of orders. Amounts are in major units of `currency`; `items` lists quantities and skus as text. Add new
/// columns at the end, because users refer to columns by position.
pub(super) const ORDER_COLUMNS: [&str; 44] = [
    "number",
    "id",
    "placed_at",
    "canceled_at",
    "status",
    "payment_status",
    "fulfillment_status",
    "email",
    "customer_id",
    "currency",
    "subtotal",
    "discount_total",
    "shipping_total",
    "tax_total",
    "total",
    "amount_paid",
    "amount_refunded",
    "items",
    "shipping_method",
    "note",
    "shipping_first_name",
    "shipping_last_name",
    "shipping_company",
    "shipping_line1",
    "shipping_line2",
    "shipping_city",
    "shipping_region",
    "shipping_postal_code",
    "shipping_country",
    "shipping_phone",
    "billing_first_name",
    "billing_last_name",
    "billing_company",
    "billing_line1",
    "billing_line2",
    "billing_city",
    "billing_region",
    "billing_postal_code",
    "billing_country",
    "billing_phone",
    "version",
    "shipping_tax",
    "shipping_tax_rate",
    "rounding",
];

/// The columns of order lines.
pub(super) const LINE_COLUMNS: [&str; 18] = [
    "number",
    "order_id",
    "placed_at",
    "status",
    "email",
    "currency",
    "sku",
    "name",
    "options",
    "quantity",
    "unit_price",
    "discount",
    "tax",
    "line_total",
    "product_id",
    "tax_class",
    "tax_rate",
    "net",
];

/// Formats an order as a row.
pub(super) fn order(order: &Order) -> Vec<String> {
    let amount = |amount| order.currency.format_amount(amount);
    let items: Vec<_> = order.items.iter().map(|item| format!("{} × {}", item.quantity, item.sku)).collect();
    let mut row = vec![
        order.number.clone(),
        order.id.to_string(),
        time(order.placed_at),
        order.canceled_at.map(time).unwrap_or_default(),
        order.status.as_str().to_owned(),
        order.payment_status.as_str().to_owned(),
        order.fulfillment_status.as_str().to_owned(),
        order.email.clone(),
        order.customer_id.map(|id| id.to_string()).unwrap_or_default(),
        order.currency.code().to_owned(),
    ];
    row.extend(
        [
            order.subtotal,
            order.discount_total,
            order.shipping_total,
            order.tax_total,
            order.total,
            order.amount_paid,
            order.amount_refunded,
        ]
        .map(amount),
    );
    row.extend([items.join(", "), order.shipping_method.name.clone(), order.note.clone()]);
    row.extend(address(&order.shipping_address));
    row.extend(address(&order.billing_address));
    row.push(order.version.to_string());
    let rate = order.shipping_tax_rate().map(|rate| rate.to_string()).unwrap_or_default();
    row.extend([amount(order.shipping_tax), rate, amount(order.explanation.rounding())]);
    row
}

fn address(address: &Address) -> [String; 10] {
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        address.first_name.clone(),
        address.last_name.clone(),
        optional(&address.company),
        address.line1.clone(),
        optional(&address.line2),
        address.city.clone(),
        optional(&address.region),
        optional(&address.postal_code),
        address.country.clone(),
        optional(&address.phone),
    ]
}

/// Formats each line of an order as a row.
pub(super) fn lines(order: &Order) -> Vec<Vec<String>> {
    order.items.iter().map(|item| line(order, item)).collect()
}

fn line(order: &Order, item: &OrderItem) -> Vec<String> {
    let amount = |amount| order.currency.format_amount(amount);
    let options: Vec<_> = item.options.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    vec![
        order.number.clone(),
        order.id.to_string(),
        time(order.placed_at),
        order.status.as_str().to_owned(),
        order.email.clone(),
        order.currency.code().to_owned(),
        item.sku.clone(),
        item.name.clone(),
        options.join(", "),
        item.quantity.to_string(),
        amount(item.unit_price),
        amount(item.discount),
        amount(item.tax),
        amount(item.line_total),
        item.product_id.to_string(),
        item.tax_class.clone().unwrap_or_default(),
        order.tax_rate(item).map(|rate| rate.to_string()).unwrap_or_default(),
        amount(order.net(item)),
    ]
}

fn time(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
