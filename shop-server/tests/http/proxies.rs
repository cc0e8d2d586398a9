//! The server behind proxies: rate limits, the base of links, and which proxies are trusted.

use serde_json::{Value, json};

use crate::support::TestShop;

/// The address from which the tests connect.
const LOOPBACK: (&str, &str) = ("TRUSTED_PROXIES", "127.0.0.1/32");

/// How many of `count` attempts at codes, each for another account, are allowed.
async fn passed(shop: &TestShop, count: usize, headers: impl Fn(usize) -> Vec<(&'static str, String)>) -> usize {
    let mut passed = 0;
    for number in 0..count {
        let headers = headers(number);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = json!({"email": format!("{}-{number}@example.com", headers.len()), "otp": "123456"});
        match shop.call_with("POST", "/accounts/verify-otp/", &headers, &body).await.status {
            400 => passed += 1,
            429 => {}
            other => panic!("{other}"),
        }
    }
    passed
}

fn from(client: &str) -> impl Fn(usize) -> Vec<(&'static str, String)> {
    let client = client.to_owned();
    move |_| vec![("X-Forwarded-For", client.clone())]
}

#[tokio::test]
async fn each_client_of_a_trusted_proxy_is_limited_by_itself() {
    let shop = TestShop::start_with(&[("RATE_LIMIT", "on"), LOOPBACK]).await;
    // One more is allowed for each second that passes.
    assert!((60..100).contains(&passed(&shop, 150, from("192.0.2.1")).await));
    assert_eq!(passed(&shop, 5, from("192.0.2.2")).await, 5);
    // Whatever the client wrote is left of what the proxy appended, in both kinds of headers.
    let forged = |number| vec![("X-Forwarded-For", format!("198.51.100.{number}, 192.0.2.3"))];
    assert!((60..100).contains(&passed(&shop, 150, forged).await));
    let forged = |number| vec![("Forwarded", format!("for=198.51.100.{number}, for=\"192.0.2.4:{}\"", 1000 + number))];
    assert!((60..100).contains(&passed(&shop, 150, forged).await));
    // Contradictory and unparsable headers share one limit.
    let odd = |number: usize| match number % 3 {
        0 => vec![("X-Forwarded-For", "192.0.2.5".to_owned()), ("Forwarded", format!("for=198.51.100.{number}"))],
        1 => vec![("X-Forwarded-For", format!("client-{number}"))],
        _ => vec![("Forwarded", format!("for=\"192.0.2.{number}"))],
    };
    assert!((60..100).contains(&passed(&shop, 150, odd).await));
    assert_eq!(passed(&shop, 5, from("192.0.2.5")).await, 5);
}

#[tokio::test]
async fn who_is_no_trusted_proxy_is_not_believed() {
    for variables in [&[("RATE_LIMIT", "on")][..], &[("RATE_LIMIT", "on"), ("TRUSTED_PROXIES", "10.0.0.0/8,127.0.0.2")]]
    {
        let shop = TestShop::start_with(variables).await;
        let forged = |number| {
            vec![("X-Forwarded-For", format!("192.0.2.{number}")), ("Forwarded", format!("for=192.0.2.{number}"))]
        };
        assert!((60..100).contains(&passed(&shop, 150, forged).await), "{variables:?}");
    }
}

#[tokio::test]
async fn clients_of_ipv6_are_limited_by_their_networks() {
    let shop = TestShop::start_with(&[("RATE_LIMIT", "on"), LOOPBACK]).await;
    let one_network = |number| vec![("X-Forwarded-For", format!("2001:db8:1:1::{number:x}"))];
    assert!((60..100).contains(&passed(&shop, 150, one_network).await));
    let its_neighbours = |number| vec![("X-Forwarded-For", format!("2001:db8:1:{:x}::1", number + 2))];
    assert!((200..500).contains(&passed(&shop, 600, its_neighbours).await));
    assert_eq!(passed(&shop, 5, from("2001:db8:2::1")).await, 5);
}

/// A shop with three products, so that lists have several pages.
async fn shop_with_pages(variables: &[(&str, &str)]) -> TestShop {
    let shop = TestShop::start_with(variables).await;
    let staff = shop.staff("sam").await.access;
    for sku in ["A", "B", "C"] {
        let body = json!({"name": sku, "sku": sku, "price": "1.00"});
        shop.post("/catalog/products/", Some(&staff), &body).await.expect(201);
    }
    shop
}

async fn links(shop: &TestShop, headers: &[(&str, &str)]) -> [String; 3] {
    let page = async |query: &str| {
        let path = format!("/catalog/products/?page_size=1&{query}");
        shop.call_with("GET", &path, headers, &Value::Null).await.expect(200)
    };
    let (middle, by_cursor) = (page("page=2").await, page("cursor=").await);
    [&middle["next"], &middle["previous"], &by_cursor["next"]].map(|link| {
        let link = link.as_str().unwrap();
        link[..link.find("/catalog/").unwrap()].to_owned()
    })
}

const FORWARDED: [(&str, &str); 3] =
    [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "shop.example")];

#[tokio::test]
async fn links_carry_the_public_scheme_and_host() {
    let shop = shop_with_pages(&[LOOPBACK]).await;
    let all = |base: &str| [(); 3].map(|()| base.to_owned());
    assert_eq!(links(&shop, &FORWARDED).await, all("https://shop.example"));
    let standard = [("Forwarded", "for=192.0.2.1;proto=https;host=\"shop.example:8443\"")];
    assert_eq!(links(&shop, &standard).await, all("https://shop.example:8443"));
    assert_eq!(links(&shop, &[]).await, all("http://shop.test"));
    assert_eq!(links(&shop, &[("X-Forwarded-Host", "evil.example/path?")]).await, all("http://shop.test"));

    let untrusting = shop.beside(&[]).await;
    assert_eq!(links(&untrusting, &FORWARDED).await, all("http://shop.test"));
    assert_eq!(links(&untrusting, &standard).await, all("http://shop.test"));
    let public = shop.beside(&[LOOPBACK, ("PUBLIC_URL", "https://api.shop.example/v1/")]).await;
    assert_eq!(links(&public, &[]).await, all("https://api.shop.example/v1"));
    assert_eq!(links(&public, &FORWARDED).await, all("https://api.shop.example/v1"));
}

#[tokio::test]
async fn browsers_are_told_to_stay_with_https_when_they_came_by_it() {
    let shop = TestShop::start_with(&[LOOPBACK]).await;
    let told = async |shop: &TestShop, headers: &[(&str, &str)]| {
        // On errors, too.
        let answer = shop.call_with("GET", "/nothing/", headers, &Value::Null).await;
        answer.header("strict-transport-security").map(str::to_owned)
    };
    assert_eq!(told(&shop, &FORWARDED).await.as_deref(), Some("max-age=31536000"));
    assert_eq!(told(&shop, &[]).await, None);
    assert_eq!(told(&shop, &[("X-Forwarded-Proto", "http")]).await, None);
    assert_eq!(told(&TestShop::start().await, &FORWARDED).await, None);
    assert!(told(&TestShop::start_with(&[("PUBLIC_URL", "https://shop.example")]).await, &[]).await.is_some());
    assert_eq!(told(&TestShop::start_with(&[("PUBLIC_URL", "http://shop.example")]).await, &FORWARDED).await, None);
}

#[tokio::test]
async fn docs_and_metrics_are_there_unless_they_are_turned_off() {
    let shop = TestShop::start_with(&[("DOCS", "False"), ("METRICS", "False")]).await;
    for path in ["/docs/", "/docs", "/docs/swagger-ui.js", "/docs/start.js", "/metrics", "/metrics/"] {
        let answer = shop.get(path, None).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
    }
    for path in ["/openapi.json", "/healthz", "/readyz"] {
        assert_eq!(shop.get(path, None).await.status, 200, "{path}");
    }
    let usual = TestShop::start().await;
    assert_eq!((usual.get("/docs/", None).await.status, usual.get("/metrics", None).await.status), (200, 200));
}

/// A guest's new cart, created by this client; returns its token.
async fn cart_of(shop: &TestShop, client: &str) -> String {
    let made = shop.call_with("POST", "/cart/", &[("X-Forwarded-For", client)], &json!({})).await;
    made.expect(201)["token"].as_str().unwrap().to_owned()
}

/// Whether a call with a cart from this client passes the rate limit, whatever its result.
async fn is_heard(shop: &TestShop, path: &str, client: &str, cart: &str, body: &Value) -> bool {
    let answer = shop.call_with("POST", path, &[("X-Forwarded-For", client), ("X-Cart-Token", cart)], body).await;
    assert!([400, 409, 429].contains(&answer.status), "{answer:?}");
    if answer.status == 429 {
        assert!(answer.code() == "throttled" && answer.header("retry-after").is_some());
    }
    answer.status != 429
}

#[tokio::test]
async fn coupons_and_orders_are_limited_by_client_and_by_cart() {
    let shop = TestShop::start_with(&[("RATE_LIMIT", "on"), LOOPBACK]).await;
    for (path, body, by_client, by_cart) in
        [("/cart/coupons/", json!({"code": "GUESS"}), 120, 30), ("/orders/", json!({}), 60, 30)]
    {
        // One cart, with a new client for each attempt.
        let cart = cart_of(&shop, "192.0.2.1").await;
        let mut heard = 0;
        for number in 0..by_cart + 20 {
            let client = format!("203.0.113.{number}");
            heard += usize::from(is_heard(&shop, path, &client, &cart, &body).await);
        }
        assert!((by_cart..by_cart + 10).contains(&heard), "{path} {heard}");
        // One client, with a new cart after every ten attempts.
        let mut heard = 0;
        for number in 0..by_client / 10 + 4 {
            let cart = cart_of(&shop, &format!("198.51.100.{number}")).await;
            for _ in 0..10 {
                heard += usize::from(is_heard(&shop, path, "192.0.2.2", &cart, &body).await);
            }
        }
        assert!((by_client..by_client + 20).contains(&heard), "{path} {heard}");
    }
}

#[tokio::test]
async fn new_carts_are_limited_by_client() {
    let shop = TestShop::start_with(&[("RATE_LIMIT", "on"), LOOPBACK]).await;
    let mut made = 0;
    for _ in 0..340 {
        let answer = shop.call_with("POST", "/cart/", &[("X-Forwarded-For", "192.0.2.1")], &json!({})).await;
        made += usize::from(answer.status == 201);
    }
    assert!((300..330).contains(&made), "{made}");
    cart_of(&shop, "192.0.2.2").await;
}
