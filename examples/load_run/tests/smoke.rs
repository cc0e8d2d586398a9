//! Runs the load run once on a tiny scale, to test that it works. The figures are meaningless here.

#![expect(clippy::unwrap_used, reason = "a test: what fails here fails it")]

use std::process::Command;

/// The number of figures that a run prints.
fn figures(args: &[&str]) -> usize {
    let run = Command::new(env!("CARGO_BIN_EXE_load_run")).arg("--smoke").args(args).output().unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{text}\n{}", String::from_utf8_lossy(&run.stderr));
    // Not counting the header and the separator.
    text.lines().filter(|line| line.starts_with("| ")).count() - 2
}

#[test]
fn every_part_of_the_load_run_gives_its_figures() {
    assert_eq!(figures(&["--large"]), 29);
    assert_eq!(figures(&["--only", "searches"]), 1);
}
