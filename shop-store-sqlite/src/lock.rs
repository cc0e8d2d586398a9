//! One server per file.
//!
//! SQLite itself lets any number of processes share a file, and `backup` or `createsuperuser` do so beside a running
//! server. Two servers would be safe too, but each would sweep and deliver what the other does; so a server takes an
//! advisory lock on a file of its own beside the database. The system lets go of it when the process ends, however
//! it ends; the empty file stays.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::OpenError;

/// Held as long as the server serves.
#[derive(Debug)]
pub(crate) struct ServerLock {
    _file: File,
}

impl ServerLock {
    /// Takes the lock of a database file.
    pub(crate) fn take(database: &Path) -> Result<Self, OpenError> {
        let mut name = database.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        let refused = |source| OpenError::System { path: path.clone(), source };
        let mut options = File::options();
        let file = options.create(true).truncate(false).write(true).open(&path).map_err(refused)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse(database.to_owned())),
            Err(TryLockError::Error(source)) => Err(refused(source)),
        }
    }
}
