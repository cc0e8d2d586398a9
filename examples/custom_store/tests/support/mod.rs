//! Temporary files that are removed after the test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A unique file in the system's temporary directory, removed on drop.
pub(crate) struct TemporaryFile(PathBuf);

impl TemporaryFile {
    /// The path of a file that does not exist yet.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let file = std::env::temp_dir().join(format!("custom_store-{}-{number}.redb", std::process::id()));
        // An earlier process with the same id may have left it.
        let _ = std::fs::remove_file(&file);
        Self(file)
    }

    /// The file's path in the temporary directory.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
