//! Reads a CSV file row by row.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use shop_core::error::BoxError;
use shop_core::import::{CellError, Cells};

use super::formula::unguard;
use super::parse::{Fault, FaultKind, MAX_ROW, Parser, Record};

/// The maximum number of columns named in an error.
const NAMED: usize = 100;

/// How a CSV file is parsed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Format {
    /// The cell separator; detected from the first line when absent.
    pub(crate) delimiter: Option<u8>,
    /// Whether columns with unknown names are skipped.
    pub(crate) ignores_unknown: bool,
}

/// A CSV file that is being read.
pub(super) struct CsvReader<R> {
    parser: Parser<R>,
    /// The names of the columns; `None` for a skipped column.
    columns: Vec<Option<String>>,
}

/// One row: its position, and its cells or the reasons why they cannot be read.
#[derive(Debug)]
pub(super) struct CsvRow {
    /// The line in which the row starts, or the cell that cannot be parsed.
    pub(super) number: u64,
    /// The file offset after the row.
    pub(super) end: u64,
    pub(super) cells: Result<Cells, Vec<CellError>>,
}

impl CsvReader<File> {
    /// Opens a file whose columns are a subset of `known`.
    pub(super) fn open(path: &Path, known: &[&str], format: Format) -> Result<Self, BoxError> {
        let named = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
        let file = File::open(path).map_err(|why| named(&why))?;
        CsvReader::new(file, known, format).map_err(|why| named(&why).into())
    }
}

impl<R: Read> CsvReader<R> {
    /// Reads the column names.
    pub(super) fn new(source: R, known: &[&str], format: Format) -> Result<Self, BoxError> {
        let mut parser = Parser::new(source)?;
        let nothing = || BoxError::from("the first line must name the columns");
        let mut header = parser.raw()?.ok_or_else(nothing)?;
        let mut delimiter = format.delimiter;
        if let Some(declared) = separator_line(&header) {
            // Some spreadsheets declare the separator in a line of its own.
            delimiter = delimiter.or(Some(declared));
            header = parser.raw()?.ok_or_else(nothing)?;
        }
        let delimiter = delimiter.unwrap_or_else(|| delimiter_of(&header, known));
        parser.delimit(delimiter);
        let columns = columns(&names(&header, delimiter)?, known, format.ignores_unknown).map_err(|why| {
            let other = [b';', b'\t', b','].into_iter().filter(|other| *other != delimiter);
            let parts = |delimiter| names(&header, delimiter).map_or(0, |names| names.len());
            match other.max_by_key(|other| parts(*other)).filter(|other| parts(*other) > parts(delimiter)) {
                Some(b';') => format!("line 1: {why}. Is it separated by semicolons? Then say --delimiter ';'"),
                Some(b'\t') => format!("line 1: {why}. Is it separated by tabs? Then say --delimiter tab"),
                Some(_) => format!("line 1: {why}. Is it separated by commas? Then say --delimiter ','"),
                None => format!("line 1: {why}"),
            }
        })?;
        Ok(Self { parser, columns })
    }

    /// Whether the file has this column.
    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.iter().flatten().any(|name| name == column)
    }

    /// Returns the next row that is not blank; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<CsvRow>, BoxError> {
        loop {
            let is_wanted = |cell| self.columns.get(cell).is_some_and(Option::is_some);
            let Some(record) = self.parser.record(self.columns.len(), is_wanted)? else { return Ok(None) };
            let number = record.fault.map_or(record.line, |fault| fault.line);
            let cells = self.cells(&record);
            if !cells.as_ref().is_ok_and(Option::is_none) {
                let cells = cells.map(Option::unwrap_or_default);
                return Ok(Some(CsvRow { number, end: record.end, cells }));
            }
        }
    }

    /// Extracts the cells of a row; `None` if all are blank.
    fn cells(&self, record: &Record) -> Result<Option<Cells>, Vec<CellError>> {
        let wrong = |column: &str, why: String| CellError { row: 0, column: column.to_owned(), why };
        let name = |cell: usize| self.columns.get(cell).and_then(Option::as_deref);
        if let Some(fault) = record.fault {
            let column = name(fault.cell).map_or_else(|| format!("cell {}", fault.cell + 1), str::to_owned);
            return Err(vec![wrong(&column, message(fault))]);
        }
        let is_blank = record.cells.iter().all(|cell| cell.trim_ascii().is_empty()) && !record.has_more;
        if is_blank {
            return Ok(None);
        }
        if record.count < self.columns.len() || record.has_more {
            let why = format!("The row has {} cells, there are {} columns.", record.count, self.columns.len());
            let last = name(record.count).or(self.columns.iter().flatten().next_back().map(String::as_str));
            return Err(vec![wrong(last.unwrap_or_default(), why)]);
        }
        let mut cells = Vec::with_capacity(self.columns.len());
        let mut refused = Vec::new();
        for (column, bytes) in self.columns.iter().zip(&record.cells) {
            let Some(column) = column else { continue };
            match std::str::from_utf8(bytes) {
                Ok(text) => cells.push((column.as_str(), unguard(text))),
                Err(_) => refused.push(wrong(column, "Must be text in UTF-8.".to_owned())),
            }
        }
        let cells = Cells::new(cells);
        match refused.as_slice() {
            [] => Ok(Some(cells).filter(|cells| !cells.is_blank())),
            _ => Err(refused),
        }
    }
}

/// The error message for a fault.
fn message(fault: Fault) -> String {
    let lines = if fault.last_line > fault.line {
        format!(" Lines {} to {} were read as one row.", fault.line, fault.last_line)
    } else {
        String::new()
    };
    match fault.kind {
        FaultKind::TooLarge => {
            format!("A row has at most {MAX_ROW} bytes. Is a quotation mark not closed?{lines}")
        }
        FaultKind::AfterQuote => {
            format!("There is text after the closing quotation mark (one inside a cell is doubled).{lines}")
        }
        FaultKind::Unclosed => format!("The quotation mark that opens this cell is not closed.{lines}"),
    }
}

/// The separator declared by a first line such as `sep=;`.
fn separator_line(line: &[u8]) -> Option<u8> {
    match line.trim_ascii_end() {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', separator] => Some(*separator),
        _ => None,
    }
}

/// The column names in the first line, split at this separator.
fn names(header: &[u8], delimiter: u8) -> Result<Vec<String>, BoxError> {
    let mut parser = Parser::new(header)?;
    parser.delimit(delimiter);
    let record = parser.record(usize::MAX, |_| true)?.unwrap_or_default();
    if let Some(fault) = record.fault {
        return Err(format!("line 1: {}", message(fault)).into());
    }
    let name = |cell: Vec<u8>| Some(String::from_utf8(cell).ok()?.trim().to_lowercase());
    let names: Option<Vec<String>> = record.cells.into_iter().map(name).collect();
    names.ok_or_else(|| "line 1: must be text in UTF-8".into())
}

/// Detects the separator: a comma, unless exactly one other separator yields known names and the comma does not.
fn delimiter_of(header: &[u8], known: &[&str]) -> u8 {
    let finds = |delimiter: &u8| {
        let names = names(header, *delimiter).unwrap_or_default();
        names.len() > 1 && names.iter().any(|name| known.contains(&name.as_str()))
    };
    let [comma, others @ ..] = b",;\t|";
    let mut found = others.iter().filter(|delimiter| finds(delimiter));
    match (finds(comma), found.next(), found.next()) {
        (false, Some(only), None) => *only,
        _ => *comma,
    }
}

/// Checks the column names, and marks those to skip.
fn columns(names: &[String], known: &[&str], ignores_unknown: bool) -> Result<Vec<Option<String>>, String> {
    let is_known = |name: &String| known.contains(&name.as_str());
    let unknown: Vec<String> = names.iter().filter(|name| !is_known(name)).map(|name| format!("{name:?}")).collect();
    if unknown.len() == names.len() || (!unknown.is_empty() && !ignores_unknown) {
        let more = unknown.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let which = unknown.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let pass_over = if ignores_unknown { "" } else { " (--ignore-unknown-columns passes them over)" };
        return Err(format!("there is no column {which}{more}{pass_over}; there are: {}", known.join(", ")));
    }
    let twice = names
        .iter()
        .enumerate()
        .find(|(index, name)| is_known(name) && names.iter().take(*index).any(|other| other == *name));
    if let Some((_, name)) = twice {
        return Err(format!("the column {name} occurs twice"));
    }
    Ok(names.iter().map(|name| Some(name.clone()).filter(is_known)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["a", "b"];

    fn open(text: &[u8], format: Format) -> Result<CsvReader<&[u8]>, String> {
        CsvReader::new(text, KNOWN, format).map_err(|why| why.to_string())
    }

    fn lines(text: &[u8]) -> Vec<CsvRow> {
        let mut reader = open(text, Format::default()).unwrap();
        std::iter::from_fn(|| reader.next().unwrap()).collect()
    }

    fn refused(line: &CsvRow) -> Vec<&str> {
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
    fn blank_rows_are_passed_over_and_blank_cells_at_the_end_do_no_harm() {
        let lines = lines("a,b\n,\n , \n,,,\n\u{a0},\n1,2,, \n\n3,4\n".as_bytes());
        let numbers: Vec<_> = lines.iter().map(|line| line.number).collect();
        assert_eq!(numbers, [6, 8]);
        assert_eq!(lines[0].cells.as_ref().unwrap(), &Cells::new([("a", "1"), ("b", "2")]));
    }

    #[test]
    fn a_quotation_mark_that_is_not_closed_is_told_of_at_its_line() {
        let all = lines(b"a,b\n1,2\n\"3\n\",\"4\n5,6\n7,8\n");
        let why = all[1].cells.as_ref().unwrap_err();
        assert_eq!((all.len(), all[1].number, why[0].column.as_str()), (2, 4, "b"));
        assert_eq!(
            why[0].why,
            "The quotation mark that opens this cell is not closed. Lines 4 to 6 were read as one row."
        );
        let all = lines(b"a,b\n\"1,2\n3,\"4\"\n5,6\n");
        assert_eq!((all.len(), all[0].number, refused(&all[0])), (2, 2, vec!["a"]));
    }

    #[test]
    fn every_unknown_column_is_named_and_can_be_passed_over() {
        let text = b"a,Colour,b,Size,\n1,red,2,\"\",x\n,green,,,\n";
        let why = open(text, Format::default()).err().unwrap();
        assert!(why.contains("\"colour\", \"size\", \"\" (--ignore-unknown-columns"), "{why}");
        let format = Format { ignores_unknown: true, ..Format::default() };
        let mut reader = open(text, format).unwrap();
        assert_eq!(reader.next().unwrap().unwrap().cells.unwrap(), Cells::new([("a", "1"), ("b", "2")]));
        assert!(reader.next().unwrap().is_none(), "a row of other columns is none");
        assert!(open(b"colour,size\n1,2\n", format).err().unwrap().contains("\"colour\", \"size\"; there are: a, b"));
        let many = (0..1_000).map(|number| format!("c{number}")).collect::<Vec<_>>().join(",") + ",";
        let why = open(many.as_bytes(), Format::default()).err().unwrap();
        assert!(why.contains("\"c99\" and 901 more") && !why.contains("c100"), "{why}");
    }

    #[test]
    fn the_separator_is_found_where_there_is_no_doubt() {
        for text in
            ["a;b\n1;2\n", "b\ta\n2\t1\n", "\"A\"|b\n1|2\n", "a;b,c;d\n", "sep=;\r\na;b\r\n1;2\r\n", "SEP=|\nb|a\n2|1"]
        {
            let format = Format { ignores_unknown: true, ..Format::default() };
            let mut reader = open(text.as_bytes(), format).unwrap();
            if let Some(line) = reader.next().unwrap() {
                assert_eq!(line.cells.unwrap(), Cells::new([("a", "1"), ("b", "2")]), "{text:?}");
            }
        }
        let given = |delimiter| Format { delimiter: Some(delimiter), ..Format::default() };
        let mut reader = open(b"a:b\n1:2\n", given(b':')).unwrap();
        assert_eq!(reader.next().unwrap().unwrap().cells.unwrap(), Cells::new([("a", "1"), ("b", "2")]));
        assert!(
            open(b"a;b\n", given(b',')).err().unwrap().contains("separated by semicolons? Then say --delimiter ';'")
        );
        assert!(open(b"Name;Price\n", Format::default()).err().unwrap().contains("separated by semicolons?"));
        assert!(open(b"Name\tPrice\n", Format::default()).err().unwrap().contains("separated by tabs?"));
        assert!(open(b"a,b\n", given(b';')).err().unwrap().contains("separated by commas?"));
        assert!(!open(b"Name,Price\n", Format::default()).err().unwrap().contains("separated"));
    }

    #[test]
    fn columns_are_known_and_there_once() {
        for (text, why) in [("a,c\n", "\"c\" (--ignore"), ("a,A\n", "twice"), ("", "columns"), ("\n\n", "columns")] {
            let refused = open(text.as_bytes(), Format::default()).err().unwrap();
            assert!(refused.contains(why), "{refused}");
        }
        assert!(open(b"\xff\n", Format::default()).err().unwrap().contains("UTF-8"));
        assert!(open(b"\"a,b\n1,2\n", Format::default()).err().unwrap().contains("not closed"));
    }
}
