//! `/shipping/`: every row of the contract, good and bad, and shipments that are created at once.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{TestProduct, TestResponse, TestShop, order};

const UNKNOWN: &str = "01890000-0000-7000-8000-000000000001";

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

fn address(city: &str) -> Value {
    json!({"first_name": "Ada", "last_name": "Lovelace", "line1": "12 St James's Square", "city": city,
        "postal_code": "SW1Y 4JH", "country": "gb"})
}

#[tokio::test]
async fn an_address_book_is_kept() {
    let shop = TestShop::start().await;
    let ada = shop.customer("ada").await.access;
    let made = shop.post("/shipping/addresses/", Some(&ada), &address("London")).await;
    assert_eq!(made.status, 201, "{made:?}");
    let london = made.json();
    assert_eq!(
        (&london["country"], &london["is_default"], &london["company"]),
        (&json!("GB"), &json!(true), &Value::Null)
    );
    let bath = shop.post("/shipping/addresses/", Some(&ada), &address("Bath")).await.json();
    assert_eq!(bath["is_default"], false);
    let path = format!("/shipping/addresses/{}/", text(&bath["id"]));
    let changed =
        shop.call("PATCH", &path, Some(&ada), &json!({"is_default": true, "line2": "Attic", "id": UNKNOWN})).await;
    assert_eq!((changed.status, &changed.json()["line2"], &changed.json()["id"]), (200, &json!("Attic"), &bath["id"]));
    let list = shop.get("/shipping/addresses/?ordering=created_at", Some(&ada)).await.json();
    let book: Vec<_> =
        list["results"].as_array().unwrap().iter().map(|one| (text(&one["city"]), one["is_default"] == true)).collect();
    assert_eq!(book, [("London".to_owned(), false), ("Bath".to_owned(), true)]);
    let whole = shop.call("PUT", &path, Some(&ada), &address("York")).await;
    assert_eq!((whole.status, &whole.json()["city"], &whole.json()["line2"]), (200, &json!("York"), &Value::Null));
    assert_eq!(shop.call("DELETE", &path, Some(&ada), &Value::Null).await.status, 204);
    refused(&shop.get(&path, Some(&ada)).await, 404, "not_found");
    refused(&shop.call("DELETE", &path, Some(&ada), &Value::Null).await, 404, "not_found");
}

#[tokio::test]
async fn an_address_book_takes_a_hundred_entries() {
    let shop = TestShop::start().await;
    let ada = shop.customer("ada").await.access;
    let add = async || shop.post("/shipping/addresses/", Some(&ada), &address("London")).await;
    for _ in 0..95 {
        assert_eq!(add().await.status, 201);
    }
    // However many are sent at once.
    let answers = join_all((0..12).map(|_| add())).await;
    let (made, refusals): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!((made.len(), refusals.len()), (5, 7));
    for refusal in refusals {
        assert_eq!(fields(refusal), ["address"]);
    }
    let path = format!("/shipping/addresses/{}/", text(&made[0].json()["id"]));
    assert_eq!(shop.call("PATCH", &path, Some(&ada), &json!({"city": "York"})).await.status, 200);
    assert_eq!(shop.call("DELETE", &path, Some(&ada), &Value::Null).await.status, 204);
    assert_eq!((add().await.status, add().await.status), (201, 400));
    let bob = shop.customer("bob").await.access;
    assert_eq!(shop.post("/shipping/addresses/", Some(&bob), &address("Bath")).await.status, 201);
}

#[tokio::test]
async fn a_bad_address_is_named_field_by_field() {
    let shop = TestShop::start().await;
    let ada = shop.customer("ada").await.access;
    let required = ["city", "country", "first_name", "last_name", "line1"];
    assert_eq!(fields(&shop.post("/shipping/addresses/", Some(&ada), &json!({})).await), required);
    let wrong = json!({"first_name": 5, "last_name": " ", "line1": null, "city": "x".repeat(151), "country": "XX",
        "phone": "call me", "postal_code": "1".repeat(21), "is_default": "yes", "company": "\u{7}"});
    let all = ["city", "company", "country", "first_name", "is_default", "last_name", "line1", "phone", "postal_code"];
    assert_eq!(fields(&shop.post("/shipping/addresses/", Some(&ada), &wrong).await), all);
    let id = text(&shop.post("/shipping/addresses/", Some(&ada), &address("Bath")).await.json()["id"]);
    let path = format!("/shipping/addresses/{id}/");
    assert_eq!(
        fields(&shop.call("PUT", &path, Some(&ada), &json!({"city": "Bath"})).await),
        ["country", "first_name", "last_name", "line1"]
    );
    assert_eq!(
        fields(&shop.call("PATCH", &path, Some(&ada), &json!({"city": null, "country": "England"})).await),
        ["city", "country"]
    );
    assert_eq!(shop.get(&path, Some(&ada)).await.json()["city"], "Bath");
}

#[tokio::test]
async fn an_address_has_what_its_country_and_its_people_have() {
    let shop = TestShop::start().await;
    let ada = shop.customer("ada").await.access;
    let save = async |changes: Value| {
        let mut body = address("London");
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        body.as_object_mut().unwrap().retain(|_, value| *value != json!("absent"));
        shop.post("/shipping/addresses/", Some(&ada), &body).await
    };
    // No city in countries whose addresses have none, expressed in three ways; the response has an empty city.
    for country in ["AE", "AG", "CO", "GI", "HK", "ID", "JP", "KY", "MO", "NR", "SG", "SM", "VG"] {
        for city in [json!("absent"), json!(""), Value::Null] {
            let saved = save(json!({"country": country, "city": city})).await;
            assert_eq!((saved.status, &saved.json()["city"]), (201, &json!("")), "{saved:?}");
        }
        assert_eq!(save(json!({"country": country})).await.json()["city"], "London");
    }
    assert_eq!(fields(&save(json!({"country": "XK", "city": "absent"})).await), ["city"]);
    for country in ["XK", "AC", "TA"] {
        assert_eq!(save(json!({"country": country.to_lowercase()})).await.json()["country"], country);
    }
    // A first name or a company is enough.
    let mononym = save(json!({"first_name": "Björk", "last_name": "absent"})).await;
    assert_eq!((mononym.status, &mononym.json()["last_name"]), (201, &json!("")), "{mononym:?}");
    let company = save(json!({"first_name": "absent", "last_name": null, "company": "ACME"})).await;
    assert_eq!((company.status, &company.json()["first_name"]), (201, &json!("")), "{company:?}");
    assert_eq!(fields(&save(json!({"first_name": "", "last_name": "absent"})).await), ["first_name", "last_name"]);
    // Optional fields can be left out of a change, but not removed where they are needed.
    let path = format!("/shipping/addresses/{}/", text(&company.json()["id"]));
    let change = async |body: Value| shop.call("PATCH", &path, Some(&ada), &body).await;
    assert_eq!(change(json!({"line2": "Attic"})).await.status, 200);
    assert_eq!(fields(&change(json!({"company": null})).await), ["first_name", "last_name"]);
    // Phone numbers are stored as entered; pasted line breaks become spaces.
    for phone in [
        "555.010.0199",
        "030/901820",
        "+49\u{a0}30\u{2013}901820",
        "(+44) 20 7183 8750",
        "555 010 0199 x12",
        "555 010 0199 ext. 7",
    ] {
        assert_eq!(save(json!({"phone": phone})).await.json()["phone"], phone);
    }
    for line_break in ["\n", "\r\n", "\u{b}", "\u{85}", "\u{2028}", "\u{2029}"] {
        let saved = save(json!({"line1": format!("12 St James's Square{line_break}Flat 3")})).await;
        assert_eq!((saved.status, &saved.json()["line1"]), (201, &json!("12 St James's Square Flat 3")), "{saved:?}");
    }
}

#[tokio::test]
async fn an_address_book_is_its_owners_alone() {
    let shop = TestShop::start().await;
    let (ada, bob) = (shop.customer("ada").await.access, shop.customer("bob").await.access);
    let staff = shop.staff("eve").await.access;
    let id = text(&shop.post("/shipping/addresses/", Some(&ada), &address("Bath")).await.json()["id"]);
    let path = format!("/shipping/addresses/{id}/");
    for (who, status, code) in
        [(Some(&bob), 404, "not_found"), (Some(&staff), 404, "not_found"), (None, 401, "not_authenticated")]
    {
        let who = who.map(String::as_str);
        refused(&shop.get(&path, who).await, status, code);
        refused(&shop.call("PUT", &path, who, &address("Rome")).await, status, code);
        refused(&shop.call("PATCH", &path, who, &json!({"city": "Rome"})).await, status, code);
        refused(&shop.call("DELETE", &path, who, &Value::Null).await, status, code);
    }
    refused(&shop.get("/shipping/addresses/", None).await, 401, "not_authenticated");
    refused(&shop.post("/shipping/addresses/", None, &json!("x")).await, 401, "not_authenticated");
    assert_eq!(shop.get("/shipping/addresses/", Some(&bob)).await.json()["count"], 0);
    assert_eq!(shop.get(&path, Some(&ada)).await.json()["city"], "Bath");
}

#[tokio::test]
async fn zones_are_kept_by_staff() {
    let shop = TestShop::start().await;
    let (staff, ada) = (shop.staff("eve").await.access, shop.customer("ada").await.access);
    let body = json!({"name": "North", "countries": ["us", "CA"]});
    let made = shop.post("/shipping/zones/", Some(&staff), &body).await;
    assert_eq!((made.status, &made.json()["countries"]), (201, &json!(["US", "CA"])), "{made:?}");
    let path = format!("/shipping/zones/{}/", text(&made.json()["id"]));
    let changed = shop.call("PATCH", &path, Some(&staff), &json!({"name": "N"})).await;
    assert_eq!(
        (changed.status, &changed.json()["name"], &changed.json()["countries"]),
        (200, &json!("N"), &json!(["US", "CA"]))
    );
    let whole = shop.call("PUT", &path, Some(&staff), &json!({"name": "All", "countries": ["*"]})).await;
    assert_eq!((whole.status, &whole.json()["countries"]), (200, &json!(["*"])));
    assert_eq!(fields(&shop.call("PUT", &path, Some(&staff), &json!({"name": "All"})).await), ["countries"]);
    let bad = json!({"name": "", "countries": ["US", "us", "XX"]});
    assert_eq!(
        fields(&shop.post("/shipping/zones/", Some(&staff), &bad).await),
        ["countries.1", "countries.2", "name"]
    );
    assert_eq!(
        fields(&shop.post("/shipping/zones/", Some(&staff), &json!({"name": 1, "countries": "US"})).await),
        ["countries", "name"]
    );
    assert_eq!(shop.get("/shipping/zones/", Some(&staff)).await.json()["count"], 1);
    assert_eq!(shop.get(&path, Some(&staff)).await.json()["name"], "All");
    for (who, status, code) in [(Some(ada.as_str()), 403, "permission_denied"), (None, 401, "not_authenticated")] {
        refused(&shop.get("/shipping/zones/", who).await, status, code);
        refused(&shop.get(&path, who).await, status, code);
        refused(&shop.post("/shipping/zones/", who, &json!("x")).await, status, code);
        refused(&shop.call("PUT", &path, who, &json!({})).await, status, code);
        refused(&shop.call("PATCH", &path, who, &json!({})).await, status, code);
        refused(&shop.call("DELETE", &path, who, &Value::Null).await, status, code);
    }
    assert_eq!(shop.call("DELETE", &path, Some(&staff), &Value::Null).await.status, 204);
    refused(&shop.call("DELETE", &path, Some(&staff), &Value::Null).await, 404, "not_found");
}

#[tokio::test]
async fn methods_are_kept_by_staff_and_seen_by_all() {
    let shop = TestShop::start().await;
    let (staff, ada) = (shop.staff("eve").await.access, shop.customer("ada").await.access);
    let zone = async |countries: Value| {
        let body = json!({"name": "Zone", "countries": countries});
        text(&shop.post("/shipping/zones/", Some(&staff), &body).await.json()["id"])
    };
    let (us, world) = (zone(json!(["US"])).await, zone(json!(["*"])).await);
    let tiers = json!([{"up_to": 1000, "price": "4"}, {"up_to": null, "price": "9.5"}]);
    let body = json!({"name": "Post", "zone_id": us, "carrier": "USPS", "rate": {"type": "by_weight", "tiers": tiers},
        "free_over": "50", "min_days": 2, "max_days": 5});
    let made = shop.post("/shipping/methods/", Some(&staff), &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let method = made.json();
    assert_eq!(
        method["rate"],
        json!({"type": "by_weight", "tiers": [{"up_to": 1000, "price": "4.00"}, {"up_to": null, "price": "9.50"}]})
    );
    assert_eq!(
        (&method["free_over"], &method["currency"], &method["active"]),
        (&json!("50.00"), &json!("USD"), &json!(true))
    );
    let path = format!("/shipping/methods/{}/", text(&method["id"]));
    let steps = json!({"type": "by_subtotal", "tiers": [{"up_to": "20", "price": "5"}, {"price": "0"}]});
    let changed =
        shop.call("PATCH", &path, Some(&staff), &json!({"rate": steps, "carrier": null, "zone_id": world})).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(changed.json()["rate"]["tiers"][0], json!({"up_to": "20.00", "price": "5.00"}));
    let flat = json!({"name": "Flat", "zone_id": us, "rate": {"type": "flat", "price": "3"}, "active": false});
    let whole = shop.call("PUT", &path, Some(&staff), &flat).await.json();
    assert_eq!(
        (&whole["rate"], &whole["free_over"], &whole["max_days"]),
        (&json!({"type": "flat", "price": "3.00"}), &Value::Null, &Value::Null)
    );

    refused(&shop.get(&path, None).await, 404, "not_found");
    refused(&shop.get(&path, Some(&ada)).await, 404, "not_found");
    assert_eq!(shop.get(&path, Some(&staff)).await.status, 200);
    let far = json!({"name": "Far", "zone_id": world, "rate": {"type": "flat", "price": "30"}});
    let far = text(&shop.post("/shipping/methods/", Some(&staff), &far).await.json()["id"]);
    let count = async |query: &str, who: Option<&str>| {
        shop.get(&format!("/shipping/methods/{query}"), who).await.json()["count"].clone()
    };
    assert_eq!((count("", None).await, count("", Some(&staff)).await), (json!(1), json!(2)));
    assert_eq!((count("?country=US", None).await, count("?country=us", Some(&staff)).await), (json!(0), json!(1)));
    assert_eq!(count("?country=DE", None).await, 1);
    assert_eq!(fields(&shop.get("/shipping/methods/?country=Atlantis", None).await), ["country"]);
    assert_eq!(shop.get(&format!("/shipping/methods/{far}/"), None).await.status, 200);

    let zone_path = format!("/shipping/zones/{world}/");
    refused(&shop.call("DELETE", &zone_path, Some(&staff), &Value::Null).await, 409, "in_use");
    assert_eq!(shop.call("DELETE", &format!("/shipping/methods/{far}/"), Some(&staff), &Value::Null).await.status, 204);
    assert_eq!(shop.call("DELETE", &zone_path, Some(&staff), &Value::Null).await.status, 204);
    for (who, status, code) in [(Some(ada.as_str()), 403, "permission_denied"), (None, 401, "not_authenticated")] {
        refused(&shop.post("/shipping/methods/", who, &json!("x")).await, status, code);
        refused(&shop.call("PUT", &path, who, &json!({})).await, status, code);
        refused(&shop.call("PATCH", &path, who, &json!({})).await, status, code);
        refused(&shop.call("DELETE", &path, who, &Value::Null).await, status, code);
    }
}

#[tokio::test]
async fn a_bad_method_is_named_field_by_field() {
    let shop = TestShop::start().await;
    let staff = shop.staff("eve").await.access;
    let zone = json!({"name": "Zone", "countries": ["US"]});
    let zone = text(&shop.post("/shipping/zones/", Some(&staff), &zone).await.json()["id"]);
    let send = async |body: Value| fields(&shop.post("/shipping/methods/", Some(&staff), &body).await);
    assert_eq!(send(json!({})).await, ["name", "rate", "zone_id"]);
    let wrong = json!({"name": [], "zone_id": "x", "rate": "flat", "free_over": 5, "min_days": -1, "max_days": "3", "active": 1});
    assert_eq!(send(wrong).await, ["active", "free_over", "max_days", "min_days", "name", "rate", "zone_id"]);
    let rate = async |rate: Value| send(json!({"name": "Post", "zone_id": zone, "rate": rate})).await;
    assert_eq!(rate(json!({})).await, ["rate.type"]);
    assert_eq!(rate(json!({"type": "free"})).await, ["rate.type"]);
    assert_eq!(rate(json!({"type": "flat", "price": 5})).await, ["rate.price"]);
    assert_eq!(rate(json!({"type": "by_weight", "tiers": []})).await, ["rate.tiers"]);
    let steps = json!([{"up_to": "5", "price": "1"}, {"up_to": null, "price": "1"}, {"up_to": 7.5, "price": "1.234"}]);
    let all = ["rate.tiers.0.up_to", "rate.tiers.1.up_to", "rate.tiers.2.price", "rate.tiers.2.up_to"];
    assert_eq!(rate(json!({"type": "by_weight", "tiers": steps})).await, all);
    let unknown = json!({"name": "Post", "zone_id": UNKNOWN, "rate": {"type": "flat", "price": "1"}});
    assert_eq!(send(unknown).await, ["zone_id"]);
}

/// A shop with an order of five, and a staff user.
struct Store {
    shop: TestShop,
    goods: TestProduct,
    staff: String,
    order: String,
    line: String,
    token: String,
}

impl Store {
    async fn open() -> Self {
        let shop = TestShop::start().await;
        let goods = shop.product("SHIRT", "10.00", 8).await;
        let order = order(&shop.shipping_method(&["GB"], "0").await);
        let staff = shop.staff("eve").await.access;
        let cart = shop.guest_cart(&goods, 5).await;
        let placed = shop.as_guest("POST", "/orders/", &cart, &order).await;
        assert_eq!(placed.status, 201, "{placed:?}");
        let placed = placed.json();
        let line = text(&placed["items"][0]["id"]);
        Self { shop, goods, staff, order: text(&placed["id"]), line, token: text(&placed["access_token"]) }
    }

    async fn pack(&self, body: Value) -> TestResponse {
        self.shop.post("/shipping/shipments/", Some(&self.staff), &body).await
    }

    fn shipment(&self, quantity: i64) -> Value {
        json!({"order_id": self.order, "items": [{"order_item_id": self.line, "quantity": quantity}]})
    }

    async fn news(&self, id: &str, body: Value) -> TestResponse {
        self.shop.post(&format!("/shipping/shipments/{id}/events/"), Some(&self.staff), &body).await
    }

    async fn order(&self) -> Value {
        self.shop.get(&format!("/orders/{}/", self.order), Some(&self.staff)).await.json()
    }

    /// The quantities on hand and reserved.
    async fn stock(&self) -> (i64, i64) {
        let id = self.goods.variant_id.parse().unwrap();
        let levels = self.shop.shop.store().stock_of(&[id]).await.unwrap();
        (levels[0].on_hand, levels[0].reserved)
    }

    async fn is_sound(&self) {
        assert_eq!(self.shop.shop.check().await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_order_goes_out_in_shipments_and_is_completed_when_it_is_paid() {
    let store = Store::open().await;
    let made = store.pack(store.shipment(2)).await;
    assert_eq!(made.status, 201, "{made:?}");
    let first = made.json();
    assert_eq!(
        (&first["status"], &first["carrier"], &first["events"]),
        (&json!("pending"), &json!("Royal Mail"), &json!([]))
    );
    let first = text(&first["id"]);
    let rest = store.pack(json!({"order_id": store.order, "carrier": "DHL", "tracking_number": "JD-2"})).await.json();
    assert_eq!(rest["items"], json!([{"order_item_id": store.line, "quantity": 3}]));
    refused(&store.pack(json!({"order_id": store.order})).await, 409, "invalid_transition");
    assert_eq!(store.stock().await, (8, 5), "what is packed is still there");

    let path = format!("/shipping/shipments/{first}/");
    let change = json!({"tracking_number": "RM-1", "status": "delivered"});
    let changed = store.shop.call("PATCH", &path, Some(&store.staff), &change).await;
    assert_eq!(
        (changed.status, &changed.json()["tracking_number"], &changed.json()["status"]),
        (200, &json!("RM-1"), &json!("pending"))
    );
    refused(&store.news(&first, json!({"status": "in_transit"})).await, 409, "invalid_transition");
    let shipped =
        store.news(&first, json!({"status": "shipped", "description": "Handed over.", "location": "London"})).await;
    assert_eq!((shipped.status, &shipped.json()["status"]), (201, &json!("shipped")), "{shipped:?}");
    assert_eq!(store.stock().await, (6, 3));
    assert_eq!(store.order().await["fulfillment_status"], "partially_fulfilled");
    refused(&store.news(&first, json!({"status": "canceled"})).await, 409, "invalid_transition");
    for status in ["in_transit", "out_for_delivery", "exception", "delivered"] {
        assert_eq!(store.news(&first, json!({"status": status})).await.status, 201);
    }
    assert_eq!(store.order().await["fulfillment_status"], "partially_delivered");
    let second = text(&rest["id"]);
    assert_eq!(store.news(&second, json!({"status": "delivered"})).await.status, 201, "what arrives has left");
    assert_eq!(store.stock().await, (3, 0));
    let order = store.order().await;
    assert_eq!((&order["fulfillment_status"], &order["status"]), (&json!("delivered"), &json!("placed")));
    let payment = text(&order["payments"][0]["id"]);
    assert_eq!(
        store.shop.post(&format!("/payments/{payment}/capture/"), Some(&store.staff), &Value::Null).await.status,
        200
    );
    assert_eq!(store.order().await["status"], "completed");
    refused(&store.news(&second, json!({"status": "exception"})).await, 409, "invalid_transition");

    let tracked = store.shop.get("/shipping/track/RM-1/", None).await;
    assert_eq!(tracked.status, 200);
    let mut names: Vec<_> = tracked.json().as_object().unwrap().keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["carrier", "events", "status", "tracking_number"]);
    assert_eq!(
        (&tracked.json()["status"], tracked.json()["events"].as_array().unwrap().len()),
        (&json!("delivered"), 5)
    );
    assert!(!tracked.body.contains("Lovelace") && !tracked.body.contains("St James"));
    for written in ["rm-1", "%20r%20M%20-1%20", "Rm%C2%A0-1"] {
        let same = store.shop.get(&format!("/shipping/track/{written}/"), None).await;
        assert_eq!((same.status, same.json()), (200, tracked.json()), "{written}");
    }
    let holder = store
        .shop
        .call_with("GET", &format!("/orders/{}/", store.order), &[("X-Order-Token", &store.token)], &Value::Null)
        .await;
    assert_eq!(holder.json()["shipments"].as_array().unwrap().len(), 2);
    store.is_sound().await;
}

#[tokio::test]
async fn shipments_share_a_number_and_all_are_tracked_without_names() {
    let store = Store::open().await;
    let numbered = |number: &str| {
        let mut shipment = store.shipment(1);
        shipment["tracking_number"] = number.into();
        shipment
    };
    let first = store.pack(numbered("jd 014 600")).await.json();
    let second = store.pack(numbered("JD014600")).await.json();
    assert_eq!(store.news(&text(&first["id"]), json!({"status": "shipped"})).await.status, 201);
    let tracked = store.shop.get("/shipping/track/Jd%20014600/", None).await;
    assert_eq!(tracked.status, 200, "{tracked:?}");
    let found = tracked.json();
    let told = |shipment: &Value| (text(&shipment["tracking_number"]), text(&shipment["status"]));
    let all: Vec<_> = found["results"].as_array().unwrap().iter().map(told).collect();
    let wanted = [("JD014600", "pending"), ("jd 014 600", "shipped")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(all, wanted, "the newest first");
    assert_eq!(told(&found), all[0]);
    let mut names: Vec<_> = found["results"][0].as_object().unwrap().keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["carrier", "events", "status", "tracking_number"]);
    for secret in ["Lovelace", "St James", &store.order, &text(&first["id"]), &text(&second["id"])] {
        assert!(!tracked.body.contains(secret), "{secret}");
    }
    refused(&store.shop.get("/shipping/track/JD014601/", None).await, 404, "not_found");
    refused(&store.shop.get("/shipping/track/%20/", None).await, 404, "not_found");
}

#[tokio::test]
async fn a_shipment_that_is_unpacked_can_be_packed_again() {
    let store = Store::open().await;
    let id = text(&store.pack(store.shipment(5)).await.json()["id"]);
    let canceled = store.news(&id, json!({"status": "canceled"})).await;
    assert_eq!((canceled.status, &canceled.json()["status"]), (201, &json!("canceled")));
    assert_eq!(store.stock().await, (8, 5));
    refused(&store.news(&id, json!({"status": "shipped"})).await, 409, "invalid_transition");
    assert_eq!(store.pack(store.shipment(5)).await.status, 201);
}

#[tokio::test]
async fn a_canceled_order_ships_nothing() {
    let store = Store::open().await;
    let id = text(&store.pack(store.shipment(2)).await.json()["id"]);
    let path = format!("/orders/{}/cancel/", store.order);
    let headers = [("X-Order-Token", store.token.as_str())];
    assert_eq!(store.shop.call_with("POST", &path, &headers, &Value::Null).await.status, 200);
    refused(&store.news(&id, json!({"status": "shipped"})).await, 409, "invalid_transition");
    refused(&store.pack(store.shipment(1)).await, 409, "invalid_transition");
    assert_eq!(store.stock().await, (8, 0));
    store.is_sound().await;
}

#[tokio::test]
async fn what_has_left_cannot_be_called_off() {
    let store = Store::open().await;
    let id = text(&store.pack(store.shipment(1)).await.json()["id"]);
    assert_eq!(store.news(&id, json!({"status": "shipped"})).await.status, 201);
    let path = format!("/orders/{}/cancel/", store.order);
    refused(&store.shop.post(&path, Some(&store.staff), &json!({})).await, 409, "invalid_transition");
}

#[tokio::test]
async fn a_bad_shipment_is_named_field_by_field() {
    let store = Store::open().await;
    assert_eq!(fields(&store.pack(json!({})).await), ["order_id"]);
    let wrong = json!({"order_id": "x", "items": [], "carrier": 5, "tracking_number": "x".repeat(101)});
    assert_eq!(fields(&store.pack(wrong).await), ["carrier", "items", "order_id", "tracking_number"]);
    assert_eq!(fields(&store.pack(store.shipment(6)).await), ["items.0.quantity"]);
    assert_eq!(fields(&store.pack(store.shipment(0)).await), ["items.0.quantity"]);
    let unknown = json!({"order_id": store.order, "items": [{"order_item_id": UNKNOWN, "quantity": 1}]});
    assert_eq!(fields(&store.pack(unknown).await), ["items.0.order_item_id"]);
    let item = json!({"order_item_id": store.line, "quantity": 1});
    assert_eq!(
        fields(&store.pack(json!({"order_id": store.order, "items": [item, item]})).await),
        ["items.1.order_item_id"]
    );
    refused(&store.pack(json!({"order_id": UNKNOWN})).await, 404, "not_found");
    assert_eq!(store.pack(store.shipment(4)).await.status, 201);
    refused(&store.pack(store.shipment(2)).await, 409, "invalid_transition");

    let id = text(&store.pack(store.shipment(1)).await.json()["id"]);
    let wrong = json!({"status": "lost", "description": "x".repeat(501), "location": 5, "occurred_at": "soon"});
    assert_eq!(fields(&store.news(&id, wrong).await), ["description", "location", "occurred_at", "status"]);
    assert_eq!(
        fields(&store.news(&id, json!({"status": "shipped", "occurred_at": "2999-01-01T00:00:00Z"})).await),
        ["occurred_at"]
    );
    refused(&store.news(UNKNOWN, json!({"status": "shipped"})).await, 404, "not_found");
    let path = format!("/shipping/shipments/{id}/");
    let answer = store.shop.call("PATCH", &path, Some(&store.staff), &json!({"carrier": "x".repeat(101)})).await;
    assert_eq!(fields(&answer), ["carrier"]);
}

#[tokio::test]
async fn shipments_are_listed_and_read_by_staff_only() {
    let store = Store::open().await;
    let id = text(&store.pack(store.shipment(2)).await.json()["id"]);
    store.pack(store.shipment(1)).await;
    assert_eq!(store.news(&id, json!({"status": "shipped"})).await.status, 201);
    let list = async |query: &str| store.shop.get(&format!("/shipping/shipments/{query}"), Some(&store.staff)).await;
    assert_eq!(list("").await.json()["count"], 2);
    let one = list(&format!("?order_id={}&status=shipped", store.order)).await.json();
    assert_eq!((&one["count"], &one["results"][0]["id"]), (&json!(1), &json!(id)));
    assert_eq!(list(&format!("?order_id={UNKNOWN}")).await.json()["count"], 0);
    assert_eq!(fields(&list("?order_id=x&status=lost").await), ["order_id", "status"]);
    let path = format!("/shipping/shipments/{id}/");
    assert_eq!(store.shop.get(&path, Some(&store.staff)).await.status, 200);
    refused(&store.shop.get(&format!("/shipping/shipments/{UNKNOWN}/"), Some(&store.staff)).await, 404, "not_found");
    refused(&store.shop.get("/shipping/track/nothing/", None).await, 404, "not_found");
    let bob = store.shop.customer("bob").await.access;
    for (who, status, code) in [(Some(bob.as_str()), 403, "permission_denied"), (None, 401, "not_authenticated")] {
        refused(&store.shop.get("/shipping/shipments/", who).await, status, code);
        refused(&store.shop.get(&path, who).await, status, code);
        refused(&store.shop.call("PATCH", &path, who, &json!("x")).await, status, code);
        refused(&store.shop.post("/shipping/shipments/", who, &json!("x")).await, status, code);
        refused(&store.shop.post(&format!("{path}events/"), who, &json!("x")).await, status, code);
    }
}

#[tokio::test]
async fn a_repeated_request_packs_and_ships_once() {
    let store = Store::open().await;
    let bearer = format!("Bearer {}", store.staff);
    let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", "shipment-1")];
    let send = async |path: &str, body: Value| store.shop.call_with("POST", path, &headers, &body).await;
    let first = send("/shipping/shipments/", store.shipment(2)).await;
    let again = send("/shipping/shipments/", store.shipment(2)).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, None));
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")));
    assert_eq!(first.json(), again.json());
    refused(&send("/shipping/shipments/", store.shipment(3)).await, 422, "idempotency_mismatch");
    let path = format!("/shipping/shipments/{}/events/", text(&first.json()["id"]));
    let left = json!({"status": "shipped"});
    assert_eq!(send(&path, left.clone()).await.status, 201);
    let again = send(&path, left).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")));
    assert_eq!(store.stock().await, (6, 3));
}

#[tokio::test]
async fn shipments_packed_and_shipped_at_once_never_exceed_the_order() {
    let store = Store::open().await;
    let answers = join_all((0..20).map(|_| store.pack(store.shipment(1)))).await;
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(made.len(), 5);
    answers.iter().filter(|answer| answer.status != 201).for_each(|answer| refused(answer, 409, "invalid_transition"));
    let ids: Vec<_> = made.iter().map(|answer| text(&answer.json()["id"])).collect();
    // Each of them is shipped four times at once.
    let answers = join_all((0..20).map(|number| store.news(&ids[number % 5], json!({"status": "shipped"})))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 5);
    answers.iter().filter(|answer| answer.status != 201).for_each(|answer| refused(answer, 409, "invalid_transition"));
    assert_eq!(store.stock().await, (3, 0));
    assert_eq!(store.order().await["fulfillment_status"], "fulfilled");
    store.is_sound().await;
}
