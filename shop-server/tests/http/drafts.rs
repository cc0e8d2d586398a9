//! `/orders/drafts/` and `/orders/{id}/notes/`: every row, good and bad.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::orders::{Store, fields, refused, text, with};

const NOTHING: Value = Value::Null;
const UNKNOWN: &str = "01890000-0000-7000-8000-000000000001";
const DRAFTS: &str = "/orders/drafts/";

#[tokio::test]
async fn staff_order_for_a_customer_at_a_price_of_their_own() {
    let store = Store::open(9).await;
    let shop = &store.shop;
    let (ada, staff) = (shop.customer("ada").await, shop.staff("sam").await);
    let staff = Some(staff.access.as_str());
    shop.product("MUG", "5.00", 3).await;
    let items = json!([{"sku": "SHIRT", "quantity": 2, "unit_price": "15", "reason": "Scratched"},
        {"sku": "MUG"}]);
    let made = shop.post(DRAFTS, staff, &json!({"customer_id": ada.id, "items": items, "note": "By phone"})).await;
    assert_eq!(made.status, 201, "{made:?}");
    let draft = made.json();
    let path = format!("{DRAFTS}{}/", text(&draft["id"]));
    assert_eq!(
        (&draft["customer_id"], &draft["email"], &draft["note"]),
        (&json!(ada.id), &NOTHING, &json!("By phone"))
    );
    let shirt = &draft["items"][0];
    let shown = ["unit_price", "list_price", "line_total", "reason", "sku"].map(|name| text(&shirt[name]));
    assert_eq!(shown, ["15.00", "19.99", "30.00", "Scratched", "SHIRT"]);
    assert_eq!((&shirt["available"], &draft["items"][1]["reason"]), (&json!(9), &NOTHING));
    assert_eq!((&draft["subtotal"], &draft["version"]), (&json!("35.00"), &json!(1)));
    assert_eq!(store.reserved().await, 0, "a draft holds nothing");

    let read = shop.get(&path, staff).await;
    assert_eq!((read.status, read.json()), (200, draft.clone()));
    let listed = shop.get(DRAFTS, staff).await.json();
    assert_eq!((&listed["count"], &listed["results"]), (&json!(1), &json!([draft])));
    for (access, status, code) in
        [(None, 401, "not_authenticated"), (Some(ada.access.as_str()), 403, "permission_denied")]
    {
        refused(&shop.get(DRAFTS, access).await, status, code);
        refused(&shop.get(&path, access).await, status, code);
        refused(&shop.post(&format!("{path}place/"), access, &store.order).await, status, code);
        refused(&shop.get(&format!("/orders/{}/", text(&draft["id"])), staff).await, 404, "not_found");
    }

    let placed = shop.post(&format!("{path}place/"), staff, &with(&store.order, json!({"email": null}))).await;
    assert_eq!(placed.status, 201, "{placed:?}");
    let order = placed.json();
    assert_eq!((&order["customer_id"], order.get("access_token")), (&json!(ada.id), None));
    let shown = ["email", "note", "subtotal", "total"].map(|name| text(&order[name]));
    assert_eq!(shown, ["ada@example.com", "By phone", "35.00", "39.50"]);
    assert_eq!(
        (&order["items"][0]["unit_price"], &order["items"][0]["line_total"]),
        (&json!("15.00"), &json!("30.00"))
    );
    assert_eq!(store.reserved().await, 2);
    let own = shop.get("/orders/", Some(&ada.access)).await.json();
    assert_eq!(own["results"][0]["id"], order["id"]);
    let history = async |access| shop.get(&format!("/orders/{}/history/", text(&order["id"])), access).await.json();
    let told = history(staff).await;
    let events: Vec<_> = told.as_array().unwrap().iter().map(|entry| text(&entry["event"])).collect();
    assert_eq!(events, ["placed", "price_overridden"]);
    assert_eq!(told[1]["detail"], "SHIRT costs 15.00 instead of 19.99 USD: Scratched");
    assert_eq!((&told[1]["actor"], &told[1]["visible_to_customer"]), (&json!("staff"), &json!(false)));
    assert_eq!(history(Some(&ada.access)).await.as_array().unwrap().len(), 1, "the reason is for staff");

    refused(&shop.get(&path, staff).await, 404, "not_found");
    refused(&shop.post(&format!("{path}place/"), staff, &store.order).await, 404, "not_found");
    store.is_sound().await;
}

#[tokio::test]
async fn somebody_without_an_account_gets_the_orders_token() {
    let store = Store::open(9).await;
    let shop = &store.shop;
    let staff = shop.staff("sam").await;
    let staff = Some(staff.access.as_str());
    let draft = json!({"email": "Grace@example.com", "items": [{"variant_id": store.shirt.variant_id}]});
    let draft = shop.post(DRAFTS, staff, &draft).await.json();
    let path = format!("{DRAFTS}{}/place/", text(&draft["id"]));
    assert_eq!(
        fields(&shop.post(&path, staff, &json!({})).await),
        ["payment_gateway", "shipping_address", "shipping_method_id"]
    );
    let wrong = with(&store.order, json!({"expected_total": "1.00"}));
    refused(&shop.post(&path, staff, &wrong).await, 409, "total_changed");
    let order = shop.post(&path, staff, &with(&store.order, json!({"note": "Ring"}))).await.json();
    assert_eq!((&order["email"], &order["note"]), (&json!("Grace@example.com"), &json!("Ring")));
    let token = text(&order["access_token"]);
    let mine = format!("/orders/{}/", text(&order["id"]));
    assert_eq!(shop.call_with("GET", &mine, &[("X-Order-Token", &token)], &NOTHING).await.status, 200);
    store.is_sound().await;
}

#[tokio::test]
async fn a_draft_is_changed_and_thrown_away() {
    let store = Store::open(9).await;
    let shop = &store.shop;
    let (ada, staff) = (shop.customer("ada").await, shop.staff("sam").await);
    let bearer = format!("Bearer {}", staff.access);
    let staff = Some(staff.access.as_str());
    let draft = shop.post(DRAFTS, staff, &json!({"email": "grace@example.com"})).await.json();
    let path = format!("{DRAFTS}{}/", text(&draft["id"]));
    let change = async |body: Value| shop.call("PATCH", &path, staff, &body).await;
    refused(&shop.post(&format!("{path}place/"), staff, &store.order).await, 409, "cart_empty");
    let changed = change(json!({"items": [{"sku": "SHIRT", "quantity": 3}], "customer_id": ada.id})).await.json();
    assert_eq!(
        (&changed["email"], &changed["customer_id"], &changed["version"]),
        (&NOTHING, &json!(ada.id), &json!(2))
    );
    assert_eq!((&changed["subtotal"], &changed["items"][0]["quantity"]), (&json!("59.97"), &json!(3)));
    let changed = change(json!({"email": "grace@example.com", "note": "Gift"})).await.json();
    assert_eq!((&changed["email"], &changed["customer_id"]), (&json!("grace@example.com"), &NOTHING));
    assert_eq!((&changed["note"], &changed["items"][0]["quantity"]), (&json!("Gift"), &json!(3)));
    assert_eq!(change(json!({})).await.json()["version"], 3, "nothing changed");

    let old = [("Authorization", bearer.as_str()), ("If-Match", "\"1-0\"")];
    refused(&shop.call_with("PATCH", &path, &old, &json!({"note": "x"})).await, 412, "version_mismatch");
    refused(&shop.call_with("DELETE", &path, &old, &NOTHING).await, 412, "version_mismatch");
    // A draft may exceed the stock, but cannot be ordered then.
    change(json!({"items": [{"sku": "SHIRT", "quantity": 10}]})).await;
    let refusal = shop.post(&format!("{path}place/"), staff, &store.order).await;
    refused(&refusal, 409, "out_of_stock");
    assert_eq!(shop.call("DELETE", &path, staff, &NOTHING).await.status, 204);
    refused(&shop.call("DELETE", &path, staff, &NOTHING).await, 404, "not_found");
    refused(&change(json!({"note": "x"})).await, 404, "not_found");
    store.is_sound().await;
}

#[tokio::test]
async fn everything_wrong_is_named_at_once() {
    let store = Store::open(9).await;
    let shop = &store.shop;
    let staff = shop.staff("sam").await;
    let make = async |body: Value| fields(&shop.post(DRAFTS, Some(&staff.access), &body).await);
    assert_eq!(make(json!({})).await, ["customer_id"]);
    assert_eq!(make(json!({"customer_id": UNKNOWN})).await, ["customer_id"]);
    assert_eq!(make(json!({"customer_id": UNKNOWN, "email": "a@example.com"})).await, ["customer_id"]);
    let items = json!([{}, {"sku": "SHIRT", "unit_price": 5, "quantity": 0}, {"sku": "SHIRT", "unit_price": "5"},
        {"variant_id": UNKNOWN, "sku": "SHIRT"}]);
    let expected = [
        "email",
        "items.0.variant_id",
        "items.1.quantity",
        "items.1.unit_price",
        "items.2.reason",
        "items.3.variant_id",
        "note",
    ];
    assert_eq!(make(json!({"email": "x", "items": items, "note": 1})).await, expected);
    let items = json!([{"sku": "NONE"}, {"variant_id": UNKNOWN}, {"sku": "SHIRT"}, {"sku": "SHIRT"}]);
    let expected = ["items.0.sku", "items.1.variant_id", "items.3.sku"];
    assert_eq!(make(json!({"email": "a@example.com", "items": items})).await, expected);
    let dear = json!([{"sku": "SHIRT", "quantity": 10_000, "unit_price": "9999999999999", "reason": "?"}]);
    assert_eq!(make(json!({"email": "a@example.com", "items": dear})).await, ["items"]);
    refused(&shop.get(&format!("{DRAFTS}{UNKNOWN}/"), Some(&staff.access)).await, 404, "not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_draft_becomes_one_order() {
    let store = Store::open(9).await;
    let shop = &store.shop;
    let staff = shop.staff("sam").await;
    let make = async || {
        let draft = json!({"email": "grace@example.com", "items": [{"sku": "SHIRT"}]});
        let draft = shop.post(DRAFTS, Some(&staff.access), &draft).await.json();
        format!("{DRAFTS}{}/place/", text(&draft["id"]))
    };
    let path = make().await;
    let answers = join_all((0..10).map(|_| shop.post(&path, Some(&staff.access), &store.order))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "{answers:?}");
    for lost in answers.iter().filter(|answer| answer.status != 201) {
        refused(lost, 404, "not_found");
    }
    let path = make().await;
    let bearer = format!("Bearer {}", staff.access);
    let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", "once")];
    let answers = join_all((0..10).map(|_| shop.call_with("POST", &path, &headers, &store.order))).await;
    assert!(answers.iter().all(|answer| answer.status == 201), "{answers:?}");
    assert!(answers.iter().all(|answer| answer.json() == answers[0].json()));
    assert_eq!(store.reserved().await, 2);
    store.is_sound().await;
}

#[tokio::test]
async fn notes_stand_in_the_history_for_whom_they_are() {
    let store = Store::open(9).await;
    let shop = &store.shop;
    let (ada, staff) = (shop.customer("ada").await, shop.staff("sam").await);
    shop.post("/cart/items/", Some(&ada.access), &json!({"sku": "SHIRT"})).await;
    let order = shop.post("/orders/", Some(&ada.access), &store.order).await.json();
    let path = format!("/orders/{}/", text(&order["id"]));
    let note = async |body: Value| shop.post(&format!("{path}notes/"), Some(&staff.access), &body).await;
    let hidden = note(json!({"text": "Looks odd\r\nCall"})).await;
    assert_eq!(hidden.status, 201, "{hidden:?}");
    let hidden = hidden.json();
    assert_eq!(
        (&hidden["event"], &hidden["actor"], &hidden["detail"]),
        (&json!("note"), &json!("staff"), &json!("Looks odd\nCall"))
    );
    assert_eq!(hidden["visible_to_customer"], false);
    assert_eq!(note(json!({"text": "Sorry for the wait", "visible_to_customer": true})).await.status, 201);
    let seen = async |access: &str| {
        let history = shop.get(&format!("{path}history/"), Some(access)).await.json();
        history.as_array().unwrap().iter().map(|entry| text(&entry["detail"])).skip(1).collect::<Vec<_>>()
    };
    assert_eq!(seen(&staff.access).await, ["Looks odd\nCall", "Sorry for the wait"]);
    assert_eq!(seen(&ada.access).await, ["Sorry for the wait"]);
    assert_eq!(fields(&note(json!({"text": "", "visible_to_customer": "yes"})).await), ["text", "visible_to_customer"]);
    refused(
        &shop.post(&format!("{path}notes/"), Some(&ada.access), &json!({"text": "x"})).await,
        403,
        "permission_denied",
    );
    refused(
        &shop.post(&format!("/orders/{UNKNOWN}/notes/"), Some(&staff.access), &json!({"text": "x"})).await,
        404,
        "not_found",
    );
}
