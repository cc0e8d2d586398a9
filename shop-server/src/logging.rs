//! Log lines: JSON for machines, or readable ones while debugging.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Writes log lines to the standard error output from now on: `info` and above, or what `RUST_LOG` says. A second
/// call changes nothing.
pub fn start(debug: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if debug { lines.finish().try_init() } else { lines.json().flatten_event(true).finish().try_init() };
    // Somebody else's subscriber is there already: a host program, or another test.
    drop(started);
}
