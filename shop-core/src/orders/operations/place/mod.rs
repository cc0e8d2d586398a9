//! Places an order.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::json;

use super::number::draw_number;
use crate::batch::{Batch, Change, Decision, Entity, Precondition};
use crate::cart::{CartContents, operations as carts};
use crate::clock::{DecisionContext, Timestamp};
use crate::error::{Error, Result};
use crate::gateway::{PaymentGateway, round_for};
use crate::id::{OrderId, VariantId};
use crate::inventory::operations::{Allocation, StockLine, allocate, reserve};
use crate::lifecycle::{event_data, mail_buyer, payment_status, record};
use crate::model::cart::{Cart, CartStatus};
use crate::model::inventory::{ReservationStatus, StockLevel};
use crate::model::orders::{
    FulfillmentStatus, Order, OrderItem, OrderNews, OrderStatus, PaymentStatus, ShippingMethodSnapshot,
};
use crate::model::outbox::EventKind;
use crate::model::pricing::{PriceRules, UsedTaxRate};
use crate::model::shipping::Address;
use crate::money::Amount;
use crate::orders::OrderView;
use crate::payments::operations::{begin, create_remotely};
use crate::pricing::{Basket, BasketLine, Coupon, CouponOutcome, Priced, Taxes, price, take_uses};
use crate::shipping::operations::Quote;
use crate::validate::Email;

/// Everything that an order is made of.
pub struct Placement<'a> {
    /// The cart; open and not empty.
    pub cart: Cart,
    /// The products and stock of its lines.
    pub contents: CartContents,
    /// The chosen shipping method and its price.
    pub quote: Quote,
    /// The price of the cheapest shipping method.
    pub cheapest_shipping: Amount,
    /// The promotions that may apply, with their counts for this buyer.
    pub rules: PriceRules,
    /// The taxes at the delivery address.
    pub taxes: Taxes,
    /// The delivery address.
    pub shipping_address: Address,
    /// The billing address.
    pub billing_address: Address,
    /// E-mail address for notifications.
    pub email: Email,
    /// The chosen payment gateway.
    pub gateway: &'a dyn PaymentGateway,
    /// The most unpaid orders that this buyer may have at once; `None` for no limit.
    pub max_unpaid: Option<u32>,
    /// Until when stock is held for an unpaid order; `None` for no limit.
    pub hold_until: Option<Timestamp>,
    /// The total that the buyer expects.
    pub expected_total: Option<Amount>,
    /// The buyer's note.
    pub note: String,
    /// Who places it: [`Actor::role`](crate::Actor::role).
    pub role: &'static str,
}

/// Everything that the price of an order depends on.
pub(super) struct PricingInput<'a> {
    pub(super) cart: &'a Cart,
    pub(super) contents: &'a CartContents,
    pub(super) quote: Option<&'a Quote>,
    pub(super) rules: &'a PriceRules,
    pub(super) taxes: &'a Taxes,
    pub(super) gateway: Option<&'a dyn PaymentGateway>,
}

impl<'a> PricingInput<'a> {
    fn of(placement: &'a Placement<'_>) -> Self {
        let Placement { cart, contents, quote, rules, taxes, gateway, .. } = placement;
        Self { cart, contents, quote: Some(quote), rules, taxes, gateway: Some(*gateway) }
    }
}

/// The priced lines of an order.
pub(super) struct PricedItems {
    pub(super) items: Vec<OrderItem>,
    /// The locations that serve each item, in the order of `items`.
    allocations: Vec<Allocation>,
    pub(super) priced: Priced,
}

/// Computes the lines of an order at current prices, the locations that serve them, and the total, rounded for the
/// gateway if that is known.
pub(super) fn price_items(pricing_input: &PricingInput<'_>, context: &mut DecisionContext) -> Result<PricedItems> {
    let PricingInput { cart, contents, .. } = pricing_input;
    if cart.items.is_empty() {
        return Err(Error::CartEmpty);
    }
    let mut items = lines(cart, contents, context)?;
    let allocations = serve(&items, contents)?;
    let mut priced = agree(pricing_input, &items, context)?;
    for (item, line) in items.iter_mut().zip(&priced.lines) {
        item.discount = line.discount;
        item.tax = line.tax;
        item.tax_rate = line.tax_rate;
    }
    if let Some(gateway) = pricing_input.gateway {
        round_for(gateway, cart.currency, &mut priced)?;
    }
    Ok(PricedItems { items, allocations, priced })
}

/// Turns a cart into an order, in one batch: the order, its reservations, the closed cart, the payment, the history and
/// the events. [The pipeline](crate::pricing) prices it, and the uses of its promotions are counted. At commit,
/// products, promotions, tax rates, method and zone must not have changed since they were read, and the store checks
/// stock again.
///
/// # Errors
/// [`Error::CartEmpty`]; [`Error::OutOfStock`] for the first line that cannot be served (a product that is no longer on
/// sale counts as 0 available); [`Error::CouponNotApplicable`] for the first coupon that this buyer can no longer use;
/// [`Error::TotalNotChargeable`] if the gateway cannot charge the total; [`Error::TotalChanged`] if the total, after
/// rounding for the gateway, is not the expected one; [`Error::TooManyUnpaidOrders`]; [`Error::Invalid`] if the total
/// is above [`Amount::MAX`].
pub fn place(placement: Placement<'_>, context: &mut DecisionContext) -> Result<Decision<OrderView>> {
    let mut batch = Batch::new(context);
    let order_id: OrderId = context.id();
    let PricedItems { items, allocations, priced } = price_items(&PricingInput::of(&placement), context)?;
    let total = priced.total;
    let Placement { cart, contents, quote, rules, gateway, hold_until, expected_total, max_unpaid, role, .. } =
        placement;
    if expected_total.is_some_and(|expected| expected != total) {
        return Err(Error::TotalChanged { total: cart.currency.format_amount(total) });
    }

    let waits = gateway.prepaid() && total > Amount::ZERO;
    let mut payment = begin(gateway, order_id, total, cart.currency, context);
    let agreed = Agreed {
        email: placement.email,
        shipping_address: placement.shipping_address,
        billing_address: placement.billing_address,
        shipping_method: ShippingMethodSnapshot {
            id: quote.method.id,
            name: quote.method.name.clone(),
            price: priced.shipping_total,
            cheapest: Some(placement.cheapest_shipping),
            carrier: quote.method.carrier.clone(),
        },
        note: placement.note,
        hold_until,
        ships_unpaid: !gateway.prepaid(),
    };
    let mut order = new_order(order_id, &cart, items, priced, agreed, context);
    order.payment_status = payment_status(&order, std::slice::from_ref(&payment));
    check_unpaid(&order, &rules, max_unpaid, hold_until, context)?;

    require_unchanged(&mut batch, &order, &contents, &quote);
    // The cart comes first: if two orders use it concurrently, one fails here, before any other check.
    carts::write(Cart { status: CartStatus::Ordered, ..cart }, context, &mut batch);
    batch.write(Change::Insert(order.clone()));
    take_uses(&mut batch, &order, &rules, max_unpaid);
    let status = if waits { ReservationStatus::Held } else { ReservationStatus::Committed };
    for (item, allocation) in order.items.iter().zip(&allocations) {
        let line = StockLine { order_id, order_item_id: item.id, variant_id: item.variant_id, sku: &item.sku };
        reserve(&mut batch, context, line, allocation, status);
    }
    create_remotely(gateway, &mut payment, &order, context, &mut batch);
    batch.write(Change::Insert(payment.clone()));
    record(&mut batch, context, order_id, "placed", role, format!("Order {} was placed.", order.number));
    batch.event(context, EventKind::OrderPlaced, order_id, placed_data(&order));
    mail_buyer(&mut batch, context, order_id, OrderNews::Placed);
    if order.payment_status == PaymentStatus::Paid {
        batch.event(context, EventKind::OrderPaid, order_id, event_data(&order));
    }
    Ok(Decision { batch, reply: OrderView { order, payments: vec![payment], shipments: Vec::new() } })
}

/// What an order freezes besides its lines and prices.
struct Agreed {
    email: Email,
    shipping_address: Address,
    billing_address: Address,
    shipping_method: ShippingMethodSnapshot,
    note: String,
    hold_until: Option<Timestamp>,
    ships_unpaid: bool,
}

/// The order of a cart. Its payment status is not derived yet.
fn new_order(
    id: OrderId,
    cart: &Cart,
    items: Vec<OrderItem>,
    priced: Priced,
    agreed: Agreed,
    context: &mut DecisionContext,
) -> Order {
    Order {
        id,
        number: draw_number(context),
        cart_id: cart.id,
        customer_id: cart.customer_id,
        claimed_at: None,
        email: agreed.email.address,
        email_key: agreed.email.key,
        currency: cart.currency,
        items,
        subtotal: priced.subtotal,
        discount_total: priced.discount_total,
        shipping_total: priced.shipping_total,
        shipping_tax: priced.shipping_tax,
        tax_total: priced.tax_total,
        total: priced.total,
        explanation: priced.explanation,
        canceled_items: Vec::new(),
        withdrawals: Vec::new(),
        amount_paid: Amount::ZERO,
        amount_refunded: Amount::ZERO,
        shipping_address: agreed.shipping_address,
        billing_address: agreed.billing_address,
        shipping_method: agreed.shipping_method,
        status: OrderStatus::Placed,
        payment_status: PaymentStatus::NotPaid,
        fulfillment_status: FulfillmentStatus::Unfulfilled,
        note: agreed.note,
        placed_at: context.now(),
        canceled_at: None,
        hold_until: agreed.hold_until.filter(|_| priced.total > Amount::ZERO),
        ships_unpaid: agreed.ships_unpaid,
        updated_at: context.draws_at(),
        version: 1,
    }
}

/// Refuses an unpaid order of a buyer who has `max_unpaid` of them already.
fn check_unpaid(
    order: &Order,
    rules: &PriceRules,
    max_unpaid: Option<u32>,
    hold_until: Option<Timestamp>,
    context: &DecisionContext,
) -> Result<()> {
    match max_unpaid.filter(|_| order.is_unpaid()) {
        Some(limit) if rules.unpaid_orders >= i64::from(limit) => {
            // Orders that wait without limit end when they are paid or canceled: retry in an hour.
            let wait = hold_until.map_or(3_600, |until| (until - context.now()).num_seconds());
            Err(Error::TooManyUnpaidOrders { limit, retry_after: u32::try_from(wait).unwrap_or(u32::MAX).max(1) })
        }
        _ => Ok(()),
    }
}

/// Requires that everything that the price depends on has not changed since it was read.
fn require_unchanged(batch: &mut Batch, order: &Order, contents: &CartContents, quote: &Quote) {
    for product in &contents.products {
        batch.require_unchanged(product);
    }
    batch.require_unchanged(&quote.zone);
    batch.require_unchanged(&quote.method);
    for rate in order.explanation.taxes.iter().flat_map(UsedTaxRate::own) {
        batch.require(Precondition::Version(Entity::TaxRate, rate.id.0, rate.version));
    }
}

/// The input of the pricing pipeline.
pub(in crate::orders) fn basket<'a>(
    cart: &'a Cart,
    lines: &'a [BasketLine<'a>],
    quote: Option<&'a Quote>,
    now: Timestamp,
) -> Basket<'a> {
    Basket {
        currency: cart.currency,
        lines,
        coupons: &cart.coupons,
        customer_id: cart.customer_id,
        shipping: quote.map(|quote| (quote.method.name.as_str(), quote.price)),
        now,
    }
}

/// Prices the order. Coupons without effect are ignored, as the cart announced. A coupon that can no longer be used is
/// an error, because the buyer was promised a lower price.
fn agree(pricing_input: &PricingInput<'_>, items: &[OrderItem], context: &DecisionContext) -> Result<Priced> {
    let PricingInput { cart, contents, quote, rules, taxes, .. } = *pricing_input;
    let line = |item: &OrderItem| {
        Some(BasketLine { unit_price: item.unit_price, ..contents.line(item.variant_id, item.quantity)? })
    };
    let lines: Vec<_> = items.iter().filter_map(line).collect();
    let mut priced = price(&basket(cart, &lines, quote, context.now()), rules, taxes);
    if priced.subtotal > Amount::MAX || priced.total > Amount::MAX {
        return Err(Error::invalid("cart", "The total is too large."));
    }
    for Coupon { code, outcome } in std::mem::take(&mut priced.coupons) {
        if let CouponOutcome::Gone(why) = outcome {
            return Err(Error::CouponNotApplicable { code, reason: why.into_owned() });
        }
    }
    Ok(priced)
}

/// The order lines, at current prices.
fn lines(cart: &Cart, contents: &CartContents, context: &mut DecisionContext) -> Result<Vec<OrderItem>> {
    let line = |item: &crate::model::cart::CartItem, context: &mut DecisionContext| {
        let Some((product, variant)) = contents.on_sale(item.variant_id, cart.currency) else {
            let sku = contents.find(item.variant_id).map(|(_, variant)| variant.sku.clone()).unwrap_or_default();
            return Err(Error::OutOfStock { sku, available: 0 });
        };
        Ok(OrderItem {
            id: context.id(),
            product_id: product.id,
            variant_id: variant.id,
            sku: variant.sku.clone(),
            name: product.name.clone(),
            options: variant.options.clone(),
            unit_price: variant.price,
            quantity: item.quantity,
            discount: Amount::ZERO,
            tax: Amount::ZERO,
            tax_class: Some(variant.tax_class.clone()),
            tax_rate: None,
            line_total: variant.price.times(item.quantity)?,
        })
    };
    cart.items.iter().map(|item| line(item, context)).collect()
}

/// Allocates each line. If two lines have the same variant, the second gets what the first left.
fn serve(items: &[OrderItem], contents: &CartContents) -> Result<Vec<Allocation>> {
    let mut levels: BTreeMap<VariantId, Vec<StockLevel>> = BTreeMap::new();
    let mut allocations = Vec::with_capacity(items.len());
    for item in items {
        let levels = match levels.entry(item.variant_id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let of_variant = contents.stock.iter().filter(|level| level.variant_id == item.variant_id);
                entry.insert(of_variant.cloned().collect())
            }
        };
        let allocation = allocate(levels, &item.sku, item.quantity)?;
        for (location, quantity) in &allocation.parts {
            for level in levels.iter_mut().filter(|level| level.location_id == *location) {
                level.reserved = level.reserved.saturating_add(*quantity);
            }
        }
        allocations.push(allocation);
    }
    Ok(allocations)
}

fn placed_data(order: &Order) -> serde_json::Value {
    let mut data = event_data(order);
    let item = |item: &OrderItem| {
        json!({
            "product_id": item.product_id,
            "variant_id": item.variant_id,
            "sku": item.sku,
            "quantity": item.quantity,
            "unit_price": order.currency.format_amount(item.unit_price),
            "line_total": order.currency.format_amount(item.line_total),
            "discount": order.currency.format_amount(item.discount),
            "tax": order.currency.format_amount(item.tax),
            "tax_class": item.tax_class,
            "tax_rate": item.tax_rate.map(|rate| rate.to_string()),
        })
    };
    let coupons = order.explanation.promotions.iter().filter_map(|used| used.code.as_ref());
    if let Some(fields) = data.as_object_mut() {
        fields.insert("items".to_owned(), order.items.iter().map(item).collect());
        fields.insert("coupons".to_owned(), coupons.cloned().collect());
        for (name, amount) in [
            ("subtotal", order.subtotal),
            ("discount_total", order.discount_total),
            ("shipping_total", order.shipping_total),
            ("tax_total", order.tax_total),
        ] {
            fields.insert(name.to_owned(), order.currency.format_amount(amount).into());
        }
    }
    data
}

#[cfg(test)]
pub(super) mod tests;
