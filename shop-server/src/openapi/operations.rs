//! Corrects paths and operations.

use std::collections::BTreeSet;

use poem::http::StatusCode;
use serde_json::{Map, Value, json};

use super::{BEARER, STAFF};

/// Adds the trailing slash that poem-openapi drops.
pub(super) fn with_slash(path: String) -> String {
    if path.ends_with('/') { path } else { format!("{path}/") }
}

pub(super) fn process(root: &mut Value) {
    let Some(paths) = root.get_mut("paths").and_then(Value::as_object_mut) else { return };
    let paths_now = std::mem::take(paths);
    for (path, operations) in paths_now {
        paths.insert(with_slash(path), operations);
    }
    let collections: BTreeSet<String> = paths
        .keys()
        .filter(|path| {
            let child = format!("{path}{{");
            let posts = paths.get(path.as_str()).is_some_and(|operations| operations.get("get").is_some());
            posts || paths.keys().any(|other| other.starts_with(&child))
        })
        .cloned()
        .collect();
    let mut taken = BTreeSet::new();
    for (path, operations) in paths.iter_mut() {
        let Some(operations) = operations.as_object_mut() else { continue };
        for (method, operation) in operations.iter_mut() {
            let Some(operation) = operation.as_object_mut() else { continue };
            paging(operation);
            headers(operation);
            media_types(operation);
            let staff = security(operation);
            also_created(operation, method, path);
            errors(operation, staff, method, path);
            tag(operation, path);
            name(operation, method, path, collections.contains(path), &mut taken);
        }
    }
    if let Some(schemes) = root.pointer_mut("/components/securitySchemes").and_then(Value::as_object_mut)
        && let Some(scheme) = schemes.remove(STAFF)
    {
        schemes.entry(BEARER).or_insert(scheme);
    }
}

/// Replaces the parameter `paging` of a list with the four that it stands for. Its description is that of `ordering`.
fn paging(operation: &mut Map<String, Value>) {
    let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) else { return };
    let Some(at) = parameters.iter().position(|parameter| parameter.get("name").is_some_and(|name| name == "paging"))
    else {
        return;
    };
    let ordering = parameters.remove(at);
    let four = ["page", "page_size", "cursor", "ordering"].map(|name| {
        let mut parameter = ordering.clone();
        if let Some(parameter) = parameter.as_object_mut() {
            parameter.insert("name".to_owned(), name.into());
            parameter.retain(|key, _| name == "ordering" || key != "description");
        }
        parameter
    });
    parameters.splice(at..at, four);
}

/// Names header parameters after their arguments: `idempotency_key` becomes `Idempotency-Key`.
fn headers(operation: &mut Map<String, Value>) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten().filter_map(Value::as_object_mut) {
        if parameter.get("in").and_then(Value::as_str) == Some("header")
            && let Some(name) = parameter.get("name").and_then(Value::as_str)
        {
            let name = header_case(name);
            parameter.insert("name".into(), name.into());
        }
        parameter.retain(|name, value| !(name == "deprecated" && *value == false || name == "explode"));
    }
    let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
    for headers in responses.into_iter().flatten().filter_map(|(_, response)| response.get_mut("headers")) {
        let Some(headers) = headers.as_object_mut() else { continue };
        for (name, mut header) in std::mem::take(headers) {
            if let Some(header) = header.as_object_mut() {
                header.retain(|name, value| !(name == "deprecated" && *value == false));
            }
            headers.insert(header_case(&name), header);
        }
    }
}

fn header_case(name: &str) -> String {
    if name.eq_ignore_ascii_case("etag") {
        return "ETag".to_owned();
    }
    let words = name.split(['-', '_']).map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters.map(|letter| letter.to_ascii_lowercase())).collect::<String>()
    });
    words.collect::<Vec<_>>().join("-")
}

/// Reduces `application/json; charset=utf-8` to `application/json`, and adds missing response descriptions.
fn media_types(operation: &mut Map<String, Value>) {
    let clean = |content: Option<&mut Value>| {
        let Some(content) = content.and_then(Value::as_object_mut) else { return };
        for (media_type, value) in std::mem::take(content) {
            let essence = media_type.split(';').next().unwrap_or_default().trim().to_owned();
            content.insert(essence, value);
        }
    };
    clean(operation.get_mut("requestBody").and_then(|body| body.get_mut("content")));
    let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
    for (status, response) in responses.into_iter().flatten() {
        clean(response.get_mut("content"));
        if response.get("description").and_then(Value::as_str).is_none_or(str::is_empty)
            && let Some(response) = response.as_object_mut()
        {
            response.insert("description".to_owned(), phrase(status).into());
        }
    }
}

fn phrase(status: &str) -> &'static str {
    let status = StatusCode::from_bytes(status.as_bytes()).ok();
    status.and_then(|status| status.canonical_reason()).unwrap_or("Answer")
}

/// Replaces the virtual scheme with the real one; returns whether it was present.
fn security(operation: &mut Map<String, Value>) -> bool {
    let mut staff = false;
    let requirements = operation.get_mut("security").and_then(Value::as_array_mut);
    for requirement in requirements.into_iter().flatten().filter_map(Value::as_object_mut) {
        if let Some(scopes) = requirement.remove(STAFF) {
            requirement.insert(BEARER.to_owned(), scopes);
            staff = true;
        }
    }
    staff
}

/// A guest's `POST /cart/` creates a cart (201), a customer's returns the existing one (200); both have the same body.
fn also_created(operation: &mut Map<String, Value>, method: &str, path: &str) {
    if (method, path) == ("post", "/cart/")
        && let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut)
        && let Some(mut answer) = responses.get("200").and_then(Value::as_object).cloned()
    {
        answer.insert("description".to_owned(), phrase("201").into());
        responses.insert("201".to_owned(), answer.into());
    }
}

/// Statuses that no rule can derive: routes that check credentials in the body, and resources that no path names.
fn refusals(method: &str, path: &str) -> &'static [u16] {
    match (method, path) {
        ("post", "/accounts/login/" | "/accounts/token/") => &[401, 403],
        ("post", "/accounts/token/refresh/" | "/accounts/token/verify/" | "/accounts/logout/") => &[401],
        // A guest without a valid token has no cart, and an order named in a body may belong to someone else.
        ("get" | "delete", "/cart/")
        | ("get", "/cart/shipping-options/")
        | (
            "post",
            "/cart/items/" | "/cart/coupons/" | "/cart/quote/" | "/orders/" | "/payments/" | "/shipping/shipments/",
        ) => &[404],
        _ => &[],
    }
}

fn errors(operation: &mut Map<String, Value>, staff: bool, method: &str, path: &str) {
    let parameters: Vec<(String, String)> = operation
        .get("parameters")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|parameter| {
            let text = |name: &str| parameter.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            (text("in"), text("name"))
        })
        .collect();
    let has = |name: &str| parameters.iter().any(|(_, parameter)| parameter == name);
    let body = operation.contains_key("requestBody");
    let secured = operation.get("security").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let writes = method != "get";
    let mut statuses = BTreeSet::from([429, 503]);
    statuses.extend(refusals(method, path));
    if secured {
        statuses.insert(401);
    }
    if secured && writes {
        // The state forbids it, or a browser's cookie came without its CSRF token.
        statuses.extend([403, 409]);
    }
    if staff {
        statuses.insert(403);
    }
    // A page past the end is also not found.
    if has("page") || parameters.iter().any(|(place, _)| place == "path") {
        statuses.insert(404);
    }
    if body || parameters.iter().any(|(place, _)| place != "path") {
        statuses.insert(400);
    }
    if body {
        statuses.extend([413, 415]);
    }
    if has("Idempotency-Key") {
        statuses.extend([409, 422]);
    }
    if has("If-Match") {
        statuses.extend([409, 412]);
    }
    let responses = operation.entry("responses").or_insert_with(|| json!({}));
    for status in statuses {
        let answer = json!({
            "description": phrase(&status.to_string()),
            "content": {crate::problem::CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        });
        if let Some(responses) = responses.as_object_mut() {
            responses.entry(status.to_string()).or_insert(answer);
        }
    }
}

/// Tags the operation with its domain, the first segment of the path, to group documentation and generated clients.
fn tag(operation: &mut Map<String, Value>, path: &str) {
    if let Some(domain) = path.split('/').find(|segment| !segment.is_empty()) {
        operation.entry("tags").or_insert_with(|| json!([domain]));
    }
}

/// Names operations as Django REST Framework's clients expect: `orders_list`, `orders_create`, `orders_retrieve`,
/// `orders_update`, `orders_partial_update`, `orders_delete`, and `orders_cancel` for an action that is not a
/// collection.
fn name(operation: &mut Map<String, Value>, method: &str, path: &str, collection: bool, taken: &mut BTreeSet<String>) {
    if let Some(given) = operation.get("operationId").and_then(Value::as_str) {
        taken.insert(given.to_owned());
        return;
    }
    let words = path.split('/').filter(|segment| !segment.is_empty() && !segment.starts_with('{'));
    let mut id = words.collect::<Vec<_>>().join("_").replace('-', "_");
    let single = path.trim_end_matches('/').ends_with('}');
    let verb = match method {
        "get" if lists(operation) => "_list",
        "get" => "_retrieve",
        "post" if collection => "_create",
        "post" => "",
        "put" => "_update",
        "patch" => "_partial_update",
        "delete" if single || !collection => "_delete",
        "delete" => "_clear",
        other => other,
    };
    id.push_str(verb);
    while !taken.insert(id.clone()) {
        id.push_str("_by_id");
    }
    operation.insert("operationId".to_owned(), id.into());
}

fn lists(operation: &Map<String, Value>) -> bool {
    let schema =
        operation.get("responses").and_then(|responses| responses.pointer("/200/content/application~1json/schema"));
    schema.is_some_and(|schema| {
        schema.get("type").and_then(Value::as_str) == Some("array")
            || schema.get("$ref").and_then(Value::as_str).is_some_and(|name| name.ends_with("List"))
    })
}
