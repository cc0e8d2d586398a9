//! Rules that hold for every list. The lists are found in the document, so that none is left out.

use serde_json::{Value, json};

use crate::operations::{NEAR, fill, things};
use crate::orders::{Store, fields, refused, text};
use crate::support::TestShop;

/// A list in the document: its path, a query that it requires, and its boolean parameters.
struct Listed {
    path: String,
    required: &'static str,
    is_ordered: bool,
    flags: Vec<String>,
}

impl Store {
    /// A guest's order, and its token.
    pub(crate) async fn guest_order(&self) -> (Value, String) {
        let cart = self.shop.guest_cart(&self.shirt, 1).await;
        let placed = self.shop.as_guest("POST", "/orders/", &cart, &self.order).await;
        assert_eq!(placed.status, 201, "{placed:?}");
        let placed = placed.json();
        let token = text(&placed["access_token"]);
        (placed, token)
    }
}

/// Every paged list in the document.
fn lists(document: &Value) -> Vec<Listed> {
    let mut found = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let operation = &operations["get"];
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"];
        let Some(name) = schema.as_str().and_then(|name| name.rsplit('/').next()) else { continue };
        if document["components"]["schemas"][name]["properties"]["results"].is_null() || path.contains("/track/") {
            continue;
        }
        let parameters = operation["parameters"].as_array().unwrap();
        let named = |name: &str| parameters.iter().any(|one| one["name"] == name && one["in"] == "query");
        assert!(named("page") && named("page_size"), "{path} has no pages");
        let is_flag = |one: &&Value| one["in"] == "query" && one["schema"]["type"] == "boolean";
        let required = if path == "/cart/shipping-options/" { "country=GB&" } else { "" };
        let flags = parameters.iter().filter(is_flag).map(|one| text(&one["name"])).collect();
        found.push(Listed { path: path.clone(), required, is_ordered: named("ordering"), flags });
    }
    found
}

#[tokio::test]
async fn every_list_ends_and_names_what_is_wrong_with_a_page() {
    let shop = TestShop::start_with(&NEAR).await;
    let ada = shop.customer("ada").await.access;
    let staff = shop.staff("eve").await.access;
    let things = things(&shop, &ada, &staff).await;
    // The staff user's own lists are empty, but their first page exists.
    shop.post("/cart/items/", Some(&staff), &json!({"sku": "SHIRT"})).await;
    let lists = lists(&shop.get("/openapi.json", None).await.json());
    assert!(lists.len() > 15, "only {} lists", lists.len());
    let mut wrong = Vec::new();
    for Listed { path, required, is_ordered, flags } in &lists {
        let path = fill(path, &things);
        let mut attempt = async |query: &str, status: u16, field: Option<&str>| {
            let answer = shop.get(&format!("{path}?{required}{query}"), Some(&staff)).await;
            let named = field.is_none_or(|field| answer.json()["errors"][field].is_array());
            let code = (status == 404).then(|| answer.code());
            if answer.status != status || !named || code.is_some_and(|code| code != "not_found") {
                wrong.push(format!("{path} {query}: {} {}", answer.status, answer.body));
            }
        };
        attempt("page=1", 200, None).await;
        for far in ["999999", "4294967295", "18446744073709551615"] {
            attempt(&format!("page={far}"), 404, None).await;
        }
        for bad in ["0", "-1", "x", "1.5", ""] {
            attempt(&format!("page={bad}"), 400, Some("page")).await;
        }
        for bad in ["0", "101", "x", ""] {
            attempt(&format!("page_size={bad}"), 400, Some("page_size")).await;
        }
        if *is_ordered {
            attempt("ordering=nonsense", 400, Some("ordering")).await;
            attempt("ordering=id,", 400, Some("ordering")).await;
        }
        for flag in flags {
            for good in ["true", "TRUE", "True", "1", "false", "False", "0"] {
                attempt(&format!("{flag}={good}"), 200, None).await;
            }
            for bad in ["", "yes", "2", "tru"] {
                attempt(&format!("{flag}={bad}"), 400, Some(flag.as_str())).await;
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let flags: usize = lists.iter().map(|list| list.flags.len()).sum();
    assert!(flags > 6, "only {flags} booleans");
}

#[tokio::test]
async fn the_pages_of_a_list_end_where_its_rows_end() {
    let store = Store::open(9).await;
    let staff = store.shop.staff("sam").await.access;
    let empty = store.shop.get("/orders/", Some(&staff)).await;
    assert_eq!((empty.status, &empty.json()["results"]), (200, &json!([])));
    refused(&store.shop.get("/orders/?page=2", Some(&staff)).await, 404, "not_found");
    for _ in 0..4 {
        store.guest_order().await;
    }
    let last = store.shop.get("/orders/?page_size=2&page=2", Some(&staff)).await.json();
    assert_eq!(
        (&last["count"], &last["next"], last["results"].as_array().unwrap().len()),
        (&json!(4), &Value::Null, 2)
    );
    refused(&store.shop.get("/orders/?page_size=2&page=3", Some(&staff)).await, 404, "not_found");
}

#[tokio::test]
async fn orders_are_found_by_number_and_by_words() {
    let store = Store::open(9).await;
    let shop = &store.shop;
    let (ada, staff) = (shop.customer("ada").await.access, shop.staff("sam").await.access);
    shop.post("/cart/items/", Some(&ada), &json!({"sku": "SHIRT"})).await;
    let mut body = store.order.clone();
    body["shipping_address"]["first_name"] = "Zoë".into();
    body["shipping_address"]["last_name"] = "Łódzka".into();
    let own = shop.post("/orders/", Some(&ada), &body).await.json();
    let (guests, _) = store.guest_order().await;
    let count = async |access: &str, query: &str| {
        let found = shop.get(&format!("/orders/?{query}"), Some(access)).await.json();
        found["count"].as_u64().unwrap_or_else(|| panic!("{query}: {found}"))
    };
    let number = text(&own["number"]);
    let spoken = number.to_lowercase().replace('-', "%20");
    let joined = number.replace('-', "");
    for written in [&number, &spoken, &joined, &format!("%23{number}"), &number.replace('-', "%E2%80%91")] {
        assert_eq!(count(&staff, &format!("number={written}")).await, 1, "{written}");
        assert_eq!(count(&staff, &format!("search={written}")).await, 1, "{written}");
        assert_eq!(count(&ada, &format!("number={written}")).await, 1, "{written}");
    }
    assert_eq!(count(&ada, &format!("number={}", text(&guests["number"]))).await, 0, "another's is not found");
    assert_eq!(count(&ada, &format!("search={}", text(&guests["number"]))).await, 0);
    for (query, found) in [
        ("number=nothing", 0),
        ("number=", 0),
        ("number=22222-22222&search=zoe", 0),
        ("search=zoe", 1),
        ("search=LODZKA+zo", 1),
        ("search=shirt", 2),
        ("search=example.com", 2),
        ("search=zoe+nobody", 0),
        ("search=%25", 0),
        ("search=", 2),
        ("search=zoe&status=canceled", 0),
        ("search=zoe&payment_status=not_paid", 1),
    ] {
        assert_eq!(count(&staff, query).await, found, "{query}");
    }
    assert_eq!(count(&ada, "search=zoe").await, 1);
    assert_eq!(count(&staff, "mine=true&search=zoe").await, 0);
    let first = &number[..7];
    assert_eq!(count(&staff, &format!("search={first}")).await, 1);
    let paged = shop.get("/orders/?search=shirt&cursor=&page_size=1", Some(&staff)).await.json();
    assert_eq!((&paged["count"], paged["next"].is_string()), (&Value::Null, true));
}

#[tokio::test]
async fn the_number_of_an_order_is_as_good_as_its_id() {
    let store = Store::open(9).await;
    let shop = &store.shop;
    let (ada, eve, staff) =
        (shop.customer("ada").await.access, shop.customer("eve").await.access, shop.staff("sam").await);
    shop.post("/cart/items/", Some(&ada), &json!({"sku": "SHIRT"})).await;
    let own = shop.post("/orders/", Some(&ada), &store.order).await.json();
    let number = text(&own["number"]);
    for written in [number.clone(), number.to_lowercase(), number.replace('-', ""), number.replace('-', "%20")] {
        for access in [&ada, &staff.access] {
            let found = shop.get(&format!("/orders/{written}/"), Some(access)).await;
            assert_eq!((found.status, &found.json()["id"]), (200, &own["id"]), "{found:?}");
            let history = shop.get(&format!("/orders/{written}/history/"), Some(access)).await;
            assert_eq!(history.json()[0]["event"], "placed", "{history:?}");
        }
        for part in ["", "history/"] {
            let path = format!("/orders/{written}/{part}");
            refused(&shop.get(&path, Some(&eve)).await, 404, "not_found");
            refused(&shop.get(&path, None).await, 401, "not_authenticated");
        }
    }
    let (guests, token) = store.guest_order().await;
    let path = format!("/orders/{}/", text(&guests["number"]));
    let found = shop.call_with("GET", &path, &[("X-Order-Token", &token)], &Value::Null).await;
    assert_eq!((found.status, &found.json()["id"]), (200, &guests["id"]));
    refused(
        &shop.call_with("GET", &format!("/orders/{number}/"), &[("X-Order-Token", &token)], &Value::Null).await,
        404,
        "not_found",
    );
    for unknown in ["22222-22222", "nothing", "%00", "7KQ2M"] {
        refused(&shop.get(&format!("/orders/{unknown}/"), Some(&staff.access)).await, 404, "not_found");
        refused(&shop.get(&format!("/orders/{unknown}/history/"), Some(&ada)).await, 404, "not_found");
    }
    assert!(fields(&shop.get("/orders/?page=x", Some(&ada)).await) == ["page"]);
}
