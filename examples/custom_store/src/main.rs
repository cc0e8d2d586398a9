//! A scenario on a custom store: a product is created, a guest orders, the shop is closed and reopened, and all data is
//! still there.
//!
//! `cargo run -p custom_store` prints the scenario and fails if an assertion does not hold. The data is in one redb
//! file: a new file named by the argument, else a temporary one.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use shop_core::cart::AddItem;
use shop_core::catalog::ProductQuery;
use shop_core::id::MethodId;
use shop_core::orders::{OrderView, PaymentStatus, PlaceOrder};
use shop_core::page::PageRequest;
use shop_core::payments::AmountInput;
use shop_core::shipping::AddressInput;
use shop_core::shop::Tokens;
use shop_core::{Actor, Shop};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    run(std::env::args_os().nth(1).map(PathBuf::from).as_deref(), tell)
}

fn run(given: Option<&Path>, tell: impl Fn(&str)) -> Result<()> {
    let temporary = std::env::temp_dir().join(format!("custom_store-story-{}.redb", std::process::id()));
    let story = futures_executor::block_on(story(given.unwrap_or(&temporary), &tell));
    if given.is_none() {
        std::fs::remove_file(&temporary)?;
    }
    story
}

async fn story(file: &Path, tell: &impl Fn(&str)) -> Result<()> {
    let shop = open(file).await?;
    tell(&format!("A shop opens, with its data in {}.", file.display()));
    let lamp = json!({"name": "Reading Lamp", "price": "40", "sku": "LAMP", "stock": 3});
    shop.catalog().create_product(&Actor::system(), serde_json::from_value(lamp)?).await?;
    let zone = json!({"name": "World", "countries": ["*"]});
    let zone = shop.shipping().create_zone(&Actor::system(), serde_json::from_value(zone)?).await?;
    let post = json!({"name": "Post", "zone_id": zone.id, "rate": {"type": "flat", "price": "5"}});
    let method = shop.shipping().create_method(&Actor::system(), serde_json::from_value(post)?).await?;
    let query = ProductQuery { search: "lamp read".into(), ..ProductQuery::default() };
    let found = shop.catalog().list_products(&Actor::anonymous(), query, &PageRequest::default()).await?;
    assert_eq!(found.items.len(), 1);
    tell("Three lamps are in stock, and a search for parts of their name finds them.");

    let order = guest_orders(&shop, method.id).await?;
    let total = order.order.currency.format_amount(order.order.total);
    assert_eq!(total, "85.00");
    tell(&format!("A guest orders two: {}, {total}.", order.order.number));
    let late = shop.carts().add_item(&Actor::anonymous(), two_lamps()).await;
    assert!(late.is_err_and(|error| error.code() == "out_of_stock"));
    tell("The next buyer also wants two, but only one is left.");

    drop(shop);
    let shop = open(file).await?;
    tell("The program is restarted.");
    let payment = order.payments.first().ok_or("an order has a payment")?;
    shop.payments().capture(&Actor::system(), payment.id, AmountInput::default(), None).await?;
    let paid = shop.orders().view(&Actor::system(), order.order.id).await?;
    assert_eq!(paid.order.payment_status, PaymentStatus::Paid);
    let problems = shop.check().await?;
    assert!(problems.is_empty(), "{problems:?}");
    tell("The order is still there, its payment is recorded, and the data is consistent.");
    Ok(())
}

async fn open(file: &Path) -> Result<Shop> {
    let store = Arc::new(custom_store::open(file)?);
    let secret = b"an example's key; a real one comes from a secure random source";
    Ok(Shop::builder(store, secret).open().await?)
}

fn two_lamps() -> AddItem {
    AddItem { sku: "LAMP".into(), quantity: 2.into(), ..AddItem::default() }
}

/// Places an order as a guest, who is identified by the token of the cart.
async fn guest_orders(shop: &Shop, method: MethodId) -> Result<OrderView> {
    let cart = shop.carts().add_item(&Actor::anonymous(), two_lamps()).await?;
    let token = cart.token.ok_or("a new cart has a token")?;
    let guest = shop.identify(Tokens { cart: Some(token.expose()), ..Tokens::default() }).await?;
    let address = AddressInput {
        first_name: "Grace".into(),
        last_name: "Hopper".into(),
        line1: "1 Compiler Way".into(),
        city: "Arlington".into(),
        region: "VA".into(),
        postal_code: "22201".into(),
        country: "US".into(),
        ..AddressInput::default()
    };
    let input = PlaceOrder {
        shipping_address: address.into(),
        shipping_method_id: method.into(),
        payment_gateway: "manual".into(),
        email: "grace@example.com".into(),
        ..PlaceOrder::default()
    };
    Ok(shop.orders().place(&guest, input, None).await?.value.view)
}

#[expect(clippy::print_stdout, reason = "this program prints its steps")]
fn tell(what: &str) {
    println!("{what}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_story_goes_as_told() {
        super::run(None, |_| {}).unwrap();
    }
}
