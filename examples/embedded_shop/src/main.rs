//! A complete shop inside a program, without HTTP and without an async runtime. A customer registers, confirms the
//! address, signs in, browses, fills a cart, orders and pays. Staff ship the order, and it is tracked until delivery.
//!
//! `cargo run -p embedded_shop` prints the scenario and fails if an assertion does not hold. The data is in one SQLite
//! file: the one named by the argument, else a temporary one.

mod background;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use shop_core::accounts::{MemoryMailer, Message, RegisterInput, SignInInput, SuperuserInput, VerifyOtpInput};
use shop_core::cart::{AddItem, ShippingOptions};
use shop_core::catalog::ProductQuery;
use shop_core::id::{MethodId, OrderId};
use shop_core::idempotency::IdempotencyKey;
use shop_core::orders::{FulfillmentStatus, OrderStatus, OrderView, PaymentStatus, PlaceOrder};
use shop_core::page::PageRequest;
use shop_core::payments::AmountInput;
use shop_core::secret::Secret;
use shop_core::shipping::{AddressInput, ShipmentInput, ShipmentStatus, TrackingInput};
use shop_core::shop::Tokens;
use shop_core::{Actor, Shop};
use shop_store_sqlite::SqliteStore;

use crate::background::Background;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const PASSWORD: &str = "correct horse battery staple";
const TRACKING_NUMBER: &str = "RM123456789GB";

fn main() -> Result<()> {
    run(std::env::args_os().nth(1).map(PathBuf::from).as_deref())
}

fn run(given: Option<&Path>) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("embedded_shop-{}", std::process::id()));
    let file = if let Some(file) = given {
        file.to_owned()
    } else {
        std::fs::create_dir_all(&folder)?;
        folder.join("shop.sqlite3")
    };
    let story = futures_executor::block_on(story(&file));
    if given.is_none() {
        std::fs::remove_dir_all(&folder)?;
    }
    story
}

async fn story(file: &Path) -> Result<()> {
    let mailer = Arc::new(MemoryMailer::new());
    let (shop, store, background) = open(file, &mailer).await?;
    let staff = sign_in_staff(&shop).await?;
    stock_the_shelves(&shop, &staff).await?;
    let ada = register_and_sign_in(&shop, &mailer).await?;
    browse_and_fill_the_cart(&shop, &ada).await?;
    let order = place_the_order(&shop, &ada).await?;
    pay(&shop, &staff, &order).await?;
    ship_and_track(&shop, &staff, &ada, order.order.id).await?;

    let problems = shop.check().await?;
    assert!(problems.is_empty(), "{problems:?}");
    background.stop()?;
    drop(shop);
    store.close().await?;
    let (shop, store, background) = open(file, &mailer).await?;
    let again = shop.orders().view(&ada, order.order.id).await?;
    assert_eq!(again.order.status, OrderStatus::Completed);
    tell("The program is restarted: the order is still there, and the data is consistent.");
    background.stop()?;
    drop(shop);
    Ok(store.close().await?)
}

/// Opens a shop from its storage, a secret and replacements for default parts, and starts its worker.
async fn open(file: &Path, mailer: &Arc<MemoryMailer>) -> Result<(Shop, Arc<SqliteStore>, Background)> {
    let store = Arc::new(SqliteStore::open(file)?);
    let secret = b"an example's key; a real one comes from a secure random source";
    let shop = Shop::builder(Arc::clone(&store) as _, secret).mailer(Arc::clone(mailer) as _).open().await?;
    tell(&format!("The shop opens, with its data in {}.", file.display()));
    let background = Background::start(shop.clone());
    Ok((shop, store, background))
}

/// Creates the first superuser; the embedding program itself may do everything. Staff sign in like other users.
async fn sign_in_staff(shop: &Shop) -> Result<Actor> {
    let input = SuperuserInput { email: "sam@example.com".into(), password: Secret::from(PASSWORD).into() };
    shop.accounts().create_superuser(&Actor::system(), input).await?;
    let sam = sign_in(shop, "sam@example.com").await?;
    assert!(sam.is_staff());
    tell("Sam, who runs the shop, signs in.");
    Ok(sam)
}

/// Creates products and shipping methods. Inputs parse leniently from JSON, so that an error reports every wrong field.
async fn stock_the_shelves(shop: &Shop, staff: &Actor) -> Result<()> {
    let category = json!({"name": "Tea"});
    let category = shop.catalog().create_category(staff, serde_json::from_value(category)?).await?;
    let product = json!({
        "name": "Darjeeling First Flush", "category_id": category.id, "options": ["Weight"],
        "variants": [
            {"sku": "DARJ-100", "price": "12.50", "options": {"Weight": "100 g"}, "stock": 20, "weight_grams": 110},
            {"sku": "DARJ-250", "price": "28", "options": {"Weight": "250 g"}, "stock": 8, "weight_grams": 265},
        ],
    });
    shop.catalog().create_product(staff, serde_json::from_value(product)?).await?;
    let zone = json!({"name": "United Kingdom", "countries": ["GB"]});
    let zone = shop.shipping().create_zone(staff, serde_json::from_value(zone)?).await?;
    let method = json!({"name": "Royal Mail 48", "zone_id": zone.id, "carrier": "Royal Mail",
        "rate": {"type": "by_weight", "tiers": [{"up_to": 500, "price": "3.50"}, {"up_to": 2000, "price": "5.25"}]}});
    shop.shipping().create_method(staff, serde_json::from_value(method)?).await?;
    tell("Sam creates a tea in two sizes and a shipping method.");
    Ok(())
}

async fn register_and_sign_in(shop: &Shop, mailer: &MemoryMailer) -> Result<Actor> {
    let email = "ada@example.com";
    let input = RegisterInput {
        email: email.into(),
        password: Secret::from(PASSWORD).into(),
        first_name: "Ada".into(),
        ..RegisterInput::default()
    };
    shop.accounts().register(input).await?;
    let too_early = sign_in(shop, email).await;
    assert!(too_early.is_err(), "an address must be proven first");

    let mail = mail_to(email, mailer)?;
    let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
    let code = mail.text.lines().map(str::trim).find(is_code).ok_or("no code in the mail")?;
    shop.accounts().verify_otp(VerifyOtpInput { email: email.into(), otp: Secret::from(code).into() }).await?;
    let ada = sign_in(shop, email).await?;
    tell("Ada registers, types the code from her mail, and signs in.");
    Ok(ada)
}

/// Waits for a mail, which stays in the outbox until the worker sends it.
fn mail_to(address: &str, mailer: &MemoryMailer) -> Result<Message> {
    for _ in 0..6_000 {
        if let Some(mail) = mailer.last_to(address) {
            return Ok(mail);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err("no mail arrived".into())
}

/// Signs in and resolves the access token to an [`Actor`].
async fn sign_in(shop: &Shop, email: &str) -> Result<Actor> {
    let input = SignInInput { email: email.into(), password: Secret::from(PASSWORD).into(), ..SignInInput::default() };
    let signed_in = shop.accounts().login(&Actor::anonymous(), input).await?;
    let tokens = Tokens { access: Some(signed_in.tokens.access.expose()), ..Tokens::default() };
    Ok(shop.identify(tokens).await?)
}

async fn browse_and_fill_the_cart(shop: &Shop, ada: &Actor) -> Result<()> {
    let query = ProductQuery { search: "darj flu".into(), ..ProductQuery::default() };
    let found = shop.catalog().list_products(ada, query, &PageRequest::default()).await?;
    let product = found.items.first().ok_or("the tea was not found")?;
    assert_eq!(product.product.name, "Darjeeling First Flush");

    let two = AddItem { sku: "DARJ-100".into(), quantity: 2.into(), ..AddItem::default() };
    shop.carts().add_item(ada, two).await?;
    let too_many = AddItem { sku: "DARJ-250".into(), quantity: 9.into(), ..AddItem::default() };
    let refused = shop.carts().add_item(ada, too_many).await.err().ok_or("there are only eight")?;
    assert_eq!(refused.code(), "out_of_stock");
    let one = AddItem { sku: "DARJ-250".into(), ..AddItem::default() };
    let cart = shop.carts().add_item(ada, one).await?;
    let total = cart.currency.format_amount(cart.total);
    assert_eq!(total, "53.00");
    tell(&format!("She searches, finds {}, and fills her cart: {total} {}.", product.product.name, cart.currency));
    Ok(())
}

async fn place_the_order(shop: &Shop, ada: &Actor) -> Result<OrderView> {
    let to = ShippingOptions { country: "GB".into(), ..ShippingOptions::default() };
    let options = shop.carts().shipping_options(ada, to).await?;
    let method: MethodId = options.first().ok_or("no shipping method serves the country")?.method.id;
    let input = PlaceOrder {
        shipping_address: AddressInput {
            first_name: "Ada".into(),
            last_name: "Lovelace".into(),
            line1: "12 St James's Square".into(),
            city: "London".into(),
            postal_code: "SW1Y 4JH".into(),
            country: "GB".into(),
            ..AddressInput::default()
        }
        .into(),
        shipping_method_id: method.into(),
        payment_gateway: "manual".into(),
        ..PlaceOrder::default()
    };
    // A quote runs the same decision as placing the order, without the commit.
    let quote = shop.orders().quote(ada, input.clone()).await?;
    let total = quote.currency.format_amount(quote.total);
    assert_eq!((total.as_str(), quote.missing.len()), ("56.50", 0));
    let input = PlaceOrder { expected_total: total.as_str().into(), ..input };
    // The client chooses the idempotency key; repeated calls with it take effect once.
    let key = IdempotencyKey::new("ada-1", &json!({"what": "the order of her cart"}))?;
    let placed = shop.orders().place(ada, input.clone(), Some(&key)).await?;
    let again = shop.orders().place(ada, input, Some(&key)).await?;
    assert!(again.replayed && again.value.view == placed.value.view);
    let view = placed.value.view;
    assert_eq!(view.order.payment_status, PaymentStatus::NotPaid);
    let total = view.order.currency.format_amount(view.order.total);
    tell(&format!("She orders, and her nervous second click orders nothing more: {}, {total}.", view.order.number));
    Ok(view)
}

async fn pay(shop: &Shop, staff: &Actor, order: &OrderView) -> Result<()> {
    let payment = order.payments.first().ok_or("an order has a payment")?;
    shop.payments().capture(staff, payment.id, AmountInput::default(), None).await?;
    let paid = shop.orders().view(staff, order.order.id).await?;
    assert_eq!(paid.order.payment_status, PaymentStatus::Paid);
    tell("Her transfer arrives; Sam records it, and the order is paid.");
    Ok(())
}

async fn ship_and_track(shop: &Shop, staff: &Actor, ada: &Actor, order_id: OrderId) -> Result<()> {
    let shipment = ShipmentInput {
        order_id: order_id.into(),
        carrier: "Royal Mail".into(),
        tracking_number: TRACKING_NUMBER.into(),
        ..ShipmentInput::default()
    };
    let shipment = shop.shipping().create_shipment(staff, shipment, None).await?.value;
    for (status, description) in [("shipped", "Left the house"), ("in_transit", "London"), ("delivered", "At the door")]
    {
        let news = TrackingInput { status: status.into(), description: description.into(), ..TrackingInput::default() };
        shop.shipping().track_shipment(staff, shipment.id, news, None).await?;
        let seen = shop.shipping().tracking(TRACKING_NUMBER).await?;
        tell(&format!("The shipment {TRACKING_NUMBER} is tracked: {description}."));
        assert_eq!(seen.newest.events.last().map(|event| event.description.as_str()), Some(description));
    }
    let delivered = shop.orders().view(ada, order_id).await?;
    assert_eq!(delivered.shipments.first().map(|shipment| shipment.status), Some(ShipmentStatus::Delivered));
    assert_eq!(delivered.order.fulfillment_status, FulfillmentStatus::Delivered);
    assert_eq!(delivered.order.status, OrderStatus::Completed);
    let history = shop.orders().history(ada, order_id).await?;
    let events: Vec<_> = history.iter().map(|entry| entry.event.as_str()).collect();
    tell(&format!("Ada drinks tea. What happened: {}.", events.join(", ")));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this program prints its steps")]
fn tell(what: &str) {
    println!("{what}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_story_goes_as_told() {
        super::run(None).unwrap();
    }
}
