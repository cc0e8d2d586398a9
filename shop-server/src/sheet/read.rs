//! Reading a file line by line.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Chain, Read};
use std::path::Path;

use csv::{ByteRecord, Reader, ReaderBuilder};
use shop_core::error::BoxError;
use shop_core::import::{CellError, Cells};

use super::formula::unguard;

/// A file with rows in it.
pub(super) struct Sheet<R> {
    reader: Reader<Chain<BufReader<R>, &'static [u8]>>,
    columns: Vec<String>,
    /// Lines end with `\r\n`.
    crlf: bool,
}

/// One row: where it begins, and its cells, or what cannot be read of them.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) number: u64,
    /// The first byte behind it.
    pub(super) end: u64,
    pub(super) cells: Result<Cells, Vec<CellError>>,
}

impl Sheet<File> {
    /// Opens a file whose columns are some of these.
    pub(super) fn open(path: &Path, known: &[&str]) -> Result<Self, BoxError> {
        let named = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
        let file = File::open(path).map_err(|why| named(&why))?;
        Sheet::new(file, known).map_err(|why| named(&why).into())
    }
}

impl<R: Read> Sheet<R> {
    /// Reads the names of the columns.
    pub(super) fn new(source: R, known: &[&str]) -> Result<Self, BoxError> {
        let mut source = BufReader::new(source);
        let begin = source.fill_buf().map_err(|why| why.to_string())?;
        let crlf = begin.split_inclusive(|byte| *byte == b'\n').next().is_some_and(|line| line.ends_with(b"\r\n"));
        // The last line ends as the others do, too: see `Sheet::next`. (A blank one more is no row.)
        let source = source.chain(if crlf { b"\r\n".as_slice() } else { b"\n" });
        // Rows that are too short or too long are refused one by one, not with the whole file.
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(source);
        let headers = reader.headers().map_err(|why| format!("line 1: {}", told(&why)))?;
        let mut columns: Vec<String> = Vec::with_capacity(headers.len());
        for name in headers {
            // Spreadsheets put a mark before the first letter of a file in UTF-8.
            let name = name.trim_start_matches('\u{feff}').trim().to_ascii_lowercase();
            if !known.contains(&name.as_str()) {
                return Err(format!("line 1: there is no column {name:?}; there are: {}", known.join(", ")).into());
            }
            if columns.contains(&name) {
                return Err(format!("line 1: the column {name} is there twice").into());
            }
            columns.push(name);
        }
        if columns.is_empty() {
            return Err("the first line must name the columns".into());
        }
        Ok(Self { reader, columns, crlf })
    }

    /// The next row; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Line>, BoxError> {
        let mut record = ByteRecord::new();
        if !self.reader.read_byte_record(&mut record)? {
            return Ok(None);
        }
        let place = self.reader.position();
        let (line, end) = (place.line(), place.byte());
        // A record's own position is where the one before ended: before the `\n` of its line, and before blank ones. The
        // reader stands behind the end of the line, or, when that is `\r\n`, between the two.
        let breaks = record.as_slice().split(|byte| *byte == b'\n').skip(1).count() as u64;
        let number = line.saturating_sub(breaks + u64::from(!self.crlf));
        Ok(Some(Line { number, end, cells: self.cells(&record) }))
    }

    fn cells(&self, record: &ByteRecord) -> Result<Cells, Vec<CellError>> {
        let wrong = |column: &str, why: &str| CellError { row: 0, column: column.to_owned(), why: why.to_owned() };
        if record.len() != self.columns.len() {
            let why = format!("The row has {} cells, there are {} columns.", record.len(), self.columns.len());
            let last = self.columns.get(record.len()).or(self.columns.last()).map_or("", String::as_str);
            return Err(vec![wrong(last, &why)]);
        }
        let mut cells = Vec::with_capacity(self.columns.len());
        let mut refused = Vec::new();
        for (column, bytes) in self.columns.iter().zip(record) {
            match std::str::from_utf8(bytes) {
                Ok(text) => cells.push((column.as_str(), unguard(text))),
                Err(_) => refused.push(wrong(column, "Must be text in UTF-8.")),
            }
        }
        if refused.is_empty() { Ok(Cells::new(cells)) } else { Err(refused) }
    }
}

/// The error of the first line, without its position.
fn told(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "must be text in UTF-8".to_owned(),
        csv::ErrorKind::Io(why) => why.to_string(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<Line> {
        let mut sheet = Sheet::new(text, &["a", "b"]).unwrap();
        std::iter::from_fn(|| sheet.next().unwrap()).collect()
    }

    fn refused(line: &Line) -> Vec<&str> {
        line.cells.as_ref().unwrap_err().iter().map(|cell| cell.column.as_str()).collect()
    }

    #[test]
    fn rows_have_the_numbers_of_their_lines() {
        let text = "\u{feff}A , b\n1,\"x\ny\"\n\n'=2,\"a \"\"b\"\"\"\n5,6";
        let ends = [text.to_owned(), format!("{text}\n"), format!("{text}\n\n")];
        for text in ends.iter().flat_map(|text| [text.clone(), text.replace('\n', "\r\n")]) {
            let lines = lines(text.as_bytes());
            let numbers: Vec<_> = lines.iter().map(|line| line.number).collect();
            assert_eq!(numbers, [2, 5, 6], "{text:?}");
            let end = if text.contains('\r') { "\r\n" } else { "\n" };
            let broken = format!("x{end}y");
            assert_eq!(lines[0].cells.as_ref().unwrap(), &Cells::new([("a", "1"), ("b", broken.as_str())]));
            assert_eq!(lines[1].cells.as_ref().unwrap(), &Cells::new([("a", "=2"), ("b", "a \"b\"")]));
        }
    }

    #[test]
    fn a_row_that_cannot_be_read_spoils_no_other() {
        let lines = lines(b"a,b\n1\n1,2,3\n\xff,2\n1,2\n");
        assert_eq!(refused(&lines[0]), ["b"]);
        assert_eq!(refused(&lines[1]), ["b"]);
        assert_eq!(refused(&lines[2]), ["a"]);
        assert!(lines[3].cells.is_ok());
    }

    #[test]
    fn columns_are_known_and_there_once() {
        for (text, why) in [("a,c\n", "\"c\"; there are: a, b"), ("a,A\n", "twice"), ("", "columns")] {
            let refused = Sheet::new(text.as_bytes(), &["a", "b"]).err().unwrap().to_string();
            assert!(refused.contains(why), "{refused}");
        }
        assert!(Sheet::new(b"\xff\n".as_slice(), &["a"]).err().unwrap().to_string().contains("UTF-8"));
    }
}
