//! The served OpenAPI document: poem-openapi's, corrected for client generators.
//!
//! poem-openapi drops trailing slashes of paths, adds parameters to media types, and does not know the error responses
//! that operations share. [`Document::of`] adds all that by rule, so that a handler declares only its success:
//!
//! | an operation with | also has |
//! | --- | --- |
//! | a security requirement | 401 |
//! | a security requirement and a method other than GET | 403, 409 |
//! | the virtual security scheme `staff` | 403 |
//! | the parameter `paging` | `page`, `page_size`, `cursor` and `ordering` in its place |
//! | a path parameter, or the parameter `page` | 404 |
//! | query or header parameters, or a body | 400 |
//! | a body | 413, 415 |
//! | the parameter `Idempotency-Key` | 409, 422 |
//! | the parameter `If-Match` | 409, 412 |
//! | anything | 429, 503 |
//!
//! The document is deterministic: a copy is in the source tree, and a test compares it.

pub mod docs;
mod operations;
mod schemas;
mod yaml;

use std::collections::{BTreeMap, HashMap};
use std::marker::PhantomData;

use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem_openapi::registry::{MetaApi, Registry};
use poem_openapi::{OpenApi, OpenApiService};
use serde_json::{Value, json};

const TITLE: &str = "Shop";
const DESCRIPTION: &str = "A shop's backend: accounts, catalog, cart, orders, payments, shipping and inventory.";

/// The security scheme of access tokens.
pub(crate) const BEARER: &str = "bearer";
/// The security scheme that means "a staff member's bearer token"; the served document does not contain it.
pub(crate) const STAFF: &str = "staff";
/// The security scheme of a guest's cart token.
pub(crate) const CART_TOKEN: &str = "cart_token";
/// The security scheme of a guest's order token.
pub(crate) const ORDER_TOKEN: &str = "order_token";

/// The served OpenAPI document.
#[derive(Debug, Clone)]
pub struct Document {
    root: Value,
    json: String,
}

/// Converts a document from JSON to YAML.
pub(crate) fn to_yaml(json: &str) -> String {
    yaml::write(&serde_json::from_str(json).unwrap_or_default())
}

/// One path of the document, with the router's pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentPath {
    /// The path in the document, such as `/orders/{id}/`.
    pub path: String,
    /// The router's pattern for it, such as `/orders/:param0`.
    pub pattern: String,
    /// The HTTP methods of the path.
    pub methods: Vec<Method>,
}

impl Document {
    /// Builds the document of an API without creating or calling it.
    pub fn of<A: OpenApi>() -> Self {
        let service = OpenApiService::new(Described::<A>(PhantomData), TITLE, env!("CARGO_PKG_VERSION"));
        let service = service.description(DESCRIPTION);
        // poem-openapi writes JSON. If it ever did not, the document would be empty and its tests would fail.
        Self::process(serde_json::from_str(&service.spec()).unwrap_or_default())
    }

    fn process(mut root: Value) -> Self {
        if let Some(root) = root.as_object_mut() {
            root.insert("openapi".to_owned(), json!("3.0.3"));
            root.insert("servers".to_owned(), json!([{"url": "/"}]));
            root.retain(|name, value| name != "tags" || *value != json!([]));
        }
        operations::process(&mut root);
        schemas::process(&mut root);
        let json = serde_json::to_string_pretty(&root).unwrap_or_default() + "\n";
        Self { root, json }
    }

    /// The document as indented JSON.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Renders the document as YAML at each call.
    pub fn yaml(&self) -> String {
        yaml::write(&self.root)
    }

    /// The document as a JSON value.
    pub fn root(&self) -> &Value {
        &self.root
    }
}

/// Every path of an API in the order of the document, with the router's pattern and the methods. Unlike
/// [`Document::of`] it describes no schemas, which takes time and memory at start.
pub fn paths_of<A: OpenApi>() -> Vec<DocumentPath> {
    let mut methods: BTreeMap<String, Vec<Method>> = BTreeMap::new();
    for path in A::meta().into_iter().flat_map(|api| api.paths) {
        let name = operations::with_slash(path.path);
        methods.entry(name).or_default().extend(path.operations.into_iter().map(|operation| operation.method));
    }
    let paths = methods.into_iter().map(|(path, mut methods)| {
        methods.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        DocumentPath { pattern: pattern(&path), path, methods }
    });
    paths.collect()
}

/// An API that is described but never served.
struct Described<A>(PhantomData<A>);

impl<A: OpenApi> OpenApi for Described<A> {
    fn meta() -> Vec<MetaApi> {
        A::meta()
    }

    fn register(registry: &mut Registry) {
        A::register(registry);
    }

    fn add_routes(self, _routes: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}

/// Converts a path to the router's pattern, where poem-openapi numbers the parameters.
fn pattern(path: &str) -> String {
    let mut number = 0;
    let segments = path.trim_end_matches('/').split('/').map(|segment| {
        if segment.starts_with('{') {
            number += 1;
            format!(":param{}", number - 1)
        } else {
            segment.to_owned()
        }
    });
    let pattern = segments.collect::<Vec<_>>().join("/");
    if pattern.is_empty() { "/".to_owned() } else { pattern }
}

#[cfg(test)]
mod tests;
