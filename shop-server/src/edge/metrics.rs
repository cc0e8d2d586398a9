//! Counts and times per route, for Prometheus, and what is known of each route beforehand.

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
/// The bounds of the histogram, in seconds: a catalog answer takes well under a millisecond, a sign-in some 30.
const BUCKETS: &[f64] = &[0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// The process's metrics.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// The process's metrics, recorded from the first call on. `None` when the host program records its own.
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

    /// The text for Prometheus.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds what was recorded since the last time, so that it takes no memory; to be called every few seconds.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}

/// Every route the server has: its methods, and its metrics, made at first use and then only touched.
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

/// The handles of one method of one route.
#[derive(Default)]
struct Series {
    /// By the first digit of the status, 1 to 5.
    counts: [OnceLock<Counter>; 6],
    time: OnceLock<Histogram>,
}

impl Routes {
    /// Adds a route: poem's pattern (`/orders/:param0`), the path of the document (`/orders/{id}/`), its methods.
    pub fn add(&mut self, pattern: impl Into<String>, label: impl Into<String>, methods: &[Method]) {
        let mut names: Vec<_> = methods.iter().map(Method::as_str).collect();
        // poem answers HEAD wherever it answers GET.
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

    /// The methods of a route, for a 405.
    pub(super) fn allow(&self, pattern: &str) -> Option<HeaderValue> {
        self.routes.get(pattern).and_then(|route| route.allow.clone())
    }

    /// Counts one answer. Labels are few: routes of the document, their methods, five classes of status.
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
