//! `/catalog/`: every row of the contract, good and bad.

use serde_json::{Value, json};

use crate::support::{Person, TestResponse, TestShop};

const NOBODY: &str = "01900000-0000-7000-8000-000000000000";

struct Catalog {
    shop: TestShop,
    staff: Person,
}

impl Catalog {
    async fn start() -> Self {
        let shop = TestShop::start().await;
        let staff = shop.staff("staff").await;
        Self { shop, staff }
    }

    async fn get(&self, path: &str) -> TestResponse {
        self.shop.get(path, None).await
    }

    async fn staff(&self, method: &str, path: &str, body: &Value) -> TestResponse {
        self.shop.call(method, path, Some(&self.staff.access), body).await
    }

    async fn made(&self, body: Value) -> Value {
        let answer = self.staff("POST", "/catalog/products/", &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }

    async fn category(&self, name: &str, parent: &Value) -> Value {
        let body = json!({"name": name, "parent_id": parent});
        let answer = self.staff("POST", "/catalog/categories/", &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }

    /// The names in a list that fits on one page.
    async fn names(&self, query: &str) -> Vec<String> {
        let answer = self.get(&format!("/catalog/products/?{query}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        results(&answer.json(), "name")
    }
}

fn results(list: &Value, field: &str) -> Vec<String> {
    let text = |row: &Value| row[field].as_str().unwrap().to_owned();
    list["results"].as_array().unwrap().iter().map(text).collect()
}

/// The names of the invalid fields in a 400 response.
fn wrong(answer: &TestResponse) -> Vec<String> {
    assert_eq!((answer.status, answer.code().as_str()), (400, "invalid"), "{answer:?}");
    answer.json()["errors"].as_object().unwrap().keys().cloned().collect()
}

fn path(thing: &Value, kind: &str) -> String {
    format!("/catalog/{kind}/{}/", thing["id"].as_str().unwrap())
}

/// The path and query of a link.
fn link(value: &Value) -> String {
    value.as_str().unwrap().strip_prefix("http://shop.test").unwrap().to_owned()
}

#[tokio::test]
async fn a_product_is_made_read_changed_and_taken_away() {
    let catalog = Catalog::start().await;
    let made = catalog
        .made(json!({"name": "Green Tea", "price": "4.5", "sku": "TEA", "stock": 3, "weight_grams": 100, "id": NOBODY,
            "attributes": {"origin": "Japan", "grams": [50, 100]}, "unknown": 1,
            "images": [{"url": "https://example.com/tea.jpg", "alt": "A cup"}]}))
        .await;
    assert_ne!(made["id"], NOBODY, "the id is the shop's to give");
    for (field, expected) in [
        ("slug", json!("green-tea")),
        ("status", json!("active")),
        ("price", json!("4.50")),
        ("currency", json!("USD")),
        ("sku", json!("TEA")),
        ("options", json!([])),
        ("category_id", Value::Null),
        ("attributes", json!({"origin": "Japan", "grams": [50, 100]})),
        ("images", json!([{"url": "https://example.com/tea.jpg", "alt": "A cup"}])),
        ("version", json!(1)),
    ] {
        assert_eq!(made[field], expected, "{field}");
    }
    let variant = &made["variants"][0];
    assert_eq!((&variant["available"], &variant["in_stock"]), (&json!(3), &json!(true)));
    assert!(made["created_at"].as_str().unwrap().ends_with('Z'));

    let place = path(&made, "products");
    for same in [place.clone(), place.trim_end_matches('/').to_owned(), "/catalog/products/green-tea/".to_owned()] {
        assert_eq!(catalog.get(&same).await.json(), made, "{same}");
    }

    let patched = catalog.staff("PATCH", &place, &json!({"price": "5.00", "name": "Sencha"})).await;
    assert_eq!(patched.status, 200, "{patched:?}");
    let patched = patched.json();
    assert_eq!(
        (&patched["price"], &patched["slug"], &patched["version"]),
        (&json!("5.00"), &json!("green-tea"), &json!(2))
    );
    assert_eq!(patched["attributes"], made["attributes"]);

    // A response can be sent back unchanged.
    let echoed = catalog.staff("PUT", &place, &patched).await.json();
    assert_eq!(echoed, patched);

    let put = catalog.staff("PUT", &place, &json!({"name": "Sencha", "price": "6"})).await.json();
    assert_eq!((&put["attributes"], &put["images"], &put["sku"]), (&json!({}), &json!([]), &json!("TEA")));

    assert_eq!(catalog.staff("DELETE", &place, &Value::Null).await.status, 204);
    assert_eq!(catalog.get(&place).await.code(), "not_found");
    assert!(catalog.names("").await.is_empty());
    assert_eq!(catalog.staff("GET", &place, &Value::Null).await.json()["status"], "archived");
    assert_eq!(catalog.staff("DELETE", &place, &Value::Null).await.status, 204, "once more is the same");
    let again = catalog.staff("POST", "/catalog/products/", &json!({"name": "x", "price": "1", "sku": "TEA"})).await;
    assert_eq!((again.status, again.code().as_str()), (409, "already_exists"));
}

#[tokio::test]
async fn variants_are_one_list() {
    let catalog = Catalog::start().await;
    let made = catalog
        .made(json!({"name": "Shirt", "options": ["Size"], "variants": [
            {"options": {"Size": "S"}, "price": "12", "sku": "S", "stock": 2},
            {"options": {"Size": "M"}, "price": "10", "sku": "M", "compare_at_price": "15"}]}))
        .await;
    assert_eq!((&made["price"], &made["sku"]), (&json!("10.00"), &Value::Null));
    let available = |product: &Value| -> Vec<i64> {
        product["variants"].as_array().unwrap().iter().map(|v| v["available"].as_i64().unwrap()).collect()
    };
    assert_eq!(available(&made), [2, 0]);
    let place = path(&made, "products");
    let body = json!({"variants": [{"id": made["variants"][0]["id"], "price": "13", "stock": 50},
        {"options": {"Size": "L"}, "price": "14"}]});
    let after = catalog.staff("PATCH", &place, &body).await.json();
    assert_eq!(after["variants"][0]["id"], made["variants"][0]["id"]);
    assert_eq!(available(&after), [2, 0], "stock in it is ignored");
    assert!(after["variants"][1]["sku"].as_str().unwrap().starts_with("SHIRT-L-"), "{after}");
    // The archived variant keeps its sku.
    let other = catalog.staff("POST", "/catalog/products/", &json!({"name": "x", "price": "1", "sku": "M"})).await;
    assert_eq!(other.code(), "already_exists");
    let back = catalog.staff("PATCH", &place, &json!({"variants": [{"sku": "M"}]})).await.json();
    assert_eq!((&back["variants"][0]["id"], &back["sku"]), (&made["variants"][1]["id"], &json!("M")));
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let catalog = Catalog::start().await;
    let post = |body: Value| {
        let catalog = &catalog;
        async move { wrong(&catalog.staff("POST", "/catalog/products/", &body).await) }
    };
    assert_eq!(post(json!({})).await, ["name", "price"]);
    let types = json!({"name": 5, "slug": [], "description": {}, "status": "sold", "category_id": "x", "options": "Size",
        "variants": {}, "images": [1], "attributes": [], "price": 19.99, "sku": 7, "stock": "3", "compare_at_price": 1,
        "weight_grams": 1.5, "barcode": false, "tax_class": 1});
    let mut all: Vec<_> = types.as_object().unwrap().keys().cloned().collect();
    all.sort();
    assert_eq!(post(types).await, all);
    for (body, field) in [
        (json!({"name": "x".repeat(256), "price": "1"}), "name"),
        (json!({"name": "x", "price": "1.999"}), "price"),
        (json!({"name": "x", "price": "-1"}), "price"),
        (json!({"name": "x", "price": "1e3"}), "price"),
        (json!({"name": "x", "price": " 1"}), "price"),
        (json!({"name": "x", "price": "9".repeat(30)}), "price"),
        (json!({"name": "x", "price": "1", "stock": -1}), "stock"),
        (json!({"name": "x", "price": "1", "stock": 10_000_000_000_i64}), "stock"),
        (json!({"name": "x", "price": "1", "weight_grams": -1}), "weight_grams"),
        (json!({"name": "x", "price": "1", "sku": "a b"}), "sku"),
        (json!({"name": "x", "price": "1", "slug": "A B"}), "slug"),
        (json!({"name": "x", "price": "1", "slug": NOBODY}), "slug"),
        (json!({"name": "x", "price": "1", "description": "x".repeat(20_001)}), "description"),
        (json!({"name": "x", "price": "01"}), "price"),
        (json!({"name": "x", "price": "00.50"}), "price"),
        (json!({"name": "x", "price": " 1"}), "price"),
        (json!({"name": "x", "price": "1", "category_id": NOBODY}), "category_id"),
        (json!({"name": "x", "price": "1", "images": [{"url": "javascript:alert(1)"}]}), "images.0.url"),
        (json!({"name": "x", "price": "1", "attributes": {"a": "\0"}}), "attributes"),
        (json!({"name": "x", "price": "1", "options": ["Size"]}), "variants"),
        (json!({"name": "x", "variants": []}), "variants"),
        (json!({"name": "x", "options": ["A", "a"], "variants": [{"price": "1"}]}), "options.1"),
        (json!({"name": "x", "options": ["A"], "variants": [{"price": "1"}]}), "variants.0.options"),
        (json!({"name": "x", "variants": [{"price": "1", "sku": "A"}, {"price": "1", "sku": "A"}]}), "variants.1.sku"),
        (
            json!({"name": "x", "options": ["A"], "variants":
            [{"price": "1", "options": {"A": "1"}}, {"price": "1", "options": {"A": "1"}}]}),
            "variants.1.options",
        ),
        (json!({"name": "x", "variants": [{"sku": "A"}]}), "variants.0.price"),
        (json!({"name": "x", "price": "1", "variants": [{"price": "2"}]}), "price"),
    ] {
        assert_eq!(post(body.clone()).await, [field], "{body}");
    }
    let variants: Vec<_> = (0..201).map(|_| json!({"price": "1"})).collect();
    assert_eq!(post(json!({"name": "x", "variants": variants})).await, ["variants"]);
    assert!(catalog.names("").await.is_empty(), "nothing was made");
}

#[tokio::test]
async fn a_part_cannot_take_away_what_a_product_needs() {
    let catalog = Catalog::start().await;
    let one = path(&catalog.made(json!({"name": "Tea", "price": "0.50", "sku": "TEA"})).await, "products");
    let sizes = json!([{"price": "1", "sku": "S", "options": {"Size": "S"}}, {"price": "2", "sku": "M", "options": {"Size": "M"}}]);
    let several = catalog.made(json!({"name": "Shirt", "options": ["Size"], "variants": sizes})).await;
    let id = several["variants"][0]["id"].clone();
    let patch = async |path: &str, body: Value| wrong(&catalog.staff("PATCH", path, &body).await);
    for field in ["name", "slug", "sku"] {
        assert_eq!(patch(&one, json!({ field: "" })).await, [field]);
    }
    for field in ["sku", "price", "options", "weight_grams", "tax_class"] {
        let body = json!({"variants": [{"id": id, field: null}, {"sku": "M"}]});
        assert_eq!(patch(&path(&several, "products"), body).await, [format!("variants.0.{field}")]);
    }
    // A response can be sent back unchanged.
    let echo = json!({"sku": null, "price": several["price"], "variants": several["variants"], "category_id": null});
    let answer = catalog.staff("PATCH", &path(&several, "products"), &echo).await;
    assert_eq!((answer.status, &answer.json()["version"]), (200, &several["version"]), "{answer:?}");
}

#[tokio::test]
async fn bodies_must_be_json_objects() {
    let catalog = Catalog::start().await;
    let bearer = format!("Bearer {}", catalog.staff.access);
    let json_headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let answer = catalog.shop.server.send("PATCH", "/accounts/user/", &json_headers, "null").await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "parse_error"));
    for body in ["{", "[]", "null", "{\"name\": \"\\ud800\"}"] {
        let answer = catalog.shop.server.send("POST", "/catalog/products/", &json_headers, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "parse_error"), "{body}");
    }
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "text/plain")];
    let answer = catalog.shop.server.send("POST", "/catalog/products/", &headers, "{}").await;
    assert_eq!(answer.status, 415);
}

#[tokio::test]
async fn writing_is_staffs_and_judged_before_the_body() {
    let catalog = Catalog::start().await;
    let customer = catalog.shop.customer("ada").await;
    let product = path(&catalog.made(json!({"name": "Tea", "price": "1"})).await, "products");
    let category = path(&catalog.category("Drinks", &Value::Null).await, "categories");
    let unknown = format!("/catalog/products/{NOBODY}/");
    for (method, place) in [
        ("POST", "/catalog/products/"),
        ("PUT", &product),
        ("PATCH", &product),
        ("PATCH", &unknown),
        ("DELETE", &product),
        ("POST", "/catalog/categories/"),
        ("PUT", &category),
        ("PATCH", &category),
        ("DELETE", &category),
    ] {
        for body in [json!({"name": 7}), Value::Null] {
            let refused = catalog.shop.call(method, place, Some(&customer.access), &body).await;
            assert_eq!((refused.status, refused.code().as_str()), (403, "permission_denied"), "{method} {place}");
            let refused = catalog.shop.call(method, place, None, &body).await;
            assert_eq!((refused.status, refused.code().as_str()), (401, "not_authenticated"), "{method} {place}");
        }
    }
    assert_eq!(catalog.get(&product).await.status, 200);
    assert_eq!(catalog.get(&category).await.status, 200);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let catalog = Catalog::start().await;
    for kind in ["products", "categories"] {
        for name in [NOBODY, "no-such-thing", "%F0%9F%8D%B5"] {
            let answer = catalog.get(&format!("/catalog/{kind}/{name}/")).await;
            assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{kind} {name}");
        }
        for method in ["PUT", "PATCH", "DELETE"] {
            for name in [NOBODY, "a-slug"] {
                let body = json!({"name": "x", "price": "1"});
                let answer = catalog.staff(method, &format!("/catalog/{kind}/{name}/"), &body).await;
                assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{method} {kind} {name}");
            }
        }
    }
}

#[tokio::test]
async fn drafts_are_for_staff() {
    let catalog = Catalog::start().await;
    catalog.made(json!({"name": "Tea", "price": "1"})).await;
    let draft = catalog.made(json!({"name": "Secret", "price": "1", "status": "draft"})).await;
    assert_eq!(catalog.get(&path(&draft, "products")).await.status, 404);
    assert_eq!(catalog.get("/catalog/products/secret/").await.status, 404);
    assert_eq!(catalog.names("status=draft").await, ["Tea"], "the public sees what is active, whatever it asks");
    let all = catalog.staff("GET", "/catalog/products/?ordering=name", &Value::Null).await;
    assert_eq!(results(&all.json(), "name"), ["Secret", "Tea"]);
    let drafts = catalog.staff("GET", "/catalog/products/?status=draft", &Value::Null).await;
    assert_eq!(results(&drafts.json(), "name"), ["Secret"]);
    assert_eq!(wrong(&catalog.staff("GET", "/catalog/products/?status=sold", &Value::Null).await), ["status"]);
}

#[tokio::test]
async fn lists_are_searched_filtered_and_ordered() {
    let catalog = Catalog::start().await;
    let drinks = catalog.category("Drinks", &Value::Null).await;
    let teas = catalog.category("Teas", &drinks["id"]).await;
    for (name, price, stock, category, description) in [
        ("Green Tea", "4.50", 3, &teas["id"], ""),
        ("Black Tea", "3.50", 0, &teas["id"], ""),
        ("Juice", "2.00", 1, &drinks["id"], ""),
        ("Mug", "9.00", 5, &Value::Null, "For green tea"),
    ] {
        let body = json!({"name": name, "price": price, "stock": stock, "category_id": category,
            "description": description, "sku": name.to_uppercase().replace(' ', "-")});
        catalog.made(body).await;
    }
    for (query, expected) in [
        ("ordering=name", vec!["Black Tea", "Green Tea", "Juice", "Mug"]),
        ("ordering=-price", vec!["Mug", "Green Tea", "Black Tea", "Juice"]),
        ("ordering=created_at", vec!["Green Tea", "Black Tea", "Juice", "Mug"]),
        ("", vec!["Mug", "Juice", "Black Tea", "Green Tea"]),
        ("search=green+TEA", vec!["Green Tea", "Mug"]),
        ("search=tea&ordering=-relevance,name", vec!["Mug", "Black Tea", "Green Tea"]),
        ("search=gr%C3%A9en", vec!["Green Tea", "Mug"]),
        ("search=coffee", vec![]),
        ("search=%21%21", vec![]),
        ("search=", vec!["Mug", "Juice", "Black Tea", "Green Tea"]),
        ("category=drinks&ordering=name", vec!["Black Tea", "Green Tea", "Juice"]),
        ("category=teas&ordering=name", vec!["Black Tea", "Green Tea"]),
        ("category=cars", vec![]),
        ("min_price=3.50&max_price=4.5&ordering=price", vec!["Black Tea", "Green Tea"]),
        ("in_stock=true&ordering=name", vec!["Green Tea", "Juice", "Mug"]),
        ("in_stock=false", vec!["Black Tea"]),
    ] {
        assert_eq!(catalog.names(query).await, expected, "{query}");
    }
    let by_id = format!("category={}", teas["id"].as_str().unwrap());
    assert_eq!(catalog.names(&by_id).await.len(), 2);
    for (query, field) in [
        ("ordering=color", "ordering"),
        ("ordering=name,name", "ordering"),
        ("page=0", "page"),
        ("page=x", "page"),
        ("page_size=101", "page_size"),
        ("page_size=-1", "page_size"),
        ("cursor=nonsense", "cursor"),
        ("min_price=1.999", "min_price"),
        ("max_price=x", "max_price"),
        ("in_stock=maybe", "in_stock"),
    ] {
        let answer = catalog.get(&format!("/catalog/products/?{query}")).await;
        assert_eq!(wrong(&answer), [field], "{query}");
    }
}

#[tokio::test]
async fn pages_by_number_and_by_cursor_show_all_once() {
    let catalog = Catalog::start().await;
    for number in 0..7 {
        catalog.made(json!({"name": format!("Tea {number}"), "price": "1"})).await;
    }
    let mut expected: Vec<_> = (0..7).map(|number| format!("Tea {number}")).collect();
    for (first, counted) in [("page_size=3&ordering=name", true), ("page_size=3&ordering=name&cursor=", false)] {
        let (mut seen, mut place) = (Vec::new(), format!("/catalog/products/?{first}"));
        let last = loop {
            let list = catalog.get(&place).await.json();
            assert_eq!(list["count"], if counted { json!(7) } else { Value::Null });
            seen.extend(results(&list, "name"));
            if list["next"].is_null() {
                break list;
            }
            place = link(&list["next"]);
        };
        assert_eq!(seen, expected);
        let previous = catalog.get(&link(&last["previous"])).await.json();
        assert_eq!(results(&previous, "name"), expected[3..6]);
    }
    expected.reverse();
    assert_eq!(catalog.names("ordering=-name&page=1").await, expected);
    assert_eq!(catalog.get("/catalog/products/?page=9").await.code(), "not_found");
    // A cursor is valid only for its own ordering.
    let list = catalog.get("/catalog/products/?page_size=3&cursor=&ordering=name").await.json();
    let other = link(&list["next"]).replace("ordering=name", "ordering=price");
    assert_eq!(wrong(&catalog.get(&other).await), ["cursor"]);
}

#[tokio::test]
async fn versions_are_tags() {
    let catalog = Catalog::start().await;
    let bearer = format!("Bearer {}", catalog.staff.access);
    let product = path(&catalog.made(json!({"name": "Tea", "price": "1"})).await, "products");
    let category = path(&catalog.category("Drinks", &Value::Null).await, "categories");
    for place in [&product, &category] {
        let tag = catalog.get(place).await.header("etag").unwrap().to_owned();
        assert!(tag.starts_with("\"1-") && tag.ends_with('"'), "{tag}");
        let same = catalog.shop.call_with("GET", place, &[("If-None-Match", &tag)], &Value::Null).await;
        assert_eq!((same.status, same.body.as_str(), same.header("etag")), (304, "", Some(tag.as_str())));
        let with = |tag: &str| [("Authorization".to_owned(), bearer.clone()), ("If-Match".to_owned(), tag.to_owned())];
        let call = |method: &'static str, tag: &str, body: Value| {
            let (catalog, headers) = (&catalog, with(tag));
            async move {
                let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                catalog.shop.call_with(method, place, &headers, &body).await
            }
        };
        assert_eq!(call("PATCH", &tag, json!({"name": "New"})).await.status, 200);
        for method in ["PATCH", "PUT", "DELETE"] {
            let stale = call(method, &tag, json!({"name": "Newer", "price": "1"})).await;
            assert_eq!((stale.status, stale.code().as_str()), (412, "version_mismatch"), "{method} {place}");
        }
        let changed = catalog.shop.call_with("GET", place, &[("If-None-Match", &tag)], &Value::Null).await;
        assert_eq!((changed.status, changed.json()["version"].clone()), (200, json!(2)));
        assert_eq!(call("PATCH", "*", json!({"name": "Newest"})).await.status, 200);
        assert_eq!(call("DELETE", "\"3-x\"", Value::Null).await.status, 204);
    }
}

#[tokio::test]
async fn categories_form_a_tree() {
    let catalog = Catalog::start().await;
    let top = catalog.category("Clothes", &Value::Null).await;
    let middle = catalog.category("Sweaters", &top["id"]).await;
    let low = catalog.category("Wool", &middle["id"]).await;
    assert_eq!((&top["slug"], &top["parent_id"], &top["position"]), (&json!("clothes"), &Value::Null, &json!(0)));
    for parent in [&top, &middle, &low] {
        let cycle = catalog.staff("PATCH", &path(&top, "categories"), &json!({"parent_id": parent["id"]})).await;
        assert_eq!(wrong(&cycle), ["parent_id"]);
    }
    let product = catalog.made(json!({"name": "Scarf", "price": "1", "category_id": middle["id"]})).await;
    assert_eq!(catalog.names("category=clothes").await, ["Scarf"]);
    assert_eq!(catalog.staff("DELETE", &path(&middle, "categories"), &Value::Null).await.status, 204);
    assert_eq!(catalog.get(&path(&middle, "categories")).await.status, 404);
    assert_eq!(catalog.get("/catalog/categories/wool/").await.json()["parent_id"], top["id"]);
    let after = catalog.get(&path(&product, "products")).await.json();
    assert_eq!((&after["category_id"], &after["version"]), (&Value::Null, &json!(2)));

    let put = catalog.staff("PUT", &path(&low, "categories"), &json!({"name": "Merino", "position": 3})).await.json();
    assert_eq!((&put["parent_id"], &put["slug"], &put["position"]), (&Value::Null, &json!("wool"), &json!(3)));
    let list = catalog.get("/catalog/categories/?ordering=-name").await.json();
    assert_eq!((&list["count"], results(&list, "name")), (&json!(2), vec!["Merino".to_owned(), "Clothes".to_owned()]));
    assert_eq!(wrong(&catalog.get("/catalog/categories/?ordering=size").await), ["ordering"]);

    let taken = catalog.staff("POST", "/catalog/categories/", &json!({"name": "x", "slug": "wool"})).await;
    assert_eq!((taken.status, taken.code().as_str()), (409, "already_exists"));
    let bad = json!({"name": "", "slug": "A B", "description": 1, "parent_id": 5, "position": -1});
    let answer = catalog.staff("POST", "/catalog/categories/", &bad).await;
    assert_eq!(wrong(&answer), ["description", "name", "parent_id", "position", "slug"]);
    let orphan = catalog.staff("POST", "/catalog/categories/", &json!({"name": "x", "parent_id": NOBODY})).await;
    assert_eq!(wrong(&orphan), ["parent_id"]);
    assert_eq!(wrong(&catalog.staff("POST", "/catalog/categories/", &json!({})).await), ["name"]);
}
