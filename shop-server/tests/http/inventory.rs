//! `/inventory/`: every row of the contract, good and bad.

use serde_json::{Value, json};

use crate::support::{Person, TestResponse, TestShop};

const NOBODY: &str = "01900000-0000-7000-8000-000000000000";

struct Inventory {
    shop: TestShop,
    staff: Person,
}

impl Inventory {
    async fn start() -> Self {
        let shop = TestShop::start().await;
        let staff = shop.staff("staff").await;
        Self { shop, staff }
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> TestResponse {
        self.shop.call(method, path, Some(&self.staff.access), body).await
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.call("GET", path, &Value::Null).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    async fn post(&self, path: &str, body: Value) -> TestResponse {
        self.call("POST", path, &body).await
    }

    /// Creates a product with stock; returns its variant's id.
    async fn stocked(&self, sku: &str, stock: i64) -> String {
        let body = json!({"name": sku, "price": "1", "sku": sku, "stock": stock});
        let answer = self.post("/catalog/products/", body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["variants"][0]["id"].as_str().unwrap().to_owned()
    }

    async fn location(&self, name: &str) -> String {
        let answer = self.post("/inventory/locations/", json!({"name": name})).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// The default location's id.
    async fn main(&self) -> String {
        let list = self.get("/inventory/locations/").await;
        let default = list["results"].as_array().unwrap().iter().find(|row| row["is_default"] == true).unwrap();
        default["id"].as_str().unwrap().to_owned()
    }
}

fn wrong(answer: &TestResponse) -> Vec<String> {
    assert_eq!((answer.status, answer.code().as_str()), (400, "invalid"), "{answer:?}");
    answer.json()["errors"].as_object().unwrap().keys().cloned().collect()
}

fn refused(answer: &TestResponse) -> (u16, String) {
    (answer.status, answer.code())
}

#[tokio::test]
async fn everything_is_staffs_and_judged_before_the_body() {
    let inventory = Inventory::start().await;
    let customer = inventory.shop.customer("ada").await;
    let stock = format!("/inventory/stock/{NOBODY}/");
    let location = format!("/inventory/locations/{NOBODY}/");
    for (method, path) in [
        ("GET", "/inventory/locations/"),
        ("POST", "/inventory/locations/"),
        ("GET", &location),
        ("PUT", &location),
        ("PATCH", &location),
        ("DELETE", &location),
        ("GET", "/inventory/stock/"),
        ("GET", &stock),
        ("PATCH", &stock),
        ("POST", "/inventory/adjustments/"),
        ("POST", "/inventory/transfers/"),
        ("GET", "/inventory/movements/"),
        ("GET", "/inventory/reservations/"),
    ] {
        let body = if method == "GET" { Value::Null } else { json!({"delta": []}) };
        let answer = inventory.shop.call(method, path, Some(&customer.access), &body).await;
        assert_eq!(refused(&answer), (403, "permission_denied".into()), "{method} {path}");
        let answer = inventory.shop.call(method, path, None, &body).await;
        assert_eq!(refused(&answer), (401, "not_authenticated".into()), "{method} {path}");
    }
    for (method, path) in
        [("GET", &location), ("PATCH", &location), ("DELETE", &location), ("GET", &stock), ("PATCH", &stock)]
    {
        let answer = inventory.call(method, path, &json!({})).await;
        assert_eq!(refused(&answer), (404, "not_found".into()), "{method} {path}");
    }
    let put = inventory.call("PUT", &location, &json!({"name": "x"})).await;
    assert_eq!(put.status, 404);
    assert_eq!(inventory.call("GET", "/inventory/stock/x/", &Value::Null).await.status, 404);
}

#[tokio::test]
async fn a_new_shop_has_one_default_location_and_always_exactly_one() {
    let inventory = Inventory::start().await;
    let list = inventory.get("/inventory/locations/").await;
    assert_eq!((&list["count"], &list["results"][0]["is_default"]), (&json!(1), &json!(true)));
    let main = format!("/inventory/locations/{}/", inventory.main().await);
    let made =
        inventory.post("/inventory/locations/", json!({"name": "Lager Köln", "country": "de", "priority": 2})).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    assert_eq!(
        (&made["code"], &made["country"], &made["is_default"]),
        (&json!("lager-koln"), &json!("DE"), &json!(false))
    );
    let place = format!("/inventory/locations/{}/", made["id"].as_str().unwrap());
    assert_eq!(inventory.get(&place).await, made);

    for (path, status) in [(&main, 409), (&place, 200)] {
        let answer = inventory.call("PATCH", path, &json!({"is_default": false})).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    assert_eq!(refused(&inventory.call("DELETE", &main, &Value::Null).await), (409, "in_use".into()));
    assert_eq!(inventory.call("PATCH", &place, &json!({"is_default": true})).await.json()["is_default"], true);
    assert_eq!(inventory.get(&main).await["is_default"], false);

    let put = inventory.call("PUT", &place, &json!({"name": "Köln"})).await.json();
    assert_eq!((&put["code"], &put["country"], &put["priority"]), (&json!("lager-koln"), &Value::Null, &json!(0)));
    assert_eq!(put["is_default"], true, "that a shop has one is not forgotten by leaving it out");
    assert_eq!(inventory.call("DELETE", &main, &Value::Null).await.status, 204);

    let taken = inventory.post("/inventory/locations/", json!({"name": "x", "code": "lager-koln"})).await;
    assert_eq!(refused(&taken), (409, "already_exists".into()));
    let bad = json!({"name": 1, "code": "A B", "country": "ZZ", "priority": -1, "is_default": "yes"});
    let answer = inventory.post("/inventory/locations/", bad).await;
    assert_eq!(wrong(&answer), ["code", "country", "is_default", "name", "priority"]);
    assert_eq!(wrong(&inventory.call("PUT", &place, &json!({})).await), ["name"]);
}

#[tokio::test]
async fn adjustments_are_booked_and_bounded() {
    let inventory = Inventory::start().await;
    let variant = inventory.stocked("TEA", 5).await;
    let store = inventory.location("Store").await;
    let path = "/inventory/adjustments/";
    let made = inventory.post(path, json!({"sku": "TEA", "delta": -2, "reason": "damaged", "note": "wet"})).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    assert_eq!((&made["delta"], &made["reason"], &made["note"]), (&json!(-2), &json!("damaged"), &json!("wet")));
    let more = json!({"variant_id": variant, "location_id": store, "delta": 4, "reason": "received"});
    assert_eq!(inventory.post(path, more).await.json()["location_id"], store);

    let stock = inventory.get(&format!("/inventory/stock/{variant}/")).await;
    assert_eq!((&stock["on_hand"], &stock["available"], &stock["location_id"]), (&json!(7), &json!(7), &Value::Null));
    assert_eq!(stock["locations"].as_array().unwrap().len(), 2);
    let there = inventory.get(&format!("/inventory/stock/{variant}/?location_id={store}")).await;
    assert_eq!((&there["on_hand"], &there["location_id"]), (&json!(4), &json!(store)));
    assert!(there.get("locations").is_none());

    let movements = inventory.get("/inventory/movements/?sku=TEA").await;
    let deltas: Vec<_> = movements["results"].as_array().unwrap().iter().map(|row| row["delta"].as_i64()).collect();
    assert_eq!(deltas, [Some(4), Some(-2), Some(5)], "on hand is the sum of all movements");
    assert_eq!(inventory.get(&format!("/inventory/movements/?location_id={store}")).await["count"], 1);
    assert_eq!(inventory.get("/inventory/movements/?sku=NONE").await["count"], 0);
    assert!(inventory.get("/inventory/movements/?cursor=").await["count"].is_null());

    let less = inventory.post(path, json!({"sku": "TEA", "delta": -4, "reason": "lost"})).await;
    assert_eq!(refused(&less), (409, "insufficient_stock".into()));
    for (body, fields) in [
        (json!({}), vec!["delta", "reason", "sku"]),
        (json!({"sku": "TEA", "variant_id": variant, "delta": 1, "reason": "lost"}), vec!["sku"]),
        (json!({"sku": "NONE", "delta": 1, "reason": "lost"}), vec!["sku"]),
        (json!({"variant_id": NOBODY, "delta": 1, "reason": "lost"}), vec!["variant_id"]),
        (json!({"sku": "TEA", "delta": 1, "reason": "lost", "location_id": NOBODY}), vec!["location_id"]),
        (json!({"sku": "TEA", "delta": 0, "reason": "shipped"}), vec!["delta", "reason"]),
        (json!({"sku": "TEA", "delta": 1_000_000_001, "reason": "lost"}), vec!["delta"]),
        (
            json!({"sku": 1, "variant_id": 2, "location_id": 3, "delta": "4", "reason": 5, "note": 6}),
            vec!["delta", "location_id", "note", "reason", "sku", "variant_id"],
        ),
        (json!({"sku": "TEA", "delta": 1, "reason": "lost", "note": "x".repeat(2001)}), vec!["note"]),
    ] {
        assert_eq!(wrong(&inventory.post(path, body.clone()).await), fields, "{body}");
    }
    let after = inventory.get(&format!("/inventory/stock/{variant}/")).await;
    assert_eq!(after, stock, "what was refused changed nothing");
}

#[tokio::test]
async fn one_key_has_one_effect() {
    let inventory = Inventory::start().await;
    let variant = inventory.stocked("TEA", 5).await;
    let bearer = format!("Bearer {}", inventory.staff.access);
    let send = |key: &'static str, body: &'static str| {
        let headers = [
            ("Authorization", bearer.clone()),
            ("Idempotency-Key", key.into()),
            ("Content-Type", "application/json".into()),
        ];
        let inventory = &inventory;
        async move {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            inventory.shop.server.send("POST", "/inventory/adjustments/", &headers, body).await
        }
    };
    let first = send("k", r#"{"sku": "TEA", "delta": 3, "reason": "received"}"#).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, None), "{first:?}");
    let second = send("k", r#"{"reason":"received","delta":3,"sku":"TEA"}"#).await;
    assert_eq!((second.status, second.header("idempotency-replayed")), (201, Some("true")));
    assert_eq!(first.body, second.body);
    let other = send("k", r#"{"sku": "TEA", "delta": 4, "reason": "received"}"#).await;
    assert_eq!(refused(&other), (422, "idempotency_mismatch".into()));
    assert_eq!(send("", r#"{"sku": "TEA", "delta": 3, "reason": "received"}"#).await.status, 400);
    assert_eq!(inventory.get(&format!("/inventory/stock/{variant}/")).await["on_hand"], 8);
}

#[tokio::test]
async fn free_stock_moves_between_locations() {
    let inventory = Inventory::start().await;
    let variant = inventory.stocked("TEA", 5).await;
    let (main, store) = (inventory.main().await, inventory.location("Store").await);
    let body = |quantity: Value| json!({"sku": "TEA", "from_location_id": main, "to_location_id": store, "quantity": quantity});
    let path = "/inventory/transfers/";
    let bearer = format!("Bearer {}", inventory.staff.access);
    let keyed = async |quantity: i64| {
        let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", "move")];
        inventory.shop.call_with("POST", path, &headers, &body(json!(quantity))).await
    };
    let made = keyed(2).await;
    assert_eq!(made.status, 201, "{made:?}");
    let again = keyed(2).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")));
    assert_eq!(again.body, made.body);
    assert_eq!(refused(&keyed(3).await), (422, "idempotency_mismatch".into()));
    let made = made.json();
    assert_eq!((&made["quantity"], &made["to_location_id"]), (&json!(2), &json!(store)));
    assert_eq!((&made["movements"][0]["delta"], &made["movements"][1]["delta"]), (&json!(-2), &json!(2)));
    let there = inventory.get(&format!("/inventory/stock/{variant}/?location_id={store}")).await;
    assert_eq!(there["on_hand"], 2);
    assert_eq!(refused(&inventory.post(path, body(json!(4))).await), (409, "insufficient_stock".into()));
    let place = format!("/inventory/locations/{store}/");
    assert_eq!(refused(&inventory.call("DELETE", &place, &Value::Null).await), (409, "in_use".into()));
    for (body, fields) in [
        (json!({}), vec!["from_location_id", "quantity", "sku", "to_location_id"]),
        (body(json!(0)), vec!["quantity"]),
        (body(json!(1.5)), vec!["quantity"]),
        (
            json!({"sku": "TEA", "from_location_id": main, "to_location_id": main, "quantity": 1}),
            vec!["to_location_id"],
        ),
        (
            json!({"sku": "TEA", "from_location_id": main, "to_location_id": NOBODY, "quantity": 1}),
            vec!["to_location_id"],
        ),
        (json!({"sku": "NO", "from_location_id": main, "to_location_id": store, "quantity": 1}), vec!["sku"]),
    ] {
        assert_eq!(wrong(&inventory.post(path, body.clone()).await), fields, "{body}");
    }
}

#[tokio::test]
async fn levels_are_listed_and_counted_as_staff_say() {
    let inventory = Inventory::start().await;
    let tea = inventory.stocked("TEA", 5).await;
    inventory.stocked("JAM", 1).await;
    let skus = |list: &Value| -> Vec<String> {
        list["results"].as_array().unwrap().iter().map(|row| row["sku"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(skus(&inventory.get("/inventory/stock/").await), ["JAM", "TEA"]);
    assert_eq!(skus(&inventory.get("/inventory/stock/?ordering=-sku&page_size=1").await), ["TEA"]);
    assert_eq!(skus(&inventory.get(&format!("/inventory/stock/?variant_id={tea}")).await), ["TEA"]);
    assert_eq!(skus(&inventory.get("/inventory/stock/?sku=JAM").await), ["JAM"]);
    assert_eq!(inventory.get(&format!("/inventory/stock/?location_id={NOBODY}")).await["count"], 0);
    assert_eq!(inventory.get(&format!("/inventory/stock/?product_id={NOBODY}")).await["count"], 0);
    assert!(skus(&inventory.get("/inventory/stock/?low=true").await).is_empty());

    let place = format!("/inventory/stock/{tea}/");
    let patched = inventory.call("PATCH", &place, &json!({"low_stock_threshold": 5, "backorder": true})).await;
    assert_eq!(patched.status, 200, "{patched:?}");
    assert_eq!((&patched.json()["low_stock_threshold"], &patched.json()["backorder"]), (&json!(5), &json!(true)));
    assert_eq!(skus(&inventory.get("/inventory/stock/?low=true").await), ["TEA"]);
    inventory.call("PATCH", &place, &json!({"tracked": false})).await;
    let product = inventory.shop.get("/catalog/products/tea/", None).await.json();
    assert_eq!(
        (&product["variants"][0]["available"], &product["variants"][0]["in_stock"]),
        (&Value::Null, &json!(true))
    );

    let bad = json!({"low_stock_threshold": -1, "tracked": "no", "backorder": 1, "location_id": "x"});
    let answer = inventory.call("PATCH", &place, &bad).await;
    assert_eq!(wrong(&answer), ["backorder", "location_id", "low_stock_threshold", "tracked"]);
    let nowhere = inventory.call("PATCH", &place, &json!({"location_id": NOBODY})).await;
    assert_eq!(wrong(&nowhere), ["location_id"]);
    for (query, field) in
        [("variant_id=x", "variant_id"), ("low=maybe", "low"), ("ordering=name", "ordering"), ("page=0", "page")]
    {
        let answer = inventory.call("GET", &format!("/inventory/stock/?{query}"), &Value::Null).await;
        assert_eq!(wrong(&answer), [field], "{query}");
    }
    for path in ["movements", "reservations"] {
        let answer = inventory.call("GET", &format!("/inventory/{path}/?order_id=x"), &Value::Null).await;
        assert_eq!(wrong(&answer), ["order_id"]);
    }
    assert_eq!(inventory.get("/inventory/reservations/?live=true").await["count"], 0);
}

#[tokio::test]
async fn a_code_is_as_staff_write_it() {
    let inventory = Inventory::start().await;
    let made = inventory.post("/inventory/locations/", json!({"name": "East", "code": "WH-EAST.2"})).await;
    assert_eq!((made.status, &made.json()["code"]), (201, &json!("WH-EAST.2")), "{made:?}");
    let again = inventory.post("/inventory/locations/", json!({"name": "Other", "code": "WH-EAST.2"})).await;
    assert_eq!((again.status, again.code().as_str()), (409, "already_exists"));
    assert_eq!(wrong(&inventory.post("/inventory/locations/", json!({"name": "x", "code": "a b"})).await), ["code"]);
}
