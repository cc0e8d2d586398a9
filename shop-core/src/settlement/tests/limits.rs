//! A bank that only moves multiples of 10, and charges at least 50.

use crate::gateway::ChargeLimits;
use crate::money::Amount;
use crate::orders::PlacedOrder;
use crate::payments::AttemptInput;
use crate::settlement::tests::*;

const LIMITS: ChargeLimits = ChargeLimits { step: Amount(10), minimum: Amount(50), maximum: Amount(1_000_000) };

impl GatewayTest {
    /// With one product for 3.33, and shipping for 5.00.
    fn choosy(bank: FakeGateway) -> Self {
        let bank = Arc::new(bank.that_charges(LIMITS));
        let world =
            world_with(|builder| builder.gateway(Arc::clone(&bank) as _).gateway(Arc::new(ManualGateway::default())));
        let offer = offer(&world, &[(333, 100)]);
        let staff = world.staff("eve");
        Self { world, bank, offer, staff }
    }

    fn order_by(&self, gateway: &str, quantity: i64) -> (PlacedOrder, Actor) {
        let guest = guest(&self.world, self.offer.variant(0), quantity);
        let order_input = PlaceOrder { payment_gateway: gateway.to_owned().into(), ..self.offer.order_input() };
        let placed = block_on(self.world.shop.orders().place(&guest, order_input, None)).unwrap().value;
        let token = placed.access_token.as_ref().unwrap().expose().to_owned();
        let holder = block_on(self.world.shop.identify(Tokens { order: Some(&token), ..Tokens::default() })).unwrap();
        (placed, holder)
    }
}

fn refused<T: std::fmt::Debug>(done: Result<T>) -> String {
    let error = done.unwrap_err();
    match &error {
        crate::Error::Invalid(invalid) => invalid.fields["amount"].join(" "),
        _ => error.code().to_owned(),
    }
}

#[test]
fn parts_that_a_gateway_does_not_move_are_refused_before_it_is_asked() {
    let setup = GatewayTest::choosy(FakeGateway::new("bank").that_reserves());
    // 3.33 and 5.00.
    let (order, _) = setup.order_by("bank", 1);
    let order = &order.view;
    assert_eq!((order.order.total, order.order.explanation.rounding()), (Amount(830), Amount(-3)));
    let payment = order.payments[0].id;
    setup.advance(payment);
    assert!(setup.bank.pay(payment));
    setup.tell("paid", payment);
    let asked = setup.bank.calls().len();
    assert!(refused(setup.capture(payment, Some("8.25"))).contains("0.10 USD"));
    assert_eq!(setup.bank.calls().len(), asked, "nothing was asked");
    setup.capture(payment, Some("8.20")).unwrap();
    setup.advance(payment);
    assert!(refused(setup.refund(payment, Some("0.05"))).contains("0.10 USD"));
    setup.refund(payment, Some("0.10")).unwrap();
    setup.advance(payment);
    setup.refund(payment, None).unwrap();
    setup.advance(payment);
    assert_eq!(setup.payment(payment).amount_refunded, Amount(820));
    setup.is_sound();
}

#[test]
fn another_gateway_must_be_able_to_charge_the_total_too() {
    let setup = GatewayTest::choosy(FakeGateway::new("bank"));
    let (placed, holder) = setup.order_by("manual", 1);
    let (id, total) = (placed.view.order.id, placed.view.order.total);
    assert_eq!(total, Amount(833));
    let begin = |gateway: &str| {
        let input: AttemptInput = serde_json::from_value(json!({"order_id": id, "gateway": gateway})).unwrap();
        block_on(setup.world.shop.payments().begin(&holder, input, None)).map(|begun| begun.value)
    };
    assert_eq!(refused(begin("bank")), "total_not_chargeable");
    // The pending payment was not voided for it.
    assert_eq!(setup.payment(placed.view.payments[0].id).state, PaymentState::Pending);
    begin("manual").unwrap();

    // The other direction works: the rounded total is a whole number of cents.
    let (placed, holder) = setup.order_by("bank", 1);
    let payment = placed.view.payments[0].id;
    setup.advance(payment);
    let input = || serde_json::from_value(json!({"order_id": placed.view.order.id, "gateway": "manual"})).unwrap();
    assert_eq!(refused(block_on(setup.world.shop.payments().begin(&holder, input(), None))), "request_in_progress");
    setup.advance(payment);
    let attempt = block_on(setup.world.shop.payments().begin(&holder, input(), None)).unwrap().value;
    assert_eq!(attempt.amount, Amount(830));
    setup.is_sound();
}

#[test]
fn what_goes_back_for_returned_goods_is_rounded_for_the_gateway() {
    let setup = GatewayTest::choosy(FakeGateway::new("bank"));
    // Three times 3.33 and 5.00: 14.99, rounded to 15.00.
    let (placed, holder) = setup.order_by("bank", 3);
    let order = &placed.view.order;
    assert_eq!(order.total, Amount(1500));
    let payment = placed.view.payments[0].id;
    setup.advance(payment);
    assert!(setup.bank.pay(payment));
    setup.tell("paid", payment);
    let shop = &setup.world.shop;
    let shipment = serde_json::from_value(json!({"order_id": order.id})).unwrap();
    let shipment = block_on(shop.shipping().create_shipment(&setup.staff, shipment, None)).unwrap().value.id;
    let shipped = serde_json::from_value(json!({"status": "shipped"})).unwrap();
    block_on(shop.shipping().track_shipment(&setup.staff, shipment, shipped, None)).unwrap();
    let mut back = Vec::new();
    for _ in 0..3 {
        let items = json!({"items": [{"order_item_id": order.items[0].id, "quantity": 1}]});
        let orders = shop.orders();
        let wanted = orders.request_return(&holder, order.id, serde_json::from_value(items).unwrap(), None);
        let id = block_on(wanted).unwrap().value.id;
        block_on(orders.approve_return(&setup.staff, order.id, id, None)).unwrap();
        let write_off = serde_json::from_value(json!({"restock": false})).unwrap();
        block_on(orders.receive_return(&setup.staff, order.id, id, write_off, None)).unwrap();
        let done = block_on(orders.refund_return(&setup.staff, order.id, id, None)).unwrap().value;
        back.push((done.refund_amount.0, done.amount_refunded.0));
        setup.advance(payment);
    }
    assert_eq!(back, [(333, 330); 3]);
    assert_eq!(setup.payment(payment).amount_refunded, Amount(990));
    setup.is_sound();
}
