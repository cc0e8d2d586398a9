//! Which parts of a payment only staff see, which only its buyer sees, and limits on a buyer's retries.

use serde_json::{Value, json};
use shop_core::money::Amount;
use shop_core::payments::fake_gateway::{FailureMode, FakeGateway};

use crate::gateways::{GatewayTest, Placed, refused};

/// The history of an order as staff or its holder read it.
async fn events(setup: &GatewayTest, placed: &Placed, token: Option<&str>) -> Vec<String> {
    let path = format!("/orders/{}/history/", placed.id);
    let answer = match token {
        Some(token) => setup.as_holder("GET", &path, token, &Value::Null).await,
        None => setup.shop.get(&path, Some(&setup.staff)).await,
    };
    let history = answer.json();
    let event = |entry: &Value| entry["event"].as_str().unwrap_or_default().to_owned();
    history.as_array().into_iter().flatten().map(event).collect()
}

#[tokio::test]
async fn only_staff_read_why_money_went_back() {
    let setup = GatewayTest::open(FakeGateway::new("bank")).await;
    let ada = setup.shop.customer("ada").await;
    let ada = Some(ada.access.as_str());
    setup.shop.post("/cart/items/", ada, &json!({"sku": setup.goods.sku})).await;
    let order = setup.shop.post("/orders/", ada, &setup.order).await.json();
    let (id, payment) = (order["id"].as_str().unwrap(), order["payments"][0]["id"].as_str().unwrap());
    assert!(setup.bank.pay(payment.parse().unwrap()));
    let (order_path, payment_path) = (format!("/orders/{id}/"), format!("/payments/{payment}/"));
    let paid = setup.shop.post(&format!("{payment_path}confirm/"), ada, &Value::Null).await.json();
    assert_eq!(paid["status"], "captured");
    let words = json!({"amount": "1", "reason": "Complains a lot"});
    let made = setup.act(payment, "refunds", &words).await;
    assert_eq!((made.status, &made.json()["reason"]), (201, &words["reason"]));

    let cancel = format!("{order_path}cancel/");
    for (access, reason) in [(ada, &Value::Null), (Some(setup.staff.as_str()), &words["reason"])] {
        let read = async |path: &str| setup.shop.get(path, access).await.json();
        assert_eq!(read(&order_path).await["payments"][0]["refunds"][0]["reason"], *reason);
        assert_eq!(read("/orders/").await["results"][0]["payments"][0]["refunds"][0]["reason"], *reason);
        assert_eq!(read(&payment_path).await["refunds"][0]["reason"], *reason);
        let confirmed = setup.shop.post(&format!("{payment_path}confirm/"), access, &Value::Null).await.json();
        assert_eq!(confirmed["refunds"][0]["reason"], *reason);
    }
    let listed = setup.shop.get("/payments/", Some(&setup.staff)).await.json();
    assert_eq!(listed["results"][0]["refunds"][0]["reason"], words["reason"]);
    let canceled = setup.shop.post(&cancel, ada, &Value::Null).await;
    assert_eq!((canceled.status, &canceled.json()["status"]), (200, &json!("canceled")), "{canceled:?}");
    let refunds = canceled.json()["payments"][0]["refunds"].clone();
    assert!(refunds.as_array().unwrap().len() == 2 && refunds[0]["reason"].is_null() && refunds[1]["reason"].is_null());
    assert!(!canceled.body.contains("Complains"), "{canceled:?}");
    setup.is_sound().await;
}

#[tokio::test]
async fn staff_are_shown_no_secret_of_other_peoples_payments() {
    let setup = GatewayTest::open(FakeGateway::new("bank")).await;
    let placed = setup.placed().await;
    let attempt = json!({"order_id": placed.id, "gateway": "bank"});
    let begun = setup.shop.post("/payments/", Some(&setup.staff), &attempt).await;
    assert!(begun.status == 201 && begun.json().get("client_secret").is_none(), "{begun:?}");
    let read = setup.as_holder("GET", &format!("/orders/{}/", placed.id), &placed.token, &Value::Null).await.json();
    assert!(read["payments"][1]["client_secret"].is_string(), "the buyer goes on with it: {read:#}");

    let draft = json!({"email": "grace@example.com", "items": [{"sku": setup.goods.sku}]});
    let draft = setup.shop.post("/orders/drafts/", Some(&setup.staff), &draft).await.json();
    let path = format!("/orders/drafts/{}/place/", draft["id"].as_str().unwrap());
    let order = setup.shop.post(&path, Some(&setup.staff), &setup.order).await;
    assert_eq!(order.status, 201, "{order:?}");
    assert!(order.json()["payments"][0].get("client_secret").is_none(), "{order:?}");
    setup.is_sound().await;
}

#[tokio::test]
async fn staff_pay_what_they_order_for_themselves() {
    let setup = GatewayTest::open(FakeGateway::new("bank")).await;
    let staff = Some(setup.staff.as_str());
    setup.shop.post("/cart/items/", staff, &json!({"sku": setup.goods.sku})).await;
    let order = setup.shop.post("/orders/", staff, &setup.order).await.json();
    assert!(order["payments"][0]["client_secret"].is_string(), "{order:#}");
    let attempt = json!({"order_id": order["id"], "gateway": "bank"});
    let begun = setup.shop.post("/payments/", staff, &attempt).await;
    assert!(begun.status == 201 && begun.json()["client_secret"].is_string(), "{begun:?}");
    let read = setup.shop.get(&format!("/payments/{}/", begun.json()["id"].as_str().unwrap()), staff).await.json();
    assert_eq!(read["client_secret"], begun.json()["client_secret"]);
}

#[tokio::test]
async fn what_does_not_count_is_shown_to_staff_only_and_ended_by_them() {
    let setup = GatewayTest::open(FakeGateway::new("bank")).await;
    let placed = setup.placed().await;
    setup.bank.change(placed.payment_id(), |account| {
        account.amount = Amount(1);
        account.foreign = Some("It is of the test mode.".to_owned());
    });
    assert!(setup.bank.pay(placed.payment_id()));
    let path = format!("/payments/{}/", placed.payment);
    let own = setup.as_holder("POST", &format!("{path}confirm/"), &placed.token, &Value::Null).await;
    assert_eq!((own.status, &own.json()["status"], &own.json()["failure"]), (200, &json!("pending"), &Value::Null));
    for path in [path.clone(), format!("/orders/{}/", placed.id), format!("/orders/{}/history/", placed.id)] {
        let own = setup.as_holder("GET", &path, &placed.token, &Value::Null).await;
        assert!(own.status == 200 && !own.body.contains("test mode") && !own.body.contains("Not counted"), "{own:?}");
    }
    let failure = setup.shop.get(&path, Some(&setup.staff)).await.json()["failure"].clone();
    assert!(failure.as_str().unwrap().ends_with("It is of the test mode."), "{failure}");
    assert!(events(&setup, &placed, None).await.contains(&"payment_mismatch".to_owned()));
    assert_eq!(setup.shop.shop.check().await.unwrap().len(), 1);

    let cancel = format!("/orders/{}/cancel/", placed.id);
    refused(&setup.as_holder("POST", &cancel, &placed.token, &Value::Null).await, 409, "invalid_transition");
    let attempt = json!({"order_id": placed.id, "gateway": "bank"});
    refused(&setup.as_holder("POST", "/payments/", &placed.token, &attempt).await, 409, "invalid_transition");
    let voided = setup.act(&placed.payment, "void", &json!({})).await;
    assert_eq!((voided.status, &voided.json()["status"]), (200, &json!("voided")), "{voided:?}");
    let canceled = setup.as_holder("POST", &cancel, &placed.token, &Value::Null).await;
    assert_eq!((canceled.status, &canceled.json()["status"]), (200, &json!("canceled")), "{canceled:?}");
    setup.is_sound().await;
}

#[tokio::test]
async fn a_refund_that_fails_after_a_cancel_is_a_matter_for_staff() {
    let setup = GatewayTest::open(FakeGateway::new("bank")).await;
    let placed = setup.paid().await;
    setup.bank.plan_failures([FailureMode::Refuses]);
    let cancel = format!("/orders/{}/cancel/", placed.id);
    let canceled = setup.as_holder("POST", &cancel, &placed.token, &Value::Null).await;
    assert_eq!((canceled.status, &canceled.json()["payment_status"]), (200, &json!("paid")), "{canceled:?}");
    assert_eq!(setup.shop.shop.check().await.unwrap().len(), 1);
    let told = events(&setup, &placed, None).await;
    assert_eq!(told.iter().filter(|event| *event == "refund_again").count(), 1, "{told:?}");
    let own = events(&setup, &placed, Some(&placed.token)).await;
    assert!(own.contains(&"refund_failed".to_owned()) && !own.contains(&"refund_again".to_owned()), "{own:?}");
    let again = setup.act(&placed.payment, "refunds", &json!({})).await;
    assert_eq!((again.status, &again.json()["status"]), (201, &json!("succeeded")), "{again:?}");
    setup.is_sound().await;
}

#[tokio::test]
async fn a_refund_that_fails_after_a_return_is_a_matter_for_staff() {
    let setup = GatewayTest::open(FakeGateway::new("bank")).await;
    let placed = setup.paid().await;
    let staff = Some(setup.staff.as_str());
    let shipment = setup.shop.post("/shipping/shipments/", staff, &json!({"order_id": placed.id})).await.json();
    let path = format!("/shipping/shipments/{}/events/", shipment["id"].as_str().unwrap());
    assert_eq!(setup.shop.post(&path, staff, &json!({"status": "shipped"})).await.status, 201);
    let items = json!({"items": [{"order_item_id": placed.body["items"][0]["id"], "quantity": 1}]});
    let returns = format!("/orders/{}/returns/", placed.id);
    let requested = setup.as_holder("POST", &returns, &placed.token, &items).await.json();
    let step = async |step: &str, body: Value| {
        let path = format!("{returns}{}/{step}/", requested["id"].as_str().unwrap());
        let done = setup.shop.post(&path, staff, &body).await;
        assert_eq!(done.status, 200, "{done:?}");
        done.json()
    };
    step("approve", json!({})).await;
    step("receive", json!({"restock": false})).await;
    setup.bank.plan_failures([FailureMode::Refuses]);
    let completed = step("refund", json!({})).await;
    assert_eq!((&completed["status"], &completed["amount_refunded"]), (&json!("completed"), &json!("10.00")));
    setup.until(&placed, "payment_status", "paid").await;
    let problems = setup.shop.shop.check().await.unwrap();
    assert!(problems.len() == 1 && problems[0].contains("10.00 USD of its returns"), "{problems:?}");
    assert!(events(&setup, &placed, None).await.contains(&"refund_again".to_owned()));
    let again = setup.act(&placed.payment, "refunds", &json!({"amount": "10"})).await;
    assert_eq!((again.status, &again.json()["status"]), (201, &json!("succeeded")), "{again:?}");
    setup.is_sound().await;
}

#[tokio::test]
async fn buyers_do_not_begin_and_ask_for_ever() {
    let setup = GatewayTest::open(FakeGateway::new("bank")).await;
    let placed = setup.placed().await;
    let path = format!("/payments/{}/confirm/", placed.payment);
    let before = (events(&setup, &placed, None).await, setup.bank.calls().len());
    for _ in 0..5 {
        let own = setup.as_holder("POST", &path, &placed.token, &Value::Null).await;
        assert!(own.status == 200 && own.json()["client_secret"].is_string(), "{own:?}");
    }
    assert_eq!(events(&setup, &placed, None).await, before.0);
    // More than one call only on a machine so busy that seconds pass.
    assert!(setup.bank.calls().len() < before.1 + 5);

    let attempt = json!({"order_id": placed.id, "gateway": "bank"});
    for _ in 1..20 {
        let begun = setup.as_holder("POST", "/payments/", &placed.token, &attempt).await;
        assert_eq!(begun.status, 201, "{begun:?}");
    }
    let refusal = setup.as_holder("POST", "/payments/", &placed.token, &attempt).await;
    refused(&refusal, 409, "invalid_transition");
    assert!(refusal.json()["detail"].as_str().unwrap().contains("at most 20"), "{refusal:?}");
    setup.is_sound().await;
}
