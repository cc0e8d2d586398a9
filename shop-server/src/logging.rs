//! Sets up logging: text for humans, JSON for machines.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Config, LogFormat};

/// Starts writing log lines to standard error: `info` and above, or what `RUST_LOG` selects. A second call has no
/// effect.
pub fn start(config: &Config) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if is_text(config) {
        // Colors are for terminals only; https://no-color.org turns them off.
        let colors =
            std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        lines.with_ansi(colors).finish().try_init()
    } else {
        lines.json().flatten_event(true).finish().try_init()
    };
    // Fails if a subscriber exists already: that of a host program, or of another test.
    drop(started);
}

/// Whether log lines are human-readable text.
pub fn is_text(config: &Config) -> bool {
    resolve(config.log_format, config.debug, std::io::stderr().is_terminal())
}

fn resolve(format: LogFormat, debug: bool, is_terminal: bool) -> bool {
    match format {
        LogFormat::Auto => debug || is_terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_for_terminals_and_debugging_unless_a_format_is_named() {
        for (format, debug, is_terminal, expected) in [
            (LogFormat::Auto, false, false, false),
            (LogFormat::Auto, false, true, true),
            (LogFormat::Auto, true, false, true),
            (LogFormat::Json, true, true, false),
            (LogFormat::Text, false, false, true),
        ] {
            assert_eq!(resolve(format, debug, is_terminal), expected, "{format:?} {debug} {is_terminal}");
        }
    }
}
