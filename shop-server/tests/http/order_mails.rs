//! The mails about orders, as files. (`tests/clients` checks what they look like.)

use serde_json::{Value, json};

use crate::support::{TestShop, order};

const BUYER: &str = "ada@example.com";

/// The subjects of all mails to the buyer, oldest first, once none is pending.
async fn subjects(shop: &TestShop) -> Vec<String> {
    while shop.shop.store().next_due("mail").await.unwrap().is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let subject = |mail: &String| {
        let line = mail.lines().find(|line| line.starts_with("Subject: ")).unwrap();
        line.trim_start_matches("Subject: ").to_owned()
    };
    shop.mails_now(BUYER).iter().map(subject).collect()
}

async fn placed(shop: &TestShop) -> Value {
    let goods = shop.product("MUG", "10.00", 5).await;
    let method = shop.shipping_method(&["GB"], "5.00").await;
    let cart = shop.guest_cart(&goods, 2).await;
    shop.as_guest("POST", "/orders/", &cart, &order(&method)).await.expect(201)
}

#[tokio::test]
async fn each_change_is_mailed_once_however_often_it_is_asked_for() {
    let shop = TestShop::start().await;
    let staff = shop.staff("eve").await.access;
    let placed = placed(&shop).await;
    let number = placed["number"].as_str().unwrap();
    let bearer = format!("Bearer {staff}");
    let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", "once")];
    let capture = format!("/payments/{}/capture/", placed["payments"][0]["id"].as_str().unwrap());
    let nothing = json!({});
    let captures = (0..4).map(|_| shop.call_with("POST", &capture, &headers, &nothing));
    for answer in futures_util::future::join_all(captures).await {
        answer.expect(200);
    }
    let cancel = format!("/orders/{}/cancel/", placed["id"].as_str().unwrap());
    let cancels = (0..4).map(|_| shop.post(&cancel, Some(&staff), &nothing));
    let canceled = futures_util::future::join_all(cancels).await;
    assert_eq!(canceled.iter().filter(|answer| answer.status == 200).count(), 1);
    let expected = [
        format!("Your order {number} at Shop"),
        format!("Payment received for order {number} at Shop"),
        format!("Order {number} at Shop was canceled"),
        format!("Refund for order {number} at Shop"),
    ];
    assert_eq!(subjects(&shop).await, expected);
    let failed = shop.get("/mails/failed/", Some(&staff)).await.expect(200);
    assert_eq!(failed["results"], json!([]));
}

#[tokio::test]
async fn they_can_be_turned_off() {
    let shop = TestShop::start_with(&[("ORDER_EMAILS", "False")]).await;
    let staff = shop.staff("eve").await.access;
    let placed = placed(&shop).await;
    let capture = format!("/payments/{}/capture/", placed["payments"][0]["id"].as_str().unwrap());
    shop.post(&capture, Some(&staff), &json!({})).await.expect(200);
    assert_eq!(subjects(&shop).await, Vec::<String>::new());
}
