//! Allows one server per file.
//!
//! SQLite lets any number of processes share a file; `backup` and `createsuperuser` run next to a server. Two servers
//! would also be safe, but both would do the same cleanup and the same deliveries. So a server takes an advisory lock
//! on a separate file next to the database. The system releases the lock when the process ends, however it ends; the
//! empty file remains.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::OpenError;

/// The lock on a database file, held while the server runs.
#[derive(Debug)]
pub(crate) struct ServerLock {
    _file: File,
}

impl ServerLock {
    /// Takes the lock for a database file.
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
