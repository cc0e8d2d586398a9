//! Log lines: text for people, JSON for machines.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Config, LogFormat};

/// Writes log lines to the standard error output from now on: `info` and above, or what `RUST_LOG` says. A second
/// call changes nothing.
pub fn start(config: &Config) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if is_text(config) {
        // Colors are for a terminal; https://no-color.org asks for none.
        let colors =
            std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        lines.with_ansi(colors).finish().try_init()
    } else {
        lines.json().flatten_event(true).finish().try_init()
    };
    // Somebody else's subscriber is there already: a host program, or another test.
    drop(started);
}

/// Whether log lines are written for people.
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
