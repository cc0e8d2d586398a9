//! Payments through a fake bank, on the memory store: the normal days, and the bad ones.

mod callers;
mod days;
mod limits;
mod simulation;

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;

use crate::actor::Actor;
use crate::error::Result;
use crate::gateway::{GatewayEventHeaders, ManualGateway};
use crate::id::{OrderId, PaymentId};
use crate::model::orders::{OrderStatus, PaymentStatus};
use crate::model::payments::{Payment, PaymentState};
use crate::orders::fixtures::{Offer, guest, offer};
use crate::orders::{OrderView, PlaceOrder};
use crate::payments::fake_gateway::{FakeGateway, SIGNATURE};
use crate::payments::{AmountInput, RefundInput};
use crate::shop::Tokens;
use crate::testing::{World, block_on, world_with};

/// A shop that takes payments through a fake bank.
pub(super) struct GatewayTest {
    pub(super) world: World,
    pub(super) bank: Arc<FakeGateway>,
    pub(super) offer: Offer,
    pub(super) staff: Actor,
}

/// A placed order and its payment.
#[derive(Clone, Copy)]
pub(super) struct Placed {
    pub(super) order: OrderId,
    pub(super) payment: PaymentId,
}

impl GatewayTest {
    pub(super) fn open(bank: FakeGateway) -> Self {
        let bank = Arc::new(bank);
        let world =
            world_with(|builder| builder.gateway(Arc::clone(&bank) as _).gateway(Arc::new(ManualGateway::default())));
        let offer = offer(&world, &[(1000, 100)]);
        let staff = world.staff("eve");
        Self { world, bank, offer, staff }
    }

    /// Places a guest's order of 25.00; returns it with the guest.
    pub(super) fn place(&self) -> (Placed, Actor) {
        let guest = guest(&self.world, self.offer.variant(0), 2);
        let order_input = PlaceOrder { payment_gateway: "bank".into(), ..self.offer.order_input() };
        let placed = block_on(self.world.shop.orders().place(&guest, order_input, None)).unwrap().value;
        let token = placed.access_token.unwrap();
        let holder = block_on(self.world.shop.identify(Tokens { order: Some(token.expose()), ..Tokens::default() }));
        let placed = Placed { order: placed.view.order.id, payment: placed.view.payments[0].id };
        (placed, holder.unwrap())
    }

    /// Places an order whose buyer has paid, which the shop knows.
    pub(super) fn paid(&self) -> Placed {
        let (placed, _) = self.place();
        self.advance(placed.payment);
        assert!(self.bank.pay(placed.payment));
        self.tell("paid", placed.payment);
        placed
    }

    pub(super) fn advance(&self, id: PaymentId) -> Payment {
        block_on(self.world.shop.payments().advance(id, |_| std::future::ready(()))).unwrap()
    }

    /// Sends an event about a payment, and lets the worker process it.
    pub(super) fn tell(&self, name: &str, id: PaymentId) {
        self.event(name, id).unwrap();
        self.world.deliver();
    }

    pub(super) fn event(&self, name: &str, id: PaymentId) -> Result<()> {
        let now = self.world.shop.context().now();
        let (signature, body) = self.bank.message(name, id, now);
        self.post(&signature, &body)
    }

    pub(super) fn post(&self, signature: &str, body: &[u8]) -> Result<()> {
        let headers = [(SIGNATURE, signature)];
        block_on(self.world.shop.payments().receive_event("bank", &GatewayEventHeaders::new(&headers), body))
    }

    pub(super) fn pass(&self, seconds: i64) {
        self.world.clock.advance(TimeDelta::seconds(seconds));
    }

    pub(super) fn view(&self, order: OrderId) -> OrderView {
        block_on(self.world.shop.orders().view(&self.staff, order)).unwrap()
    }

    pub(super) fn payment(&self, id: PaymentId) -> Payment {
        block_on(self.world.shop.store().payment(id)).unwrap().unwrap()
    }

    pub(super) fn statuses(&self, placed: Placed) -> (OrderStatus, PaymentStatus, PaymentState) {
        let view = self.view(placed.order);
        (view.order.status, view.order.payment_status, self.payment(placed.payment).state)
    }

    pub(super) fn history(&self, order: OrderId) -> Vec<String> {
        let entries = block_on(self.world.shop.orders().history(&self.staff, order)).unwrap();
        entries.into_iter().map(|entry| format!("{} by {}", entry.event, entry.actor)).collect()
    }

    /// The entries of one kind in an order's history, as this reader sees them.
    pub(super) fn told(&self, reader: &Actor, order: OrderId, event: &str) -> Vec<String> {
        let entries = block_on(self.world.shop.orders().history(reader, order)).unwrap();
        entries.into_iter().filter(|entry| entry.event == event).map(|entry| entry.detail).collect()
    }

    /// The reserved quantity of the first product.
    pub(super) fn reserved(&self) -> i64 {
        block_on(self.world.shop.store().stock_of(&[self.offer.variant(0)])).unwrap()[0].reserved
    }

    pub(super) fn refund(&self, id: PaymentId, amount: Option<&str>) -> Result<crate::payments::RefundView> {
        let input: RefundInput = serde_json::from_value(json!({"amount": amount})).unwrap();
        block_on(self.world.shop.payments().refund(&self.staff, id, input, None)).map(|refund| refund.value)
    }

    pub(super) fn capture(&self, id: PaymentId, amount: Option<&str>) -> Result<Payment> {
        let input: AmountInput = serde_json::from_value(json!({"amount": amount})).unwrap();
        block_on(self.world.shop.payments().capture(&self.staff, id, input, None)).map(|payment| payment.value)
    }

    pub(super) fn cancel(&self, actor: &Actor, order: OrderId) -> Result<OrderView> {
        block_on(self.world.shop.orders().cancel(actor, order, None)).map(|order| order.value)
    }

    pub(super) fn check(&self) -> Vec<String> {
        block_on(self.world.shop.check()).unwrap()
    }

    /// Checks that the shop's data is consistent, and that the bank received no call that a correct shop would not
    /// make.
    #[track_caller]
    pub(super) fn is_sound(&self) {
        assert_eq!(self.check(), Vec::<String>::new());
        assert_eq!(self.bank.violations(), Vec::<String>::new());
    }
}

pub(super) fn code<T>(result: Result<T>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "done")
}
