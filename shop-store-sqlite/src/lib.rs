//! The shop's storage in one SQLite file, inside the process.
