//! The whole site: the API, its document, and what stands beside it, behind one [`Edge`].

use std::sync::{Arc, OnceLock};

use poem::http::{HeaderValue, Method, header};
use poem::{Endpoint, EndpointExt as _, IntoEndpoint as _, IntoResponse, Request, Response, Route, endpoint, get};
use poem_openapi::{OpenApi, OpenApiService};
use shop_core::Shop;

use crate::client::Proxies;
use crate::cookies::CookieMode;
use crate::demo::pictures;
use crate::edge::{Cors, Edge, Metrics, Routes};
use crate::health::{self, Health};
use crate::home::{self, Home};
use crate::openapi::{Document, docs, to_yaml};
use crate::problem::Problem;

/// What a site is made of beside its API.
pub struct Options {
    /// Which pages may read answers.
    pub cors: Cors,
    /// Whether the server lives and is ready.
    pub health: Arc<Health>,
    /// What `/metrics` shows; without it there is no such path.
    pub metrics: Option<Metrics>,
    /// The shop, for [`crate::auth`] and handlers; a site without one serves only what needs none.
    pub shop: Option<Shop>,
    /// Cookies for browsers, in cookie mode.
    pub cookies: Option<Arc<CookieMode>>,
    /// Which proxies are believed, and what links begin with.
    pub proxies: Proxies,
    /// Whether `/docs/` is served.
    pub docs: bool,
}

/// The API under its document's paths, `/`, `/openapi.json`, `/openapi.yaml`, `/docs/`, `/healthz`, `/readyz` and
/// `/metrics`.
pub fn site<A: OpenApi + 'static>(api: A, options: Options) -> impl Endpoint<Output = Response> + 'static {
    let document = Document::of::<A>();
    let mut routes = Routes::default();
    for path in document.paths() {
        routes.add(path.pattern, path.path, &path.methods);
    }
    let switched = options.metrics.iter().map(|_| METRICS).chain(docs::PATHS.into_iter().filter(|_| options.docs));
    for path in [home::PATH, health::LIVE, health::READY, JSON, YAML].into_iter().chain(switched) {
        routes.add(path, path, &[Method::GET]);
    }
    routes.add(pictures::ROUTE, "/media/demo/{file}", &[Method::GET]);
    let site = Site {
        api: OpenApiService::new(api, "", "").into_endpoint(),
        beside: beside(&document, options.shop.clone(), Arc::clone(&options.health), options.metrics, options.docs),
        shop: options.shop,
        cookies: options.cookies,
    };
    Edge::new(site, options.cors, options.proxies, Arc::new(routes), options.health)
}

/// What the shop is called where it cannot be asked.
const NAME: &str = "Shop";
/// A year, the longest that caches know.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const METRICS: &str = "/metrics";
const JSON: &str = "/openapi.json";
const YAML: &str = "/openapi.yaml";

/// Sends a request to the API or beside it. A nested poem route would rebuild the address of every API request.
struct Site<A> {
    api: A,
    beside: Route,
    shop: Option<Shop>,
    cookies: Option<Arc<CookieMode>>,
}

impl<A: Endpoint<Output = Response>> Endpoint for Site<A> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        if is_beside(request.uri().path()) {
            return self.beside.call(request).await;
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

fn is_beside(path: &str) -> bool {
    matches!(path, home::PATH | health::LIVE | health::READY | METRICS | JSON | YAML)
        || docs::PATHS.contains(&path)
        || path.starts_with(pictures::PREFIX)
}

fn beside(
    document: &Document,
    shop: Option<Shop>,
    health: Arc<Health>,
    metrics: Option<Metrics>,
    with_docs: bool,
) -> Route {
    let ready = endpoint::make(move |_| {
        let health = Arc::clone(&health);
        async move { health.ready().await.map(|()| text("text/plain; charset=utf-8", "ready\n")) }
    });
    let fixed = |content_type: &'static str, body: &str| {
        let body: Arc<str> = body.into();
        endpoint::make_sync(move |_| text(content_type, body.to_string()))
    };
    // Few ask for it: it is written when somebody does, not at each start.
    let (json, written) = (document.json().to_owned(), OnceLock::new());
    let yaml = endpoint::make_sync(move |_| text("application/yaml", written.get_or_init(|| to_yaml(&json)).clone()));
    let home = endpoint::make(move |request| {
        let shop = shop.clone();
        async move { Home { name: name(shop.as_ref()).await, docs: with_docs }.answer(&request) }
    });
    let route = Route::new()
        .at(home::PATH, get(home))
        .at(pictures::ROUTE, get(endpoint::make_sync(picture).map_to_response()))
        .at(health::LIVE, get(fixed("text/plain; charset=utf-8", "alive\n")))
        .at(health::READY, get(ready.map_to_response()))
        .at(JSON, get(fixed("application/json", document.json())))
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

/// What the shop is called. The page at `/` is there, too, while the storage is away.
async fn name(shop: Option<&Shop>) -> String {
    let Some(shop) = shop else { return NAME.to_owned() };
    shop.details().get().await.map_or_else(|_| NAME.to_owned(), |details| details.name)
}

/// A picture of the sample shop. It is served whether the data is a sample or not: who filled it may restart without `demo`.
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
