//! Orders and their history.

use crate::batch::{Conflict, OrdersWrite, Unique};
use crate::id::{CartId, OrderId};
use crate::model::catalog::Product;
use crate::model::orders::{
    CanceledItem, FulfillmentStatus, HistoryEntry, Order, OrderFilter, OrderStatus, PaymentStatus,
    ShippingMethodSnapshot, Withdrawal,
};
use crate::model::shipping::ShipmentItem;
use crate::money::{Amount, Currency, Ratio};
use crate::page::PageRequest;

use super::fixtures::{WILD, address, explanation, far_away, long_ago, wild, wild_address};
use super::generic::{Ends, check_list, everything, life, same_set};
use super::lab::{CaseResult, Lab, accepted, refused, same};
use super::rows::{insert, next, update};

/// The next version of the order with extreme values in every field; its lines are unchanged.
fn changed(lab: &mut Lab, order: &Order) -> Order {
    next(order, |order| {
        order.number = wild();
        order.email = wild();
        order.email_key = wild();
        order.currency = "JPY".parse().unwrap_or(Currency::USD);
        order.subtotal = Amount::MAX;
        order.discount_total = Amount(1);
        order.shipping_total = Amount(2);
        order.shipping_tax = Amount(3);
        order.explanation = explanation();
        order.canceled_items = vec![
            CanceledItem { order_item_id: lab.id(), quantity: i64::MAX, amount: Amount::MAX, returned: true },
            CanceledItem { order_item_id: lab.id(), quantity: 1, amount: Amount::ZERO, returned: false },
        ];
        order.tax_total = Amount(4);
        order.total = Amount(i64::MAX);
        order.amount_paid = Amount(5);
        order.amount_refunded = Amount(6);
        order.shipping_address = wild_address();
        order.billing_address.city = wild();
        order.shipping_method = ShippingMethodSnapshot {
            id: lab.id(),
            name: wild(),
            price: Amount::MAX,
            cheapest: Some(Amount(7)),
            carrier: Some(wild()),
        };
        order.withdrawals = vec![Withdrawal {
            id: lab.id(),
            received_at: far_away(),
            items: vec![ShipmentItem { order_item_id: lab.id(), quantity: 3 }],
            return_id: Some(lab.id()),
            shipping_refund: Amount::MAX,
            note: wild(),
        }];
        order.status = OrderStatus::Canceled;
        order.payment_status = PaymentStatus::PartiallyRefunded;
        order.fulfillment_status = FulfillmentStatus::PartiallyDelivered;
        order.note = WILD.repeat(50);
        order.placed_at = long_ago();
        order.canceled_at = Some(far_away());
        order.claimed_at = Some(far_away());
        order.hold_until = Some(long_ago());
        order.ships_unpaid = true;
        order.updated_at = far_away();
    })
}

pub(super) async fn orders_live(mut lab: Lab) -> CaseResult {
    let (user, product) = (lab.user(), lab.product("Tea"));
    let (cart, first) = lab.order(&product);
    accepted(lab.commit([insert(&user), insert(&product), insert(&cart)]).await)?;
    let mut first = Order { customer_id: Some(user.id), ..first };
    for (place, item) in first.items.iter_mut().enumerate() {
        item.sku = wild();
        item.name = wild();
        // Each line has its own options.
        item.options = [("Size".to_owned(), wild()), (wild(), place.to_string())].into();
        item.unit_price = Amount::MAX;
        item.quantity = 10_000;
        item.discount = Amount(i64::MAX);
        item.tax = Amount(1);
        // One line has a tax class and rate, as all do now; another does not, as before.
        item.tax_class = (place == 0).then(wild);
        item.tax_rate = (place == 0).then_some(Ratio::WHOLE);
        item.line_total = Amount(i64::MAX);
    }
    let second = changed(&mut lab, &first);
    let id = first.id;
    life(&mut lab, first, second, Ends::Never, async |store| store.order(id).await).await
}

pub(super) async fn lines_never_change(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let (_, other) = lab.order(&world.product);
    let tampered = next(&world.order, |order| {
        order.note = "changed".into();
        order.items = other.items;
    });
    accepted(lab.commit([update(&tampered)]).await)?;
    let wanted = Order { items: world.order.items, ..tampered };
    same(&lab.store.order(wanted.id).await?, &Some(wanted))
}

pub(super) async fn a_cart_becomes_one_order(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let (cart, order) = lab.order(&world.product);
    accepted(lab.commit([insert(&cart)]).await)?;
    same(&lab.store.order_of_cart(cart.id).await?, &None)?;
    let twice = Order { cart_id: world.order.cart_id, ..order.clone() };
    refused(lab.commit([insert(&twice)]).await, Conflict::Exists(Unique::OrderOfCart))?;
    let number = Order { number: world.order.number.clone(), ..order.clone() };
    refused(lab.commit([insert(&number)]).await, Conflict::Exists(Unique::OrderNumber))?;
    accepted(lab.commit([insert(&order)]).await)?;
    same(&lab.store.order_of_cart(cart.id).await?, &Some(order))?;
    same(&lab.store.order_of_cart(world.order.cart_id).await?, &Some(world.order))?;
    let nothing = lab.id::<CartId>();
    same(&lab.store.order_of_cart(nothing).await?, &None)
}

pub(super) async fn history_is_a_timeline(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let (cart, other) = lab.order(&world.product);
    let mut entries = Vec::new();
    for _ in 0..3 {
        lab.tick();
        let visible = entries.len() % 2 == 0;
        entries.push(HistoryEntry {
            event: wild(),
            actor: wild(),
            detail: wild(),
            visible,
            ..lab.history(&world.order)
        });
    }
    let elsewhere = lab.history(&other);
    accepted(lab.commit([insert(&cart), insert(&other), OrdersWrite::History(elsewhere.clone()).into()]).await)?;
    let writes: Vec<_> = entries.iter().rev().map(|entry| OrdersWrite::History(entry.clone()).into()).collect();
    accepted(lab.commit(writes).await)?;
    same(&lab.store.history(world.order.id).await?, &entries)?;
    same(&lab.store.history(other.id).await?, &vec![elsewhere.clone()])?;
    let nothing = lab.id::<OrderId>();
    same(&lab.store.history(nothing).await?, &vec![])?;
    let twin = HistoryEntry { order_id: world.order.id, ..elsewhere };
    refused(lab.commit([OrdersWrite::History(twin).into()]).await, Conflict::Exists(Unique::OtherId))
}

pub(super) async fn overdue_orders_come_in_their_order(mut lab: Lab) -> CaseResult {
    let product = lab.product("Tea");
    accepted(lab.commit([insert(&product)]).await)?;
    let mut place = async |seconds: Option<i64>, status| {
        let (cart, order) = lab.order(&product);
        let hold_until = seconds.map(|seconds| lab.after(seconds));
        let order = Order { status, hold_until, ..order };
        accepted(lab.commit([insert(&cart), insert(&order)]).await)?;
        CaseResult::Ok(order)
    };
    let third = place(Some(30), OrderStatus::Placed).await?;
    let first = place(Some(10), OrderStatus::Placed).await?;
    let second = place(Some(20), OrderStatus::Placed).await?;
    let same_time = place(Some(20), OrderStatus::Placed).await?;
    place(None, OrderStatus::Placed).await?;
    place(Some(1), OrderStatus::Canceled).await?;
    place(Some(1), OrderStatus::Completed).await?;

    let overdue = async |seconds, limit| lab.store.overdue_orders(lab.after(seconds), limit).await;
    same(&overdue(9, 10).await?, &vec![])?;
    same(&overdue(10, 10).await?, &vec![first.id])?;
    same(&overdue(20, 10).await?, &vec![first.id, second.id, same_time.id])?;
    same(&overdue(99, 10).await?, &vec![first.id, second.id, same_time.id, third.id])?;
    same(&overdue(99, 2).await?, &vec![first.id, second.id])?;
    same(&overdue(99, 0).await?, &vec![])?;
    let paid = next(&first, |order| order.hold_until = None);
    accepted(lab.commit([update(&paid)]).await)?;
    same(&lab.store.overdue_orders(lab.after(19), 10).await?, &vec![])
}

pub(super) async fn orders_of_guests_are_found_and_claimed(mut lab: Lab) -> CaseResult {
    let (user, product) = (lab.user(), lab.product("Tea"));
    accepted(lab.commit([insert(&user), insert(&product)]).await)?;
    let (of_guests, of_others) = ("a@example.com", "b@example.com");
    let mut place = async |email_key: &str| {
        let (cart, order) = lab.order(&product);
        let order = Order { customer_id: None, email_key: email_key.into(), ..order };
        accepted(lab.commit([insert(&cart), insert(&order)]).await)?;
        CaseResult::Ok(order)
    };
    let (first, _, second) = (place(of_guests).await?, place(of_others).await?, place(of_guests).await?);
    let third = place(of_guests).await?;
    let own = next(&third, |order| order.customer_id = Some(user.id));
    accepted(lab.commit([update(&own)]).await)?;
    let mut guests = vec![first.clone(), second.clone()];
    guests.sort_by_key(|order| order.id);
    same(&lab.store.guest_orders(of_guests, 10).await?, &guests)?;
    guests.truncate(1);
    same(&lab.store.guest_orders(of_guests, 1).await?, &guests)?;
    same(&lab.store.guest_orders("c@example.com", 10).await?, &vec![])?;
    // A claimed order is in its customer's lists, and is counted there.
    let claimed = next(&first, |order| {
        order.customer_id = Some(user.id);
        order.claimed_at = Some(long_ago());
    });
    accepted(lab.commit([update(&claimed)]).await)?;
    same(&lab.store.guest_orders(of_guests, 10).await?, &vec![second])?;
    same(&lab.store.order(claimed.id).await?, &Some(claimed.clone()))?;
    let filter = OrderFilter { customer_id: Some(user.id), ..OrderFilter::default() };
    let page = lab.store.list_orders(&filter, &PageRequest::default()).await?;
    let mut listed: Vec<_> = page.items.iter().map(|order| order.id).collect();
    listed.sort();
    let mut expected = vec![claimed.id, own.id];
    expected.sort();
    same(&(listed, page.total), &(expected, Some(2)))?;
    same(&lab.store.miscounted().await?, &vec![])
}

/// Places an order with a small change.
async fn place(lab: &mut Lab, product: &Product, change: fn(&mut Order)) -> CaseResult<Order> {
    lab.tick();
    let (cart, mut order) = lab.order(product);
    change(&mut order);
    accepted(lab.commit([insert(&cart), insert(&order)]).await)?;
    Ok(order)
}

pub(super) async fn orders_are_filtered(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let a = world.order;
    let b = place(&mut lab, &world.product, |order| {
        order.status = OrderStatus::Completed;
        order.payment_status = PaymentStatus::Paid;
        order.fulfillment_status = FulfillmentStatus::Delivered;
    })
    .await?;
    let c = place(&mut lab, &world.product, |order| {
        order.email_key = "ada@example.com".into();
        order.payment_status = PaymentStatus::Paid;
    })
    .await?;

    let all = OrderFilter::default;
    let status = |status| OrderFilter { status: Some(status), ..all() };
    let payment = |status| OrderFilter { payment_status: Some(status), ..all() };
    let fulfillment = |status| OrderFilter { fulfillment_status: Some(status), ..all() };
    let between = |after, before| OrderFilter { placed_after: after, placed_before: before, ..all() };
    let email = |key: &str| OrderFilter { email_key: Some(key.to_owned()), ..all() };
    let cases: Vec<(OrderFilter, Vec<&Order>)> = vec![
        (all(), vec![&a, &b, &c]),
        (OrderFilter { customer_id: a.customer_id, ..all() }, vec![&a]),
        (OrderFilter { customer_id: Some(lab.id()), ..all() }, vec![]),
        (status(OrderStatus::Placed), vec![&a, &c]),
        (status(OrderStatus::Completed), vec![&b]),
        (status(OrderStatus::Canceled), vec![]),
        (payment(PaymentStatus::Paid), vec![&b, &c]),
        (payment(PaymentStatus::NotPaid), vec![&a]),
        (payment(PaymentStatus::Voided), vec![]),
        (fulfillment(FulfillmentStatus::Delivered), vec![&b]),
        (fulfillment(FulfillmentStatus::Unfulfilled), vec![&a, &c]),
        (email("ada@example.com"), vec![&c]),
        (email("ADA@example.com"), vec![]),
        (email("ada"), vec![]),
        // Both ends are inclusive.
        (between(Some(b.placed_at), None), vec![&b, &c]),
        (between(None, Some(b.placed_at)), vec![&a, &b]),
        (between(Some(b.placed_at), Some(b.placed_at)), vec![&b]),
        (between(Some(c.placed_at), Some(a.placed_at)), vec![]),
        (OrderFilter { payment_status: Some(PaymentStatus::Paid), ..status(OrderStatus::Placed) }, vec![&c]),
    ];
    for (filter, wanted) in cases {
        same_set(lab.store.list_orders(&filter, &everything()), &wanted, &filter).await?;
    }
    let moved = next(&a, |order| order.payment_status = PaymentStatus::Paid);
    accepted(lab.commit([update(&moved)]).await)?;
    let filter = payment(PaymentStatus::Paid);
    same_set(lab.store.list_orders(&filter, &everything()), &[&moved, &b, &c], &filter).await
}

pub(super) async fn orders_are_searched(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let a = place(&mut lab, &world.product, |order| {
        order.number = "7KQ2M-X9D4T".into();
        order.email_key = "zoe@example.org".into();
        order.shipping_address.first_name = "Zoë".into();
        order.shipping_address.last_name = "Łódzka".into();
        order.billing_address = order.shipping_address.clone();
    })
    .await?;
    let b = place(&mut lab, &world.product, |order| {
        order.email_key = "b_b%@example.org".into();
        order.billing_address.company = Some("Zoë & Söhne".into());
        order.status = OrderStatus::Completed;
        for item in &mut order.items {
            item.sku = "TEA-99".into();
        }
    })
    .await?;
    same(&lab.store.order_by_number("7KQ2M-X9D4T").await?.as_ref(), &Some(&a))?;
    for unknown in ["7kq2m-x9d4t", "7KQ2M", "", "\0"] {
        same(&lab.store.order_by_number(unknown).await?, &None)?;
    }
    let all = OrderFilter::default;
    let search =
        |terms: &[&str]| OrderFilter { search: terms.iter().map(|term| (*term).to_owned()).collect(), ..all() };
    let number = |number: &str| OrderFilter { number: Some(number.to_owned()), ..all() };
    let cases: Vec<(OrderFilter, Vec<&Order>)> = vec![
        (search(&["7kq2m-x9"]), vec![&a]),
        (search(&["lodz"]), vec![&a]),
        (search(&["zoe"]), vec![&a, &b]),
        (search(&["sohne", "zoe"]), vec![&b]),
        (search(&["zoe", "zebra"]), vec![]),
        (search(&["example.org"]), vec![&a, &b]),
        (search(&["tea-99"]), vec![&b]),
        // Wildcard characters are plain text here.
        (search(&["b_b%"]), vec![&b]),
        (search(&["b_b_"]), vec![]),
        (search(&["zo%"]), vec![]),
        (search(&["\0"]), vec![]),
        (OrderFilter { status: Some(OrderStatus::Completed), ..search(&["zoe"]) }, vec![&b]),
        (OrderFilter { email_key: Some(a.email_key.clone()), ..search(&["zoe"]) }, vec![&a]),
        (OrderFilter { placed_before: Some(a.placed_at), ..search(&["zoe"]) }, vec![&a]),
        (OrderFilter { customer_id: Some(lab.id()), ..search(&["zoe"]) }, vec![]),
        (number("7KQ2M-X9D4T"), vec![&a]),
        (number("7kq2m-x9d4t"), vec![]),
        (OrderFilter { status: Some(OrderStatus::Completed), ..number("7KQ2M-X9D4T") }, vec![]),
    ];
    for (filter, wanted) in cases {
        same_set(lab.store.list_orders(&filter, &everything()), &wanted, &filter).await?;
    }
    // It is still found after a change.
    let moved = next(&a, |order| order.status = OrderStatus::Canceled);
    accepted(lab.commit([update(&moved)]).await)?;
    same_set(lab.store.list_orders(&search(&["lodz"]), &everything()), &[&moved], &"after a change").await?;
    let found = [moved, b];
    check_list(&found, async |request| lab.store.list_orders(&search(&["zoe"]), request).await).await
}

pub(super) async fn orders_are_paged(mut lab: Lab) -> CaseResult {
    let product = lab.product("Tea");
    accepted(lab.commit([insert(&product)]).await)?;
    let mut orders = Vec::new();
    for total in [5, 3, 5, 0, i64::MAX, 3, 4] {
        if orders.len() % 2 == 0 {
            lab.tick();
        }
        let (cart, order) = lab.order(&product);
        let order = Order { total: Amount(total), billing_address: address(), ..order };
        accepted(lab.commit([insert(&cart), insert(&order)]).await)?;
        orders.push(order);
    }
    let filter = OrderFilter::default();
    check_list(&orders, async |request| lab.store.list_orders(&filter, request).await).await
}
