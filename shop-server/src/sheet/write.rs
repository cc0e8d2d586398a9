//! Writing a file row by row.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use csv::{Terminator, Writer, WriterBuilder};
use shop_core::error::BoxError;

use super::formula::guard;

/// A file that is being written: there under its name when it is whole, and gone when it is not.
pub(super) struct NewSheet {
    writer: Writer<File>,
    partial: PathBuf,
    target: PathBuf,
}

impl NewSheet {
    /// Begins a file with these columns. It never takes the place of another; only its owner can read it, for it may hold
    /// addresses. With a mark, it begins with the byte order mark of UTF-8.
    pub(super) fn create(target: &Path, columns: &[&str], mark: bool) -> Result<Self, BoxError> {
        if target.exists() {
            return Err(format!("{} already exists", target.display()).into());
        }
        let mut name = target.as_os_str().to_owned();
        name.push(".partial");
        let partial = PathBuf::from(name);
        // What an interrupted export left.
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
        let mut sheet = Self { writer, partial, target: target.to_owned() };
        sheet.row(columns)?;
        Ok(sheet)
    }

    /// Adds a row.
    pub(super) fn row<T: AsRef<str>>(&mut self, cells: &[T]) -> Result<(), BoxError> {
        Ok(self.writer.write_record(cells.iter().map(|cell| guard(cell.as_ref()).into_owned()))?)
    }

    /// Ends the file and gives it its name.
    pub(super) fn finish(mut self) -> Result<(), BoxError> {
        self.writer.flush()?;
        self.writer.get_ref().sync_all()?;
        // Unlike a rename, a link never takes the place of a file that came meanwhile.
        fs::hard_link(&self.partial, &self.target).map_err(|why| format!("{}: {why}", self.target.display()))?;
        Ok(())
    }
}

impl Drop for NewSheet {
    fn drop(&mut self) {
        // The name of the unfinished file goes in any case.
        let _ = fs::remove_file(&self.partial);
    }
}
