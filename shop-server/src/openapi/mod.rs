//! The served OpenAPI document: poem-openapi's, put right for those who generate clients from it.
//!
//! poem-openapi drops the slashes at the ends of paths, writes media types with parameters, and knows nothing of
//! the error answers that all operations share. [`Document::of`] adds all that by rule, so that a handler declares
//! nothing but its own success:
//!
//! | an operation with | answers also |
//! | --- | --- |
//! | a security requirement | 401 |
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

use poem::http::Method;
use poem_openapi::{OpenApi, OpenApiService};
use serde_json::{Value, json};

/// The served document.
#[derive(Debug, Clone)]
pub struct Document {
    root: Value,
    json: String,
    yaml: String,
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
    /// The document of an API.
    pub fn of<A: OpenApi>(service: &OpenApiService<A, ()>) -> Self {
        // poem-openapi writes JSON; if it ever does not, the document is empty and its tests say so.
        Self::process(serde_json::from_str(&service.spec()).unwrap_or_default())
    }

    fn process(mut root: Value) -> Self {
        root["openapi"] = json!("3.0.3");
        root["servers"] = json!([{"url": "/"}]);
        operations::process(&mut root);
        schemas::process(&mut root);
        let json = serde_json::to_string_pretty(&root).unwrap_or_default();
        let yaml = yaml::write(&root);
        Self { root, json, yaml }
    }

    /// The document as JSON, indented.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The document as YAML.
    pub fn yaml(&self) -> &str {
        &self.yaml
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
