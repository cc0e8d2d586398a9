//! Prometheus counters and histograms per route, and the table of routes.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use ::metrics::{Counter, Histogram, counter, describe_counter, describe_histogram, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use poem::PathPattern;
use poem::Response;
use poem::http::{HeaderValue, Method};

const REQUESTS: &str = "http_requests_total";
const SECONDS: &str = "http_request_duration_seconds";
/// The bucket bounds of the histogram, in seconds: a catalog response takes well under 1 ms, a sign-in about 30 ms.
const BUCKETS: &[f64] = &[0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// The process's metrics.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Returns the process's metrics, recording from the first call on. `None` if the host program has its own
    /// recorder.
    pub fn install() -> Option<Self> {
        static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
        let handle = HANDLE.get_or_init(|| {
            let builder =
                PrometheusBuilder::new().set_buckets_for_metric(Matcher::Full(SECONDS.to_owned()), BUCKETS).ok()?;
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            ::metrics::set_global_recorder(recorder).ok()?;
            describe_counter!(REQUESTS, "HTTP requests by method, route and class of status");
            describe_histogram!(SECONDS, ::metrics::Unit::Seconds, "Time to the answer by method and route");
            Some(handle)
        });
        handle.clone().map(Self)
    }

    /// Renders the metrics in Prometheus text format.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Compacts what was recorded since the last call, to bound memory; call it every few seconds.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}

/// All routes of the server, with their methods and metrics. A metric is created at first use and then reused.
#[derive(Default)]
pub struct Routes {
    routes: HashMap<String, Route>,
    unmatched: Series,
}

struct Route {
    label: String,
    allow: Option<HeaderValue>,
    methods: Vec<(Method, Series)>,
    other: Series,
}

/// The metric handles of one method of one route.
#[derive(Default)]
struct Series {
    /// Indexed by the first digit of the status, 1 to 5.
    counts: [OnceLock<Counter>; 6],
    time: OnceLock<Histogram>,
}

impl Routes {
    /// Adds a route with poem's pattern (`/orders/:param0`), the document's path (`/orders/{id}/`) and its methods.
    pub fn add(&mut self, pattern: impl Into<String>, label: impl Into<String>, methods: &[Method]) {
        let mut names: Vec<_> = methods.iter().map(Method::as_str).collect();
        // poem serves HEAD wherever it serves GET.
        if names.contains(&"GET") && !names.contains(&"HEAD") {
            names.push("HEAD");
        }
        names.sort_unstable();
        let route = Route {
            label: label.into(),
            allow: HeaderValue::try_from(names.join(", ")).ok(),
            methods: methods.iter().map(|method| (method.clone(), Series::default())).collect(),
            other: Series::default(),
        };
        self.routes.insert(pattern.into(), route);
    }

    /// The methods of a route, for the `Allow` header of a 405.
    pub(super) fn allow(&self, pattern: &str) -> Option<HeaderValue> {
        self.routes.get(pattern).and_then(|route| route.allow.clone())
    }

    /// Records one response. The labels are bounded: the document's routes, their methods and five status classes.
    pub(super) fn record(&self, method: &Method, response: &Response, elapsed: Duration) {
        let route = response.data::<PathPattern>().and_then(|pattern| self.routes.get(&*pattern.0));
        let (label, name, series) = match route {
            None => ("unmatched", "other", &self.unmatched),
            Some(route) => match route.methods.iter().find(|(known, _)| known == method) {
                Some((known, series)) => (route.label.as_str(), known.as_str(), series),
                None => (route.label.as_str(), "other", &route.other),
            },
        };
        series.record(label, name, response.status().as_u16(), elapsed);
    }
}

impl Series {
    fn record(&self, route: &str, method: &str, status: u16, elapsed: Duration) {
        let class = usize::from(status / 100);
        if let Some(count) = self.counts.get(class) {
            let class = format_args!("{class}xx");
            let make = || counter!(REQUESTS, "route" => route.to_owned(), "method" => method.to_owned(), "status" => class.to_string());
            count.get_or_init(make).increment(1);
        }
        let make = || histogram!(SECONDS, "route" => route.to_owned(), "method" => method.to_owned());
        self.time.get_or_init(make).record(elapsed.as_secs_f64());
    }
}
