//! What was measured, and how it is told.

use std::fmt::Write as _;

/// What must hold for a figure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// At least this part of the bare one.
    AtLeast(f64),
    /// At most so many times the bare one.
    AtMost(f64),
    /// Less than this, in the unit of the figure.
    Below(f64),
}

/// One line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) what: String,
    /// The limit beside it, if it has one.
    pub(crate) bare: Option<f64>,
    /// The shop's.
    pub(crate) ours: f64,
    /// Of both.
    pub(crate) unit: &'static str,
    /// What must hold.
    pub(crate) target: Target,
}

impl Figure {
    /// The shop's part of the bare limit.
    fn ratio(&self) -> Option<f64> {
        self.bare.map(|bare| self.ours / bare)
    }

    /// True when the target is reached.
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

/// The table in Markdown, as `docs/performance.md` has it.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut text = "| what | limit | ours | ratio | target |\n| --- | ---: | ---: | ---: | ---: |\n".to_owned();
    for figure in figures {
        let _ = writeln!(text, "{}", figure.line());
    }
    text
}

/// The middle one; 0 of none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// What so many percent do not exceed; 0 of none.
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
