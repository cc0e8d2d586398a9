//! A progress bar for long operations: one line that is redrawn on a terminal, and nothing elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// The minimum interval between redraws.
const PAUSE: Duration = Duration::from_millis(100);
const WIDTH: u64 = 30;

/// A progress bar on stderr, if that is a terminal.
#[derive(Debug)]
pub(crate) struct Bar {
    what: &'static str,
    done: u64,
    total: u64,
    shown: bool,
    drawn: Option<Instant>,
}

impl Bar {
    /// Starts a bar with nothing of `total` done.
    pub(crate) fn new(what: &'static str, total: u64) -> Self {
        let mut bar = Self { what, done: 0, total, shown: std::io::stderr().is_terminal(), drawn: None };
        bar.add(0);
        bar
    }

    /// Adds to the amount done.
    pub(crate) fn add(&mut self, count: u64) {
        self.done = self.done.saturating_add(count);
        if self.shown && self.drawn.is_none_or(|drawn| drawn.elapsed() >= PAUSE) {
            self.drawn = Some(Instant::now());
            self.draw();
        }
    }

    fn draw(&self) {
        // If it fails, nothing is lost.
        let _ = write!(std::io::stderr(), "\r{}", line(self.what, self.done, self.total));
    }
}

impl Drop for Bar {
    /// Draws the final state and ends the line.
    fn drop(&mut self) {
        if self.shown {
            self.draw();
            let _ = writeln!(std::io::stderr());
        }
    }
}

fn line(what: &str, done: u64, total: u64) -> String {
    let total = total.max(done);
    let share = |of: u64| done.saturating_mul(of).checked_div(total).unwrap_or(of);
    let full = share(WIDTH);
    let bar: String = (0..WIDTH).map(|place| if place < full { '#' } else { '.' }).collect();
    format!("{what:<10} [{bar}] {:>3} %  {done} of {total}", share(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_shows_the_share_that_is_done() {
        assert_eq!(
            line("moving", 1, 2),
            "moving     [###############...............]  50 % 1 of 2".replace("% 1", "%  1")
        );
        assert!(line("moving", 0, 3).contains("  0 %"), "{}", line("moving", 0, 3));
        for (done, total) in [(0, 0), (3, 3), (5, 3)] {
            assert!(line("moving", done, total).contains(" 100 %"), "{}", line("moving", done, total));
        }
    }
}
