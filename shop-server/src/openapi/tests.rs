use super::*;
use crate::field::{JsonBody, Nullable, Optional, Required};
use crate::problem::Result;
use crate::response::{
    Created, IdempotencyKey, IfMatch, JsonResponse, List, NoContent, Paging, ReplayableResponse, VersionedResponse,
};
use poem_openapi::param::Path;
use poem_openapi::{Object, SecurityScheme};
use serde::Serialize;

#[derive(Debug, Object)]
struct ThingRequest {
    /// What it is called.
    name: Required<String>,
    note: Nullable<PartRequest>,
}

#[derive(Debug, Object)]
struct PartRequest {
    size: Optional<i64>,
}

#[derive(Debug, Object, Serialize)]
struct Thing {
    id: String,
    note: Option<String>,
    /// The part.
    part: Option<Part>,
}

#[derive(Debug, Object, Serialize)]
struct Part {
    size: i64,
}

#[derive(SecurityScheme)]
#[oai(rename = "staff", ty = "bearer")]
struct Staff(#[expect(dead_code, reason = "only described here")] poem_openapi::auth::Bearer);

struct Api;

#[expect(clippy::unused_async, unused_variables, reason = "described, never called")]
#[OpenApi]
impl Api {
    #[oai(path = "/things/", method = "get")]
    async fn list(
        &self,
        /// The order.
        paging: Paging,
    ) -> Result<JsonResponse<List<Thing>>> {
        Err(shop_core::Error::NotFound.into())
    }

    #[oai(path = "/things/", method = "post")]
    async fn create(
        &self,
        staff: Staff,
        idempotency_key: IdempotencyKey,
        body: JsonBody<ThingRequest>,
    ) -> Result<ReplayableResponse<Created<Thing>>> {
        Err(shop_core::Error::NotFound.into())
    }

    #[oai(path = "/things/:id/", method = "get")]
    async fn read(&self, id: Path<String>) -> Result<VersionedResponse<Thing>> {
        Err(shop_core::Error::NotFound.into())
    }

    #[oai(path = "/things/:id/", method = "delete")]
    async fn delete(&self, staff: Staff, id: Path<String>, if_match: IfMatch) -> Result<NoContent> {
        Ok(NoContent)
    }

    #[oai(path = "/things/:id/parts/:part/cancel/", method = "post")]
    async fn cancel(&self, id: Path<String>, part: Path<String>) -> Result<NoContent> {
        Ok(NoContent)
    }
}

fn document() -> Document {
    Document::of::<Api>()
}

fn statuses(document: &Document, pointer: &str) -> Vec<String> {
    document.root().pointer(pointer).unwrap()["responses"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn paths_end_in_slashes_and_know_their_patterns() {
    let paths = paths_of::<Api>();
    let names: Vec<_> = paths.iter().map(|path| (path.path.as_str(), path.pattern.as_str())).collect();
    let expected = [
        ("/things/", "/things"),
        ("/things/{id}/", "/things/:param0"),
        ("/things/{id}/parts/{part}/cancel/", "/things/:param0/parts/:param1/cancel"),
    ];
    assert_eq!(names, expected);
    assert_eq!(paths[0].methods, [Method::GET, Method::POST]);
    let document = document();
    let described = document.root()["paths"].as_object().unwrap();
    assert!(paths.iter().map(|path| &path.path).eq(described.keys()), "the document has the same paths");
}

#[test]
fn error_answers_follow_from_what_an_operation_takes() {
    let document = document();
    assert_eq!(statuses(&document, "/paths/~1things~1/get"), ["200", "400", "404", "429", "503"]);
    let post = ["201", "400", "401", "403", "409", "413", "415", "422", "429", "503"];
    assert_eq!(statuses(&document, "/paths/~1things~1/post"), post);
    assert_eq!(statuses(&document, "/paths/~1things~1{id}~1/get"), ["200", "404", "429", "503"]);
    assert_eq!(document.root().pointer("/paths/~1things~1/get/tags"), Some(&json!(["things"])));
    let delete = ["204", "400", "401", "403", "404", "409", "412", "429", "503"];
    assert_eq!(statuses(&document, "/paths/~1things~1{id}~1/delete"), delete);
}

#[test]
fn names_media_types_and_schemes_are_clean() {
    let document = document();
    let ids: Vec<_> = ["~1/get", "~1/post", "~1{id}~1/get", "~1{id}~1/delete", "~1{id}~1parts~1{part}~1cancel~1/post"]
        .iter()
        .map(|path| document.root().pointer(&format!("/paths/~1things{path}/operationId")).unwrap().clone())
        .collect();
    assert_eq!(ids, ["things_list", "things_create", "things_retrieve", "things_delete", "things_parts_cancel"]);
    assert!(!document.json().contains("charset"));
    let post = document.root().pointer("/paths/~1things~1/post").unwrap();
    assert_eq!(post["security"], json!([{"bearer": []}]));
    assert_eq!(post["parameters"][0]["name"], "Idempotency-Key");
    assert!(post["responses"]["201"]["headers"]["Idempotency-Replayed"].is_object());
    let schemes = document.root().pointer("/components/securitySchemes").unwrap();
    assert_eq!(schemes.as_object().unwrap().keys().collect::<Vec<_>>(), ["bearer"]);
}

#[test]
fn a_list_takes_four_parameters() {
    let document = document();
    let parameters = document.root().pointer("/paths/~1things~1/get/parameters").unwrap().as_array().unwrap();
    let names: Vec<_> = parameters.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["page", "page_size", "cursor", "ordering"]);
    let described: Vec<_> = parameters.iter().map(|parameter| parameter.get("description")).collect();
    assert_eq!(described, [None, None, None, Some(&json!("The order."))]);
    for parameter in parameters {
        assert_eq!((&parameter["in"], &parameter["schema"]), (&json!("query"), &json!({"type": "string"})));
    }
}

#[test]
fn nullable_references_have_the_form_generators_read() {
    let document = document();
    let schemas = document.root().pointer("/components/schemas").unwrap();
    let note = &schemas["ThingRequest"]["properties"]["note"];
    assert_eq!(*note, json!({"allOf": [{"$ref": "#/components/schemas/PartRequest"}], "nullable": true}));
    let part = &schemas["Thing"]["properties"]["part"];
    assert_eq!(part["allOf"], json!([{"$ref": "#/components/schemas/Part"}]));
    assert_eq!((&part["nullable"], &part["description"]), (&json!(true), &json!("The part.")));
    assert_eq!(schemas["Thing"]["required"], json!(["id", "note", "part"]));
    assert_eq!(schemas["PartRequest"]["properties"]["size"].get("nullable"), None);
    assert!(schemas["ThingList"]["properties"]["results"].is_object() && schemas["Problem"].is_object());
}

#[test]
fn the_document_is_the_same_every_time() {
    assert_eq!((document().json(), document().yaml()), (document().json(), document().yaml()));
}

/// A generated client rejects a response without a field that the document declares required.
#[test]
fn what_is_left_out_of_answers_is_known_to_the_document() {
    let mut found = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/api"))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let (text, mut of, mut left_out) = (std::fs::read_to_string(path).unwrap(), String::new(), false);
            for line in text.lines() {
                // `UserBody as "User" from(person: Profile) {`
                if let Some(name) = line.split_once(" as \"").and_then(|(_, rest)| rest.split('"').next()) {
                    name.clone_into(&mut of);
                } else if line.contains("skip_serializing_if") {
                    left_out = true;
                } else if left_out && let Some((field, _)) = line.trim().split_once(": ") {
                    found.push((of.clone(), field.to_owned()));
                    left_out = false;
                }
            }
        }
    }
    found.sort();
    let known = schemas::LEFT_OUT.map(|(name, field)| (name.to_owned(), field.to_owned()));
    assert_eq!(found, known);
}
