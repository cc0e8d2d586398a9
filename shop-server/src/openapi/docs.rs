//! Serves Swagger UI from the binary, so that it works without internet access.
//!
//! poem-openapi embeds Swagger UI (Apache-2.0) in a page that contains its own raw document. The script and the style
//! are extracted from that page once, at the first request. The page here loads `/openapi.json`, and shows the name and
//! contact of `/shop/` in it.

use std::sync::LazyLock;

use poem::http::{HeaderValue, header};
use poem::{Response, Route, endpoint, get};
use poem_openapi::OpenApiService;

use crate::router::text;

const PAGE: &str = "/docs";
const SCRIPT: &str = "/docs/swagger-ui.js";
const STYLE: &str = "/docs/swagger-ui.css";
const START: &str = "/docs/start.js";

/// The paths of the documentation, without trailing slashes.
pub(crate) const PATHS: [&str; 4] = [PAGE, SCRIPT, STYLE, START];

const PAGE_HTML: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shop API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="ui"></div>
<script src="/docs/swagger-ui.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"#;

/// The document is the same for every shop; the page adds the shop's name and contact.
const START_JS: &str = r##"const described = shop => spec => {
  const title = `${shop.name} API`;
  const contact = {name: shop.legal_name || shop.name};
  if (shop.contact_email) contact.email = shop.contact_email;
  const info = {...spec.info, title, contact};
  if (shop.terms_url) info.termsOfService = shop.terms_url;
  document.title = title;
  return {...spec, info};
};
const ofShop = describe => () => ({
  statePlugins: {spec: {wrapActions: {updateJsonSpec: update => spec => update(describe(spec))}}},
});
fetch("/shop/")
  .then(answer => answer.ok ? answer.json().then(described) : spec => spec)
  .catch(() => spec => spec)
  .then(describe => SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#ui",
    deepLinking: true,
    persistAuthorization: false,
    validatorUrl: null,
    plugins: [ofShop(describe)],
  }));
"##;

/// Swagger UI sets inline styles and draws icons from `data:` URLs.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);
/// The files change only with the binary.
const AN_HOUR: HeaderValue = HeaderValue::from_static("public, max-age=3600");

struct Assets {
    script: &'static str,
    style: &'static str,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    // Leaked once, so that responses can share it for the life of the process.
    let page: &'static str = OpenApiService::new((), "", "").swagger_ui_html().leak();
    let script = between(page, "<script charset=\"UTF-8\">", "</script>");
    let style = between(page, "<style charset=\"UTF-8\">", "</style>");
    Assets { script, style }
});

fn between(text: &'static str, open: &str, close: &str) -> &'static str {
    let rest = text.split_once(open).map_or("", |(_, rest)| rest);
    rest.split_once(close).map_or("", |(inner, _)| inner)
}

pub(crate) fn add(route: Route) -> Route {
    let file = |content_type: &'static str, body: fn() -> &'static str| {
        get(endpoint::make_sync(move |_| document(content_type, body())))
    };
    route
        .at(PAGE, file("text/html; charset=utf-8", || PAGE_HTML))
        .at(SCRIPT, file("text/javascript; charset=utf-8", || ASSETS.script))
        .at(STYLE, file("text/css; charset=utf-8", || ASSETS.style))
        .at(START, file("text/javascript; charset=utf-8", || START_JS))
}

fn document(content_type: &'static str, body: &'static str) -> Response {
    let mut response = text(content_type, body);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response.headers_mut().insert(header::CACHE_CONTROL, AN_HOUR);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_assets_are_found_whole() {
        assert!(ASSETS.script.len() > 1_000_000 && ASSETS.script.contains("SwaggerUIBundle"));
        assert!(ASSETS.style.len() > 100_000 && ASSETS.style.contains(".swagger-ui"));
    }
}
