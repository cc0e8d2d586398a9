//! `/shop/`: the shop's own details.

use serde_json::{Value, json};

use crate::support::{PASSWORD, TestShop};

fn everything() -> Value {
    json!({
        "name": "Tea & Co", "legal_name": "Tea & Company Ltd", "address": "1 High Street\nLondon",
        "vat_id": "GB 123 4567 89", "contact_email": "hello@tea.example", "phone": "+44 20 7946 0000",
        "terms_url": "https://tea.example/terms", "privacy_url": "https://tea.example/privacy",
        "returns_url": "https://tea.example/returns",
    })
}

#[tokio::test]
async fn anybody_reads_the_shop_and_staff_change_it() {
    let shop = TestShop::start().await;
    let staff = shop.staff("eve").await.access;
    let first = shop.get("/shop/", None).await.expect(200);
    let unset = json!({
        "name": "Shop", "legal_name": null, "address": null, "vat_id": null, "contact_email": null, "phone": null,
        "terms_url": null, "privacy_url": null, "returns_url": null, "currency": "USD", "countries": [], "version": 0,
    });
    assert_eq!(first, unset);
    shop.shipping_method(&["GB", "DE"], "5.00").await;
    let changed = shop.call("PATCH", "/shop/", Some(&staff), &everything()).await.expect(200);
    for (field, value) in everything().as_object().unwrap() {
        assert_eq!(&changed[field], value, "{field}");
    }
    assert_eq!((&changed["countries"], &changed["version"]), (&json!(["DE", "GB"]), &json!(1)));
    assert_eq!(shop.get("/shop/", None).await.expect(200), changed);
    // Currency and countries are read-only; unknown fields change nothing.
    let read_only = json!({"currency": "EUR", "countries": ["FR"], "version": 9, "colour": "red"});
    assert_eq!(shop.call("PATCH", "/shop/", Some(&staff), &read_only).await.expect(200), changed);
    // Without a name, the default name applies.
    let cleared = shop.call("PATCH", "/shop/", Some(&staff), &json!({"name": null, "phone": " "})).await.expect(200);
    assert_eq!((&cleared["name"], &cleared["phone"]), (&json!("Shop"), &Value::Null));
    assert_eq!(cleared["legal_name"], "Tea & Company Ltd");
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let shop = TestShop::start().await;
    let staff = shop.staff("eve").await.access;
    for (field, wrong) in [
        ("name", json!("x".repeat(81))),
        ("name", json!(5)),
        ("name", json!("a\u{0}b")),
        ("legal_name", json!("x".repeat(201))),
        ("address", json!("x".repeat(501))),
        ("vat_id", json!("DE12")),
        ("contact_email", json!("hello@tea")),
        ("phone", json!("call us")),
        ("terms_url", json!("javascript:alert(1)")),
        ("privacy_url", json!("//tea.example")),
        ("returns_url", json!("https://user:secret@tea.example/")),
    ] {
        let refused = shop.call("PATCH", "/shop/", Some(&staff), &json!({ field: wrong, "vat_id": "x" })).await;
        assert_eq!(refused.status, 400, "{field}: {refused:?}");
        let named = refused.json()["errors"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert!(named.contains(&field.to_owned()), "{named:?}");
    }
    assert_eq!(shop.get("/shop/", None).await.expect(200)["version"], 0);
}

#[tokio::test]
async fn versions_are_judged() {
    let shop = TestShop::start().await;
    let staff = shop.staff("eve").await.access;
    let bearer = format!("Bearer {staff}");
    let patch = async |tag: &str, name: &str| {
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json"), ("If-Match", tag)];
        shop.server.send("PATCH", "/shop/", &headers, &json!({ "name": name }).to_string()).await
    };
    let first = shop.get("/shop/", None).await.header("etag").unwrap().to_owned();
    assert_eq!(patch(&first, "One").await.status, 200);
    assert_eq!(patch(&first, "Two").await.code(), "version_mismatch");
    let second = shop.get("/shop/", None).await.header("etag").unwrap().to_owned();
    assert_ne!(first, second);
    let same = shop.server.send("GET", "/shop/", &[("If-None-Match", &second)], "").await;
    assert_eq!(same.status, 304);
    // The tag also covers the countries.
    shop.shipping_method(&["GB"], "5.00").await;
    assert_eq!(shop.server.send("GET", "/shop/", &[("If-None-Match", &second)], "").await.status, 200);
    assert_eq!(patch(&second, "Two").await.status, 200);
}

/// Many concurrent changes before the first row exists: all are made, and none overwrites another's field.
#[tokio::test]
async fn first_changes_that_race_are_all_made() {
    let shop = TestShop::start().await;
    let staff = shop.staff("eve").await.access;
    let all = everything();
    let changes = all.as_object().unwrap().iter().map(|(field, value)| {
        let change = json!({ field: value });
        let (shop, staff) = (&shop, &staff);
        async move { shop.call("PATCH", "/shop/", Some(staff), &change).await.expect(200) }
    });
    futures_util::future::join_all(changes).await;
    let now = shop.get("/shop/", None).await.expect(200);
    for (field, value) in all.as_object().unwrap() {
        assert_eq!(&now[field], value, "{field}");
    }
    assert_eq!(now["version"], 9);
}

#[tokio::test]
async fn mails_name_the_shop() {
    let shop = TestShop::start_with(&[("FRONTEND_URL", "https://www.tea.example")]).await;
    let staff = shop.staff("eve").await.access;
    let register = async |address: &str| {
        let body = json!({"email": address, "password": PASSWORD});
        shop.post("/accounts/register/", None, &body).await.expect(201);
        shop.mails(address, 1).await.remove(0)
    };
    let mail = register("one@example.com").await;
    assert!(mail.contains("Subject: Your code for tea.example\r\n") && !mail.contains("our shop"), "{mail}");
    shop.call("PATCH", "/shop/", Some(&staff), &everything()).await.expect(200);
    let mail = register("two@example.com").await;
    assert!(mail.contains("Subject: Your code for Tea & Co\r\n"), "{mail}");
    for line in ["Tea & Co", "Tea & Company Ltd", "1 High Street", "London"] {
        assert!(mail.contains(line) && mail.contains(&line.replace('&', "&amp;")), "{line}: {mail}");
    }
}
