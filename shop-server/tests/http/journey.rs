//! A buyer's journey from the first quote to the refund: quote, order, mails, lookup, withdrawal, and finally an
//! account.

use serde_json::{Value, json};

use crate::orders::{text, with};
use crate::support::{PASSWORD, TestResponse, TestShop, order};

const BUYER: &str = "ada@example.com";
const NOTHING: Value = Value::Null;

/// Posts as staff; the request must succeed.
async fn done(shop: &TestShop, access: &str, path: &str, body: &Value) -> Value {
    let answer = shop.post(path, Some(access), body).await;
    assert!(answer.status < 300, "{path}: {answer:?}");
    answer.json()
}

/// Waits for a mail with this subject, and checks that it contains all texts.
async fn mail(shop: &TestShop, subject: &str, texts: &[&str]) -> String {
    let mail = shop.mail_with(BUYER, &format!("Subject: {subject}\r\n")).await;
    for text in texts {
        assert!(mail.contains(text), "{text}: {mail}");
    }
    mail
}

#[tokio::test]
async fn a_buyer_is_quoted_orders_is_mailed_finds_the_order_again_and_withdraws() {
    let shop = TestShop::start().await;
    let staff = shop.staff("sam").await.access;
    let legal = json!({"name": "Tea House", "legal_name": "Tea House Ltd", "vat_id": "GB123456789"});
    assert_eq!(shop.call("PATCH", "/shop/", Some(&staff), &legal).await.status, 200);
    shop.tax_rate(json!({"name": "VAT", "country": "GB", "rate": "0.2", "applies_to_shipping": true})).await;
    let tea = shop.product("TEA", "10.00", 5).await;
    shop.shipping_method(&["GB"], "4.00").await;
    let dear = shop.shipping_method(&["GB"], "9.00").await;

    // The quote, first with the country alone, then with everything; the order matches it.
    let cart = shop.guest_cart(&tea, 2).await;
    let quote = async |body: &Value| shop.as_guest("POST", "/cart/quote/", &cart, body).await.expect(200);
    let country = quote(&json!({"shipping_address": {"country": "GB"}})).await;
    assert_eq!((&country["subtotal"], &country["tax_total"]), (&json!("20.00"), &json!("4.00")));
    let quoted = quote(&order(&dear)).await;
    assert_eq!((&quoted["total"], &quoted["missing"]), (&json!("34.80"), &json!([])));
    let wrong = with(&order(&dear), json!({"expected_total": "34.79"}));
    assert_eq!(shop.as_guest("POST", "/orders/", &cart, &wrong).await.code(), "total_changed");
    let body = with(&order(&dear), json!({"expected_total": quoted["total"]}));
    let placed = shop.as_guest("POST", "/orders/", &cart, &body).await.expect(201);
    for amount in ["subtotal", "shipping_total", "tax_total", "total", "taxes"] {
        assert_eq!(placed[amount], quoted[amount], "{amount}");
    }
    let (id, number) = (text(&placed["id"]), text(&placed["number"]));
    let legal = ["Tea House Ltd", "GB123456789", "34.80", "Thing TEA"];
    mail(&shop, &format!("Your order {number} at Tea House"), &legal).await;

    // Paid and shipped.
    let capture = format!("/payments/{}/capture/", text(&placed["payments"][0]["id"]));
    done(&shop, &staff, &capture, &json!({})).await;
    mail(&shop, &format!("Payment received for order {number} at Tea House"), &["34.80"]).await;
    let items = json!([{"order_item_id": placed["items"][0]["id"], "quantity": 2}]);
    let shipment = json!({"order_id": id, "items": items, "tracking_number": "RM 123"});
    let shipment = done(&shop, &staff, "/shipping/shipments/", &shipment).await;
    let events = format!("/shipping/shipments/{}/events/", text(&shipment["id"]));
    for status in ["shipped", "delivered"] {
        done(&shop, &staff, &events, &json!({"status": status})).await;
    }
    mail(&shop, &format!("Order {number} at Tea House has been shipped"), &["RM 123"]).await;

    // The token is lost; the lookup mails a new link.
    let asked = json!({"number": number.to_lowercase(), "email": "Ada@Example.com"});
    assert_eq!(shop.post("/orders/lookup/", None, &asked).await.status, 202);
    let page = format!("http://localhost:3000/orders/{number}#");
    let link = shop.mail_with(BUYER, &page).await;
    assert!(link.contains(&format!("Subject: Link to your order {number} at Tea House\r\n")), "{link}");
    let token = link.split(&page).nth(1).unwrap().split_whitespace().next().unwrap();
    let by_token = async |method: &str, path: &str, body: &Value| -> TestResponse {
        shop.call_with(method, path, &[("X-Order-Token", token)], body).await
    };
    assert_eq!(by_token("GET", &format!("/orders/{number}/"), &NOTHING).await.expect(200)["id"], json!(id));

    // Everything is withdrawn: the goods come back, and the refund includes the price of the cheapest shipping.
    let received =
        by_token("POST", &format!("/orders/{id}/withdrawal/"), &json!({"note": "Too strong"})).await.expect(201);
    let subject = format!("Your withdrawal for order {number} at Tea House");
    mail(&shop, &subject, &["Too strong", "Tea House Ltd", "Thing TEA"]).await;
    let returned = format!("/orders/{id}/returns/{}/", text(&received["return_id"]));
    done(&shop, &staff, &format!("{returned}receive/"), &json!({"restock": true})).await;
    let refunded = done(&shop, &staff, &format!("{returned}refund/"), &NOTHING).await;
    // 24.00 for the goods, 4.80 for the cheapest shipping.
    assert_eq!(refunded["amount_refunded"], "28.80");
    mail(&shop, &format!("Refund for order {number} at Tea House"), &["28.80"]).await;

    // An account with the same address gets the order with its whole history.
    let account = json!({"email": BUYER, "password": PASSWORD});
    assert_eq!(shop.post("/accounts/register/", None, &account).await.status, 201);
    let code = json!({"email": BUYER, "otp": shop.otp(BUYER, 1).await});
    assert_eq!(shop.post("/accounts/verify-otp/", None, &code).await.status, 200);
    let access = text(&shop.post("/accounts/login/", None, &account).await.expect(200)["access"]);
    let own = shop.get("/orders/", Some(&access)).await.expect(200);
    assert_eq!((&own["count"], &own["results"][0]["number"]), (&json!(1), &json!(number)));
    assert_eq!(own["results"][0]["amount_refunded"], "28.80");
    let level = shop.get(&format!("/inventory/stock/{}/", tea.variant_id), Some(&staff)).await.json();
    assert_eq!((&level["available"], &level["reserved"]), (&json!(5), &json!(0)));
    assert_eq!(shop.shop.check().await.unwrap(), Vec::<String>::new());
}
