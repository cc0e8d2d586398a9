//! The first impression of a new shop: the response at `/`, and a sample shop that needs no internet access.

use serde_json::Value;
use shop_core::clock::SystemRandom;
use shop_server::demo;

use crate::support::TestShop;

const BROWSER: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");

#[tokio::test]
async fn a_person_gets_a_page_at_the_root_and_a_program_json() {
    let shop = TestShop::start().await;
    let page = shop.server.send("GET", "/", &[BROWSER], "").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(page.header("vary"), Some("accept"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    for link in ["/docs/", "/openapi.json", "/healthz", "/readyz"] {
        assert!(page.body.contains(&format!("href=\"{link}\"")), "{link}: {}", page.body);
        assert_eq!(shop.get(link, None).await.status, 200, "{link}");
    }
    assert!(!page.body.contains("//") && !page.body.contains("<script") && !page.body.contains("/admin"), "{page:?}");

    for accept in [&[][..], &[("Accept", "*/*")], &[("Accept", "application/json")]] {
        let answer = shop.server.send("GET", "/", accept, "").await;
        assert_eq!((answer.header("content-type"), answer.header("vary")), (Some("application/json"), Some("accept")));
        let body = answer.expect(200);
        assert_eq!((&body["name"], &body["version"]), (&"Shop".into(), &env!("CARGO_PKG_VERSION").into()));
        assert_eq!(body["links"]["docs"], "http://shop.test/docs/");
        assert_eq!(body["links"]["health"], "http://shop.test/healthz");
    }
    let head = shop.server.send("HEAD", "/", &[BROWSER], "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let post = shop.server.send("POST", "/", &[], "").await;
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD")));
}

#[tokio::test]
async fn the_root_names_the_public_address_and_no_documentation_that_is_turned_off() {
    let shop = TestShop::start_with(&[("DOCS", "False"), ("PUBLIC_URL", "https://shop.example/api")]).await;
    let body = shop.get("/", None).await.expect(200);
    assert_eq!(
        (&body["links"]["docs"], &body["links"]["ready"]),
        (&Value::Null, &"https://shop.example/api/readyz".into())
    );
    let page = shop.server.send("GET", "/", &[BROWSER], "").await.body;
    assert!(page.contains("href=\"/api/healthz\"") && !page.contains("docs"), "{page}");
}

/// Collects every URL in a response.
fn addresses(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains("//") => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| addresses(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| addresses(field, found)),
        _ => {}
    }
}

#[tokio::test]
async fn no_address_of_the_sample_shop_leads_elsewhere() {
    let shop = TestShop::start().await;
    let password = demo::fill(&shop.shop, &SystemRandom).await.unwrap().unwrap();
    let staff = shop.login(demo::STAFF, password.expose()).await;
    // The host that the tests request.
    let own = "http://shop.test/";
    let mut found = Vec::new();
    for path in [
        "/",
        "/catalog/products/?page_size=100",
        "/catalog/products/stoneware-mug/",
        "/catalog/categories/?page_size=100",
        "/catalog/promotions/",
        "/catalog/tax-rates/",
        "/shipping/methods/?country=US",
        "/shipping/zones/",
        "/inventory/locations/",
        "/accounts/user/",
    ] {
        addresses(&shop.get(path, Some(&staff.access)).await.expect(200), &mut found);
    }
    assert!(found.iter().all(|address| address.starts_with(own)), "{found:?}");
    let pictures: Vec<_> = found.iter().filter(|address| address.contains("/media/")).collect();
    assert_eq!(pictures.len(), 102, "two of each of 50 products, and those of one again");
    for picture in pictures {
        let answer = shop.get(&format!("/{}", picture.strip_prefix(own).unwrap()), None).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("image/svg+xml")), "{picture}");
        assert!(answer.header("cache-control").unwrap().contains("immutable"));
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        assert!(!answer.body.replace("http://www.w3.org/2000/svg", "").contains("//"), "{}", answer.body);
    }
    for absent in ["/media/demo/nothing-front.svg", "/media/demo/", "/media/demo/a/b"] {
        assert_eq!(shop.get(absent, None).await.code(), "not_found", "{absent}");
    }
}

#[tokio::test]
async fn pictures_of_the_shop_follow_it_to_another_address() {
    let shop = TestShop::start().await;
    let password = demo::fill(&shop.shop, &SystemRandom).await.unwrap().unwrap();
    let staff = shop.login(demo::STAFF, password.expose()).await;
    let mug = shop.get("/catalog/products/stoneware-mug/", None).await.expect(200);
    // A client that sends back what it has read does not store the current host.
    let place = format!("/catalog/products/{}/", mug["id"].as_str().unwrap());
    let echoed = shop.call("PUT", &place, Some(&staff.access), &mug).await.expect(200);
    assert_eq!(echoed["images"], mug["images"]);
    let moved = shop.beside(&[("PUBLIC_URL", "https://shop.example")]).await;
    let mug = moved.get("/catalog/products/stoneware-mug/", None).await.expect(200);
    assert_eq!(mug["images"][0]["url"], "https://shop.example/media/demo/stoneware-mug-front.svg");
}
