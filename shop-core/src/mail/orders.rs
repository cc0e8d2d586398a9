//! The content of a mail about an order, as templates see it: all text, and amounts with their currency.

use serde::Serialize;

use crate::clock::Timestamp;
use crate::model::orders::{MailedItem, Order, OrderItem, OrderNews, Return};
use crate::model::pricing::{Adjustment, AdjustmentKind, UsedTaxRate};
use crate::model::shipping::{Address, Shipment};
use crate::money::{Amount, Currency};
use crate::text::{is_domain_dot, is_invisible};

/// The content of a mail about an order. All mails have all fields; those that do not apply are empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderMailContent {
    #[serde(skip)]
    pub(crate) template: &'static str,
    /// Name for the greeting; may be empty.
    #[serde(skip)]
    pub(crate) name: String,
    order: MailedOrder,
    /// The captured or refunded amount.
    amount: String,
    /// The units of the shipment, return or withdrawal.
    goods: Vec<MailedGoods>,
    carrier: String,
    tracking_number: String,
    /// The refund of a return: its goods and, if refunded with them, the shipping price.
    refund_amount: String,
    /// The part of `refund_amount` for the goods.
    goods_amount: String,
    /// The part of `refund_amount` for shipping; may be empty.
    shipping_refund: String,
    /// How much less is payable because unpaid goods were returned; may be empty.
    less_to_pay: String,
    /// The reason that staff gave the buyer for rejecting a return.
    rejection: String,
    /// Whether the order was canceled because its payment did not arrive in time.
    overdue: bool,
    /// When a withdrawal was received.
    received_at: String,
    /// The buyer's note in a withdrawal.
    note: String,
    /// Whether a return was opened for shipped units.
    has_return: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct MailedOrder {
    number: String,
    placed_at: String,
    currency: String,
    items: Vec<MailedLine>,
    subtotal: String,
    /// Discounts, shipping and rounding, in the order in which they were applied.
    adjustments: Vec<MailedAdjustment>,
    taxes: Vec<MailedTax>,
    prices_include_tax: bool,
    tax_total: String,
    total: String,
    /// The part of the total that is not payable because items were canceled or returned unpaid. This field and the
    /// next three have the values at the time of sending, and are empty if zero.
    amount_canceled: String,
    amount_paid: String,
    amount_refunded: String,
    amount_due: String,
    shipping_address: Vec<String>,
    billing_address: Vec<String>,
    shipping_method: String,
    payment_method: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct MailedLine {
    name: String,
    /// For example `Size: M, Colour: red`; may be empty.
    options: String,
    sku: String,
    quantity: i64,
    /// Units that were canceled before they shipped.
    canceled_quantity: i64,
    /// Units that were returned unpaid.
    returned_unpaid: i64,
    unit_price: String,
    line_total: String,
    discount: String,
    tax: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct MailedGoods {
    name: String,
    options: String,
    sku: String,
    quantity: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct MailedAdjustment {
    label: String,
    /// The code of the coupon that caused it; may be empty.
    code: String,
    /// Negative if it reduces the total.
    amount: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct MailedTax {
    name: String,
    /// For example `19 %`.
    rate: String,
    /// The taxed amount without the tax.
    net_base: String,
    amount: String,
}

/// The loaded data that a mail is composed from.
pub(crate) struct Mailed<'a> {
    pub(crate) order: &'a Order,
    pub(crate) news: &'a OrderNews,
    pub(crate) shipment: Option<&'a Shipment>,
    pub(crate) returned: Option<&'a Return>,
    /// The gateway's display name.
    pub(crate) gateway: String,
}

impl OrderMailContent {
    /// Fills the content from the loaded data.
    pub(crate) fn of(mailed: &Mailed<'_>) -> Self {
        let Mailed { order, news, shipment, returned, gateway } = mailed;
        let address = &order.billing_address;
        let mut content = Self {
            template: news.template(),
            name: format!("{} {}", address.first_name, address.last_name).trim().to_owned(),
            order: MailedOrder::of(order, gateway),
            amount: String::new(),
            goods: Vec::new(),
            carrier: String::new(),
            tracking_number: String::new(),
            refund_amount: String::new(),
            goods_amount: String::new(),
            shipping_refund: String::new(),
            less_to_pay: String::new(),
            rejection: String::new(),
            overdue: false,
            received_at: String::new(),
            note: String::new(),
            has_return: false,
        };
        match news {
            OrderNews::PaymentReceived { amount } | OrderNews::Refunded { amount } => {
                content.amount = money(*amount, order.currency);
            }
            OrderNews::Canceled { overdue } => content.overdue = *overdue,
            OrderNews::WithdrawalReceived { received_at, items, note, return_id } => {
                content.received_at = to_the_second(*received_at);
                content.goods = goods(order, items.iter().copied());
                content.note = unlinked(note);
                content.has_return = return_id.is_some();
            }
            OrderNews::Placed
            | OrderNews::Shipped { .. }
            | OrderNews::ReturnApproved { .. }
            | OrderNews::ReturnRejected { .. }
            | OrderNews::ReturnReceived { .. } => {}
        }
        if let Some(shipment) = shipment {
            let items = shipment.items.iter();
            let items = items.map(|item| MailedItem { order_item_id: item.order_item_id, quantity: item.quantity });
            content.goods = goods(order, items);
            content.carrier = shipment.carrier.clone().unwrap_or_default();
            content.tracking_number = shipment.tracking_number.clone().unwrap_or_default();
        }
        if let Some(returned) = returned {
            let items = returned.items.iter();
            let items = items.map(|item| MailedItem { order_item_id: item.order_item_id, quantity: item.quantity });
            content.goods = goods(order, items);
            content.refund_amount = money(returned.refund_amount, returned.currency);
            content.goods_amount = money(returned.goods_amount(), returned.currency);
            content.shipping_refund = money_if_any(order.shipping_refund_of(returned.id), returned.currency);
            if returned.is_settled_unpaid(order) {
                content.less_to_pay = money(returned.refund_amount, returned.currency);
            }
            content.rejection.clone_from(&returned.rejection);
        }
        content
    }
}

impl MailedOrder {
    fn of(order: &Order, gateway: &str) -> Self {
        let currency = order.currency;
        let explanation = &order.explanation;
        let is_tax = |kind: AdjustmentKind| matches!(kind, AdjustmentKind::Tax | AdjustmentKind::IncludedTax);
        let adjustments = explanation.adjustments.iter().filter(|one| !is_tax(one.kind));
        // Coupons without effect are omitted; free shipping is listed.
        let adjustments = adjustments.filter(|one| one.amount != Amount::ZERO || one.kind == AdjustmentKind::Shipping);
        let adjustment = |one: &Adjustment| MailedAdjustment {
            label: one.label.clone(),
            code: one.code.clone().unwrap_or_default(),
            amount: money(one.amount, currency),
        };
        let taxes = explanation.taxes_by_rate();
        let tax = |tax: &UsedTaxRate| MailedTax {
            name: tax.name.clone(),
            rate: format!("{} %", tax.rate.percent()),
            net_base: money(explanation.net_base(tax), currency),
            amount: money(tax.amount, currency),
        };
        Self {
            number: order.number.clone(),
            placed_at: to_the_minute(order.placed_at),
            currency: currency.code().to_owned(),
            items: order.items.iter().map(|item| MailedLine::of(order, item)).collect(),
            subtotal: money(order.subtotal, currency),
            adjustments: adjustments.map(adjustment).collect(),
            taxes: taxes.iter().map(tax).collect(),
            prices_include_tax: explanation.prices_include_tax,
            tax_total: money(order.tax_total, currency),
            total: money(order.total, currency),
            amount_canceled: money_if_any(order.amount_canceled(), currency),
            amount_paid: money_if_any(order.amount_paid, currency),
            amount_refunded: money_if_any(order.amount_refunded, currency),
            amount_due: money_if_any(order.amount_due(), currency),
            shipping_address: lines(&order.shipping_address),
            billing_address: lines(&order.billing_address),
            shipping_method: order.shipping_method.name.clone(),
            payment_method: gateway.to_owned(),
        }
    }
}

impl MailedLine {
    fn of(order: &Order, item: &OrderItem) -> Self {
        let currency = order.currency;
        Self {
            name: item.name.clone(),
            options: options(item),
            sku: item.sku.clone(),
            quantity: item.quantity,
            canceled_quantity: order.canceled_quantity(item.id),
            returned_unpaid: order.returned_unpaid(item.id),
            unit_price: money(item.unit_price, currency),
            line_total: money(item.line_total, currency),
            discount: money_if_any(item.discount, currency),
            tax: money(item.tax, currency),
        }
    }
}

fn goods(order: &Order, items: impl Iterator<Item = MailedItem>) -> Vec<MailedGoods> {
    let named = |wanted: MailedItem| {
        let item = order.items.iter().find(|item| item.id == wanted.order_item_id)?;
        let (name, sku) = (item.name.clone(), item.sku.clone());
        Some(MailedGoods { name, options: options(item), sku, quantity: wanted.quantity })
    };
    items.filter_map(named).collect()
}

fn options(item: &OrderItem) -> String {
    let options = item.options.iter().map(|(name, value)| format!("{name}: {value}"));
    options.collect::<Vec<_>>().join(", ")
}

fn money(amount: Amount, currency: Currency) -> String {
    format!("{} {}", currency.format_amount(amount), currency.code())
}

fn money_if_any(amount: Amount, currency: Currency) -> String {
    if amount == Amount::ZERO { String::new() } else { money(amount, currency) }
}

fn to_the_minute(at: Timestamp) -> String {
    at.format("%-d %B %Y, %H:%M UTC").to_string()
}

fn to_the_second(at: Timestamp) -> String {
    at.format("%-d %B %Y, %H:%M:%S UTC").to_string()
}

/// The lines of a postal address.
fn lines(address: &Address) -> Vec<String> {
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    let town = format!("{} {}", optional(&address.postal_code), address.city);
    let all = [
        format!("{} {}", address.first_name, address.last_name),
        optional(&address.company),
        address.line1.clone(),
        optional(&address.line2),
        town,
        optional(&address.region),
        address.country.clone(),
    ];
    all.iter().map(|line| unlinked(line).trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// Prevents mail programs from turning a buyer's text into links. Anybody can order to anybody's e-mail address, and
/// must not be able to send advertisements this way. `evil.example` becomes `evil. example`; `Dr. No` does not change.
/// Invisible characters are removed, since they could hide a link or reverse the text.
fn unlinked(text: &str) -> String {
    let mut unlinked = String::with_capacity(text.len());
    let mut letters = text.chars().filter(|letter| !is_invisible(*letter)).peekable();
    while let Some(letter) = letters.next() {
        unlinked.push(letter);
        let next = letters.peek().copied();
        let within = is_domain_dot(letter) && next.is_some_and(char::is_alphabetic);
        let scheme = letter == ':' && next == Some('/');
        if within || scheme {
            unlinked.push(' ');
        }
    }
    unlinked
}

/// Samples to check templates with.
impl OrderMailContent {
    /// Every mail about orders, once with all fields set and once with as few as possible.
    pub(crate) fn samples() -> Vec<Self> {
        let templates = [
            "order_placed",
            "payment_received",
            "order_shipped",
            "order_canceled",
            "refund_made",
            "return_approved",
            "return_rejected",
            "return_received",
            "withdrawal_received",
        ];
        templates.into_iter().flat_map(|template| [Self::full_sample(template), Self::bare_sample(template)]).collect()
    }

    /// A sample with every field that any mail can have.
    fn full_sample(template: &'static str) -> Self {
        let text = str::to_owned;
        let line = |name: &str| MailedLine {
            name: text(name),
            options: text("Size: M, Colour: red"),
            sku: text("MUG-M"),
            quantity: 2,
            canceled_quantity: 1,
            returned_unpaid: 1,
            unit_price: text("10.00 USD"),
            line_total: text("20.00 USD"),
            discount: text("2.00 USD"),
            tax: text("3.42 USD"),
        };
        let goods = MailedGoods { name: text("Mug"), options: text("Size: M"), sku: text("MUG-M"), quantity: 2 };
        let adjustment = |label: &str, amount: &str| MailedAdjustment {
            label: text(label),
            code: text("WELCOME10"),
            amount: text(amount),
        };
        let tax =
            MailedTax { name: text("VAT"), rate: text("19 %"), net_base: text("18.00 USD"), amount: text("3.42 USD") };
        let address = vec![text("Ada Lovelace"), text("12 St. James's Square"), text("SW1Y 4JH London"), text("GB")];
        Self {
            template,
            name: text("Ada Lovelace"),
            order: MailedOrder {
                number: text("K7M4-Q2XR"),
                placed_at: text("30 November 2026, 09:05 UTC"),
                currency: text("USD"),
                items: vec![line("Mug"), line("Bowl")],
                subtotal: text("40.00 USD"),
                adjustments: vec![adjustment("Welcome", "-4.00 USD"), adjustment("Post", "5.00 USD")],
                taxes: vec![tax],
                prices_include_tax: true,
                tax_total: text("3.42 USD"),
                total: text("41.00 USD"),
                amount_canceled: text("20.00 USD"),
                amount_paid: text("11.00 USD"),
                amount_refunded: text("1.00 USD"),
                amount_due: text("10.00 USD"),
                shipping_address: address.clone(),
                billing_address: address,
                shipping_method: text("Post"),
                payment_method: text("Bank transfer"),
            },
            amount: text("41.00 USD"),
            goods: vec![goods],
            carrier: text("Royal Mail"),
            tracking_number: text("RM987654321GB"),
            refund_amount: text("23.00 USD"),
            goods_amount: text("18.00 USD"),
            shipping_refund: text("5.00 USD"),
            less_to_pay: text("23.00 USD"),
            rejection: text("It was used."),
            overdue: true,
            received_at: text("30 November 2026, 09:05:12 UTC"),
            note: text("I changed my mind."),
            has_return: true,
        }
    }

    /// A sample with as few fields as this mail can have.
    fn bare_sample(template: &'static str) -> Self {
        let full = Self::full_sample(template);
        let is_payment = matches!(template, "payment_received" | "refund_made");
        let is_return = template.starts_with("return_");
        let is_withdrawal = template == "withdrawal_received";
        let only = |has: bool, text: String| if has { text } else { String::new() };
        let bare = |line: MailedLine| MailedLine {
            options: String::new(),
            discount: String::new(),
            canceled_quantity: 0,
            returned_unpaid: 0,
            ..line
        };
        let order = MailedOrder {
            items: full.order.items.into_iter().map(bare).collect(),
            adjustments: Vec::new(),
            prices_include_tax: false,
            amount_canceled: String::new(),
            amount_paid: String::new(),
            amount_refunded: String::new(),
            amount_due: String::new(),
            payment_method: String::new(),
            ..full.order
        };
        let has_goods = is_return || is_withdrawal || template == "order_shipped";
        Self {
            order,
            amount: only(is_payment, full.amount),
            goods: if has_goods { full.goods } else { Vec::new() },
            refund_amount: only(is_return, full.refund_amount),
            goods_amount: only(is_return, full.goods_amount),
            received_at: only(is_withdrawal, full.received_at),
            shipping_refund: String::new(),
            less_to_pay: String::new(),
            carrier: String::new(),
            tracking_number: String::new(),
            rejection: String::new(),
            overdue: false,
            note: String::new(),
            has_return: false,
            ..full
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_buyers_write_becomes_a_link() {
        for (given, kept) in [
            ("12 St. James's Square", "12 St. James's Square"),
            ("Dr. No", "Dr. No"),
            ("Flat 1.2", "Flat 1.2"),
            ("win at evil.example now", "win at evil. example now"),
            ("https://1.2.3.4/x", "https: //1.2.3.4/x"),
            ("www.evil.example", "www. evil. example"),
            ("evil\u{ff0e}example", "evil\u{ff0e} example"),
            ("evil\u{3002}example", "evil\u{3002} example"),
            ("evil\u{ff61}example", "evil\u{ff61} example"),
            ("evil.\u{200b}example", "evil. example"),
            ("evil.\u{2060}exam\u{feff}ple", "evil. example"),
            ("https:\u{200d}//evil", "https: //evil"),
            ("\u{202e}moc.live\u{202c} \u{2066}a\u{2069}\u{200e}b\u{200f}", "moc. live ab"),
            ("", ""),
        ] {
            assert_eq!(unlinked(given), kept);
        }
    }
}
