//! Tests which change sends which mail, once, and its content.

use std::sync::{Arc, Barrier, Mutex};

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::actor::Actor;
use crate::error::BoxError;
use crate::gateway::ManualGateway;
use crate::id::{OrderId, PaymentId, ReturnId};
use crate::idempotency::IdempotencyKey;
use crate::mail::{MailRefused, Mailer, Message};
use crate::model::orders::Order;
use crate::model::outbox::{DeliveryFilter, DeliveryStatus, MAIL};
use crate::orders::PlaceOrder;
use crate::orders::fixtures::{Offer, guest, offer};
use crate::page::PageRequest;
use crate::shop::{Settings, Tokens};
use crate::testing::{World, block_on, world, world_with};
use crate::worker::Worker;

fn input<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

/// A guest's order of two units at 10.00, shipped for 5.00.
struct Sold {
    world: World,
    offer: Offer,
    staff: Actor,
    guest: Actor,
    order: Order,
    payment: PaymentId,
}

fn sold_in(world: World) -> Sold {
    let (offer, staff) = (offer(&world, &[(1000, 10)]), world.staff("eve"));
    let buyer = guest(&world, offer.variant(0), 2);
    let order_input = PlaceOrder { note: "Buy at evil.example!".into(), ..offer.order_input() };
    let placed = block_on(world.shop.orders().place(&buyer, order_input, None)).unwrap().value;
    let token = placed.access_token.unwrap();
    let guest = block_on(world.shop.identify(Tokens { order: Some(token.expose()), ..Tokens::default() })).unwrap();
    let payment = placed.view.payments[0].id;
    Sold { world, offer, staff, guest, order: placed.view.order, payment }
}

fn sold() -> Sold {
    sold_in(world())
}

impl Sold {
    /// The mails since the last call, oldest first.
    fn mails(&self) -> Vec<Message> {
        self.world.deliver();
        let mut mails = self.world.mailer.sent();
        mails.sort_by_key(|mail| mail.id);
        self.world.mailer.clear();
        assert!(mails.iter().all(|mail| mail.to == "ada@example.com"));
        mails
    }

    /// The subjects of the mails since the last call, without the part that all share.
    fn news(&self) -> Vec<String> {
        self.without_number(self.mails())
    }

    fn without_number(&self, mails: Vec<Message>) -> Vec<String> {
        let number = &self.order.number;
        let subjects = mails.into_iter().map(|mail| mail.subject);
        subjects
            .inspect(|subject| assert!(subject.contains(number.as_str()), "{subject}"))
            .map(|subject| {
                subject
                    .replace(&format!("order {number} at Shop"), "…")
                    .replace(&format!("Order {number} at Shop"), "…")
            })
            .collect()
    }

    fn capture(&self, amount: &str, key: Option<&IdempotencyKey>) {
        let amount = input(json!({ "amount": amount }));
        block_on(self.world.shop.payments().capture(&self.staff, self.payment, amount, key)).unwrap();
    }

    fn ship(&self, quantity: i64) {
        let items = json!([{"order_item_id": self.order.items[0].id, "quantity": quantity}]);
        let shipment = json!({"order_id": self.order.id, "items": items, "tracking_number": "RM123456785GB"});
        let shipping = self.world.shop.shipping();
        let shipment = block_on(shipping.create_shipment(&self.staff, input(shipment), None)).unwrap().value;
        for status in ["shipped", "in_transit", "delivered"] {
            block_on(shipping.track_shipment(&self.staff, shipment.id, input(json!({ "status": status })), None))
                .unwrap();
        }
    }
}

#[test]
fn each_change_writes_its_mail_once() {
    let sold = sold();
    let (shop, staff, order) = (&sold.world.shop, &sold.staff, sold.order.id);
    assert_eq!(sold.news(), ["Your …"]);
    sold.capture("10.00", None);
    sold.capture("15.00", None);
    assert_eq!(sold.news(), ["Payment received for …", "Payment received for …"]);
    sold.ship(1);
    sold.ship(1);
    assert_eq!(sold.news(), ["… has been shipped", "… has been shipped"]);
    let refund = input(json!({"amount": "1.00", "reason": "a secret of staff"}));
    block_on(shop.payments().refund(staff, sold.payment, refund, None)).unwrap();
    assert_eq!(sold.news(), ["Refund for …"]);

    let asked = || {
        let items = json!([{"order_item_id": sold.order.items[0].id, "quantity": 1}]);
        let asked = input(json!({ "items": items, "note": "Buy at evil.example!" }));
        block_on(shop.orders().request_return(&sold.guest, order, asked, None)).unwrap().value.id
    };
    let (first, second) = (asked(), asked());
    assert_eq!(sold.news(), Vec::<String>::new());
    block_on(shop.orders().approve_return(staff, order, first, None)).unwrap();
    let reason = input(json!({"reason": "It was used.\nAnd broken."}));
    block_on(shop.orders().reject_return(staff, order, second, reason, None)).unwrap();
    block_on(shop.orders().receive_return(staff, order, first, input(json!({"restock": true})), None)).unwrap();
    block_on(shop.orders().refund_return(staff, order, first, None)).unwrap();
    let expected = [
        "Your return for … was approved",
        "Your return for … was not accepted",
        "Your return for … has arrived",
        "Refund for …",
    ];
    let mails = sold.mails();
    assert!(mails[1].text.contains("It was used.\nAnd broken.\n"), "{}", mails[1].text);
    assert!(mails[1].html.contains("<br>It was used.<br>And broken.</p>"), "{}", mails[1].html);
    assert_eq!(sold.without_number(mails), expected);
    // Internal notes send no mail.
    let note = input(json!({"text": "difficult customer", "visible_to_customer": false}));
    block_on(shop.orders().add_note(staff, order, note)).unwrap();
    assert_eq!(sold.news(), Vec::<String>::new());
    assert_eq!(block_on(shop.check()).unwrap(), Vec::<String>::new());
}

#[test]
fn a_canceled_order_is_told_of_with_its_money() {
    let sold = sold();
    sold.capture("25.00", None);
    sold.mails();
    let cancel = || block_on(sold.world.shop.orders().cancel(&sold.guest, sold.order.id, None));
    cancel().unwrap();
    cancel().unwrap_err();
    let mails = sold.mails();
    assert_eq!(mails.len(), 2);
    assert!(mails[0].subject.contains("was canceled") && !mails[0].text.contains("did not arrive in time"));
    assert!(mails[1].subject.contains("Refund") && mails[1].text.contains("25.00 USD"), "{}", mails[1].text);

    let late = sold_in(world());
    late.mails();
    late.world.clock.advance(chrono::TimeDelta::days(8));
    assert_eq!(block_on(late.world.shop.worker().sweep()).unwrap(), 1);
    assert_eq!(block_on(late.world.shop.worker().sweep()).unwrap(), 0);
    let mails = late.mails();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].text.contains("its payment did not arrive in time"), "{}", mails[0].text);
}

#[test]
fn repeated_and_racing_calls_write_one_mail() {
    let sold = sold();
    sold.mails();
    let key = IdempotencyKey::new("once", &json!({})).unwrap();
    sold.capture("25.00", Some(&key));
    sold.capture("25.00", Some(&key));
    assert_eq!(sold.news(), ["Payment received for …"]);
    let barrier = Barrier::new(4);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                barrier.wait();
                let _ = block_on(sold.world.shop.orders().cancel(&sold.staff, sold.order.id, None));
            });
        }
    });
    assert_eq!(sold.news(), ["… was canceled", "Refund for …"]);
}

#[test]
fn a_mail_says_all_that_was_agreed() {
    let world = world();
    let system = Actor::system();
    let details = json!({"name": "Tea & Co", "legal_name": "Tea & Company Ltd", "address": "1 High Street\nLondon",
        "vat_id": "GB 123 4567 89", "contact_email": "hello@tea.example", "terms_url": "https://tea.example/terms",
        "returns_url": "https://tea.example/returns"});
    block_on(world.shop.details().change(&system, input(details), None)).unwrap();
    let rate = input(json!({"name": "VAT", "country": "GB", "rate": "0.2", "applies_to_shipping": true}));
    block_on(world.shop.catalog().create_tax_rate(&system, rate)).unwrap();
    let offer_of = |name: &str| input(json!({"name": name, "kind": "percent", "value": "10"}));
    block_on(world.shop.catalog().create_promotion(&system, offer_of("Autumn <sale>"))).unwrap();
    let sold = sold_in(world);
    let mail = sold.mails().remove(0);
    assert_eq!(mail.reply_to.as_deref(), Some("hello@tea.example"));
    let number = sold.order.number.as_str();
    // 20.00 less 10 %, 5.00 for shipping, and 20 % tax on 23.00.
    assert_eq!(sold.order.total.0, 2760);
    let everything = [
        number,
        "Hello Ada Lovelace",
        "10.00 USD",
        "20.00 USD",
        "Autumn <sale>",
        "-2.00 USD",
        "Post",
        "5.00 USD",
        "VAT (20 %)",
        "23.00 USD",
        "4.60 USD",
        "27.60 USD",
        "12 St James's Square",
        "London",
        "GB",
        &sold.order.items[0].name,
        &sold.order.items[0].sku,
        "Tea & Company Ltd",
        "1 High Street",
        "GB 123 4567 89",
        "https://tea.example/terms",
        "https://tea.example/returns",
    ];
    let escaped = |text: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('\'', "&#x27;")
            .replace('/', "&#x2f;")
    };
    for words in everything {
        assert!(mail.text.contains(words), "{words} is not in\n{}", mail.text);
        assert!(mail.html.contains(&escaped(words)), "{words} is not in\n{}", mail.html);
    }
    // The buyer's note is not mailed: the address may be another person's.
    assert!(!mail.text.contains("evil") && !mail.html.contains("evil"));
    // No text runs together, and no template syntax is left.
    for part in [&mail.text, &mail.html] {
        assert!(!part.contains("{%") && !part.contains("{{") && !part.contains("\n\n\n\n"), "{part}");
    }
    assert!(!mail.html.contains("http://") && !mail.html.contains("<img") && !mail.html.contains("<script"));
    // The amounts are those of the order, whatever has changed since.
    let dearer = input(json!({"price": "99.00"}));
    block_on(sold.world.shop.catalog().update_product(&sold.staff, sold.offer.products[0].id, dearer, None)).unwrap();
    sold.capture("27.60", None);
    let mail = sold.mails().remove(0);
    assert!(mail.text.contains("27.60 USD") && !mail.text.contains("99.00"), "{}", mail.text);
    sold.ship(2);
    let mail = sold.mails().remove(0);
    for words in ["Carrier: Royal Mail", "Tracking number: RM123456785GB", "2 x ", "12 St James's Square"] {
        assert!(mail.text.contains(words), "{words} is not in\n{}", mail.text);
    }
}

/// The lines about the order's money so far; checks that the HTML part has the same amounts.
fn so_far(mail: &Message) -> Vec<String> {
    let labels = ["Canceled or returned: ", "Paid so far: ", "Refunded so far: ", "Still to be paid: "];
    let lines = mail.text.lines().filter(|line| labels.iter().any(|label| line.starts_with(label)));
    let lines: Vec<_> = lines.map(str::to_owned).collect();
    for label in labels {
        let amount = lines.iter().find_map(|line| line.strip_prefix(label));
        let label = label.trim_end_matches(": ");
        assert_eq!(mail.html.contains(label), amount.is_some(), "{label}: {}", mail.html);
        assert!(amount.is_none_or(|amount| mail.html.contains(&format!(">{amount}<"))), "{label}: {}", mail.html);
    }
    lines
}

#[test]
fn mails_say_what_was_canceled_paid_and_refunded_so_far() {
    let sold = sold();
    let (shop, staff) = (&sold.world.shop, &sold.staff);
    assert_eq!(so_far(&sold.mails().remove(0)), Vec::<String>::new());
    sold.capture("10.00", None);
    assert_eq!(so_far(&sold.mails().remove(0)), ["Paid so far: 10.00 USD", "Still to be paid: 15.00 USD"]);
    let one = input(json!({"items": [{"order_item_id": sold.order.items[0].id, "quantity": 1}]}));
    block_on(shop.orders().cancel_items(staff, sold.order.id, one, None)).unwrap();
    sold.capture("5.00", None);
    let mail = sold.mails().remove(0);
    assert_eq!(so_far(&mail), ["Canceled or returned: -10.00 USD", "Paid so far: 15.00 USD"]);
    assert!(mail.text.contains("Total: 25.00 USD"), "{}", mail.text);
    assert!(mail.text.contains("2 x 10.00 USD = 20.00 USD, 1 canceled\n"), "{}", mail.text);
    assert!(mail.html.contains("10.00 USD, 1 canceled<"), "{}", mail.html);
    let refund = input(json!({"amount": "1.00"}));
    block_on(shop.payments().refund(staff, sold.payment, refund, None)).unwrap();
    let mail = sold.mails().remove(0);
    let expected = ["Canceled or returned: -10.00 USD", "Paid so far: 15.00 USD", "Refunded so far: 1.00 USD"];
    assert_eq!(so_far(&mail), expected);
    assert!(mail.subject.starts_with("Refund for"), "{}", mail.subject);
}

#[test]
fn the_confirmation_says_how_to_pay_what_is_to_be_paid() {
    let gateways = || {
        world_with(|builder| {
            let (trust, bank) = (ManualGateway::default(), ManualGateway::new("bank", "Bank transfer").prepaid());
            builder.gateway(Arc::new(trust)).gateway(Arc::new(bank))
        })
    };
    let sold = sold_in(gateways());
    let mail = sold.mails().remove(0);
    assert!(mail.text.contains("\n\nPayment: Cash on delivery or payment in advance\n\n"), "{}", mail.text);
    assert!(mail.html.contains(">Cash on delivery or payment in advance<"), "{}", mail.html);
    // Another gateway was chosen before the mail was composed.
    let other = sold_in(gateways());
    let attempt = input(json!({"order_id": other.order.id, "gateway": "bank"}));
    block_on(other.world.shop.payments().begin(&other.guest, attempt, None)).unwrap();
    let mail = other.mails().remove(0);
    assert!(mail.text.contains("\n\nPayment: Bank transfer\n\n"), "{}", mail.text);
    let paid = sold_in(gateways());
    paid.capture("25.00", None);
    let mail = paid.mails().remove(0);
    assert!(mail.subject.starts_with("Your order"), "{}", mail.subject);
    assert!(!mail.text.contains("Payment:") && !mail.html.contains("Cash on delivery"), "{}", mail.text);
}

/// The mail about the received goods of a return.
fn received(sold: &Sold, id: ReturnId) -> Message {
    sold.mails();
    let (orders, restock) = (sold.world.shop.orders(), input(json!({"restock": true})));
    block_on(orders.receive_return(&sold.staff, sold.order.id, id, restock, None)).unwrap();
    let mail = sold.mails().remove(0);
    assert!(mail.subject.contains("has arrived"), "{}", mail.subject);
    mail
}

fn withdrawn(sold: &Sold) -> ReturnId {
    let all = block_on(sold.world.shop.orders().withdraw(&sold.guest, sold.order.id, input(json!({})), None));
    all.unwrap().value.withdrawal.return_id.unwrap()
}

#[test]
fn a_return_after_a_withdrawal_names_goods_and_shipping() {
    let sold = sold();
    sold.capture("25.00", None);
    sold.ship(2);
    let mail = received(&sold, withdrawn(&sold));
    let words = "The goods are worth 20.00 USD. The price of shipping, 5.00 USD, is given back with them: 25.00 USD in all. \
                 As soon as we give money back, we write to you.";
    assert!(mail.text.contains(words) && mail.html.contains(words), "{}", mail.text);
}

#[test]
fn a_return_that_was_never_paid_lowers_what_is_to_be_paid() {
    let some = sold();
    some.ship(2);
    let orders = some.world.shop.orders();
    let one = input(json!({"items": [{"order_item_id": some.order.items[0].id, "quantity": 1}]}));
    let one = block_on(orders.request_return(&some.guest, some.order.id, one, None)).unwrap().value.id;
    block_on(orders.approve_return(&some.staff, some.order.id, one, None)).unwrap();
    let mail = received(&some, one);
    let words = "The goods are worth 10.00 USD and were not paid. So 10.00 USD less is to be paid for the order. \
                 15.00 USD is still to be paid.";
    assert!(mail.text.contains(words) && mail.html.contains(words), "{}", mail.text);
    assert!(!mail.text.contains("give money back") && !mail.html.contains("give money back"), "{}", mail.text);
    some.capture("15.00", None);
    let mail = some.mails().remove(0);
    assert_eq!(so_far(&mail), ["Canceled or returned: -10.00 USD", "Paid so far: 15.00 USD"]);
    assert!(mail.text.contains("2 x 10.00 USD = 20.00 USD, 1 returned\n"), "{}", mail.text);

    let all = sold();
    all.ship(2);
    let mail = received(&all, withdrawn(&all));
    let words = "The goods are worth 20.00 USD and were not paid. The price of shipping, 5.00 USD, is not to be paid either. \
                 So 25.00 USD less is to be paid for the order. Nothing is left to pay.";
    assert!(mail.text.contains(words) && mail.html.contains(words), "{}", mail.text);
}

#[test]
fn what_is_for_staff_only_is_in_no_mail() {
    let sold = sold();
    let (shop, staff) = (&sold.world.shop, &sold.staff);
    sold.capture("25.00", None);
    let refund = input(json!({"amount": "1.00", "reason": "a secret of staff"}));
    block_on(shop.payments().refund(staff, sold.payment, refund, None)).unwrap();
    let note = input(json!({"text": "a secret of staff", "visible_to_customer": false}));
    block_on(shop.orders().add_note(staff, sold.order.id, note)).unwrap();
    let canceled = input(json!({"ids": [sold.order.id], "reason": "a secret of staff"}));
    block_on(shop.orders().cancel_many(staff, canceled, None)).unwrap();
    let mails = sold.mails();
    assert!(mails.len() >= 4, "{mails:?}");
    for mail in mails {
        assert!(!mail.text.contains("secret") && !mail.html.contains("secret"), "{}", mail.text);
    }
}

fn waiting(world: &World, status: Option<DeliveryStatus>) -> usize {
    let filter = DeliveryFilter { receiver: MAIL.to_owned(), status };
    block_on(world.shop.store().list_deliveries(&filter, &PageRequest::default())).unwrap().items.len()
}

#[test]
fn mails_can_be_turned_off() {
    let off = || Settings { order_emails: false, ..Settings::default() };
    let sold = sold_in(world_with(|builder| builder.settings(off())));
    sold.capture("25.00", None);
    sold.ship(2);
    assert_eq!(waiting(&sold.world, None), 0, "none is written");
    assert!(sold.mails().is_empty());
    // A mail that is queued when mails are turned off is not sent.
    let on = sold_in(world());
    assert_eq!(waiting(&on.world, Some(DeliveryStatus::Pending)), 1);
    let mailer = Arc::clone(&on.world.mailer);
    let builder = crate::shop::Shop::builder(Arc::clone(&on.world.store) as _, &[42; 32]);
    let turned_off =
        block_on(builder.settings(off()).clock(Arc::clone(&on.world.clock) as _).mailer(mailer).open()).unwrap();
    block_on(turned_off.worker().run_once()).unwrap();
    assert!(on.world.mailer.sent().is_empty());
    assert_eq!(waiting(&on.world, Some(DeliveryStatus::Pending)), 0);
}

#[test]
fn without_a_mailer_none_waits() {
    let on = world();
    let builder = crate::shop::Shop::builder(Arc::clone(&on.store) as _, &[42; 32]);
    let silent = block_on(builder.clock(Arc::clone(&on.clock) as _).open()).unwrap();
    let sold = sold_in(World { shop: silent, ..on });
    assert_eq!(waiting(&sold.world, None), 0);
}

/// A mailer whose responses the test sets.
#[derive(Default)]
struct Relay {
    refuses: Mutex<Option<BoxError>>,
    taken: Mutex<Vec<String>>,
}

#[async_trait]
impl Mailer for Relay {
    async fn send(&self, message: &Message) -> Result<(), BoxError> {
        if let Some(why) = self.refuses.lock().unwrap().take() {
            return Err(why);
        }
        self.taken.lock().unwrap().push(message.subject.clone());
        Ok(())
    }
}

fn work(worker: Worker<'_>) {
    block_on(worker.run_once()).unwrap();
}

#[test]
fn what_is_refused_for_good_is_given_up_and_staff_see_why() {
    let relay = Arc::new(Relay::default());
    let sold = sold_in(world_with(|builder| builder.mailer(Arc::clone(&relay) as _)));
    let shop = &sold.world.shop;
    *relay.refuses.lock().unwrap() = Some(MailRefused("550 no such mailbox".to_owned()).into());
    sold.capture("25.00", None);
    work(shop.worker());
    assert_eq!(waiting(&sold.world, Some(DeliveryStatus::Dead)), 1);
    // Later mails about the order do not wait for it, and it is not retried.
    work(shop.worker());
    sold.world.clock.advance(chrono::TimeDelta::days(1));
    work(shop.worker());
    assert_eq!(relay.taken.lock().unwrap().len(), 1);
    let told = |reader: &Actor| {
        let history = block_on(shop.orders().history(reader, sold.order.id)).unwrap();
        history.into_iter().filter(|entry| entry.event == "mail_failed").map(|entry| entry.detail).collect::<Vec<_>>()
    };
    let staff = told(&sold.staff);
    assert!(
        staff.len() == 1 && staff[0].contains("order_placed") && staff[0].contains("550 no such mailbox"),
        "{staff:?}"
    );
    assert_eq!(told(&sold.guest), Vec::<String>::new());
    let failed = block_on(shop.mails().failed(&sold.staff, &PageRequest::default())).unwrap().items;
    assert_eq!((failed.len(), failed[0].content.mail(), failed[0].attempts), (1, Some("order_placed"), 1));
    block_on(shop.mails().failed(&sold.guest, &PageRequest::default())).unwrap_err();

    // Other errors are retried.
    *relay.refuses.lock().unwrap() = Some("451 try again later".into());
    sold.ship(2);
    work(shop.worker());
    assert_eq!(waiting(&sold.world, Some(DeliveryStatus::Pending)), 1);
    sold.world.clock.advance(chrono::TimeDelta::seconds(10));
    work(shop.worker());
    assert_eq!((relay.taken.lock().unwrap().len(), told(&sold.staff).len()), (2, 1));
}

#[test]
fn mails_of_earlier_releases_are_read() {
    let old = json!({"mail": {"kind": "password_reset_requested", "email_key": "ada@example.com"}});
    let content: crate::model::outbox::Content = input(old);
    assert!(matches!(content, crate::model::outbox::Content::Mail(_)));
    // A mail of this release as stored: these names must never change.
    let kept = json!({"order_mail": {"order_id": OrderId(uuid::Uuid::nil()), "news": {"kind": "withdrawal_received",
        "received_at": "2026-11-30T09:00:00Z", "items": []}}});
    assert!(matches!(input(kept), crate::model::outbox::Content::OrderMail(_)));
}

#[test]
fn a_withdrawal_gets_its_receipt() {
    use crate::batch::{Batch, Decision};
    use crate::lifecycle::mail_buyer;
    use crate::model::orders::{MailedItem, OrderNews};

    let sold = sold();
    sold.mails();
    let (order_id, order_item_id) = (sold.order.id, sold.order.items[0].id);
    block_on(sold.world.shop.execute(&sold.guest, |mut context| async move {
        let mut batch = Batch::new(&mut context);
        let items = vec![MailedItem { order_item_id, quantity: 1 }];
        let (received_at, note) = (context.now(), "Too large.\n<b>See</b> evil.example".to_owned());
        let news = OrderNews::WithdrawalReceived { received_at, items, note, return_id: None };
        mail_buyer(&mut batch, &mut context, order_id, news);
        Ok(Decision { batch, reply: () })
    }))
    .unwrap();
    let mail = sold.mails().remove(0);
    for words in ["15 January 2027, 08:00:00 UTC", "1 x ", "receipt"] {
        assert!(mail.text.contains(words) && (words == "1 x " || mail.html.contains(words)), "{words}: {}", mail.text);
    }
    assert!(mail.text.contains("Too large.\n<b>See</b> evil. example\n"), "{}", mail.text);
    let lines = "<br>Too large.<br>&lt;b&gt;See&lt;&#x2f;b&gt; evil. example</p>";
    assert!(mail.html.contains(lines), "{}", mail.html);
    assert!(mail.subject.contains(&sold.order.number));
}
