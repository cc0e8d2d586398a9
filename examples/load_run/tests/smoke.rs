//! The load run runs: everything once and tiny. The figures mean nothing here.

#![expect(clippy::unwrap_used, reason = "a test: what fails here fails it")]

use std::process::Command;

/// How many figures a run gives.
fn figures(args: &[&str]) -> usize {
    let run = Command::new(env!("CARGO_BIN_EXE_load_run")).arg("--smoke").args(args).output().unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{text}\n{}", String::from_utf8_lossy(&run.stderr));
    // Without the heading and the rule.
    text.lines().filter(|line| line.starts_with("| ")).count() - 2
}

#[test]
fn every_part_of_the_load_run_gives_its_figures() {
    assert_eq!(figures(&["--large"]), 29);
    assert_eq!(figures(&["--only", "searches"]), 1);
}
