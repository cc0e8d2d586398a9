//! The load run runs: everything once and tiny. The figures mean nothing here.

use std::process::Command;

#[test]
fn every_part_of_the_load_run_gives_its_figures() {
    let run = Command::new(env!("CARGO_BIN_EXE_load_run")).args(["--smoke", "--large"]).output().unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{text}\n{}", String::from_utf8_lossy(&run.stderr));
    let figures = text.lines().filter(|line| line.starts_with("| ")).count();
    assert_eq!(figures, 31, "a heading, a rule and 29 figures:\n{text}");
}
