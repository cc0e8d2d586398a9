//! `/cart/`: every row of the contract, good and bad.

use futures_util::future::join_all;
use serde_json::{Value, json};
use shop_core::Actor;

use crate::support::{TestResponse, TestShop};

const NOTHING: Value = Value::Null;

#[track_caller]
fn refused(answer: &TestResponse, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
}

#[track_caller]
fn fields(answer: &TestResponse) -> Vec<String> {
    refused(answer, 400, "invalid");
    answer.json()["errors"].as_object().unwrap().keys().cloned().collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_guest_fills_a_cart_by_its_token() {
    let shop = TestShop::start().await;
    let shirt = shop.product("SHIRT", "19.99", 10).await;
    let made = shop.post("/cart/", None, &NOTHING).await;
    assert_eq!(made.status, 201, "{made:?}");
    let token = text(&made.json()["token"]);
    assert_eq!((&made.json()["items"], &made.json()["coupons"]), (&json!([]), &json!([])));
    assert_eq!((&made.json()["total"], &made.json()["currency"]), (&json!("0.00"), &json!("USD")));

    let added = shop.as_guest("POST", "/cart/items/", &token, &json!({"variant_id": shirt.variant_id})).await;
    assert_eq!((added.status, &added.json()["token"]), (201, &NOTHING), "{added:?}");
    let added =
        shop.as_guest("POST", "/cart/items/", &token, &json!({"product_id": shirt.product_id, "quantity": 2})).await;
    let cart = added.json();
    assert_eq!(cart["id"], made.json()["id"]);
    let item = &cart["items"][0];
    assert_eq!(
        (&item["quantity"], &item["unit_price"], &item["line_total"]),
        (&json!(3), &json!("19.99"), &json!("59.97"))
    );
    assert_eq!((&item["sku"], &item["name"], &item["available"]), (&json!("SHIRT"), &json!("Thing SHIRT"), &json!(10)));
    assert_eq!((&item["variant_id"], &item["product_id"]), (&json!(shirt.variant_id), &json!(shirt.product_id)));
    assert_eq!(
        (&cart["subtotal"], &cart["discount_total"], &cart["total"]),
        (&json!("59.97"), &json!("0.00"), &json!("59.97"))
    );

    let path = format!("/cart/items/{}/", text(&item["id"]));
    let set = shop.as_guest("PATCH", &path, &token, &json!({"quantity": 1})).await;
    assert_eq!((set.status, &set.json()["total"]), (200, &json!("19.99")));
    let removed = shop.as_guest("DELETE", &path, &token, &NOTHING).await;
    assert_eq!((removed.status, &removed.json()["items"]), (200, &json!([])));
    refused(&shop.as_guest("DELETE", &path, &token, &NOTHING).await, 404, "not_found");
    refused(&shop.as_guest("PATCH", &path, &token, &json!({"quantity": 1})).await, 404, "not_found");

    shop.as_guest("POST", "/cart/items/", &token, &json!({"sku": "SHIRT"})).await;
    let emptied = shop.as_guest("DELETE", "/cart/", &token, &NOTHING).await;
    assert_eq!((emptied.status, &emptied.json()["items"]), (200, &json!([])));
    assert_eq!(shop.as_guest("GET", "/cart/", &token, &NOTHING).await.status, 200);
}

#[tokio::test]
async fn a_guest_without_a_valid_token_has_no_cart_until_they_add_something() {
    let shop = TestShop::start().await;
    let shirt = shop.product("SHIRT", "19.99", 10).await;
    refused(&shop.get("/cart/", None).await, 404, "not_found");
    refused(&shop.call("DELETE", "/cart/", None, &NOTHING).await, 404, "not_found");
    refused(&shop.as_guest("GET", "/cart/", "made-up", &NOTHING).await, 404, "not_found");
    let good = shop.guest_cart(&shirt, 1).await;
    let two = [("X-Cart-Token", good.as_str()), ("X-Cart-Token", "made-up")];
    refused(&shop.call_with("GET", "/cart/", &two, &NOTHING).await, 404, "not_found");
    let two = [("X-Cart-Token", good.as_str()), ("X-Cart-Token", good.as_str())];
    refused(&shop.call_with("GET", "/cart/", &two, &NOTHING).await, 404, "not_found");
    refused(&shop.get("/cart/shipping-options/?country=GB", None).await, 404, "not_found");
    let body = json!({"sku": shirt.sku});
    let first = shop.post("/cart/items/", None, &body).await.json();
    let second = shop.as_guest("POST", "/cart/items/", "made-up", &body).await.json();
    assert!(first["token"].is_string() && second["token"].is_string());
    assert_ne!(first["id"], second["id"]);
    // A token gives access to its own cart only.
    let item = format!("/cart/items/{}/", text(&first["items"][0]["id"]));
    refused(&shop.as_guest("DELETE", &item, &text(&second["token"]), &NOTHING).await, 404, "not_found");
}

#[tokio::test]
async fn a_customer_always_has_one_cart_and_no_other() {
    let shop = TestShop::start().await;
    let shirt = shop.product("SHIRT", "19.99", 10).await;
    let (ada, eve) = (shop.customer("ada").await, shop.customer("eve").await);
    let first = shop.get("/cart/", Some(&ada.access)).await;
    assert_eq!((first.status, first.json()["items"].clone()), (200, json!([])));
    let created = shop.post("/cart/", Some(&ada.access), &NOTHING).await;
    assert_eq!((created.status, created.json()["id"].clone()), (200, first.json()["id"].clone()));
    assert!(created.json().get("token").is_none());
    shop.post("/cart/items/", Some(&ada.access), &json!({"sku": "SHIRT"})).await;
    assert_eq!(shop.get("/cart/", Some(&eve.access)).await.json()["items"], json!([]));

    // A bearer token takes precedence: a signed-in user never sees or fills a guest's cart.
    let guest = shop.guest_cart(&shirt, 5).await;
    let bearer = format!("Bearer {}", eve.access);
    let both = [("Authorization", bearer.as_str()), ("X-Cart-Token", guest.as_str())];
    assert_eq!(shop.call_with("GET", "/cart/", &both, &NOTHING).await.json()["items"], json!([]));
    shop.call_with("POST", "/cart/items/", &both, &json!({"sku": "SHIRT"})).await;
    let guests = shop.as_guest("GET", "/cart/", &guest, &NOTHING).await.json();
    assert_eq!(guests["items"][0]["quantity"], 5);
    // An invalid bearer token is refused, and the cart token is no way around it.
    let both = [("Authorization", "Bearer nonsense"), ("X-Cart-Token", guest.as_str())];
    refused(&shop.call_with("GET", "/cart/", &both, &NOTHING).await, 401, "token_not_valid");
}

#[tokio::test]
async fn what_is_wrong_with_an_item_is_named() {
    let shop = TestShop::start().await;
    let shirt = shop.product("SHIRT", "19.99", 10).await;
    let token = shop.guest_cart(&shirt, 1).await;
    let unknown = "01890000-0000-7000-8000-000000000001";
    let add = async |body: Value| fields(&shop.as_guest("POST", "/cart/items/", &token, &body).await);
    assert_eq!(add(json!({})).await, ["variant_id"]);
    assert_eq!(add(json!({"variant_id": unknown, "sku": "SHIRT"})).await, ["sku", "variant_id"]);
    assert_eq!(add(json!({"variant_id": unknown})).await, ["variant_id"]);
    assert_eq!(add(json!({"variant_id": "x", "quantity": "2"})).await, ["quantity", "variant_id"]);
    assert_eq!(add(json!({"sku": "NONE"})).await, ["sku"]);
    assert_eq!(add(json!({"product_id": unknown})).await, ["product_id"]);
    for quantity in [json!(0), json!(-1), json!(10_001), json!(1.5), json!(null), json!("1"), json!(1e300)] {
        assert_eq!(add(json!({"sku": "SHIRT", "quantity": quantity})).await, ["quantity"], "{quantity}");
    }
    let item = shop.as_guest("GET", "/cart/", &token, &NOTHING).await.json()["items"][0]["id"].clone();
    let path = format!("/cart/items/{}/", text(&item));
    for quantity in [json!({}), json!({"quantity": -1}), json!({"quantity": 10_001}), json!({"quantity": null})] {
        assert_eq!(fields(&shop.as_guest("PATCH", &path, &token, &quantity).await), ["quantity"]);
    }
    assert_eq!(shop.as_guest("PATCH", "/cart/items/nonsense/", &token, &json!({"quantity": 1})).await.status, 404);
    // A missing or foreign item is reported before an invalid body.
    let wrong = json!({"quantity": -1});
    refused(&shop.call("PATCH", &path, None, &wrong).await, 404, "not_found");
    refused(&shop.as_guest("PATCH", &path, "made-up", &wrong).await, 404, "not_found");
    refused(&shop.as_guest("PATCH", &format!("/cart/items/{unknown}/"), &token, &wrong).await, 404, "not_found");
    let stale = [("X-Cart-Token", token.as_str()), ("If-Match", "\"1000\"")];
    refused(&shop.call_with("PATCH", &path, &stale, &wrong).await, 412, "version_mismatch");
    let ada = shop.customer("ada").await;
    refused(&shop.call("PATCH", &path, Some(&ada.access), &wrong).await, 404, "not_found");
    let cart = shop.as_guest("PATCH", &path, &token, &json!({"quantity": 0})).await.json();
    assert_eq!(cart["items"], json!([]));
}

#[tokio::test]
async fn a_product_with_several_variants_is_named_by_one_of_them() {
    let shop = TestShop::start().await;
    let input = json!({"name": "Shirt", "options": ["Size"], "variants": [
        {"sku": "S", "price": "10", "options": {"Size": "S"}, "stock": 3},
        {"sku": "M", "price": "12", "options": {"Size": "M"}, "stock": 3}]});
    let input = serde_json::from_value(input).unwrap();
    let product = shop.shop.catalog().create_product(&Actor::system(), input).await.unwrap().product;
    let by_product = shop.post("/cart/items/", None, &json!({"product_id": product.id})).await;
    assert_eq!(fields(&by_product), ["product_id"]);
    let by_sku = shop.post("/cart/items/", None, &json!({"sku": "M"})).await.json();
    assert_eq!((&by_sku["items"][0]["options"], &by_sku["total"]), (&json!({"Size": "M"}), &json!("12.00")));
}

#[tokio::test]
async fn more_than_is_available_is_refused_and_changes_nothing() {
    let shop = TestShop::start().await;
    let shirt = shop.product("SHIRT", "19.99", 5).await;
    let token = shop.guest_cart(&shirt, 3).await;
    let before = shop.as_guest("GET", "/cart/", &token, &NOTHING).await;
    let more = shop.as_guest("POST", "/cart/items/", &token, &json!({"sku": "SHIRT", "quantity": 3})).await;
    refused(&more, 409, "out_of_stock");
    assert_eq!((&more.json()["sku"], &more.json()["available"]), (&json!("SHIRT"), &json!(5)));
    let path = format!("/cart/items/{}/", text(&before.json()["items"][0]["id"]));
    refused(&shop.as_guest("PATCH", &path, &token, &json!({"quantity": 6})).await, 409, "out_of_stock");
    refused(&shop.post("/cart/items/", None, &json!({"sku": "SHIRT", "quantity": 6})).await, 409, "out_of_stock");
    let after = shop.as_guest("GET", "/cart/", &token, &NOTHING).await;
    assert_eq!((after.body.as_str(), after.header("etag")), (before.body.as_str(), before.header("etag")));
    assert_eq!(shop.as_guest("PATCH", &path, &token, &json!({"quantity": 5})).await.status, 200);
}

#[tokio::test]
async fn prices_are_those_of_today_whatever_a_client_sends() {
    let shop = TestShop::start().await;
    let shirt = shop.product("SHIRT", "19.99", 5).await;
    let body = json!({"sku": "SHIRT", "unit_price": "0.01", "price": "0.01", "line_total": "0.01", "total": "0.01",
        "currency": "JPY", "available": 99});
    let cart = shop.post("/cart/items/", None, &body).await.json();
    assert_eq!((&cart["total"], &cart["currency"]), (&json!("19.99"), &json!("USD")));
    let token = text(&cart["token"]);
    let read = shop.as_guest("GET", "/cart/", &token, &NOTHING).await;
    let change = async |change: Value| {
        let change = serde_json::from_value(change).unwrap();
        let id = shirt.product_id.parse().unwrap();
        shop.shop.catalog().update_product(&Actor::system(), id, change, None).await.unwrap();
    };
    change(json!({"price": "25"})).await;
    let dearer = shop.as_guest("GET", "/cart/", &token, &NOTHING).await;
    assert_eq!(dearer.json()["total"], "25.00");
    assert_ne!(dearer.header("etag"), read.header("etag"));
    change(json!({"status": "archived"})).await;
    let gone = shop.as_guest("GET", "/cart/", &token, &NOTHING).await.json();
    assert_eq!(gone["items"][0]["available"], 0);
    assert_eq!(fields(&shop.as_guest("POST", "/cart/items/", &token, &json!({"sku": "SHIRT"})).await), ["sku"]);
}

#[tokio::test]
async fn a_change_can_be_bound_to_the_version_that_was_read() {
    let shop = TestShop::start().await;
    let shirt = shop.product("SHIRT", "19.99", 9).await;
    let token = shop.guest_cart(&shirt, 1).await;
    let read = shop.as_guest("GET", "/cart/", &token, &NOTHING).await;
    let tag = read.header("etag").unwrap().to_owned();
    let same = [("X-Cart-Token", token.as_str()), ("If-None-Match", tag.as_str())];
    assert_eq!(shop.call_with("GET", "/cart/", &same, &NOTHING).await.status, 304);
    let path = format!("/cart/items/{}/", text(&read.json()["items"][0]["id"]));
    let bound = [("X-Cart-Token", token.as_str()), ("If-Match", tag.as_str())];
    let set = shop.call_with("PATCH", &path, &bound, &json!({"quantity": 2})).await;
    assert_eq!(set.status, 200, "{set:?}");
    refused(&shop.call_with("PATCH", &path, &bound, &json!({"quantity": 3})).await, 412, "version_mismatch");
    refused(&shop.call_with("DELETE", &path, &bound, &NOTHING).await, 412, "version_mismatch");
    refused(&shop.call_with("DELETE", "/cart/", &bound, &NOTHING).await, 412, "version_mismatch");
    let now = [("X-Cart-Token", token.as_str()), ("If-Match", set.header("etag").unwrap())];
    assert_eq!(shop.call_with("DELETE", "/cart/", &now, &NOTHING).await.status, 200);
}

#[tokio::test]
async fn the_ways_to_ship_a_cart_are_priced() {
    let shop = TestShop::start().await;
    let shirt = shop.product("SHIRT", "19.99", 9).await;
    let home = shop.shipping_method(&["GB"], "4.50").await;
    let world = shop.shipping_method(&["*"], "20").await;
    let token = shop.guest_cart(&shirt, 1).await;
    let options =
        async |query: &str| shop.as_guest("GET", &format!("/cart/shipping-options/{query}"), &token, &NOTHING).await;
    let body = options("?country=gb&postal_code=SW1Y").await.json();
    let first = &body["results"][0];
    assert_eq!((&body["count"], &first["id"], &first["price"]), (&json!(1), &json!(home), &json!("4.50")));
    assert_eq!(
        (&first["name"], &first["carrier"], &first["currency"]),
        (&json!("Post"), &json!("Royal Mail"), &json!("USD"))
    );
    assert_eq!(options("?country=US").await.json()["results"][0]["id"], world);
    assert_eq!(fields(&options("").await), ["country"]);
    assert_eq!(fields(&options("?country=XX").await), ["country"]);
    assert_eq!(
        fields(&options(&format!("?country=XX&postal_code={}", "1".repeat(21))).await),
        ["country", "postal_code"]
    );
    let ada = shop.customer("ada").await;
    assert_eq!(shop.get("/cart/shipping-options/?country=GB", Some(&ada.access)).await.json()["count"], 1);
}

#[tokio::test]
async fn ways_to_ship_are_priced_by_weight_and_subtotal() {
    let shop = TestShop::start().await;
    let sam = shop.staff("sam").await.access;
    // 100 grams each.
    let shirt = shop.product("SHIRT", "10", 99).await;
    let zone = json!({"name": "Home", "countries": ["GB"]});
    let zone = shop.post("/shipping/zones/", Some(&sam), &zone).await.json()["id"].clone();
    let made = async |name: &str, rate: Value, free_over: Value| {
        let body = json!({"name": name, "zone_id": zone, "rate": rate, "free_over": free_over});
        let answer = shop.post("/shipping/methods/", Some(&sam), &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["id"].clone()
    };
    let tiers = json!([{"up_to": 200, "price": "1.00"}, {"up_to": 500, "price": "3.00"}]);
    let by_weight = made("Weight", json!({"type": "by_weight", "tiers": tiers}), json!("45")).await;
    let tiers = json!([{"up_to": "15", "price": "5.00"}, {"up_to": null, "price": "2.50"}]);
    made("Subtotal", json!({"type": "by_subtotal", "tiers": tiers}), Value::Null).await;
    // For each quantity of shirts: the cost of each method, or that it does not accept such a shipment.
    for (quantity, weight, subtotal) in [
        (1, Some("1.00"), "5.00"),
        (2, Some("1.00"), "2.50"),
        (3, Some("3.00"), "2.50"),
        (5, Some("0.00"), "2.50"),
        (6, None, "2.50"),
    ] {
        let token = shop.guest_cart(&shirt, quantity).await;
        let options = shop.as_guest("GET", "/cart/shipping-options/?country=GB", &token, &NOTHING).await.json();
        let price = |name: &str| {
            let found = options["results"].as_array().unwrap().iter().find(|option| option["name"] == name);
            found.map(|option| text(&option["price"]))
        };
        assert_eq!(price("Weight").as_deref(), weight, "{quantity}: {options}");
        assert_eq!(price("Subtotal").as_deref(), Some(subtotal), "{quantity}: {options}");
        if let Some(weight) = weight {
            let order = crate::support::order(by_weight.as_str().unwrap());
            let placed = shop.as_guest("POST", "/orders/", &token, &order).await;
            assert_eq!((placed.status, &placed.json()["shipping_total"]), (201, &json!(weight)), "{placed:?}");
        }
    }
}

#[tokio::test]
async fn a_guests_cart_goes_into_the_customers_at_sign_in() {
    let shop = TestShop::start().await;
    let (shirt, cap) = (shop.product("SHIRT", "19.99", 5).await, shop.product("CAP", "5", 5).await);
    let ada = shop.customer("ada").await;
    shop.post("/cart/items/", Some(&ada.access), &json!({"sku": "SHIRT", "quantity": 4})).await;
    let token = shop.guest_cart(&shirt, 3).await;
    shop.as_guest("POST", "/cart/items/", &token, &json!({"sku": cap.sku})).await;
    let login = json!({"email": ada.email, "password": crate::support::PASSWORD});
    let signed_in = shop.as_guest("POST", "/accounts/login/", &token, &login).await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    let cart = shop.get("/cart/", Some(&ada.access)).await.json();
    let lines: Vec<_> =
        cart["items"].as_array().unwrap().iter().map(|i| (text(&i["sku"]), i["quantity"].clone())).collect();
    assert_eq!(lines, [("SHIRT".to_owned(), json!(5)), ("CAP".to_owned(), json!(1))]);
    refused(&shop.as_guest("GET", "/cart/", &token, &NOTHING).await, 404, "not_found");
    // Signing in with the used token again merges nothing twice.
    assert_eq!(shop.as_guest("POST", "/accounts/login/", &token, &login).await.status, 200);
    assert_eq!(shop.get("/cart/", Some(&ada.access)).await.json()["version"], cart["version"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn adding_to_one_cart_at_once_loses_nothing() {
    let shop = TestShop::start().await;
    let shirt = shop.product("SHIRT", "19.99", 1_000).await;
    let token = shop.guest_cart(&shirt, 1).await;
    let body = json!({"sku": "SHIRT", "quantity": 2});
    let answers = join_all((0..20).map(|_| shop.as_guest("POST", "/cart/items/", &token, &body))).await;
    assert!(answers.iter().all(|answer| answer.status == 201));
    assert_eq!(shop.as_guest("GET", "/cart/", &token, &NOTHING).await.json()["items"][0]["quantity"], 41);
}
