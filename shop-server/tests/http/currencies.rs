//! Amounts next to another currency's code are refused wherever an amount is read, and nothing is changed.

use serde_json::{Value, json};

use crate::orders::{Store, fields, refused, text, with};
use crate::support::{TestResponse, TestShop, order};

#[track_caller]
fn refuses_currency(answer: &TestResponse) {
    assert_eq!(fields(answer), ["currency"], "{answer:?}");
    assert_eq!(answer.json()["errors"]["currency"], json!(["The amounts here are in USD."]));
}

/// Variants of the body with the shop's currency, and with others.
fn spoken(body: &Value) -> (Vec<Value>, Vec<Value>) {
    let say = |words: &[Value]| words.iter().map(|word| with(body, json!({"currency": word}))).collect();
    (say(&[json!("USD"), json!("usd"), json!(""), Value::Null]), say(&[json!("EUR"), json!("jpy")]))
}

#[tokio::test]
async fn what_staff_price_in_another_currency_is_refused() {
    let shop = TestShop::start().await;
    let staff = shop.staff("eve").await.access;
    let zone = json!({"name": "World", "countries": ["*"]});
    let zone = shop.post("/shipping/zones/", Some(&staff), &zone).await.json();
    let bodies = [
        ("/catalog/products/", json!({"name": "Tea", "price": "4.50"})),
        ("/catalog/promotions/", json!({"name": "Off", "kind": "fixed", "value": "5"})),
        ("/shipping/methods/", json!({"name": "Post", "zone_id": zone["id"], "rate": {"type": "flat", "price": "5"}})),
        ("/orders/drafts/", json!({"email": "ada@example.com"})),
    ];
    for (list, body) in bodies {
        let (right, wrong) = spoken(&body);
        for body in &wrong {
            refuses_currency(&shop.post(list, Some(&staff), body).await);
        }
        assert_eq!(shop.get(list, Some(&staff)).await.json()["count"], 0, "{list}");
        for body in &right {
            let made = shop.post(list, Some(&staff), body).await;
            assert_eq!(made.status, 201, "{list} {made:?}");
            let made = made.json();
            assert_eq!(made["currency"], "USD");
            // A response can be sent back unchanged, but not with another currency.
            let path = format!("{list}{}/", text(&made["id"]));
            let mut methods = vec!["PATCH"];
            methods.extend((list != "/orders/drafts/").then_some("PUT"));
            let items = json!({"email": made.get("email"), "items": null});
            let same = if methods.len() == 1 { with(&made, with(&items, json!({"items": []}))) } else { made.clone() };
            for method in methods {
                let again = shop.call(method, &path, Some(&staff), &same).await;
                assert_eq!(again.status, 200, "{method} {again:?}");
                let abroad = with(&same, json!({"currency": "EUR"}));
                refuses_currency(&shop.call(method, &path, Some(&staff), &abroad).await);
            }
        }
    }
    for wrong in [json!("DOLLAR"), json!("U$D"), json!(7), json!([])] {
        let body = json!({"name": "Tea", "price": "4.50", "currency": wrong});
        assert_eq!(fields(&shop.post("/catalog/products/", Some(&staff), &body).await), ["currency"], "{wrong}");
    }
}

#[tokio::test]
async fn money_is_moved_in_the_currency_of_its_payment() {
    let store = Store::open(9).await;
    let shop = &store.shop;
    let staff = shop.staff("eve").await.access;
    let cart = shop.guest_cart(&store.shirt, 1).await;
    let expecting = with(&store.order, json!({"expected_total": "24.49", "currency": "EUR"}));
    refuses_currency(&shop.as_guest("POST", "/orders/", &cart, &expecting).await);
    assert_eq!(store.reserved().await, 0);
    let placed = shop.as_guest("POST", "/orders/", &cart, &with(&expecting, json!({"currency": "USD"}))).await;
    assert_eq!((placed.status, text(&placed.json()["total"])), (201, "24.49".to_owned()), "{placed:?}");
    let payment = text(&placed.json()["payments"][0]["id"]);
    let payment = format!("/payments/{payment}/");
    let act = async |what: &str, body: Value| shop.post(&format!("{payment}{what}/"), Some(&staff), &body).await;
    for what in ["capture", "void", "refunds"] {
        refuses_currency(&act(what, json!({"amount": "24.49", "currency": "EUR"})).await);
        refuses_currency(&act(what, json!({"currency": "JPY"})).await);
    }
    let captured = act("capture", json!({"amount": "24.49", "currency": "USD"})).await;
    assert_eq!((captured.status, text(&captured.json()["amount_captured"])), (200, "24.49".to_owned()));
    refuses_currency(&act("refunds", json!({"amount": "1", "currency": "EUR"})).await);
    let refunded = act("refunds", json!({"amount": "1", "currency": "USD"})).await;
    assert_eq!((refunded.status, text(&refunded.json()["amount"])), (201, "1.00".to_owned()), "{refunded:?}");
    assert_eq!(shop.shop.check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_cart_of_one_currency_takes_nothing_priced_in_another() {
    let shop = TestShop::start().await;
    let staff = shop.staff("eve").await.access;
    let product = shop.product("TEA", "4.50", 9).await;
    let method = shop.shipping_method(&["GB"], "4.50").await;
    let cart = shop.guest_cart(&product, 1).await;
    let path = format!("/catalog/products/{}/", product.product_id);

    // The same data after the operator has changed the shop's currency.
    let abroad = shop.beside(&[("CURRENCY", "EUR")]).await;
    let again = abroad.as_guest("POST", "/cart/items/", &cart, &json!({"sku": "TEA"})).await;
    assert_eq!(again.json()["currency"], "USD", "{again:?}");
    let fresh = abroad.post("/cart/items/", None, &json!({"sku": "TEA"})).await;
    assert_eq!(fields(&fresh), ["sku"], "it is not on sale for euros");
    // The old price is not read as euros, nor a new one as dollars.
    assert_eq!(
        fields(&abroad.call("PATCH", &path, Some(&staff), &json!({"price": "5", "currency": "USD"})).await),
        ["currency"]
    );
    let renamed = abroad.call("PATCH", &path, Some(&staff), &json!({"name": "Green tea", "currency": "USD"})).await;
    assert_eq!((renamed.status, text(&renamed.json()["currency"])), (200, "USD".to_owned()), "{renamed:?}");
    let priced = abroad.call("PATCH", &path, Some(&staff), &json!({"price": "5", "currency": "EUR"})).await;
    assert_eq!((priced.status, text(&priced.json()["currency"])), (200, "EUR".to_owned()), "{priced:?}");
    // Items in the cart at dollar prices are no longer sold at them.
    let more = abroad.as_guest("POST", "/cart/items/", &cart, &json!({"sku": "TEA"})).await;
    assert_eq!(fields(&more), ["sku"], "nor for dollars");
    let seen = abroad.as_guest("GET", "/cart/", &cart, &Value::Null).await.json();
    assert_eq!((&seen["currency"], &seen["items"][0]["available"]), (&json!("USD"), &json!(0)), "{seen}");
    refused(&abroad.as_guest("POST", "/orders/", &cart, &order(&method)).await, 409, "out_of_stock");
}
