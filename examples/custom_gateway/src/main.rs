//! A custom payment gateway on an unreliable network. One order is paid, its event arrives twice, and it is partly
//! refunded. Another order is canceled. Nothing is ever charged twice.
//!
//! - `provider.rs`: the fake provider, which moves the money;
//! - `gateway.rs`: the gateway that your own shop would contain;
//! - `main.rs`: the scenario and its assertions;
//! - `GUIDE.md` in the folder above: how to write a gateway, step by step.
//!
//! `cargo run -p custom_gateway` prints the scenario and fails if an assertion does not hold.

mod gateway;
mod provider;

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use shop_core::clock::{Clock, SystemClock, Timestamp};
use shop_core::memory::MemoryStore;
use shop_core::orders::{OrderStatus, PaymentStatus};
use shop_core::payments::{GatewayEventHeaders, Payment, PaymentState, RefundState};
use shop_core::shop::Tokens;
use shop_core::{Actor, Shop};

use gateway::{GiftAccounts, SIGNATURE};
use provider::Provider;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const SECRET: &[u8] = b"what the provider and the shop share";

fn main() -> Outcome {
    run(tell)
}

fn run(tell: impl Fn(&str)) -> Outcome {
    tokio::runtime::Builder::new_current_thread().build()?.block_on(story(&tell))
}

/// A clock that the scenario sets, so that it never has to wait.
struct Watch(Mutex<Timestamp>);

impl Watch {
    fn pass(&self, seconds: i64) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now += chrono::TimeDelta::seconds(seconds);
    }
}

impl Clock for Watch {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The shop and its clock.
struct World {
    shop: Shop,
    watch: Arc<Watch>,
}

#[expect(clippy::print_stdout, reason = "this program prints its steps")]
fn tell(what: &str) {
    println!("{what}");
}

async fn story(tell: &impl Fn(&str)) -> Outcome {
    let provider = Arc::new(Provider::new(SECRET));
    let gifts = Arc::new(GiftAccounts::new(Arc::clone(&provider), SECRET));
    let watch = Arc::new(Watch(Mutex::new(SystemClock.now())));
    let shop = Shop::builder(Arc::new(MemoryStore::new()), b"32 bytes from a good source, kept").gateway(gifts);
    let shop = shop.clock(Arc::clone(&watch) as _).open().await?;
    let world = World { shop: shop.clone(), watch };
    let method = goods(&shop).await?;

    tell("An order is placed, and the provider's response is lost.");
    provider.lose_responses(1);
    let (buyer, payment) = place(&shop, &method).await?;
    let asked = advance(&shop, &payment).await?;
    must(
        asked.remote.pending_call.is_some() && provider.charges() == 1,
        "the provider has charged, and the shop does not know it yet",
    )?;

    tell("The buyer agrees in the provider's app. The provider sends the event twice.");
    let number = provider.find_charge(None, &payment.id.to_string()).ok_or("there is no charge")?.number;
    let now = shop.context().now().timestamp();
    let (signature, body) = provider.agree(&number, now).ok_or("the charge does not wait")?;
    for _ in 0..2 {
        let headers = [(SIGNATURE, signature.as_str())];
        shop.payments().receive_event("gift", &GatewayEventHeaders::new(&headers), &body).await?;
    }
    let forged = [(SIGNATURE, "0000")];
    let refused = shop.payments().receive_event("gift", &GatewayEventHeaders::new(&forged), &body).await;
    must(refused.is_err_and(|error| error.code() == "invalid_signature"), "a forged message is refused")?;

    tell("The buyer comes back. The shop finds out what the lost response said.");
    let paid = settled(&world, &buyer, &payment).await?;
    must(paid.amount_captured == paid.amount && provider.charges() == 1, "it is paid once")?;
    let order = shop.orders().view(&buyer, paid.order_id).await?.order;
    must(order.payment_status == PaymentStatus::Paid, "and so is the order")?;

    tell("Part of the money is refunded.");
    let part = serde_json::from_value(json!({"amount": "5.00", "reason": "A scratch."}))?;
    shop.payments().refund(&Actor::system(), paid.id, part, None).await?;
    let back = settled(&world, &buyer, &payment).await?;
    must(back.refunds.iter().all(|refund| refund.state == RefundState::Succeeded), "the provider refunded it")?;
    must(back.amount_refunded.0 == 500, "five dollars")?;

    tell("Another order is canceled before it is paid: the shop asks the provider first.");
    let (buyer, payment) = place(&shop, &method).await?;
    advance(&shop, &payment).await?;
    shop.orders().cancel(&buyer, payment.order_id, None).await?;
    let voided = settled(&world, &buyer, &payment).await?;
    must(voided.state == PaymentState::Voided, "the charge is withdrawn")?;
    let order = shop.orders().view(&buyer, voided.order_id).await?.order;
    must(order.status == OrderStatus::Canceled, "and the order canceled")?;

    must(shop.check().await?.is_empty(), "the data is consistent")?;
    tell("The data is consistent.");
    Ok(())
}

/// Creates a product, and a shipping method that accepts every country. Returns the method's id.
async fn goods(shop: &Shop) -> Outcome<Value> {
    let boss = Actor::system();
    let lamp = json!({"name": "Lamp", "price": "19.99", "sku": "LAMP", "stock": 5});
    shop.catalog().create_product(&boss, serde_json::from_value(lamp)?).await?;
    let zone = json!({"name": "Everywhere", "countries": ["*"]});
    let zone = shop.shipping().create_zone(&boss, serde_json::from_value(zone)?).await?;
    let post = json!({"name": "Post", "zone_id": zone.id, "rate": {"type": "flat", "price": "5"}});
    let method = shop.shipping().create_method(&boss, serde_json::from_value(post)?).await?;
    Ok(json!(method.id))
}

/// Places a guest's order for a lamp, to be paid from a gift account.
async fn place(shop: &Shop, method: &Value) -> Outcome<(Actor, Payment)> {
    let item = serde_json::from_value(json!({"sku": "LAMP"}))?;
    let cart = shop.carts().add_item(&Actor::anonymous(), item).await?;
    let token = cart.token.ok_or("a guest gets a token")?;
    let guest = shop.identify(Tokens { cart: Some(token.expose()), ..Tokens::default() }).await?;
    let order_input = json!({
        "shipping_address": {
            "first_name": "Ada", "last_name": "Lovelace", "line1": "12 St James's Square", "city": "London", "country": "GB",
        },
        "shipping_method_id": method, "payment_gateway": "gift", "email": "ada@example.com",
    });
    let placed = shop.orders().place(&guest, serde_json::from_value(order_input)?, None).await?.value;
    let token = placed.access_token.ok_or("a guest's order has a token")?;
    let buyer = shop.identify(Tokens { order: Some(token.expose()), ..Tokens::default() }).await?;
    let payment = placed.view.payments.into_iter().next().ok_or("an order has a payment")?;
    Ok((buyer, payment))
}

/// Makes the pending gateway calls of a payment.
async fn advance(shop: &Shop, payment: &Payment) -> Outcome<Payment> {
    Ok(shop.payments().advance(payment.id, |_| std::future::ready(())).await?)
}

/// Advances the clock and runs the worker, which retries failed calls after a few seconds (in a server it runs all the
/// time). Then the buyer returns from the provider.
async fn settled(world: &World, buyer: &Actor, payment: &Payment) -> Outcome<Payment> {
    for _ in 0..3 {
        world.watch.pass(10);
        world.shop.worker().run_once().await?;
    }
    world.shop.payments().confirm(buyer, payment.id).await?;
    advance(&world.shop, payment).await
}

fn must(holds: bool, what: &str) -> Outcome {
    if holds { Ok(()) } else { Err(format!("It should be so: {what}.").into()) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_story_goes_as_told() {
        super::run(|_| {}).unwrap();
    }
}
