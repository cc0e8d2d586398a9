//! Files that go away with the test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A file of its own among the system's temporary ones.
pub(crate) struct TemporaryFile(PathBuf);

impl TemporaryFile {
    /// The name of a file that is not there yet.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let file = std::env::temp_dir().join(format!("custom_store-{}-{number}.redb", std::process::id()));
        // An earlier process of the same number may have left it.
        let _ = std::fs::remove_file(&file);
        Self(file)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
