//! Which callers pass which extractor, before anything else of a request is checked.

use poem_openapi::{Object, OpenApi};
use shop_server::auth::{Caller, Staff, User};
use shop_server::field::{JsonBody, Required};
use shop_server::problem::Result;
use shop_server::response::NoContent;

use crate::support::Server;

#[derive(Object)]
struct Request {
    note: Required<String>,
}

struct Api;

#[expect(clippy::unused_async, reason = "handlers are async")]
#[OpenApi]
impl Api {
    #[oai(path = "/anybody/", method = "get")]
    async fn anybody(&self, _caller: Caller) -> Result<NoContent> {
        Ok(NoContent)
    }

    #[oai(path = "/person/", method = "get")]
    async fn person(&self, _user: User) -> Result<NoContent> {
        Ok(NoContent)
    }

    #[oai(path = "/staff/", method = "post")]
    async fn staff(&self, _staff: Staff, body: JsonBody<Request>) -> Result<NoContent> {
        drop(body.into_inner().note);
        Ok(NoContent)
    }
}

#[tokio::test]
async fn nobody_passes_only_where_anybody_does() {
    let server = Server::start_over_shop(Api).await;
    assert_eq!(server.get("/anybody/").await.status, 204);
    let person = server.get("/person/").await;
    assert_eq!((person.status, person.code().as_str()), (401, "not_authenticated"));
    // Neither the media type nor the body is checked.
    let staff = server.send("POST", "/staff/", &[("Content-Type", "text/plain")], "{").await;
    assert_eq!((staff.status, staff.code().as_str()), (401, "not_authenticated"));
}

#[tokio::test]
async fn a_wrong_token_is_never_taken_for_nobody() {
    let server = Server::start_over_shop(Api).await;
    for wrong in ["Bearer no.such.token", "Basic YTpi", "Bearer", "Token abc"] {
        let answer = server.send("GET", "/anybody/", &[("Authorization", wrong)], "").await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "token_not_valid"), "{wrong}");
        let challenge = answer.header("www-authenticate").unwrap();
        assert_eq!(challenge, "Bearer realm=\"shop\", error=\"invalid_token\"");
    }
    let guest = server.send("GET", "/anybody/", &[("X-Cart-Token", "nonsense")], "").await;
    assert_eq!(guest.status, 204, "a guest's token that is not one is as good as none");
}

#[tokio::test]
async fn the_document_knows_who_passes() {
    let document = shop_server::openapi::Document::of::<Api>();
    let security = |path: &str| document.root().pointer(path).unwrap()["security"].clone();
    assert_eq!(security("/paths/~1staff~1/post"), serde_json::json!([{"bearer": []}]));
    let anybody = serde_json::json!([{"bearer": []}, {"cart_token": []}, {"order_token": []}, {}]);
    assert_eq!(security("/paths/~1anybody~1/get"), anybody);
}

#[tokio::test]
async fn the_whole_server_starts_over_an_empty_shop() {
    let (mut server, shop) = Server::start_shop().await;
    assert_eq!(server.get("/readyz").await.status, 200);
    assert_eq!(server.get("/openapi.json").await.json()["openapi"], "3.0.3");
    assert_eq!(shop.settings().currency.code(), "USD");
    server.stop();
    server.stopped().await;
}
