//! The served OpenAPI document: poem-openapi's, put right for those who generate clients from it.
//!
//! poem-openapi drops the slashes at the ends of paths, writes media types with parameters, and knows nothing of
//! the error answers that all operations share. [`Document::of`] adds all that by rule, so that a handler declares
//! nothing but its own success:
//!
//! | an operation with | answers also |
//! | --- | --- |
//! | a security requirement | 401 |
//! | the same, and another method than GET | 403, 409 |
//! | the virtual security scheme `staff` | 403 |
//! | a path parameter | 404 |
//! | parameters or a body | 400 |
//! | a body | 413, 415 |
//! | the parameter `Idempotency-Key` | 409, 422 |
//! | the parameter `If-Match` | 409, 412 |
//! | all | 429, 503 |
//!
//! The document is the same for the same code: it is kept in the tree and compared.

pub mod docs;
mod operations;
mod schemas;
mod yaml;

use std::collections::HashMap;
use std::marker::PhantomData;

use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem_openapi::registry::{MetaApi, Registry};
use poem_openapi::{OpenApi, OpenApiService};
use serde_json::{Value, json};

const TITLE: &str = "Shop";
const DESCRIPTION: &str = "A shop's backend: accounts, catalog, cart, orders, payments, shipping and inventory.";

/// The security scheme of everybody's access token.
pub(crate) const BEARER: &str = "bearer";
/// The security scheme that stands for "a bearer token of staff"; the served document does not have it.
pub(crate) const STAFF: &str = "staff";
/// The security scheme of a guest's cart.
pub(crate) const CART_TOKEN: &str = "cart_token";
/// The security scheme of a guest's order.
pub(crate) const ORDER_TOKEN: &str = "order_token";

/// The served document.
#[derive(Debug, Clone)]
pub struct Document {
    root: Value,
    json: String,
}

/// A document that is at hand as JSON, as YAML.
pub(crate) fn to_yaml(json: &str) -> String {
    yaml::write(&serde_json::from_str(json).unwrap_or_default())
}

/// One path of the document, as the router knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentPath {
    /// The path of the document, `/orders/{id}/`.
    pub path: String,
    /// The router's pattern for it, `/orders/:param0`.
    pub pattern: String,
    /// The methods it has.
    pub methods: Vec<Method>,
}

impl Document {
    /// The document of an API; none of it is made or called.
    pub fn of<A: OpenApi>() -> Self {
        let service = OpenApiService::new(Described::<A>(PhantomData), TITLE, env!("CARGO_PKG_VERSION"));
        let service = service.description(DESCRIPTION);
        // poem-openapi writes JSON; if it ever does not, the document is empty and its tests say so.
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

    /// The document as JSON, indented.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The document as YAML. It is written at each call.
    pub fn yaml(&self) -> String {
        yaml::write(&self.root)
    }

    /// The document as a tree.
    pub fn root(&self) -> &Value {
        &self.root
    }

    /// Every path, with the router's pattern for it and its methods.
    pub fn paths(&self) -> Vec<DocumentPath> {
        let paths = self.root.get("paths").and_then(Value::as_object);
        let paths = paths.into_iter().flatten().map(|(path, operations)| DocumentPath {
            path: path.clone(),
            pattern: pattern(path),
            methods: operations
                .as_object()
                .into_iter()
                .flatten()
                .filter_map(|(name, _)| Method::from_bytes(name.to_ascii_uppercase().as_bytes()).ok())
                .collect(),
        });
        paths.collect()
    }
}

/// An API that is only described.
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

/// poem-openapi's router numbers the parameters of a path.
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
