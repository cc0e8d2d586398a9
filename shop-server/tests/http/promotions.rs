//! `/catalog/promotions/` and `/cart/coupons/`: every row of the contract, good and bad; and the uses that orders with
//! coupons take and release.

use futures_util::future::join_all;
use serde_json::{Value, json};
use shop_core::Actor;

use crate::orders::{Store, fields, refused, text, with};
use crate::support::{TestResponse, TestShop, order};
use crate::taxes::adds_up;

const NOTHING: Value = Value::Null;
const UNKNOWN: &str = "01890000-0000-7000-8000-000000000001";

impl TestShop {
    /// Creates a promotion as staff; returns its id.
    pub(crate) async fn promotion(&self, body: Value) -> String {
        let staff = Actor::system();
        let made = self.shop.catalog().create_promotion(&staff, serde_json::from_value(body).unwrap()).await;
        made.unwrap().promotion.id.to_string()
    }

    /// A guest's cart with a coupon; returns its token.
    pub(crate) async fn cart_with(&self, goods: &crate::support::TestProduct, code: &str) -> String {
        let cart = self.guest_cart(goods, 1).await;
        let added = self.as_guest("POST", "/cart/coupons/", &cart, &json!({"code": code})).await;
        assert_eq!(added.status, 200, "{added:?}");
        cart
    }

    pub(crate) async fn uses(&self, id: &str) -> i64 {
        let id = id.parse().unwrap();
        self.shop.catalog().promotion(&Actor::system(), id).await.unwrap().uses
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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_buyers_use_a_coupon_of_ten_uses_ten_times() {
    let store = Store::open(100).await;
    let shop = &store.shop;
    let id =
        shop.promotion(json!({"name": "Ten", "code": "TEN", "kind": "fixed", "value": "1", "usage_limit": 10})).await;
    let mut carts = Vec::new();
    for _ in 0..50 {
        carts.push(shop.cart_with(&store.shirt, "ten").await);
    }
    let order = async |number: usize, cart: &str| {
        let body = with(&store.order, json!({"email": format!("buyer{number}@example.com")}));
        shop.as_guest("POST", "/orders/", cart, &body).await
    };
    let answers = join_all(carts.iter().enumerate().map(|(number, cart)| order(number, cart))).await;
    let (sold, refusals): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!((sold.len(), shop.uses(&id).await), (10, 10));
    for refusal in &refusals {
        refused(refusal, 409, "coupon_not_applicable");
    }
    assert_eq!(store.reserved().await, 10);

    // One order is canceled twice at once: one use becomes free, and one of the others takes it.
    let placed = sold[0].json();
    let (path, token) = (format!("/orders/{}/cancel/", text(&placed["id"])), text(&placed["access_token"]));
    let cancel =
        || async { shop.call_with("POST", &path, &[("X-Order-Token", token.as_str())], &NOTHING).await.status };
    let mut statuses = join_all([cancel(), cancel()]).await;
    statuses.sort_unstable();
    assert_eq!((statuses, shop.uses(&id).await), (vec![200, 409], 9));
    let losers: Vec<_> =
        answers.iter().zip(&carts).filter(|(answer, _)| answer.status != 201).map(|(_, cart)| cart).collect();
    let answers = join_all(losers.iter().enumerate().map(|(number, cart)| order(100 + number, cart))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    // A buyer who removes the coupon can order.
    let cart = losers[0];
    shop.as_guest("DELETE", "/cart/coupons/ten/", cart, &NOTHING).await;
    let last = order(200, cart).await;
    assert!(last.status == 201 || last.code() == "not_found", "{last:?}");
    assert_eq!(shop.uses(&id).await, 10);
    store.is_sound().await;
}

/// A coupon for one use per customer, and one for first orders; returns their ids.
async fn coupons_of_customers(shop: &TestShop) -> [String; 2] {
    let once = json!({"name": "Once", "code": "ONCE", "kind": "fixed", "value": "1", "usage_limit_per_customer": 1});
    let first = json!({"name": "First", "code": "FIRST", "kind": "fixed", "value": "1", "first_order_only": true});
    [shop.promotion(once).await, shop.promotion(first).await]
}

#[tokio::test]
async fn one_person_uses_a_coupon_as_often_as_they_may() {
    let store = Store::open(100).await;
    let shop = &store.shop;
    let [once, first] = coupons_of_customers(shop).await;
    let ada = shop.customer("ada").await.access;
    let add = async |code: &str| {
        shop.post("/cart/items/", Some(&ada), &json!({"sku": "SHIRT"})).await;
        shop.post("/cart/coupons/", Some(&ada), &json!({"code": code})).await
    };
    assert_eq!((add("first").await.status, add("once").await.status), (200, 200));
    let placed = join_all((0..8).map(|_| shop.post("/orders/", Some(&ada), &store.order))).await;
    assert_eq!(placed.iter().filter(|answer| answer.status == 201).count(), 1, "{placed:?}");
    assert_eq!((shop.uses(&once).await, shop.uses(&first).await), (1, 1));
    for code in ["first", "once"] {
        refused(&add(code).await, 409, "coupon_not_applicable");
    }
    let placed = placed.iter().find(|answer| answer.status == 201).unwrap().json();
    let canceled = shop.post(&format!("/orders/{}/cancel/", text(&placed["id"])), Some(&ada), &NOTHING).await;
    assert_eq!(canceled.status, 200, "{canceled:?}");
    assert_eq!((add("first").await.status, add("once").await.status), (200, 200), "both came back");
    store.is_sound().await;
}

#[tokio::test]
async fn a_guest_uses_up_nobodys_coupon_and_learns_nothing_of_an_address() {
    let store = Store::open(100).await;
    let shop = &store.shop;
    coupons_of_customers(shop).await;
    let (ada, bob) = (shop.customer("ada").await, shop.customer("bob").await);
    let own = async |access: &str| {
        shop.post("/cart/items/", Some(access), &json!({"sku": "SHIRT"})).await;
        let added = ["first", "once"].map(|code| json!({"code": code}));
        let mut statuses = Vec::new();
        for body in &added {
            statuses.push(shop.post("/cart/coupons/", Some(access), body).await.status);
        }
        (statuses, shop.post("/orders/", Some(access), &store.order).await)
    };
    // Bob has ordered before, Ada has not, and the third address has no account.
    let (_, placed) = own(&bob.access).await;
    assert_eq!((placed.status, &placed.json()["discount_total"]), (201, &json!("2.00")), "{placed:?}");
    let mut answers = Vec::new();
    for email in [&bob.email, &ada.email, "nobody@example.com"] {
        let cart = shop.guest_cart(&store.shirt, 1).await;
        let mut told = Vec::new();
        for code in ["first", "once"] {
            let answer = shop.as_guest("POST", "/cart/coupons/", &cart, &json!({"code": code})).await;
            refused(&answer, 409, "coupon_not_applicable");
            told.push(answer.json()["detail"].clone());
        }
        let placed = shop.as_guest("POST", "/orders/", &cart, &with(&store.order, json!({"email": email}))).await;
        assert_eq!(placed.status, 201, "{placed:?}");
        told.extend([placed.json()["total"].clone(), placed.json()["adjustments"].clone()]);
        answers.push(told);
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:#?}");
    // Ada can still use both.
    let (added, placed) = own(&ada.access).await;
    assert_eq!((added, placed.status, &placed.json()["discount_total"]), (vec![200, 200], 201, &json!("2.00")));
    store.is_sound().await;
}

#[tokio::test]
async fn a_promotion_that_ran_out_by_itself_simply_does_not_apply() {
    let store = Store::open(9).await;
    let shop = &store.shop;
    let id = shop.promotion(json!({"name": "Early birds", "kind": "fixed", "value": "5", "usage_limit": 1})).await;
    let totals = async || {
        let cart = shop.guest_cart(&store.shirt, 1).await;
        let placed = shop.as_guest("POST", "/orders/", &cart, &store.order).await;
        assert_eq!(placed.status, 201, "{placed:?}");
        adds_up(&placed.json());
        text(&placed.json()["total"])
    };
    assert_eq!((totals().await, totals().await), ("19.49".to_owned(), "24.49".to_owned()));
    assert_eq!(shop.uses(&id).await, 1);

    let free = json!({"name": "Free shipping", "code": "SHIP", "kind": "free_shipping"});
    shop.promotion(free).await;
    let cart = shop.cart_with(&store.shirt, "ship").await;
    let placed = shop.as_guest("POST", "/orders/", &cart, &store.order).await.json();
    adds_up(&placed);
    assert_eq!((&placed["shipping_total"], &placed["discount_total"]), (&json!("0.00"), &json!("0.00")));
    store.is_sound().await;
}
