//! The measured figures and their table.

use std::fmt::Write as _;

/// The condition that a figure must meet.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// At least this fraction of the baseline.
    AtLeast(f64),
    /// At most this multiple of the baseline.
    AtMost(f64),
    /// Below this value, in the unit of the figure.
    Below(f64),
}

/// One row of the table.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// The description of the measurement.
    pub(crate) what: String,
    /// The baseline, if there is one.
    pub(crate) bare: Option<f64>,
    /// The value for the shop.
    pub(crate) ours: f64,
    /// The unit of both values.
    pub(crate) unit: &'static str,
    /// Compared with the ratio, or with the value for [`Target::Below`].
    pub(crate) target: Target,
}

impl Figure {
    /// The shop's value divided by the baseline.
    fn ratio(&self) -> Option<f64> {
        self.bare.map(|bare| self.ours / bare)
    }

    /// True when the target is met.
    pub(crate) fn holds(&self) -> bool {
        match self.target {
            Target::AtLeast(part) => self.ratio().is_some_and(|ratio| ratio >= part),
            Target::AtMost(times) => self.ratio().is_some_and(|ratio| ratio <= times),
            Target::Below(limit) => self.ours < limit,
        }
    }

    fn line(&self) -> String {
        let bare = self.bare.map_or_else(|| "–".to_owned(), |bare| format!("{} {}", number(bare), self.unit));
        let ratio = self.ratio().map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
        let target = match self.target {
            Target::AtLeast(part) => format!("≥ {part:.2}"),
            Target::AtMost(times) => format!("≤ {times:.2}"),
            Target::Below(limit) => format!("< {} {}", number(limit), self.unit),
        };
        let missed = if self.holds() { "" } else { ", missed" };
        format!("| {} | {bare} | {} {} | {ratio} | {target}{missed} |", self.what, number(self.ours), self.unit)
    }
}

/// The table in Markdown, as it appears in `docs/performance.md`.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut text = "| what | limit | ours | ratio | target |\n| --- | ---: | ---: | ---: | ---: |\n".to_owned();
    for figure in figures {
        let _ = writeln!(text, "{}", figure.line());
    }
    text
}

/// The median, or 0 if there are no values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The percentile, or 0 if there are no values.
pub(crate) fn percentile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get((values.len() * percent / 100).min(values.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn number(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    if value < 1_000.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(number(0.5), "0.50");
        assert_eq!(number(123.45), "123.5");
        assert_eq!(number(1_234_567.0), "1,234,567");
    }

    #[test]
    fn a_missed_target_is_told() {
        let figure = Figure {
            what: "orders".to_owned(),
            bare: Some(100.0),
            ours: 49.0,
            unit: "/s",
            target: Target::AtLeast(0.5),
        };
        assert!(!figure.holds());
        assert_eq!(figure.line(), "| orders | 100.0 /s | 49.0 /s | 0.49 | ≥ 0.50, missed |");
        assert!(Figure { ours: 50.0, ..figure }.holds());
    }

    #[test]
    fn the_middle_and_the_tail() {
        assert_eq!(number(median(vec![3.0, 1.0, 2.0])), "2.00");
        assert_eq!(number(percentile((0..100).map(f64::from).collect(), 99)), "99.0");
        assert_eq!(number(percentile(Vec::new(), 99)), "0.00");
    }
}
