//! What went wrong, in the core's terms and when a file is opened.

use std::path::PathBuf;

use rusqlite::ErrorCode;
use shop_core::store::StoreError;

/// Why a database file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is something else.
    #[error("{} is not an SQLite database", .0.display())]
    NotADatabase(PathBuf),
    /// The file is an SQLite database with other contents.
    #[error("{} is an SQLite database, but not a shop's: it will not be touched", .0.display())]
    NotAShop(PathBuf),
    /// The file holds a shop's tables, but not the mark of a shop's file: `sqlite3 .dump` does not write it.
    #[error(
        "{} holds a shop's tables, but not the mark of a shop's file, which `sqlite3 .dump` does not keep. If it was \
         restored from such a dump, set the mark: sqlite3 {} \"PRAGMA application_id = {}\"; then run `check`. (`backup` \
         keeps the mark.)", .0.display(), quoted(.0), crate::migrate::APPLICATION
    )]
    Unmarked(PathBuf),
    /// The file was written by a newer release.
    #[error("{} has schema version {found}, this program knows up to {known}: use a newer release", .path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The highest version known here.
        known: i64,
    },
    /// The file was written by an older release, and nobody may change it now.
    #[error("{} has schema version {found}, this program has {known}: run `migrate` on it first", .path.display())]
    Older {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version of this program.
        known: i64,
    },
    /// A shop is being moved into the file, and not all of it is there.
    #[error("a transfer into {} is not finished: run it again, it goes on where it stopped", .0.display())]
    Unfinished(PathBuf),
    /// The schema is not the one that the migrations made.
    #[error("the schema of {} was changed by hand: {what}", .path.display())]
    Tampered {
        /// Which file.
        path: PathBuf,
        /// What is different.
        what: String,
    },
    /// Another server serves this file.
    #[error("another server already serves {}", .0.display())]
    InUse(PathBuf),
    /// The file is not there.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// The linked SQLite has a known fault.
    #[error("SQLite {0} can corrupt databases in WAL mode; 3.51.3 or later is needed")]
    OldSqlite(&'static str),
    /// The operating system refused.
    #[error("cannot open {}: {source}", .path.display())]
    System {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// SQLite refused.
    #[error("cannot open {}: {source}", .path.display())]
    Sqlite {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

/// A path as one word of a shell.
fn quoted(path: &std::path::Path) -> String {
    let text = path.display().to_string();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// What a failure of SQLite means to a caller: later it may work, or it never will.
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
