//! Writes a CSV file row by row.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use csv::{Terminator, Writer, WriterBuilder};
use shop_core::error::BoxError;

use super::formula::guard;

/// A file that is being written. It gets its name when it is complete, and is removed otherwise.
pub(super) struct CsvWriter {
    writer: Writer<File>,
    partial: PathBuf,
    target: PathBuf,
}

impl CsvWriter {
    /// Creates a file with these columns. It never replaces another file. Only its owner can read it, because it may
    /// contain addresses. With `mark`, it starts with the UTF-8 byte order mark.
    pub(super) fn create(target: &Path, columns: &[&str], mark: bool) -> Result<Self, BoxError> {
        if target.exists() {
            return Err(format!("{} already exists", target.display()).into());
        }
        let mut name = target.as_os_str().to_owned();
        name.push(".partial");
        let partial = PathBuf::from(name);
        // Left by an interrupted export.
        let _ = fs::remove_file(&partial);
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&partial).map_err(|why| format!("{}: {why}", partial.display()))?;
        if mark {
            file.write_all("\u{feff}".as_bytes())?;
        }
        let writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(file);
        let mut created = Self { writer, partial, target: target.to_owned() };
        created.row(columns)?;
        Ok(created)
    }

    /// Adds a row, guarding its cells against formulas.
    pub(super) fn row<T: AsRef<str>>(&mut self, cells: &[T]) -> Result<(), BoxError> {
        Ok(self.writer.write_record(cells.iter().map(|cell| guard(cell.as_ref()).into_owned()))?)
    }

    /// Completes the file and gives it its name.
    pub(super) fn finish(mut self) -> Result<(), BoxError> {
        self.writer.flush()?;
        self.writer.get_ref().sync_all()?;
        // Unlike a rename, a link never replaces a file that was created meanwhile.
        fs::hard_link(&self.partial, &self.target).map_err(|why| format!("{}: {why}", self.target.display()))?;
        Ok(())
    }
}

impl Drop for CsvWriter {
    fn drop(&mut self) {
        // Remove the temporary name in any case.
        let _ = fs::remove_file(&self.partial);
    }
}
