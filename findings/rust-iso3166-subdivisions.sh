#!/usr/bin/env bash
# rust_iso3166 0.1.14 (crates.io, the newest): its table of ISO 3166-2 is years old, with rows that ISO never had.
#
# Valid input: codes of subdivisions that ISO 3166-2 has today (pycountry 26.2.16, the table of Debian's iso-codes).
# Expected: `iso3166_2::from_code` finds them, and does not find what is not in the standard.
# Seen (2026-11-30):
#   557 of 5046 codes of today are unknown, among them ZA-KZN (KwaZulu-Natal), ZA-GP (Gauteng), IN-OD (Odisha), PL-14 (Mazowieckie),
#   CN-BJ (Beijing), NO-34 (Innlandet), CZ-10 (Prague), FR-971 (Guadeloupe)
#   627 codes are known that ISO does not have today: withdrawn ones (ZA-NL, IN-OR, PL-MZ, CN-11, NO-01), and countries as subdivisions
#   of themselves (AI-AI, PR-PR)
# A shop that judges regions by this table refuses KwaZulu-Natal and Gauteng, and every voivodeship of Poland.
# The script fails when any of this changes. It needs cargo and python3, and is no part of CI.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pycountry==26.2.16
venv/bin/python -c 'import pycountry; print(*(one.code for one in pycountry.subdivisions), sep="\n")' >today.txt

mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"
[dependencies]
rust_iso3166 = "=0.1.14"
TOML
cat >src/main.rs <<'RUST'
use std::collections::BTreeSet;

fn main() {
    let today = std::fs::read_to_string("today.txt").unwrap();
    let today: BTreeSet<&str> = today.lines().collect();
    let unknown = today.iter().filter(|code| rust_iso3166::iso3166_2::from_code(code).is_none()).count();
    let known = rust_iso3166::iso3166_2::SUBDIVISION_MAP.keys().filter(|code| !today.contains(*code)).count();
    println!("of today {}, unknown {unknown}, known but not of today {known}", today.len());
    for code in ["ZA-KZN", "ZA-GP", "IN-OD", "PL-14", "CN-BJ", "NO-34", "CZ-10", "FR-971", "ZA-NL", "IN-OR", "PL-MZ", "AI-AI", "PR-PR"] {
        println!("{code} {}", rust_iso3166::iso3166_2::from_code(code).map_or("unknown", |found| found.name));
    }
}
RUST
export CARGO_TARGET_DIR=$folder/target CARGO_BUILD_BUILD_DIR=$folder/target
cargo run --quiet | tee seen.txt

diff seen.txt - <<'EXPECTED'
of today 5046, unknown 557, known but not of today 627
ZA-KZN unknown
ZA-GP unknown
IN-OD unknown
PL-14 unknown
CN-BJ unknown
NO-34 unknown
CZ-10 unknown
FR-971 unknown
ZA-NL GaZulu-Natala
IN-OR Odisha
PL-MZ Mazowieckie
AI-AI Anguilla
PR-PR Puerto Rico
EXPECTED
