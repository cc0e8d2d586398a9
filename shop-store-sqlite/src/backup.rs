//! Copies a file while it is in use, as of one point in time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::file;

/// Why a backup failed. The target does not exist then.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The target already exists; a backup never overwrites.
    #[error("{} already exists", .0.display())]
    Exists(PathBuf),
    /// The database does not exist.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// The copy is damaged, which means that the original is too.
    #[error("the copy is damaged: {0}")]
    Damaged(String),
    /// The operating system refused.
    #[error("cannot write {}: {source}", .path.display())]
    System {
        /// The file concerned.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// SQLite refused.
    #[error("cannot copy the database: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Copies a database into a new file that only its owner can read.
///
/// This works while a server reads and writes the database; the copy shows its state at the start of the backup. The
/// copy is checked and synced before it gets its final name, so a file of that name is a complete backup. It is an
/// ordinary database: to restore it, stop the server, replace the original with it, and delete the original's `-wal`
/// and `-shm` files.
///
/// # Errors
/// See [`BackupError`]; no file is left behind.
pub fn backup(database: &Path, target: &Path) -> Result<(), BackupError> {
    if !database.exists() {
        return Err(BackupError::Missing(database.to_owned()));
    }
    if target.exists() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    let mut name = target.as_os_str().to_owned();
    name.push(".partial");
    let partial = PathBuf::from(name);
    let system = |source| BackupError::System { path: partial.clone(), source };
    // Left behind by an interrupted backup.
    let _ = fs::remove_file(&partial);
    file::create(&partial).map_err(system)?;
    let done = copy(database, &partial).and_then(|()| publish(&partial, target));
    if done.is_err() {
        let _ = fs::remove_file(&partial);
    }
    done
}

fn copy(database: &Path, partial: &Path) -> Result<(), BackupError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(database, flags)?;
    source.busy_timeout(Duration::from_secs(10))?;
    source.execute_batch("PRAGMA query_only = ON")?;
    let mut target = Connection::open_with_flags(partial, flags)?;
    {
        // In one step: it reads one snapshot, which in WAL mode does not block writers.
        let copying = Backup::new(&source, &mut target)?;
        let mut tries = 0;
        while copying.step(-1)? != StepResult::Done {
            tries += 1;
            if tries > 100 {
                return Err(BackupError::Sqlite(rusqlite::Error::InvalidQuery));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    let verdict: String = target.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(BackupError::Damaged(verdict));
    }
    // Closing the last connection moves the copy's own log into it.
    target.close().map_err(|(_, error)| error)?;
    Ok(())
}

fn publish(partial: &Path, target: &Path) -> Result<(), BackupError> {
    let system = |source| BackupError::System { path: target.to_owned(), source };
    File::open(partial).and_then(|file| file.sync_all()).map_err(system)?;
    if target.exists() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    fs::rename(partial, target).map_err(system)?;
    // The name is durable once its directory is synced.
    let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(directory) = File::open(directory) {
        directory.sync_all().map_err(system)?;
    }
    Ok(())
}
