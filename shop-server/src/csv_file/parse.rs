//! A CSV parser (RFC 4180) that reads record by record in bounded memory: it skips what exceeds the size limit of a
//! row.
//!
//! Records end with `\n`, `\r\n` or `\r`; empty lines are skipped. A quotation mark is special only at the start of a
//! cell.

use std::io::{BufRead as _, BufReader, Error, Read, Result};

/// The maximum size of a row in bytes, the same as that of a request body.
pub(super) const MAX_ROW: usize = 1024 * 1024;

/// A parsed record.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// The line in which it starts.
    pub(super) line: u64,
    /// The file offset after the record.
    pub(super) end: u64,
    /// The wanted cells. Other cells are empty, and a record with a fault has none.
    pub(super) cells: Vec<Vec<u8>>,
    /// The number of cells, wanted or not.
    pub(super) count: usize,
    /// Whether a cell beyond the known columns contains text.
    pub(super) has_more: bool,
    /// The first fault, if any.
    pub(super) fault: Option<Fault>,
}

/// Why a record cannot be parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    /// The index of the cell.
    pub(super) cell: usize,
    /// The line in which the cell starts.
    pub(super) line: u64,
    /// The line in which the record ends.
    pub(super) last_line: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// This cell makes the row larger than [`MAX_ROW`] bytes.
    TooLarge,
    /// Text follows the closing quotation mark.
    AfterQuote,
    /// The file ends before the closing quotation mark.
    Unclosed,
}

/// The parser's position within a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the start of a cell.
    Begin,
    Bare,
    Quoted,
    /// After a quotation mark in a quoted cell: either the closing one, or the first of a doubled one.
    Quote,
    /// After the closing quotation mark of a cell.
    Closed,
}

/// Parses the records of a file.
pub(super) struct Parser<R> {
    source: BufReader<R>,
    delimiter: u8,
    line: u64,
    place: u64,
    /// The last byte was `\r`, so a following `\n` belongs to it.
    after_return: bool,
    /// The last byte ended a line.
    after_line: bool,
}

impl<R: Read> Parser<R> {
    /// Starts at the beginning of a file, skipping a byte order mark.
    pub(super) fn new(source: R) -> Result<Self> {
        let mut source = BufReader::with_capacity(64 * 1024, source);
        let mark = b"\xef\xbb\xbf";
        let has_mark = source.fill_buf()?.starts_with(mark);
        let place = if has_mark { mark.len() } else { 0 };
        source.consume(place);
        Ok(Self { source, delimiter: b',', line: 1, place: place as u64, after_return: false, after_line: false })
    }

    /// Sets the cell separator for the following records.
    pub(super) fn delimit(&mut self, delimiter: u8) {
        self.delimiter = delimiter;
    }

    /// Returns the raw bytes of the next record without its line end. It reads the first line before the separator is
    /// known.
    pub(super) fn raw(&mut self) -> Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        let mut is_quoted = false;
        while let Some(byte) = self.next()? {
            match byte {
                b'\n' | b'\r' if !is_quoted && bytes.is_empty() => continue,
                b'\n' | b'\r' if !is_quoted => return Ok(Some(bytes)),
                b'"' => is_quoted = !is_quoted,
                _ => {}
            }
            if bytes.len() == MAX_ROW {
                return Err(Error::other(format!("the first line has more than {MAX_ROW} bytes")));
            }
            bytes.push(byte);
        }
        Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }

    /// Parses the next record; `None` at the end of the file. Keeps only the wanted cells with an index below
    /// `columns`.
    pub(super) fn record(&mut self, columns: usize, wanted: impl Fn(usize) -> bool) -> Result<Option<Record>> {
        let mut partial = PartialRecord { record: Record::default(), columns, wanted, size: 0, cell_line: self.line };
        let mut state = State::Begin;
        let mut is_empty = true;
        loop {
            let line = self.line;
            let Some(byte) = self.next()? else {
                if is_empty {
                    return Ok(None);
                }
                if state == State::Quoted {
                    partial.fault(FaultKind::Unclosed);
                }
                return Ok(Some(partial.end(self.line - u64::from(self.after_line), self.place)));
            };
            let ends = matches!(byte, b'\n' | b'\r') && state != State::Quoted;
            if ends && is_empty {
                continue;
            }
            if is_empty {
                is_empty = false;
                partial.begin(line);
            }
            if ends {
                return Ok(Some(partial.end(line, self.place)));
            }
            state = match (state, byte) {
                (State::Quoted, b'"') => State::Quote,
                (State::Quoted, _) | (State::Quote, b'"') => partial.push(byte, State::Quoted),
                (_, byte) if byte == self.delimiter => {
                    partial.next_cell(self.line);
                    State::Begin
                }
                (State::Begin, b'"') => State::Quoted,
                (State::Quote | State::Closed, b' ' | b'\t') => State::Closed,
                (State::Quote | State::Closed, _) => {
                    partial.fault(FaultKind::AfterQuote);
                    State::Bare
                }
                (State::Begin | State::Bare, _) => partial.push(byte, State::Bare),
            };
        }
    }

    /// Reads the next byte and counts lines; `\r\n` ends one line.
    fn next(&mut self) -> Result<Option<u8>> {
        let Some(byte) = self.source.fill_buf()?.first().copied() else { return Ok(None) };
        self.source.consume(1);
        self.place += 1;
        let ends_line = byte == b'\r' || (byte == b'\n' && !self.after_return);
        self.after_return = byte == b'\r';
        self.after_line = matches!(byte, b'\n' | b'\r');
        self.line += u64::from(ends_line);
        Ok(Some(byte))
    }
}

/// A record that is being parsed.
struct PartialRecord<W> {
    record: Record,
    columns: usize,
    wanted: W,
    size: usize,
    /// The line in which the current cell starts.
    cell_line: u64,
}

impl<W: Fn(usize) -> bool> PartialRecord<W> {
    fn begin(&mut self, line: u64) {
        self.record.line = line;
        self.cell_line = line;
        self.record.cells.push(Vec::new());
    }

    fn push(&mut self, byte: u8, state: State) -> State {
        let cell = self.record.count;
        if cell >= self.columns {
            self.record.has_more |= !byte.is_ascii_whitespace();
        } else if self.record.fault.is_none() && (self.wanted)(cell) {
            self.size += 1;
            if self.size > MAX_ROW {
                self.fault(FaultKind::TooLarge);
            } else if let Some(text) = self.record.cells.last_mut() {
                text.push(byte);
            }
        }
        state
    }

    fn next_cell(&mut self, line: u64) {
        self.record.count += 1;
        self.cell_line = line;
        if self.record.count < self.columns {
            self.record.cells.push(Vec::new());
        }
    }

    fn fault(&mut self, kind: FaultKind) {
        let fault = Fault { kind, cell: self.record.count, line: self.cell_line, last_line: self.cell_line };
        // For one cell, an unclosed quotation mark explains more than its size does.
        let first = self.record.fault.filter(|first| kind != FaultKind::Unclosed || first.cell != fault.cell);
        self.record.fault = first.or(Some(fault));
        self.record.cells = Vec::new();
    }

    fn end(mut self, line: u64, place: u64) -> Record {
        self.record.count += 1;
        self.record.end = place;
        if let Some(fault) = &mut self.record.fault {
            fault.last_line = line;
        }
        self.record
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &[u8], delimiter: u8) -> Vec<Record> {
        let mut parser = Parser::new(text).unwrap();
        parser.delimit(delimiter);
        std::iter::from_fn(|| parser.record(3, |cell| cell != 1).unwrap()).collect()
    }

    fn texts(record: &Record) -> Vec<&str> {
        record.cells.iter().map(|cell| std::str::from_utf8(cell).unwrap()).collect()
    }

    #[test]
    fn cells_are_read_as_rfc_4180_has_them() {
        for end in ["\n", "\r\n", "\r"] {
            let text = "\u{feff}a,b,c\n\n\"x\n\"\"y,\"\"\",\"b\" , \"c\n1,2\n,,,,\n1,2,3,4\nit\"s,\"\",\"last\"";
            let records = records(text.replace('\n', end).as_bytes(), b',');
            let all: Vec<_> = records.iter().map(texts).collect();
            let broken = format!("x{end}\"y,\"");
            let expected = [
                vec!["a", "", "c"],
                vec![broken.as_str(), "", " \"c"],
                vec!["1", ""],
                vec!["", "", ""],
                vec!["1", "", "3"],
            ];
            assert_eq!(all, [expected.as_slice(), &[vec!["it\"s", "", "last"]]].concat());
            let lines: Vec<_> = records.iter().map(|record| record.line).collect();
            assert_eq!(lines, [1, 3, 5, 6, 7, 8]);
            let more: Vec<_> = records.iter().map(|record| (record.count, record.has_more)).collect();
            assert_eq!(more, [(3, false), (3, false), (2, false), (5, false), (4, true), (3, false)]);
        }
        assert_eq!(texts(&records(b"a;b;\"c;\"\n", b';')[0]), ["a", "", "c;"]);
        assert_eq!(texts(&records(b"a\t\"b\"\t\"c\"\n", b'\t')[0]), ["a", "", "c"]);
        assert!(records(b"\n\r\n", b',').is_empty() && records(b"", b',').is_empty());
    }

    #[test]
    fn a_quotation_mark_is_closed() {
        let fault = |text: &str| {
            let records = records(text.as_bytes(), b',');
            (records.last().unwrap().fault, records.len())
        };
        let at = |kind, cell, line, last_line| Some(Fault { kind, cell, line, last_line });
        assert_eq!(fault("1,2,3\n1,\"\n\",\"3\n4,5,6\n"), (at(FaultKind::Unclosed, 2, 3, 4), 2));
        assert_eq!(fault("\"1,2,3\n4,5,\"6\"\n"), (at(FaultKind::AfterQuote, 0, 1, 2), 1));
        assert_eq!(fault("1,\"2\"x\",3\n4,5,6\n").1, 2, "the next line is whole again");
    }

    #[test]
    fn a_row_that_is_too_large_is_passed_over() {
        let mut huge = vec![b'x'; MAX_ROW];
        assert!(records(&huge, b',')[0].fault.is_none());
        huge.extend(b"x,2,3\n4,5,6\n,\"");
        huge.extend(vec![b'y'; MAX_ROW * 2]);
        huge.extend(b"\"\n7,8,9");
        let records = records(&huge, b',');
        let fault = Fault { kind: FaultKind::TooLarge, cell: 0, line: 1, last_line: 1 };
        assert_eq!((records.len(), records[0].fault), (4, Some(fault)));
        assert!(records[0].cells.iter().all(Vec::is_empty));
        assert_eq!(texts(&records[1]), ["4", "", "6"]);
        assert_eq!((records[2].fault, records[2].count), (None, 2), "what is not wanted may be of any size");
        assert_eq!(texts(&records[3]), ["7", "", "9"]);
    }
}
