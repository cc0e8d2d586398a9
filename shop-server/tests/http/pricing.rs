//! `/catalog/promotions/`, `/catalog/tax-rates/` and `/cart/coupons/`: every row of the contract, good and bad.

use serde_json::{Value, json};

use crate::orders::{fields, refused, text, with};
use crate::support::{TestResponse, TestShop, order};

const NOTHING: Value = Value::Null;
const UNKNOWN: &str = "01890000-0000-7000-8000-000000000001";

impl TestShop {
    /// Creates a promotion as staff; returns its id.
    pub(crate) async fn promotion(&self, body: Value) -> String {
        let staff = shop_core::Actor::system();
        let made = self.shop.catalog().create_promotion(&staff, serde_json::from_value(body).unwrap()).await;
        made.unwrap().promotion.id.to_string()
    }
}

fn ten_percent() -> Value {
    json!({"name": "Ten off", "code": "WELCOME10", "kind": "percent", "value": "10"})
}

#[tokio::test]
async fn staff_keep_promotions() {
    let shop = TestShop::start().await;
    let staff = shop.staff("eve").await.access;
    let call = async |method: &str, path: &str, body: &Value| shop.call(method, path, Some(&staff), body).await;
    let made = call("POST", "/catalog/promotions/", &ten_percent()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let promotion = made.json();
    let expected = json!({"name": "Ten off", "code": "WELCOME10", "kind": "percent", "value": "10", "buy_quantity": null,
        "get_quantity": null, "currency": "USD", "min_subtotal": null, "product_ids": [], "category_ids": [],
        "customer_ids": [], "first_order_only": false, "starts_at": null, "ends_at": null, "usage_limit": null,
        "usage_limit_per_customer": null, "combinable": true, "priority": 0, "active": true, "uses": 0, "version": 1});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(promotion[name], *value, "{name}");
    }
    let path = format!("/catalog/promotions/{}/", text(&promotion["id"]));
    let read = call("GET", &path, &NOTHING).await;
    assert_eq!((read.status, &read.json()), (200, &promotion));
    assert!(read.header("etag").unwrap().starts_with("\"1-"));

    // Fields that the server owns are ignored in a body, so that a response can be sent back.
    let whole = with(&promotion, json!({"uses": 99, "version": 7, "value": "12.5", "usage_limit": 5}));
    let replaced = call("PUT", &path, &whole).await;
    assert_eq!((replaced.status, &replaced.json()["value"]), (200, &json!("12.5")), "{replaced:?}");
    assert_eq!((&replaced.json()["uses"], &replaced.json()["version"]), (&json!(0), &json!(2)));
    let changed = call("PATCH", &path, &json!({"kind": "fixed", "value": "5", "min_subtotal": "20"})).await.json();
    assert_eq!((&changed["value"], &changed["min_subtotal"]), (&json!("5.00"), &json!("20.00")));
    assert_eq!(changed["usage_limit"], 5);
    let bearer = format!("Bearer {staff}");
    let old = [("Authorization", bearer.as_str()), ("If-Match", "\"1\"")];
    refused(&shop.call_with("DELETE", &path, &old, &NOTHING).await, 412, "version_mismatch");

    // Codes are case-insensitive.
    refused(
        &call("POST", "/catalog/promotions/", &with(&ten_percent(), json!({"code": "welcome10"}))).await,
        409,
        "already_exists",
    );
    call("POST", "/catalog/promotions/", &with(&ten_percent(), json!({"code": "other"}))).await;
    let list = call("GET", "/catalog/promotions/?code=Welcome10", &NOTHING).await.json();
    assert_eq!((&list["count"], &list["results"][0]["id"]), (&json!(1), &promotion["id"]));
    assert_eq!(call("GET", "/catalog/promotions/?active=true&page_size=1", &NOTHING).await.json()["count"], 2);
    assert_eq!(fields(&call("GET", "/catalog/promotions/?active=maybe", &NOTHING).await), ["active"]);

    assert_eq!(call("DELETE", &path, &NOTHING).await.status, 204);
    refused(&call("GET", &path, &NOTHING).await, 404, "not_found");
    refused(&call("PATCH", &format!("/catalog/promotions/{UNKNOWN}/"), &json!({"value": 1})).await, 404, "not_found");
}

#[tokio::test]
async fn a_promotion_names_every_wrong_field() {
    let shop = TestShop::start().await;
    let staff = shop.staff("eve").await.access;
    let post = async |body: Value| shop.post("/catalog/promotions/", Some(&staff), &body).await;
    assert_eq!(fields(&post(json!({})).await), ["kind", "name"]);
    let wrong = json!({"name": "", "code": "two words", "kind": "percent", "value": "101", "min_subtotal": "1.999",
        "product_ids": ["x"], "usage_limit": 0, "usage_limit_per_customer": "many", "priority": 99_999_999,
        "starts_at": "2030-02-01T00:00:00Z", "ends_at": "2030-01-01T00:00:00Z", "active": "yes", "combinable": 1});
    let named = fields(&post(wrong).await);
    let all = [
        "active",
        "code",
        "combinable",
        "ends_at",
        "min_subtotal",
        "name",
        "priority",
        "product_ids",
        "usage_limit",
        "usage_limit_per_customer",
        "value",
    ];
    assert_eq!(named, all);
    for value in [json!(10), json!("-5"), json!("0"), json!("1e1"), json!("10.00001"), json!(""), NOTHING] {
        let body = json!({"name": "a", "kind": "percent", "value": value});
        assert_eq!(fields(&post(body).await), ["value"]);
    }
    for value in ["0", "-1", "1.999", "10000000000000.01", "abc"] {
        assert_eq!(fields(&post(json!({"name": "a", "kind": "fixed", "value": value})).await), ["value"], "{value}");
    }
    assert_eq!(fields(&post(json!({"name": "a", "kind": "gift"})).await), ["kind"]);
    assert_eq!(
        fields(&post(json!({"name": "a", "kind": "buy_x_get_y", "buy_quantity": 0})).await),
        ["buy_quantity", "get_quantity"]
    );
}

#[tokio::test]
async fn staff_keep_rates_of_tax() {
    let shop = TestShop::start().await;
    let staff = shop.staff("eve").await.access;
    let call = async |method: &str, path: &str, body: &Value| shop.call(method, path, Some(&staff), body).await;
    let rate =
        json!({"name": "Sales tax", "country": "us", "region": "NY", "rate": "0.08250", "applies_to_shipping": true});
    let made = call("POST", "/catalog/tax-rates/", &rate).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    assert_eq!(
        (&made["country"], &made["rate"], &made["tax_class"]),
        (&json!("US"), &json!("0.0825"), &json!("standard"))
    );
    let path = format!("/catalog/tax-rates/{}/", text(&made["id"]));
    assert_eq!(call("GET", &path, &NOTHING).await.json(), made);
    refused(&call("POST", "/catalog/tax-rates/", &with(&rate, json!({"region": " ny "}))).await, 409, "already_exists");
    assert_eq!(call("POST", "/catalog/tax-rates/", &with(&rate, json!({"region": null}))).await.status, 201);
    let books = with(&rate, json!({"tax_class": "books", "rate": "0"}));
    assert_eq!(call("POST", "/catalog/tax-rates/", &books).await.status, 201);
    assert_eq!(call("PATCH", &path, &json!({"rate": "1"})).await.json()["rate"], "1");
    refused(&call("PATCH", &path, &json!({"tax_class": "books"})).await, 409, "already_exists");
    assert_eq!(call("PUT", &path, &rate).await.json()["version"], 3);
    assert_eq!(call("GET", "/catalog/tax-rates/", &NOTHING).await.json()["count"], 3);
    let wrong = json!({"name": "", "country": "XX", "rate": "8.25", "tax_class": "a b", "applies_to_shipping": "no"});
    assert_eq!(
        fields(&call("POST", "/catalog/tax-rates/", &wrong).await),
        ["applies_to_shipping", "country", "name", "rate", "tax_class"]
    );
    let long = call("POST", "/catalog/tax-rates/", &with(&rate, json!({"region": "us-nj"}))).await;
    assert_eq!(long.json()["region"], "NJ", "{long:?}");
    for (country, region, code) in [
        ("US", "California", "CA"),
        ("IN", "IN-OR", "OD"),
        ("IN", "Goa", "GA"),
        ("MX", "BC", "BCN"),
        ("MY", "JHR", "01"),
        ("CA", "PQ", "QC"),
        ("JP", "東京都", "13"),
        ("JP", "Osaka", "27"),
        ("DE", "Bayern", "BY"),
        ("FR", "ile de france", "IDF"),
    ] {
        let named =
            call("POST", "/catalog/tax-rates/", &with(&rate, json!({"country": country, "region": region}))).await;
        assert_eq!((named.status, &named.json()["region"]), (201, &json!(code)), "{country} {region}: {named:?}");
    }
    for (country, region, near) in [
        ("US", "NYC", "NY for New York"),
        ("US", "XX", " for "),
        ("US", "U", " for "),
        ("US", "001", " for "),
        ("US", "CA-QC", " for "),
        ("DE", "Bayren", "BY for Bavaria"),
        ("SG", "SG-XX", " for "),
    ] {
        let refusal =
            call("POST", "/catalog/tax-rates/", &with(&rate, json!({"country": country, "region": region}))).await;
        assert_eq!(fields(&refusal), ["region"], "{region}");
        assert!(refusal.json()["errors"]["region"].to_string().contains(near), "{refusal:?}");
    }
    // When a rate moves to another country, its region must be in that country.
    let texas = call("POST", "/catalog/tax-rates/", &with(&rate, json!({"region": "Texas"}))).await.json();
    let texas = format!("/catalog/tax-rates/{}/", text(&texas["id"]));
    assert_eq!(fields(&call("PATCH", &texas, &json!({"country": "CA"})).await), ["region"]);
    // A place has one rate per tax class, however the place is written.
    for (first, second) in [
        (json!({"country": "PR", "region": null}), json!({"country": "US", "region": "PR"})),
        (json!({"country": "US", "region": "Guam"}), json!({"country": "GU", "region": null})),
        (json!({"country": "FR", "region": "974"}), json!({"country": "RE", "region": null})),
    ] {
        let made = call("POST", "/catalog/tax-rates/", &with(&rate, first.clone())).await;
        assert_eq!(made.status, 201, "{made:?}");
        refused(&call("POST", "/catalog/tax-rates/", &with(&rate, second.clone())).await, 409, "already_exists");
        // Written the other way, it is still the same rate.
        let path = format!("/catalog/tax-rates/{}/", text(&made.json()["id"]));
        assert_eq!(call("PATCH", &path, &second).await.status, 200, "{second}");
        refused(&call("POST", "/catalog/tax-rates/", &with(&rate, first)).await, 409, "already_exists");
    }
    for rate in [json!(0.0825), json!("-0.1"), json!("0.0000001")] {
        let body = json!({"name": "a", "country": "US", "rate": rate});
        assert_eq!(fields(&call("POST", "/catalog/tax-rates/", &body).await), ["rate"]);
    }
    assert_eq!(call("DELETE", &path, &NOTHING).await.status, 204);
    refused(&call("DELETE", &path, &NOTHING).await, 404, "not_found");
}

#[tokio::test]
async fn a_coupon_lowers_a_cart_as_long_as_it_applies() {
    let shop = TestShop::start().await;
    let shirt = shop.product("SHIRT", "19.99", 10).await;
    shop.promotion(with(&ten_percent(), json!({"min_subtotal": "30"}))).await;
    shop.promotion(json!({"name": "A dollar for all", "kind": "fixed", "value": "1", "priority": -1})).await;
    let cart = shop.guest_cart(&shirt, 1).await;
    let call = async |method: &str, path: &str, body: Value| shop.as_guest(method, path, &cart, &body).await;
    let shown = call("GET", "/cart/", NOTHING).await.json();
    assert_eq!((&shown["discount_total"], &shown["total"]), (&json!("1.00"), &json!("18.99")));
    let automatic = json!([{"kind": "promotion", "label": "A dollar for all", "amount": "-1.00"}]);
    assert_eq!((&shown["adjustments"], &shown["coupons"]), (&automatic, &json!([])));

    let refusal = call("POST", "/cart/coupons/", json!({"code": "welcome10"})).await;
    refused(&refusal, 409, "coupon_not_applicable");
    assert!(text(&refusal.json()["detail"]).contains("at least 30.00 USD"), "{refusal:?}");
    let item = format!("/cart/items/{}/", text(&shown["items"][0]["id"]));
    call("PATCH", &item, json!({"quantity": 2})).await;
    let added = call("POST", "/cart/coupons/", json!({"code": " welcome10 "})).await;
    assert_eq!(added.status, 200, "{added:?}");
    // 10 % of 39.98 is 3.998; the dollar is deducted after it.
    let shown = added.json();
    assert_eq!(shown["coupons"], json!([{"code": "welcome10", "discount": "4.00"}]));
    assert_eq!(
        (&shown["subtotal"], &shown["discount_total"], &shown["total"]),
        (&json!("39.98"), &json!("5.00"), &json!("34.98"))
    );
    assert_eq!(
        shown["adjustments"][0],
        json!({"kind": "promotion", "label": "Ten off", "amount": "-4.00", "code": "WELCOME10"})
    );
    let again = call("POST", "/cart/coupons/", json!({"code": "WELCOME10"})).await;
    assert_eq!((again.status, again.json()), (200, shown));

    // The coupon stays in the cart without effect, and says why, while the cart does not meet its conditions.
    let less = call("PATCH", &item, json!({"quantity": 1})).await.json();
    assert_eq!(
        (&less["coupons"], &less["total"]),
        (&json!([{"code": "welcome10", "discount": "0.00"}]), &json!("18.99"))
    );
    let why = less["adjustments"].as_array().unwrap().iter().find(|one| one["code"] == "welcome10").unwrap().clone();
    assert_eq!((&why["amount"], text(&why["label"]).contains("30.00")), (&json!("0.00"), true));

    let removed = call("DELETE", "/cart/coupons/Welcome10/", NOTHING).await;
    assert_eq!((removed.status, &removed.json()["coupons"]), (200, &json!([])));
    refused(&call("DELETE", "/cart/coupons/Welcome10/", NOTHING).await, 404, "not_found");
}

#[tokio::test]
async fn a_coupon_that_this_buyer_cannot_use_is_answered_as_one_that_does_not_exist() {
    let shop = TestShop::start().await;
    let shirt = shop.product("SHIRT", "19.99", 10).await;
    let cart = shop.guest_cart(&shirt, 1).await;
    let ada = shop.customer("ada").await;
    let with_code = |code: &str, more: Value| with(&with(&ten_percent(), json!({"code": code})), more);
    for (code, more) in [
        ("off", json!({"active": false})),
        ("early", json!({"starts_at": "2100-01-01T00:00:00Z"})),
        ("late", json!({"ends_at": "2001-01-01T00:00:00Z"})),
        ("adas", json!({"customer_ids": [ada.id]})),
        ("firsts", json!({"first_order_only": true})),
        ("used-up", json!({"usage_limit": 1})),
        ("others", json!({"product_ids": [UNKNOWN]})),
        ("bundle", json!({"kind": "buy_x_get_y", "buy_quantity": 2, "get_quantity": 1})),
    ] {
        shop.promotion(with_code(code, more)).await;
    }
    let add = async |code: Value| shop.as_guest("POST", "/cart/coupons/", &cart, &json!({"code": code})).await;
    // Another buyer has used up the coupon that can be used once.
    let order = order(&shop.shipping_method(&["GB"], "4.50").await);
    let other = shop.guest_cart(&shirt, 1).await;
    assert_eq!(shop.as_guest("POST", "/cart/coupons/", &other, &json!({"code": "used-up"})).await.status, 200);
    assert_eq!(shop.as_guest("POST", "/orders/", &other, &order).await.status, 201);
    let before = shop.as_guest("GET", "/cart/", &cart, &NOTHING).await.json();

    let told = |refusal: &TestResponse, code: &str| {
        refused(refusal, 409, "coupon_not_applicable");
        let body = refusal.json();
        let names: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
        (text(&body["detail"]).replace(code, ""), names)
    };
    let unknown = told(&add(json!("unheard-of")).await, "unheard-of");
    for code in ["off", "early", "late", "adas", "firsts", "used-up"] {
        assert_eq!(told(&add(json!(code)).await, code), unknown, "{code}");
    }
    // Conditions that the cart does not meet are shown to a buyer who may use the coupon; staff see every code.
    assert!(told(&add(json!("others")).await, "others").0.contains("not for anything"));
    assert!(told(&add(json!("bundle")).await, "bundle").0.contains("3 matching pieces"));
    let sam = shop.staff("sam").await.access;
    shop.post("/cart/items/", Some(&sam), &json!({"sku": "SHIRT"})).await;
    let late = shop.post("/cart/coupons/", Some(&sam), &json!({"code": "late"})).await;
    assert!(told(&late, "late").0.contains("expired"));
    assert_eq!(shop.as_guest("GET", "/cart/", &cart, &NOTHING).await.json(), before);
    for code in [json!(""), json!("   "), json!("x".repeat(51)), json!(7), NOTHING] {
        assert_eq!(fields(&add(code).await), ["code"]);
    }
    refused(&shop.post("/cart/coupons/", None, &json!({"code": "off"})).await, 404, "not_found");
    refused(&shop.call("DELETE", "/cart/coupons/off/", None, &NOTHING).await, 404, "not_found");

    // The customer that the coupon is for can use it, even with an empty cart.
    let own = shop.post("/cart/coupons/", Some(&ada.access), &json!({"code": "adas"})).await;
    assert_eq!((own.status, &own.json()["coupons"][0]["discount"]), (200, &json!("0.00")), "{own:?}");
    let filled = shop.post("/cart/items/", Some(&ada.access), &json!({"sku": "SHIRT"})).await.json();
    assert_eq!((&filled["coupons"][0]["discount"], &filled["total"]), (&json!("2.00"), &json!("17.99")));
}

#[tokio::test]
async fn a_guests_coupons_come_along_at_sign_in() {
    let shop = TestShop::start().await;
    let shirt = shop.product("SHIRT", "20.00", 10).await;
    for code in ["ONE", "TWO"] {
        shop.promotion(with(&ten_percent(), json!({"code": code}))).await;
    }
    let ada = shop.customer("ada").await;
    shop.post("/cart/coupons/", Some(&ada.access), &json!({"code": "one"})).await;
    let cart = shop.guest_cart(&shirt, 1).await;
    for code in ["ONE", "two"] {
        shop.as_guest("POST", "/cart/coupons/", &cart, &json!({"code": code})).await;
    }
    let login = json!({"email": "ada@example.com", "password": crate::support::PASSWORD});
    let signed_in = shop.call_with("POST", "/accounts/login/", &[("X-Cart-Token", &cart)], &login).await;
    let access = text(&signed_in.json()["access"]);
    let merged = shop.get("/cart/", Some(&access)).await.json();
    let coupons = json!([{"code": "one", "discount": "2.00"}, {"code": "two", "discount": "1.80"}]);
    assert_eq!((&merged["coupons"], &merged["total"]), (&coupons, &json!("16.20")));
}
