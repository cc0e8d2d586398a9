//! The root router: the API, its document, and the other pages, behind one [`Middleware`].

use std::sync::{Arc, OnceLock};

use poem::http::{HeaderValue, Method, header};
use poem::{Endpoint, EndpointExt as _, IntoEndpoint as _, IntoResponse, Request, Response, Route, endpoint, get};
use poem_openapi::{OpenApi, OpenApiService};
use shop_core::Shop;

use crate::client::Proxies;
use crate::cookies::CookieMode;
use crate::demo::pictures;
use crate::health::{self, Health};
use crate::home::{self, Home};
use crate::middleware::{Cors, Metrics, Middleware, Routes};
use crate::openapi::{Document, docs, paths_of, to_yaml};
use crate::problem::Problem;

/// Everything that [`router`] needs besides the API.
pub struct RouterOptions {
    /// The browser origins that may read responses.
    pub cors: Cors,
    /// The state behind `/healthz` and `/readyz`.
    pub health: Arc<Health>,
    /// The source of `/metrics`; without it the path does not exist.
    pub metrics: Option<Metrics>,
    /// The shop, for [`crate::auth`] and handlers; without it only endpoints that need no shop work.
    pub shop: Option<Shop>,
    /// The session cookies for browsers, if cookie mode is on.
    pub cookies: Option<Arc<CookieMode>>,
    /// The trusted proxies, and the base URL of links.
    pub proxies: Proxies,
    /// Whether `/docs/` is served.
    pub docs: bool,
}

/// Serves the API under its document's paths, and `/`, `/openapi.json`, `/openapi.yaml`, `/docs/`, `/healthz`,
/// `/readyz`, `/metrics` and the sample shop's pictures.
pub fn router<A: OpenApi + 'static>(api: A, options: RouterOptions) -> impl Endpoint<Output = Response> + 'static {
    let mut routes = Routes::default();
    for path in paths_of::<A>() {
        routes.add(path.pattern, path.path, &path.methods);
    }
    let switched = options.metrics.iter().map(|_| METRICS).chain(docs::PATHS.into_iter().filter(|_| options.docs));
    for path in [home::PATH, health::LIVE, health::READY, JSON, YAML].into_iter().chain(switched) {
        routes.add(path, path, &[Method::GET]);
    }
    routes.add(pictures::ROUTE, "/media/demo/{file}", &[Method::GET]);
    let inner = Router {
        api: OpenApiService::new(api, "", "").into_endpoint(),
        pages: pages(
            Document::of::<A>,
            options.shop.clone(),
            Arc::clone(&options.health),
            options.metrics,
            options.docs,
        ),
        shop: options.shop,
        cookies: options.cookies,
    };
    Middleware::new(inner, options.cors, options.proxies, Arc::new(routes), options.health)
}

/// The shop's name when the store cannot be read.
const NAME: &str = "Shop";
/// One year, the longest that caches honor.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const METRICS: &str = "/metrics";
const JSON: &str = "/openapi.json";
const YAML: &str = "/openapi.yaml";

/// Routes a request to the API or to the other pages. A nested poem route would rebuild the URI of every API request.
struct Router<A> {
    api: A,
    pages: Route,
    shop: Option<Shop>,
    cookies: Option<Arc<CookieMode>>,
}

impl<A: Endpoint<Output = Response>> Endpoint for Router<A> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        if is_page(request.uri().path()) {
            return self.pages.call(request).await;
        }
        if let Some(shop) = &self.shop {
            request.set_data(shop.clone());
        }
        if let Some(cookies) = &self.cookies {
            request.set_data(Arc::clone(cookies));
        }
        self.api.call(request).await
    }
}

fn is_page(path: &str) -> bool {
    matches!(path, home::PATH | health::LIVE | health::READY | METRICS | JSON | YAML)
        || docs::PATHS.contains(&path)
        || path.starts_with(pictures::PREFIX)
}

fn pages(
    document: fn() -> Document,
    shop: Option<Shop>,
    health: Arc<Health>,
    metrics: Option<Metrics>,
    with_docs: bool,
) -> Route {
    let ready = endpoint::make(move |_| {
        let health = Arc::clone(&health);
        async move { health.ready().await.map(|()| text("text/plain; charset=utf-8", "ready\n")) }
    });
    // Written at the first request: at start the document would cost much of the time and memory, and few ask for it.
    let as_json = Arc::new(OnceLock::<String>::new());
    let as_json = move || as_json.get_or_init(|| document().json().to_owned()).clone();
    let (from_json, as_yaml) = (as_json.clone(), OnceLock::new());
    let as_yaml = move || as_yaml.get_or_init(|| to_yaml(&from_json())).clone();
    let json = endpoint::make_sync(move |_| text("application/json", as_json()));
    let yaml = endpoint::make_sync(move |_| text("application/yaml", as_yaml()));
    let home = endpoint::make(move |request| {
        let shop = shop.clone();
        async move { Home { name: name(shop.as_ref()).await, docs: with_docs }.answer(&request) }
    });
    let route = Route::new()
        .at(home::PATH, get(home))
        .at(pictures::ROUTE, get(endpoint::make_sync(picture).map_to_response()))
        .at(health::LIVE, get(endpoint::make_sync(|_| text("text/plain; charset=utf-8", "alive\n"))))
        .at(health::READY, get(ready.map_to_response()))
        .at(JSON, get(json))
        .at(YAML, get(yaml));
    let route = match metrics {
        Some(metrics) => {
            let shown =
                endpoint::make_sync(move |_| text("text/plain; version=0.0.4; charset=utf-8", metrics.render()));
            route.at(METRICS, get(shown))
        }
        None => route,
    };
    if with_docs { docs::add(route) } else { route }
}

/// Returns the shop's name. The page at `/` works even while the storage is down.
async fn name(shop: Option<&Shop>) -> String {
    let Some(shop) = shop else { return NAME.to_owned() };
    shop.details().get().await.map_or_else(|_| NAME.to_owned(), |details| details.name)
}

/// Serves a picture of the sample shop. It is always served, because a filled shop may restart without `demo`.
#[expect(clippy::needless_pass_by_value, reason = "poem hands requests over")]
fn picture(request: Request) -> Result<Response, Problem> {
    let found = request.raw_path_param("file").and_then(pictures::find).ok_or(shop_core::Error::NotFound)?;
    let mut response = text("image/svg+xml", found);
    response.headers_mut().insert(header::CACHE_CONTROL, FOREVER);
    Ok(response)
}

pub(crate) fn text(content_type: &'static str, body: impl Into<poem::Body>) -> Response {
    let mut response = Response::builder().body(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.into_response()
}
