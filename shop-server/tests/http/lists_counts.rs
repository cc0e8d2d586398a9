//! The count of a list equals the number of its rows, with any filter and after any change.

use serde_json::{Value, json};

use crate::orders::{Store, text};
use crate::support::TestShop;

/// The ids of all rows, read by cursor and by page number; the count of each numbered page must match.
async fn ids(shop: &TestShop, access: &str, path: &str, query: &str) -> Vec<String> {
    let rows = |answer: &Value| {
        let rows = answer["results"].as_array().unwrap_or_else(|| panic!("{path}?{query}: {answer}"));
        rows.iter().map(|row| text(&row["id"])).collect::<Vec<_>>()
    };
    let mut by_cursor = Vec::new();
    let mut next = Some(format!("{path}?{query}&page_size=3&cursor="));
    while let Some(address) = next {
        let answer = shop.get(&address, Some(access)).await.json();
        assert_eq!(answer["count"], Value::Null, "{address}");
        by_cursor.extend(rows(&answer));
        next = answer["next"].as_str().map(|link| link[link.find(path).unwrap()..].to_owned());
    }
    let mut by_number = Vec::new();
    for page in 1.. {
        let answer = shop.get(&format!("{path}?{query}&page_size=3&page={page}"), Some(access)).await.json();
        assert_eq!(answer["count"], by_cursor.len(), "{path}?{query}, page {page}");
        by_number.extend(rows(&answer));
        if answer["next"].is_null() {
            break;
        }
    }
    assert_eq!(by_number, by_cursor, "{path}?{query}");
    by_number
}

/// Whether a filter should find a product.
type Finds = Box<dyn Fn(&Value) -> bool>;

/// Compares each filter's result with the products of staff's default list, read one by one.
async fn compare_products(shop: &TestShop, staff: &str, categories: &[String]) {
    let path = "/catalog/products/";
    let mut all = Vec::new();
    for id in ids(shop, staff, path, "ordering=name").await {
        all.push(shop.get(&format!("{path}{id}/"), Some(staff)).await.json());
    }
    let cents = |product: &Value| (text(&product["price"]).parse::<f64>().unwrap() * 100.0).round();
    let in_stock = |product: &Value| product["variants"].as_array().unwrap().iter().any(|one| one["in_stock"] == true);
    let top = [Value::from(categories[0].clone()), Value::from(categories[1].clone())];
    let filters: [(String, Finds); 8] = [
        (String::new(), Box::new(|_| true)),
        ("&status=active".to_owned(), Box::new(|one| one["status"] == "active")),
        ("&status=draft".to_owned(), Box::new(|one| one["status"] == "draft")),
        ("&in_stock=true".to_owned(), Box::new(in_stock)),
        ("&in_stock=false".to_owned(), Box::new(move |one| !in_stock(one))),
        (format!("&category={}", categories[0]), Box::new(move |one| top.contains(&one["category_id"]))),
        ("&min_price=12.00&max_price=15.00".to_owned(), Box::new(move |one| (1200.0..=1500.0).contains(&cents(one)))),
        ("&search=odd".to_owned(), Box::new(|one| text(&one["name"]).contains("Odd"))),
    ];
    for (first, is_first) in &filters {
        for (second, is_second) in &filters {
            if second.split('=').next() == first.split('=').next() && first != second {
                continue;
            }
            for order in ["ordering=name", "ordering=-price", "ordering=created_at"] {
                let query = if first == second { format!("{order}{first}") } else { format!("{order}{first}{second}") };
                let mut found = ids(shop, staff, path, &query).await;
                let mut expected: Vec<_> =
                    all.iter().filter(|one| is_first(one) && is_second(one)).map(|one| text(&one["id"])).collect();
                found.sort();
                expected.sort();
                assert_eq!(found, expected, "{query}");
            }
        }
    }
}

#[tokio::test]
async fn lists_of_products_count_what_they_show() {
    let store = Store::open(2).await;
    let (shop, staff) = (&store.shop, store.shop.staff("sam").await.access);
    let mut categories: Vec<String> = Vec::new();
    for (name, parent) in [("Top", None), ("Below", Some(0)), ("Other", None)] {
        let parent = parent.map(|place: usize| categories[place].clone());
        let made = shop.post("/catalog/categories/", Some(&staff), &json!({"name": name, "parent_id": parent})).await;
        categories.push(text(&made.json()["id"]));
    }
    let mut products = Vec::new();
    for number in 0..10_usize {
        let body = json!({"name": format!("{} {number}", if number % 2 == 1 { "Odd" } else { "Even" }),
            "price": format!("{}.00", 10 + number), "stock": number % 3, "sku": format!("SKU-{number}"),
            "status": if number % 4 == 3 { "draft" } else { "active" },
            "category_id": categories.get(number % 4)});
        products.push(text(&shop.post("/catalog/products/", Some(&staff), &body).await.json()["id"]));
    }
    compare_products(shop, &staff, &categories).await;
    // Change everything that a filter uses: price, status, category, name, and stock by hand, by an order and by its
    // cancellation.
    for (number, change) in [
        (0, json!({"price": "14.50"})),
        (1, json!({"status": "draft"})),
        (2, json!({"category_id": categories[0]})),
        (3, json!({"name": "Even now", "status": "active"})),
    ] {
        let path = format!("/catalog/products/{}/", products[number]);
        shop.call("PATCH", &path, Some(&staff), &change).await.expect(200);
    }
    let adjusted = json!({"sku": "SKU-4", "delta": -1, "reason": "damaged"});
    shop.post("/inventory/adjustments/", Some(&staff), &adjusted).await.expect(201);
    shop.call("DELETE", &format!("/catalog/products/{}/", products[5]), Some(&staff), &Value::Null).await.expect(204);
    let cart = shop.guest_cart(&store.shirt, 2).await;
    let placed = shop.as_guest("POST", "/orders/", &cart, &store.order).await;
    placed.expect(201);
    compare_products(shop, &staff, &categories).await;
    let cancel = format!("/orders/{}/cancel/", text(&placed.json()["id"]));
    shop.post(&cancel, Some(&staff), &json!({})).await.expect(200);
    // The category's products have none then, and its child moves up.
    let top = format!("/catalog/categories/{}/", categories[0]);
    let moved = json!({"parent_id": categories[2]});
    let below = format!("/catalog/categories/{}/", categories[1]);
    shop.call("PATCH", &below, Some(&staff), &moved).await.expect(200);
    compare_products(shop, &staff, &[categories[2].clone(), categories[1].clone()]).await;
    shop.call("DELETE", &top, Some(&staff), &Value::Null).await.expect(204);
    compare_products(shop, &staff, &[categories[2].clone(), categories[1].clone()]).await;
    store.is_sound().await;
}

#[tokio::test]
async fn lists_of_orders_payments_movements_and_users_count_what_they_show() {
    let store = Store::open(20).await;
    let (shop, staff) = (&store.shop, store.shop.staff("sam").await.access);
    let (mut orders, mut numbers) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let order = store.guest_order().await.0;
        orders.push(text(&order["id"]));
        numbers.push(text(&order["number"]));
    }
    for name in ["ada", "bea", "cleo"] {
        shop.customer(name).await;
    }
    let (order, number) = (&orders[1], &numbers[1]);
    // Filters without stored counts, alone and with one that has them. Each leaves rows out.
    let narrow = [
        ("/orders/", format!("number={number}")),
        ("/orders/", format!("status=placed&number={number}")),
        ("/orders/", format!("search={number}")),
        ("/orders/", "email=eve@example.com".to_owned()),
        ("/orders/", "status=placed&mine=true".to_owned()),
        ("/orders/", "status=placed&placed_after=2100-01-01T00:00:00Z".to_owned()),
        ("/orders/", "placed_before=2000-01-01T00:00:00Z".to_owned()),
        ("/payments/", format!("order_id={order}")),
        ("/payments/", format!("gateway=manual&order_id={order}")),
        ("/inventory/movements/", format!("order_id={order}")),
        ("/inventory/movements/", "sku=HAT".to_owned()),
        ("/accounts/users/", "search=ada".to_owned()),
        ("/accounts/users/", "is_staff=false&search=bea".to_owned()),
    ];
    for (path, query) in &narrow {
        let (found, all) = (ids(shop, &staff, path, query).await, ids(shop, &staff, path, "").await);
        assert!(found.len() < all.len() && found.iter().all(|id| all.contains(id)), "{path}?{query}");
    }
    for round in 0..2 {
        for (path, queries) in [
            ("/orders/", ["", "status=placed", "status=canceled", "payment_status=paid&status=placed"].as_slice()),
            ("/payments/", ["", "status=captured", "status=voided"].as_slice()),
            ("/inventory/movements/", ["", "sku=SHIRT"].as_slice()),
            ("/accounts/users/", ["", "is_staff=true", "is_active=false"].as_slice()),
        ] {
            for query in queries {
                let found = ids(shop, &staff, path, query).await;
                let all = ids(shop, &staff, path, "").await;
                assert!(found.iter().all(|id| all.contains(id)) && (round == 0 || !found.is_empty()), "{path}?{query}");
            }
        }
        if round == 1 {
            break;
        }
        shop.post(&format!("/orders/{}/cancel/", orders[0]), Some(&staff), &json!({})).await.expect(200);
        let payments = shop.get(&format!("/payments/?order_id={}", orders[1]), Some(&staff)).await.json();
        let capture = format!("/payments/{}/capture/", text(&payments["results"][0]["id"]));
        shop.post(&capture, Some(&staff), &json!({})).await.expect(200);
        let users = shop.get("/accounts/users/?search=ada", Some(&staff)).await.json();
        let ada = format!("/accounts/users/{}/", text(&users["results"][0]["id"]));
        shop.call("PATCH", &ada, Some(&staff), &json!({"is_active": false})).await.expect(200);
    }
    store.is_sound().await;
}
