//! Checks that the OpenAPI document in the source tree, from which clients are generated, matches the code.

use shop_server::api::Api;
use shop_server::openapi::Document;

#[test]
fn the_document_in_the_tree_is_that_of_the_code() {
    let kept = include_str!("../../openapi.json");
    let now = Document::of::<Api>();
    let differs = kept.lines().zip(now.json().lines()).position(|(kept, now)| kept != now);
    assert!(
        kept == now.json(),
        "shop-server/openapi.json differs from line {} on. If the change is meant, regenerate it: \
         cargo run --bin shop-server -- openapi > shop-server/openapi.json",
        differs.unwrap_or_default() + 1,
    );
}
