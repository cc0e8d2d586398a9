//! Amounts that Stripe cannot charge cannot be ordered.

use super::*;

/// A shop in this currency, with one product at this price and free shipping.
async fn selling(currency: &str, price: &str) -> (Store, TestProduct) {
    let store = Store::open_with(&[("CURRENCY", currency), ("MANUAL_PAYMENTS", "True")]).await;
    let goods = store.shop.product("THING", price, 100).await;
    (store, goods)
}

impl Store {
    /// A guest's attempt to order this quantity through a gateway.
    async fn try_order(&self, goods: &TestProduct, quantity: i64, change: Value) -> (String, TestResponse) {
        let cart = self.shop.guest_cart(goods, quantity).await;
        let mut body = self.order.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = self.shop.as_guest("POST", "/orders/", &cart, &body).await;
        (cart, answer)
    }

    async fn orders_by(&self, goods: &TestProduct, quantity: i64, gateway: &str) -> Value {
        let (_, answer) = self.try_order(goods, quantity, json!({"payment_gateway": gateway})).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }
}

fn rounding(order: &Value) -> Vec<Value> {
    let adjustments = order["adjustments"].as_array().unwrap().iter();
    adjustments.filter(|one| one["kind"] == "rounding").map(|one| one["amount"].clone()).collect()
}

#[tokio::test]
async fn dinars_are_rounded_to_what_is_charged_and_paid() {
    for currency in ["KWD", "BHD", "OMR", "JOD", "TND"] {
        let (store, goods) = selling(currency, "1.625").await;
        let (cart, refusal) = store.try_order(&goods, 1, json!({"expected_total": "1.625"})).await;
        refused(&refusal, 409, "total_changed");
        assert!(refusal.json()["detail"].as_str().unwrap().contains("1.630"), "{refusal:?}");
        let mut body = store.order.clone();
        body["expected_total"] = json!("1.630");
        let placed = store.shop.as_guest("POST", "/orders/", &cart, &body).await;
        assert_eq!(placed.status, 201, "{placed:?}");
        let placed = placed.json();
        assert_eq!((&placed["subtotal"], &placed["total"]), (&json!("1.625"), &json!("1.630")));
        assert_eq!(rounding(&placed), [json!("0.005")]);
        let (id, payment) = (text(&placed["id"]), text(&placed["payments"][0]["id"]));
        let secret = store.secret_of(&id, &text(&placed["access_token"])).await;
        assert_eq!(store.stripe.payments()[0]["amount"], 1630, "{currency}");
        store.stripe.pay(&secret, Card::Visa).unwrap();
        store.deliver_all().await;
        store.until_paid(&id, "paid").await;

        // A refund must be a multiple, too.
        let wrong = store.act(&payment, "refunds", &json!({"amount": "0.005"})).await;
        refused(&wrong, 400, "invalid");
        assert!(wrong.json()["errors"]["amount"].to_string().contains("0.010"), "{wrong:?}");
        let part = store.act(&payment, "refunds", &json!({"amount": "0.010"})).await;
        assert_eq!((part.status, &part.json()["status"]), (201, &json!("succeeded")), "{part:?}");
        assert_eq!(store.act(&payment, "refunds", &json!({})).await.json()["amount"], "1.620");
        store.until_paid(&id, "refunded").await;
        store.is_sound().await;
    }
}

#[tokio::test]
async fn only_its_own_gateway_rounds_a_total() {
    let (store, goods) = selling("KWD", "1.625").await;
    let placed = store.orders_by(&goods, 1, "manual").await;
    assert_eq!((&placed["total"], rounding(&placed)), (&json!("1.625"), vec![]));
    // It cannot become a payment that can never be captured.
    let headers = [("X-Order-Token", placed["access_token"].as_str().unwrap())];
    let begin = |gateway: &str| json!({"order_id": placed["id"], "gateway": gateway});
    let refusal = store.shop.call_with("POST", "/payments/", &headers, &begin("stripe")).await;
    refused(&refusal, 409, "total_not_chargeable");
    assert!(refusal.json()["detail"].as_str().unwrap().contains("0.010 KWD"), "{refusal:?}");
    assert_eq!(store.payment(&text(&placed["payments"][0]["id"])).await["status"], "pending");
    assert!(store.stripe.payments().is_empty(), "nothing was asked");
    // A total that is already a multiple stays unchanged.
    let twice = store.orders_by(&goods, 2, "stripe").await;
    assert_eq!((&twice["total"], rounding(&twice)), (&json!("3.250"), vec![]));
    store.is_sound().await;
}

#[tokio::test]
async fn what_is_too_little_or_too_much_is_not_ordered() {
    for (currency, price, quantity, told) in [
        ("USD", "0.49", 1, "0.50 USD"),
        ("EUR", "0.01", 1, "0.50 EUR"),
        ("GBP", "0.29", 1, "0.30 GBP"),
        ("JPY", "49", 1, "50 JPY"),
        ("HUF", "174.99", 1, "175.00 HUF"),
        ("KWD", "0.004", 1, "0.010 KWD"),
        ("USD", "999999.99", 2, "999999.99 USD"),
        ("IQD", "10.000", 1, "IQD"),
    ] {
        let (store, goods) = selling(currency, price).await;
        let (cart, refusal) = store.try_order(&goods, quantity, json!({})).await;
        refused(&refusal, 409, "total_not_chargeable");
        assert!(refusal.json()["detail"].as_str().unwrap().contains(told), "{refusal:?}");
        // The cart is unchanged, and can be ordered another way.
        let mut body = store.order.clone();
        body["payment_gateway"] = json!("manual");
        let placed = store.shop.as_guest("POST", "/orders/", &cart, &body).await;
        assert_eq!(placed.status, 201, "{placed:?}");
        assert!(store.stripe.payments().is_empty());
        store.is_sound().await;
    }
    let (store, goods) = selling("USD", "0.50").await;
    store.orders_by(&goods, 1, "stripe").await;
    // A free order is not charged at all.
    let free = store.shop.product("FREE", "0", 9).await;
    let placed = store.orders_by(&free, 1, "stripe").await;
    assert_eq!((&placed["total"], &placed["payment_status"]), (&json!("0.00"), &json!("paid")));
    store.is_sound().await;
}

#[tokio::test]
async fn a_draft_is_rounded_as_a_cart_is() {
    let (store, goods) = selling("KWD", "1.625").await;
    let draft = json!({"email": "ada@example.com", "items": [{"sku": goods.sku, "quantity": 1}]});
    let draft = store.shop.post("/orders/drafts/", Some(&store.staff), &draft).await;
    assert_eq!(draft.status, 201, "{draft:?}");
    let place = format!("/orders/drafts/{}/place/", text(&draft.json()["id"]));
    let placed = store.shop.post(&place, Some(&store.staff), &store.order).await;
    assert_eq!(placed.status, 201, "{placed:?}");
    assert_eq!((&placed.json()["total"], rounding(&placed.json())), (&json!("1.630"), vec![json!("0.005")]));
    store.is_sound().await;
}

#[tokio::test]
async fn parts_of_what_was_authorized_are_multiples_too() {
    let stripe = [("CURRENCY", "KWD"), ("STRIPE_CAPTURE", "manual")];
    let store = Store::open_with(&stripe).await;
    let goods = store.shop.product("THING", "1.625", 100).await;
    let placed = store.orders_by(&goods, 1, "stripe").await;
    let (id, payment) = (text(&placed["id"]), text(&placed["payments"][0]["id"]));
    let secret = store.secret_of(&id, &text(&placed["access_token"])).await;
    store.stripe.pay(&secret, Card::Visa).unwrap();
    store.deliver_all().await;
    store.until_paid(&id, "authorized").await;
    let wrong = store.act(&payment, "capture", &json!({"amount": "1.625"})).await;
    refused(&wrong, 400, "invalid");
    assert!(wrong.json()["errors"]["amount"].to_string().contains("0.010"), "{wrong:?}");
    let taken = store.act(&payment, "capture", &json!({"amount": "1.620"})).await;
    assert_eq!((taken.status, &taken.json()["amount_captured"]), (200, &json!("1.620")), "{taken:?}");
    store.is_sound().await;
}
