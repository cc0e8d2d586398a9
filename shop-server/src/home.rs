//! The response at `/`: an HTML page for browsers, JSON links for programs.
//!
//! The page is one file without scripts, fonts or pictures. Its content security policy allows only its own style
//! sheet, by hash, so that it makes no further request.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::http::{HeaderMap, HeaderValue, header};
use poem::{Request, Response};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::client::RequestOrigin;
use crate::health::{LIVE, READY};
use crate::router::text;

/// The path of the page.
pub(crate) const PATH: &str = "/";

const STYLE: &str = "body{font:1.1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1.5rem;\
                     color:#222;background:#fff}h1{font-size:2rem;margin:0}li{margin:.4rem 0}a{color:#0b57a4}\
                     small{color:#595959}@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}\
                     a{color:#8ab8ee}small{color:#aaa}}";

static POLICY: LazyLock<Option<HeaderValue>> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).ok()
});

/// The contents of the page at `/`.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    /// The shop's name.
    pub(crate) name: String,
    /// Whether the server serves `/docs/`.
    pub(crate) docs: bool,
}

#[derive(Serialize)]
struct Links {
    #[serde(skip_serializing_if = "Option::is_none")]
    docs: Option<String>,
    openapi: String,
    health: String,
    ready: String,
}

#[derive(Serialize)]
struct Summary<'a> {
    name: &'a str,
    version: &'static str,
    links: Links,
}

impl Home {
    /// Responds with the page if the client prefers HTML to JSON, as browsers do; otherwise with JSON.
    pub(crate) fn answer(&self, request: &Request) -> Response {
        let nowhere = RequestOrigin::default();
        let origin = request.data::<RequestOrigin>().unwrap_or(&nowhere);
        let base = origin.base(request.original_uri(), request.headers());
        let mut response = if prefers_html(request.headers()) {
            let mut page = text("text/html; charset=utf-8", self.page(&base));
            if let Some(policy) = &*POLICY {
                page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy.clone());
            }
            page
        } else {
            text("application/json", self.json(&base))
        };
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
        response
    }

    fn links(&self, base: &str) -> Links {
        let link = |path: &str| format!("{base}{path}");
        Links {
            docs: self.docs.then(|| link("/docs/")),
            openapi: link("/openapi.json"),
            health: link(LIVE),
            ready: link(READY),
        }
    }

    fn json(&self, base: &str) -> String {
        let summary = Summary { name: &self.name, version: env!("CARGO_PKG_VERSION"), links: self.links(base) };
        serde_json::to_string(&summary).unwrap_or_default()
    }

    /// Renders the page. Its links have no scheme and host, so that they also work behind a proxy that is not
    /// configured.
    fn page(&self, base: &str) -> String {
        let rest = base.split_once("://").map_or(base, |(_, rest)| rest);
        let prefix = rest.find('/').and_then(|start| rest.get(start..)).unwrap_or_default();
        let links = self.links(prefix);
        let docs = links.docs.map(|docs| ("API documentation, to read and to try", docs));
        let rows = docs.into_iter().chain([
            ("OpenAPI document, for programs", links.openapi),
            ("Health of the server", links.health),
            ("Readiness for requests", links.ready),
        ]);
        let rows: Vec<_> =
            rows.map(|(label, link)| format!("<li><a href=\"{}\">{label}</a></li>\n", escaped(&link))).collect();
        let list = rows.concat();
        let (name, version) = (escaped(&self.name), env!("CARGO_PKG_VERSION"));
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{name}</title>\n\
             <link rel=\"icon\" href=\"data:,\">\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{name}</h1>\n\
             <p>The shop is running. This is its API.</p>\n<ul>\n{list}</ul>\n\
             <p><small>shop-server {version}</small></p>\n</body>\n</html>\n"
        )
    }
}

/// Escapes text for HTML or SVG.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// Whether `Accept` gives HTML a higher quality than JSON (RFC 9110, 12.5.1). Without the header, JSON wins.
fn prefers_html(headers: &HeaderMap) -> bool {
    let values: Vec<_> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let accept = values.join(",").to_ascii_lowercase();
    quality(&accept, "text", "html") > quality(&accept, "application", "json")
}

/// The quality of a media type in thousandths, from the most specific range that matches it.
fn quality(accept: &str, kind: &str, subtype: &str) -> u16 {
    let ranges = accept.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let specificity = match parts.next()?.split_once('/')? {
            (first, second) if first == kind && second == subtype => 2,
            (first, "*") if first == kind => 1,
            ("*", "*") => 0,
            _ => return None,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1000), thousandths)?;
        Some((specificity, weight))
    });
    ranges.max_by_key(|(specificity, _)| *specificity).map_or(0, |(_, weight)| weight)
}

/// Parses a weight between 0 and 1 such as `0`, `0.5` or `1.000`; `None` for anything else.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_fine = matches!(whole, "0" | "1") && part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
    let weight = format!("{whole}{part:0<3}").parse().ok().filter(|_| is_fine)?;
    (weight <= 1000).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefers(accept: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, HeaderValue::from_static(value));
        }
        prefers_html(&headers)
    }

    #[test]
    fn browsers_get_the_page_and_programs_json() {
        for person in [
            &["text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"][..],
            &["text/html"],
            &["TEXT/HTML; charset=utf-8"],
            &["text/*"],
            &["application/json;q=0.5, text/html;q=0.501"],
            &["application/json;q=0.2", "text/html"],
            &["*/*, application/json;q=0"],
        ] {
            assert!(prefers(person), "{person:?}");
        }
        for program in [
            &[][..],
            &["*/*"],
            &["application/json"],
            &["application/json, text/plain, */*"],
            &["text/html, application/json"],
            &["text/html;q=0"],
            &["text/html;q=0.4, application/json;q=0.5"],
            &["text/html;q=2"],
            &["text/html;q=x"],
            &["text/html;q=1.001"],
            &["nonsense"],
        ] {
            assert!(!prefers(program), "{program:?}");
        }
    }

    #[test]
    fn the_page_leads_nowhere_else_and_escapes_what_it_shows() {
        let home = Home { name: "Tea & <Cups>".into(), docs: true };
        let page = home.page("https://shop.example/api");
        assert!(page.contains("<h1>Tea &amp; &lt;Cups&gt;</h1>") && page.contains("href=\"/api/docs/\""), "{page}");
        assert!(!page.contains("//") && !page.contains("<script") && !page.contains("style="), "{page}");
        assert!(home.page("http://127.0.0.1:8000").contains("href=\"/healthz\""));
        let without = Home { docs: false, ..home };
        assert!(!without.page("http://a").contains("docs") && !without.json("http://a").contains("docs"));
    }
}
