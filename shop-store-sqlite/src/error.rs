//! Errors: of opening a file, and as the core's store errors.

use std::path::PathBuf;

use rusqlite::ErrorCode;
use shop_core::store::StoreError;

/// Why a database file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is not an SQLite database.
    #[error("{} is not an SQLite database", .0.display())]
    NotADatabase(PathBuf),
    /// The file is an SQLite database with other contents.
    #[error("{} is an SQLite database, but not a shop's: it will not be touched", .0.display())]
    NotAShop(PathBuf),
    /// The file holds a shop's tables but lacks the mark of a shop's file; `sqlite3 .dump` does not write the mark.
    #[error(
        "{} holds a shop's tables, but not the mark of a shop's file, which `sqlite3 .dump` does not keep. If it was \
         restored from such a dump, set the mark: sqlite3 {} \"PRAGMA application_id = {}\"; then run `check`. (`backup` \
         keeps the mark.)", .0.display(), quoted(.0), crate::migrate::APPLICATION
    )]
    Unmarked(PathBuf),
    /// A newer release wrote the file.
    #[error("{} has schema version {found}, this program knows up to {known}: use a newer release", .path.display())]
    Newer {
        /// The file concerned.
        path: PathBuf,
        /// The file's schema version.
        found: i64,
        /// The highest version known to this program.
        known: i64,
    },
    /// An older release wrote the file, and this call must not change it.
    #[error("{} has schema version {found}, this program has {known}: run `migrate` on it first", .path.display())]
    Older {
        /// The file concerned.
        path: PathBuf,
        /// The file's schema version.
        found: i64,
        /// This program's schema version.
        known: i64,
    },
    /// A shop is being moved into the file, and the transfer is not finished.
    #[error("a transfer into {} is not finished: run it again, it goes on where it stopped", .0.display())]
    Unfinished(PathBuf),
    /// The schema differs from what the migrations created.
    #[error("the schema of {} was changed by hand: {what}", .path.display())]
    Tampered {
        /// The file concerned.
        path: PathBuf,
        /// The difference.
        what: String,
    },
    /// Another server is using this file.
    #[error("another server already serves {}", .0.display())]
    InUse(PathBuf),
    /// The file does not exist.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// The linked SQLite has a known bug.
    #[error("SQLite {0} can corrupt databases in WAL mode; 3.51.3 or later is needed")]
    OldSqlite(&'static str),
    /// The operating system refused.
    #[error("cannot open {}: {source}", .path.display())]
    System {
        /// The file concerned.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// SQLite refused.
    #[error("cannot open {}: {source}", .path.display())]
    Sqlite {
        /// The file concerned.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
}

/// Quotes a path as one word of a shell command.
fn quoted(path: &std::path::Path) -> String {
    let text = path.display().to_string();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Classifies an SQLite failure: a retry may succeed, or never will.
pub(crate) fn store_error(error: rusqlite::Error) -> StoreError {
    if may_pass(&error) { StoreError::Unavailable(error.into()) } else { StoreError::Fault(error.into()) }
}

fn may_pass(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::OperationInterrupted
                | ErrorCode::OperationAborted
        )
    )
}
