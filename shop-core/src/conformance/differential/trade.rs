//! Calls about carts, orders, payments and shipments.

use serde_json::{Map, Value, json};

use super::call::{Run, call, input};
use super::known::{Known, News};
use crate::cart::{AddCoupon, AddItem, CartView, SetQuantity, ShippingOptions};
use crate::id::{OrderId, ReturnId};
use crate::idempotency::Replayable;
use crate::model::orders::{Return, WithdrawalReceipt};
use crate::model::payments::Payment;
use crate::model::shipping::Shipment;
use crate::orders::{
    CancelItemsInput, OrderView, PlaceOrder, PlacedOrder, ReceiveReturn, RejectReturn, ReturnInput, WithdrawalInput,
};
use crate::payments::{AmountInput, AttemptInput, RefundInput};
use crate::shipping::{ShipmentInput, TrackingInput};

fn cart(view: &CartView) -> Vec<News> {
    let guest = view.token.is_some().then_some(News::Cart(view.id));
    guest.into_iter().chain(view.items.iter().map(|item| News::CartItem(item.id))).collect()
}

fn order(view: &OrderView) -> Vec<News> {
    let OrderView { order, payments, .. } = view;
    let items = order.items.iter().flat_map(|item| [News::OrderItem(item.id), News::Line(order.id, item.id)]);
    let payments = payments.iter().map(|payment| News::Payment(payment.id));
    [News::Order(order.id)].into_iter().chain(items).chain(payments).collect()
}

fn placed(placed: &Replayable<PlacedOrder>) -> Vec<News> {
    order(&placed.value.view)
}

fn payment(payment: &Replayable<Payment>) -> Vec<News> {
    vec![News::Payment(payment.value.id)]
}

fn shipment(shipment: &Replayable<Shipment>) -> Vec<News> {
    vec![News::Shipment(shipment.value.id, shipment.value.tracking_number.clone())]
}

fn returned(returned: &Replayable<Return>) -> Vec<News> {
    vec![News::Return(returned.value.order_id, returned.value.id)]
}

fn withdrawn(receipt: &Replayable<WithdrawalReceipt>) -> Vec<News> {
    let WithdrawalReceipt { order_id, withdrawal } = &receipt.value;
    withdrawal.return_id.map(|id| News::Return(*order_id, id)).into_iter().collect()
}

fn place(known: &mut Known) -> Value {
    let mut fields = Map::new();
    if known.once_in(8) {
        fields.insert("shipping_address_id".to_owned(), json!(known.address()));
    } else {
        fields.insert("shipping_address".to_owned(), known.place());
    }
    fields.insert("shipping_method_id".to_owned(), json!(known.method()));
    let gateway = known.one_of(&["manual", "manual", "manual", "bank", "bank", "card", "card", "none"]);
    fields.insert("payment_gateway".to_owned(), json!(gateway));
    fields.insert("email".to_owned(), json!("guest@example.com"));
    if known.once_in(8) {
        fields.insert("expected_total".to_owned(), json!(known.amount()));
    }
    fields.into()
}

/// The fields of an item to add.
fn item(known: &mut Known) -> Value {
    let quantity = known.below(4) + u32::from(!known.once_in(9));
    match known.below(5) {
        0..=2 => json!({"quantity": quantity, "variant_id": known.variant()}),
        3 => json!({"quantity": quantity, "sku": known.sku()}),
        _ => json!({"quantity": quantity, "product_id": known.product()}),
    }
}

/// The fields of an order to quote: some may be missing.
fn quoted(known: &mut Known) -> Value {
    let mut fields = place(known);
    for field in ["shipping_address", "shipping_method_id", "payment_gateway", "email"] {
        if let Some(fields) = fields.as_object_mut().filter(|_| known.once_in(4)) {
            fields.remove(field);
        }
    }
    fields
}

fn buying(known: &mut Known) -> (String, Run) {
    let (buyer, expected, key) = (known.buyer(), known.expected(), known.key());
    match known.below(25) {
        0 => call!("create_cart", [buyer], |shop| shop.carts().create(&buyer), cart),
        1 => {
            let (item, fields) = (known.cart_item(), json!({"quantity": known.below(6)}));
            call!(
                "set_quantity",
                [buyer, item, fields, expected],
                |shop| shop.carts().set_quantity(&buyer, item, input::<SetQuantity>(fields), expected),
                cart
            )
        }
        2 if known.once_in(2) => {
            let item = known.cart_item();
            call!("remove_item", [buyer, item, expected], |shop| shop.carts().remove_item(&buyer, item, expected), cart)
        }
        2 if known.once_in(3) => {
            call!("empty_cart", [buyer, expected], |shop| shop.carts().empty(&buyer, expected), cart)
        }
        2 | 3 => {
            let fields = json!({"country": known.one_of(&["US", "PL", "zz"])});
            call!("shipping_options", [buyer, fields], |shop| shop
                .carts()
                .shipping_options(&buyer, input::<ShippingOptions>(fields)))
        }
        4 if known.once_in(3) => {
            let code = known.code();
            call!(
                "remove_coupon",
                [buyer, code, expected],
                |shop| shop.carts().remove_coupon(&buyer, code, expected),
                cart
            )
        }
        4 | 5 => {
            let fields = json!({"code": known.code()});
            call!(
                "add_coupon",
                [buyer, fields, expected],
                |shop| shop.carts().add_coupon(&buyer, input::<AddCoupon>(fields), expected),
                cart
            )
        }
        6..=15 => {
            let fields = item(known);
            call!("add_item", [buyer, fields], |shop| shop.carts().add_item(&buyer, input::<AddItem>(fields)), cart)
        }
        16 => {
            let fields = quoted(known);
            call!("quote", [buyer, fields], |shop| shop.orders().quote(&buyer, input::<PlaceOrder>(fields)))
        }
        _ => {
            let fields = place(known);
            call!(
                "place",
                [buyer, fields, key],
                |shop| shop.orders().place(&buyer, input::<PlaceOrder>(fields), key.as_ref()),
                placed
            )
        }
    }
}

fn paying(known: &mut Known) -> (String, Run) {
    let (staff, id, key) = (known.staff(), known.payment(), known.key());
    let amount = if known.once_in(4) { json!({"amount": known.amount()}) } else { json!({}) };
    match known.below(6) {
        0 => call!(
            "void",
            [staff, id, key],
            |shop| shop.payments().void(&staff, id, AmountInput::default(), key.as_ref()),
            payment
        ),
        1 => {
            let mut fields = amount;
            if let Some(fields) = fields.as_object_mut() {
                fields.insert("restock".to_owned(), json!(known.once_in(2)));
            }
            call!("refund", [staff, id, fields, key], |shop| shop.payments().refund(
                &staff,
                id,
                input::<RefundInput>(fields),
                key.as_ref()
            ))
        }
        2 => {
            let fields = json!({"order_id": known.order(), "gateway": known.one_of(&["manual", "bank", "card"])});
            call!(
                "begin_payment",
                [staff, fields, key],
                |shop| shop.payments().begin(&staff, input::<AttemptInput>(fields), key.as_ref()),
                payment
            )
        }
        _ => call!(
            "capture",
            [staff, id, amount, key],
            |shop| shop.payments().capture(&staff, id, input::<AmountInput>(amount), key.as_ref()),
            payment
        ),
    }
}

fn sending(known: &mut Known) -> (String, Run) {
    let (staff, id, key) = (known.staff(), known.shipment(), known.key());
    if known.once_in(2) {
        let status = known.one_of(&[
            "shipped",
            "shipped",
            "shipped",
            "in_transit",
            "delivered",
            "delivered",
            "canceled",
            "lost",
        ]);
        let fields = json!({"status": status, "description": known.word()});
        return call!(
            "track_shipment",
            [staff, id, fields, key],
            |shop| shop.shipping().track_shipment(&staff, id, input::<TrackingInput>(fields), key.as_ref()),
            shipment
        );
    }
    let mut fields = json!({"order_id": known.order(), "tracking_number": format!("T{}", known.below(20))});
    if known.once_in(3)
        && let Some(fields) = fields.as_object_mut()
    {
        let items = json!([{"order_item_id": known.order_item(), "quantity": known.below(3)}]);
        fields.insert("items".to_owned(), items);
    }
    call!(
        "create_shipment",
        [staff, fields, key],
        |shop| shop.shipping().create_shipment(&staff, input::<ShipmentInput>(fields), key.as_ref()),
        shipment
    )
}

/// An order with one of its lines, preferably a recent one.
fn ordered(known: &mut Known) -> (OrderId, Value) {
    let line = known.known(|news| if let News::Line(order, line) = news { Some((*order, *line)) } else { None });
    let (order, line) = line.unwrap_or_else(|| (known.order(), known.order_item()));
    (order, json!([{"order_item_id": line, "quantity": known.below(3)}]))
}

fn returning(known: &mut Known) -> (String, Run) {
    let (staff, key) = (known.staff(), known.key());
    if known.once_in(3) {
        let (order, items) = ordered(known);
        let fields = json!({"items": items, "note": known.word()});
        return call!(
            "request_return",
            [staff, order, fields, key],
            |shop| shop.orders().request_return(&staff, order, input::<ReturnInput>(fields), key.as_ref()),
            returned
        );
    }
    let pair = known.known(|news| if let News::Return(order, id) = news { Some((*order, *id)) } else { None });
    let (order, id) = pair.unwrap_or_else(|| (known.order(), ReturnId(uuid::Uuid::nil())));
    match known.below(8) {
        0 => call!(
            "reject_return",
            [staff, order, id, key],
            |shop| shop.orders().reject_return(&staff, order, id, RejectReturn::default(), key.as_ref()),
            returned
        ),
        1 => call!(
            "cancel_return",
            [staff, order, id, key],
            |shop| shop.orders().cancel_return(&staff, order, id, key.as_ref()),
            returned
        ),
        2..=4 => call!(
            "approve_return",
            [staff, order, id, key],
            |shop| shop.orders().approve_return(&staff, order, id, key.as_ref()),
            returned
        ),
        5 | 6 => {
            let fields = json!({"restock": known.once_in(2)});
            call!(
                "receive_return",
                [staff, order, id, fields, key],
                |shop| shop.orders().receive_return(&staff, order, id, input::<ReceiveReturn>(fields), key.as_ref()),
                returned
            )
        }
        _ => call!(
            "refund_return",
            [staff, order, id, key],
            |shop| shop.orders().refund_return(&staff, order, id, key.as_ref()),
            returned
        ),
    }
}

pub(super) fn draw(known: &mut Known) -> (String, Run) {
    match known.below(21) {
        0..=9 => buying(known),
        10..=12 => paying(known),
        13 | 14 => sending(known),
        15..=17 => returning(known),
        18 => {
            let (staff, key, (id, items)) = (known.staff(), known.key(), ordered(known));
            let fields = json!({"items": items, "refund": !known.once_in(4)});
            call!(
                "cancel_items",
                [staff, id, fields, key],
                |shop| shop.orders().cancel_items(&staff, id, input::<CancelItemsInput>(fields), key.as_ref()),
                |canceled| order(&canceled.value)
            )
        }
        19 => {
            let (staff, key, (id, items)) = (known.staff(), known.key(), ordered(known));
            let fields = if known.once_in(2) { json!({"items": items}) } else { json!({}) };
            call!(
                "withdraw",
                [staff, id, fields, key],
                |shop| shop.orders().withdraw(&staff, id, input::<WithdrawalInput>(fields), key.as_ref()),
                withdrawn
            )
        }
        _ => {
            let actor = if known.once_in(2) { known.buyer() } else { known.staff() };
            let (id, key) = (known.order(), known.key());
            call!("cancel", [actor, id, key], |shop| shop.orders().cancel(&actor, id, key.as_ref()), |canceled| order(
                &canceled.value
            ))
        }
    }
}
