//! `/catalog/tax-rates/`, and the taxes and discounts that orders freeze.

use serde_json::{Value, json};
use shop_core::Actor;
use shop_core::id::TaxRateId;

use crate::orders::{Store, fields, refused, text, with};
use crate::support::{TestShop, order};

const NOTHING: Value = Value::Null;

impl TestShop {
    pub(crate) async fn tax_rate(&self, body: Value) -> TaxRateId {
        let input = serde_json::from_value(body).unwrap();
        self.shop.catalog().create_tax_rate(&Actor::system(), input).await.unwrap().id
    }
}

/// An amount in hundredths.
pub(crate) fn cents(value: &Value) -> i64 {
    text(value).replace('.', "").parse().unwrap()
}

/// Checks the sums that every order must satisfy.
#[track_caller]
pub(crate) fn adds_up(order: &Value) {
    let sum = |field: &str| order["items"].as_array().unwrap().iter().map(|item| cents(&item[field])).sum::<i64>();
    assert_eq!(sum("line_total"), cents(&order["subtotal"]), "{order}");
    assert_eq!(sum("discount"), cents(&order["discount_total"]), "{order}");
    assert_eq!(sum("tax") + cents(&order["shipping_tax"]), cents(&order["tax_total"]), "{order}");
    let taxes = order["taxes"].as_array().unwrap().iter().map(|tax| cents(&tax["amount"])).sum::<i64>();
    assert_eq!(taxes, cents(&order["tax_total"]), "{order}");
    let contained = i64::from(order["prices_include_tax"] == true);
    for item in order["items"].as_array().unwrap() {
        let net = cents(&item["line_total"]) - cents(&item["discount"]) - contained * cents(&item["tax"]);
        assert_eq!(cents(&item["net"]), net, "{item}");
    }
    for tax in order["taxes"].as_array().unwrap() {
        assert_eq!(cents(&tax["base"]) - contained * cents(&tax["amount"]), cents(&tax["net_base"]), "{tax}");
        let of_rate = order["taxes"].as_array().unwrap().iter().filter(|other| other["rate"] == tax["rate"]);
        assert_eq!(of_rate.count(), 1, "{order}");
    }
    let added = if order["prices_include_tax"] == true { 0 } else { cents(&order["tax_total"]) };
    let total = cents(&order["subtotal"]) - cents(&order["discount_total"]) + cents(&order["shipping_total"]) + added;
    assert_eq!(total, cents(&order["total"]), "{order}");
    let explained = order["adjustments"].as_array().unwrap().iter().filter(|one| one["kind"] != "included_tax");
    assert_eq!(cents(&order["subtotal"]) + explained.map(|one| cents(&one["amount"])).sum::<i64>(), total, "{order}");
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
async fn an_order_freezes_discounts_and_taxes() {
    let store = Store::open(9).await;
    let shop = &store.shop;
    let coupon = json!({"name": "Ten off", "code": "TEN", "kind": "percent", "value": "10"});
    let id = shop.promotion(coupon).await;
    let rate = json!({"name": "VAT 20 %", "country": "GB", "rate": "0.2", "applies_to_shipping": true});
    let rate = shop.tax_rate(rate).await;
    let cart = shop.cart_with(&store.shirt, "ten").await;
    // 19.99 − 2.00 + 4.50, and a fifth of 17.99 and of 4.50: 3.60 and 0.90.
    let body = with(&store.order, json!({"expected_total": "26.99"}));
    let placed = shop.as_guest("POST", "/orders/", &cart, &body).await;
    assert_eq!(placed.status, 201, "{placed:?}");
    let placed = placed.json();
    adds_up(&placed);
    assert_eq!((&placed["items"][0]["discount"], &placed["items"][0]["tax"]), (&json!("2.00"), &json!("3.60")));
    assert_eq!((&placed["shipping_tax"], &placed["tax_total"]), (&json!("0.90"), &json!("4.50")));
    let adjustments = json!([
        {"kind": "promotion", "label": "Ten off", "amount": "-2.00", "code": "TEN"},
        {"kind": "shipping", "label": "Post", "amount": "4.50"},
        {"kind": "tax", "label": "VAT 20 %", "amount": "4.50"},
    ]);
    assert_eq!(placed["adjustments"], adjustments);
    let tax = json!({"name": "VAT 20 %", "rate": "0.2", "base": "22.49", "net_base": "22.49", "amount": "4.50"});
    let taxes = json!([tax]);
    let item = &placed["items"][0];
    assert_eq!((&item["tax_class"], &item["tax_rate"]), (&json!("standard"), &json!("0.2")));
    assert_eq!((&item["net"], &placed["shipping_tax_rate"]), (&json!("17.99"), &json!("0.2")));
    assert_eq!(placed["taxes"], taxes);
    assert_eq!(shop.uses(&id).await, 1);
    // Later changes to the promotion and the rate do not change the order.
    let (catalog, staff) = (shop.shop.catalog(), Actor::system());
    catalog.delete_promotion(&staff, id.parse().unwrap(), None).await.unwrap();
    let dearer = serde_json::from_value(json!({"name": "VAT", "rate": "0.25"})).unwrap();
    catalog.change_tax_rate(&staff, rate, dearer, None).await.unwrap();
    let token = text(&placed["access_token"]);
    let path = format!("/orders/{}/", text(&placed["id"]));
    let read = shop.call_with("GET", &path, &[("X-Order-Token", &token)], &NOTHING).await.json();
    assert_eq!((&read["adjustments"], &read["total"]), (&adjustments, &json!("26.99")));
    assert_eq!(read["taxes"], taxes);
    assert_eq!((&read["items"], &read["tax_total"]), (&placed["items"], &json!("4.50")));
    let canceled = shop.call_with("POST", &format!("{path}cancel/"), &[("X-Order-Token", &token)], &NOTHING).await;
    assert_eq!(canceled.status, 200, "{canceled:?}");
    store.is_sound().await;
}

#[tokio::test]
async fn prices_may_include_the_tax_and_round_by_order() {
    for (variables, taxes) in [
        (vec![("PRICES_INCLUDE_TAX", "True")], ["0.16", "0.16", "0.16", "0.07", "0.55"]),
        (vec![("PRICES_INCLUDE_TAX", "True"), ("TAX_ROUNDING", "order")], ["0.16", "0.16", "0.16", "0.07", "0.55"]),
        (vec![], ["0.19", "0.19", "0.19", "0.09", "0.66"]),
        (vec![("TAX_ROUNDING", "order")], ["0.19", "0.19", "0.19", "0.08", "0.65"]),
    ] {
        let shop = TestShop::start_with(&variables).await;
        let method = shop.shipping_method(&["DE"], "0.45").await;
        shop.tax_rate(json!({"name": "MwSt", "country": "DE", "rate": "0.19", "applies_to_shipping": true})).await;
        let ada = shop.customer("ada").await.access;
        for sku in ["A", "B", "C"] {
            shop.product(sku, "0.99", 9).await;
            shop.post("/cart/items/", Some(&ada), &json!({"sku": sku})).await;
        }
        let mut body = order(&method);
        body["shipping_address"]["country"] = "DE".into();
        let placed = shop.post("/orders/", Some(&ada), &body).await;
        assert_eq!(placed.status, 201, "{placed:?}");
        let placed = placed.json();
        adds_up(&placed);
        let tax = |index: usize| text(&placed["items"][index]["tax"]);
        let found = [tax(0), tax(1), tax(2), text(&placed["shipping_tax"]), text(&placed["tax_total"])];
        assert_eq!(found, taxes, "{variables:?}");
        assert_eq!(placed["prices_include_tax"], variables.contains(&("PRICES_INCLUDE_TAX", "True")));
        assert_eq!(shop.shop.check().await.unwrap(), Vec::<String>::new());
    }
}

/// A shop in Germany with tax rates of 19 % and 7 % that also apply to the shipping of 5.00; two taxed products for
/// 11.90 and 10.70, and an untaxed one for 3.00.
async fn germany(variables: &[(&str, &str)]) -> (TestShop, Value) {
    let shop = TestShop::start_with(variables).await;
    for (class, rate) in [("standard", "0.19"), ("reduced", "0.07")] {
        let name = format!("MwSt {class}");
        let rate =
            json!({"name": name, "tax_class": class, "country": "DE", "rate": rate, "applies_to_shipping": true});
        shop.tax_rate(rate).await;
    }
    let staff = shop.staff("eve").await.access;
    for (sku, class, price) in [("LAMP", "standard", "11.90"), ("BOOK", "reduced", "10.70"), ("STAMP", "none", "3.00")]
    {
        let variant = json!({"sku": sku, "price": price, "tax_class": class, "stock": 99});
        let product = json!({"name": sku, "variants": [variant]});
        let made = shop.post("/catalog/products/", Some(&staff), &product).await;
        assert_eq!(made.status, 201, "{made:?}");
    }
    let mut body = order(&shop.shipping_method(&["DE"], "5.00").await);
    body["shipping_address"]["country"] = "DE".into();
    (shop, body)
}

/// A guest's order of one of each.
async fn place_in_germany(shop: &TestShop, body: &Value, skus: &[&str]) -> Value {
    let mut token = String::new();
    for sku in skus {
        let headers = [("X-Cart-Token", token.as_str())];
        let headers = if token.is_empty() { &[][..] } else { &headers[..] };
        let cart = shop.call_with("POST", "/cart/items/", headers, &json!({"sku": sku})).await;
        assert_eq!(cart.status, 201, "{cart:?}");
        if token.is_empty() {
            token = text(&cart.json()["token"]);
        }
    }
    let placed = shop.as_guest("POST", "/orders/", &token, body).await;
    assert_eq!(placed.status, 201, "{placed:?}");
    adds_up(&placed.json());
    placed.json()
}

#[tokio::test]
async fn the_shipping_is_taxed_as_the_goods_are() {
    let (shop, body) = germany(&[("PRICES_INCLUDE_TAX", "True")]).await;
    let shipping = async |skus: &[&str]| {
        let placed = place_in_germany(&shop, &body, skus).await;
        (placed["shipping_tax"].clone(), placed["shipping_tax_rate"].clone())
    };
    assert_eq!(shipping(&["BOOK"]).await, (json!("0.33"), json!("0.07")));
    assert_eq!(shipping(&["LAMP"]).await, (json!("0.80"), json!("0.19")));
    // Splitting 5.00 in the ratio 11.90 to 10.70 gives 2.63 and 2.37, taxed with 0.42 and 0.16.
    assert_eq!(shipping(&["LAMP", "BOOK"]).await, (json!("0.58"), NOTHING));
    assert_eq!(shipping(&["STAMP", "BOOK"]).await, (json!("0.33"), json!("0.07")));
    assert_eq!(shipping(&["STAMP"]).await, (json!("0.00"), NOTHING));
    assert_eq!(shop.shop.check().await.unwrap(), Vec::<String>::new());

    let (shop, body) = germany(&[]).await;
    let placed = place_in_germany(&shop, &body, &["BOOK"]).await;
    assert_eq!((&placed["shipping_tax"], &placed["total"]), (&json!("0.35"), &json!("16.80")));
    assert_eq!(shop.shop.check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn an_order_and_its_refunds_say_what_is_taxed_at_which_rate() {
    let (shop, body) = germany(&[("PRICES_INCLUDE_TAX", "True"), ("TAX_ROUNDING", "order")]).await;
    let placed = place_in_germany(&shop, &body, &["LAMP", "BOOK", "STAMP"]).await;
    let line = |index: usize| {
        let item = &placed["items"][index];
        (item["tax_class"].clone(), item["tax_rate"].clone(), item["tax"].clone(), item["net"].clone())
    };
    assert_eq!(line(0), (json!("standard"), json!("0.19"), json!("1.90"), json!("10.00")));
    assert_eq!(line(1), (json!("reduced"), json!("0.07"), json!("0.70"), json!("10.00")));
    assert_eq!(line(2), (json!("none"), NOTHING, json!("0.00"), json!("3.00")));
    let taxes = json!([
        {"name": "MwSt standard", "rate": "0.19", "base": "14.53", "net_base": "12.21", "amount": "2.32"},
        {"name": "MwSt reduced", "rate": "0.07", "base": "13.07", "net_base": "12.21", "amount": "0.86"},
    ]);
    assert_eq!(placed["taxes"], taxes);

    let staff = shop.staff("kay").await.access;
    let payment = format!("/payments/{}/", text(&placed["payments"][0]["id"]));
    let captured = shop.post(&format!("{payment}capture/"), Some(&staff), &json!({})).await;
    assert_eq!(captured.status, 200, "{captured:?}");
    let mut back = Vec::new();
    for amount in ["10.00", "0.01", "20.59"] {
        let refund = shop.post(&format!("{payment}refunds/"), Some(&staff), &json!({"amount": amount})).await;
        assert_eq!(refund.status, 201, "{refund:?}");
        let taxes = refund.json()["taxes"].as_array().unwrap().clone();
        assert_eq!(taxes.iter().map(|part| cents(&part["total"])).sum::<i64>(), cents(&json!(amount)), "{refund:?}");
        for part in &taxes {
            assert_eq!(cents(&part["net_base"]) + cents(&part["amount"]), cents(&part["total"]), "{part}");
        }
        back.extend(taxes);
    }
    let of_rate = |rate: Value, field: &str| {
        back.iter().filter(|part| part["rate"] == rate).map(|part| cents(&part[field])).sum::<i64>()
    };
    for tax in placed["taxes"].as_array().unwrap() {
        assert_eq!(of_rate(tax["rate"].clone(), "amount"), cents(&tax["amount"]), "{back:?}");
        assert_eq!(of_rate(tax["rate"].clone(), "net_base"), cents(&tax["net_base"]), "{back:?}");
    }
    assert_eq!((of_rate(NOTHING, "total"), of_rate(NOTHING, "amount")), (300, 0));
    let order = shop.get(&format!("/orders/{}/", text(&placed["id"])), Some(&staff)).await.json();
    assert_eq!(order["payments"][0]["refunds"].as_array().unwrap().len(), 3);
    assert!(order["payments"][0]["refunds"][0]["taxes"].is_array());
    assert_eq!(shop.shop.check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn no_spelling_of_a_region_avoids_its_tax() {
    let shop = TestShop::start().await;
    let method = shop.shipping_method(&["*"], "0").await;
    let shirt = shop.product("SHIRT", "10.00", 99).await;
    shop.tax_rate(json!({"name": "Sales tax", "country": "US", "region": "NY", "rate": "0.1"})).await;
    let place = async |country: &str, region: Value| {
        let mut body = order(&method);
        body["shipping_address"]["country"] = country.into();
        body["shipping_address"]["region"] = region;
        let cart = shop.guest_cart(&shirt, 1).await;
        shop.as_guest("POST", "/orders/", &cart, &body).await
    };
    for region in ["NY", " ny ", "us-ny", "New York", "new york", "N.Y.", "State of New York"] {
        let placed = place("US", region.into()).await;
        assert_eq!((placed.status, &placed.json()["tax_total"]), (201, &json!("1.00")), "{placed:?}");
        let regions =
            [&placed.json()["shipping_address"]["region"], &placed.json()["billing_address"]["region"]].map(text);
        assert_eq!(regions, ["NY", "NY"], "the order keeps the code");
    }
    for region in ["NJ", "New Jersey", "AE", "PR"] {
        let elsewhere = place("US", region.into()).await;
        assert_eq!((elsewhere.status, &elsewhere.json()["tax_total"]), (201, &json!("0.00")), "{elsewhere:?}");
    }
    for region in [json!("NYC"), json!("XX"), json!("U"), json!("001"), json!("CA-NY"), json!(""), NOTHING] {
        let refusal = place("US", region.clone()).await;
        refused(&refusal, 400, "invalid");
        let why = &refusal.json()["errors"]["shipping_address.region"];
        assert!(why.to_string().contains("NY for New York"), "{region} {refusal:?}");
    }
    // A country with the same taxes everywhere accepts any region.
    for region in [json!("Bayern"), NOTHING] {
        assert_eq!(place("DE", region).await.status, 201);
    }

    // A saved address is checked when it is used, because the rates may be newer.
    let ada = shop.customer("ada").await.access;
    let mut address = order(&method)["shipping_address"].clone();
    address["country"] = "US".into();
    let saved = shop.post("/shipping/addresses/", Some(&ada), &address).await;
    assert_eq!(saved.status, 201, "{saved:?}");
    let saved = saved.json()["id"].clone();
    shop.post("/cart/items/", Some(&ada), &json!({"sku": shirt.sku})).await;
    let mut body = with(&order(&method), json!({"shipping_address_id": saved}));
    body.as_object_mut().unwrap().remove("shipping_address");
    let refusal = shop.post("/orders/", Some(&ada), &body).await;
    refused(&refusal, 400, "invalid");
    assert!(refusal.json()["errors"]["shipping_address_id"].to_string().contains("NY for New York"), "{refusal:?}");
    let path = format!("/shipping/addresses/{}/", text(&saved));
    assert_eq!(shop.call("PATCH", &path, Some(&ada), &json!({"region": "ny"})).await.status, 200);
    let placed = shop.post("/orders/", Some(&ada), &body).await;
    assert_eq!((placed.status, &placed.json()["tax_total"]), (201, &json!("1.00")), "{placed:?}");
}

#[tokio::test]
async fn a_region_is_taxed_by_whatever_name_it_has() {
    let shop = TestShop::start().await;
    let method = shop.shipping_method(&["*"], "0").await;
    let shirt = shop.product("SHIRT", "10.00", 99).await;
    for (country, region) in [
        ("MX", "BCN"),
        ("MY", "01"),
        ("IN", "GA"),
        ("JP", "13"),
        ("CA", "QC"),
        ("ES", "CN"),
        ("ZA", "KZN"),
        ("US", "PR"),
        ("GU", ""),
    ] {
        shop.tax_rate(json!({"name": "Tax", "country": country, "region": region, "rate": "0.1"})).await;
    }
    let taxed = async |country: &str, region: &str| {
        let mut body = order(&method);
        body["shipping_address"]["country"] = country.into();
        body["shipping_address"]["region"] = region.into();
        let cart = shop.guest_cart(&shirt, 1).await;
        let placed = shop.as_guest("POST", "/orders/", &cart, &body).await;
        assert_eq!(placed.status, 201, "{country} {region} {placed:?}");
        (text(&placed.json()["tax_total"]), text(&placed.json()["shipping_address"]["region"]))
    };
    for (country, region, code) in [
        ("MX", "BC", "BCN"),
        ("MY", "JHR", "01"),
        ("IN", "Goa", "GA"),
        ("JP", "Tokyo", "13"),
        ("JP", "東京都", "13"),
        ("CA", "PQ", "QC"),
        ("CA", "Québec", "QC"),
        // A province in the autonomous community that has the rate.
        ("ES", "Las Palmas", "GC"),
        ("ZA", "NL", "KZN"),
        ("US", "Puerto Rico", "PR"),
        ("US", "GU", "GU"),
        // Countries without known regions keep the text as entered.
        ("PR", "San Juan", "San Juan"),
        ("GU", "Hagåtña", "Hagåtña"),
    ] {
        assert_eq!(taxed(country, region).await, ("1.00".into(), code.into()), "{country} {region}");
    }
    for (country, region) in
        [("MX", "BCS"), ("IN", "Delhi"), ("ES", "Madrid"), ("JP", "Kyoto"), ("US", "VI"), ("VI", "St. John")]
    {
        assert_eq!(taxed(country, region).await.0, "0.00", "{country} {region}");
    }
    assert_eq!(shop.shop.check().await.unwrap(), Vec::<String>::new());
}
