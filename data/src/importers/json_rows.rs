//! Splits a JSON array into its elements while it is read, so that a file of any size needs the memory of one row.
//!
//! The splitter knows only brackets and strings; each row is then parsed by serde. That way a wrong row can be named
//! by its number and skipped, where a parser of the whole array would stop for good at its first fault.

use std::io::BufRead;

/// A row longer than this is taken for a damaged file (rows of known exports are below 2 KiB).
const LONGEST_ROW: usize = 1 << 20;

/// Why no further row could be read.
#[derive(Debug)]
pub(super) enum RowsError {
    /// The reader failed, for example on a damaged archive.
    Io(std::io::Error),
    /// The file begins with something else than a list.
    NotAnArray,
    /// The file ends before the list does, or a row never ends.
    Cut,
}

/// Reads the elements of a JSON array one by one.
pub(super) struct JsonRows<R> {
    reader: R,
    row: Vec<u8>,
    begun: bool,
    bytes: u64,
}

impl<R: BufRead> JsonRows<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, row: Vec::new(), begun: false, bytes: 0 }
    }

    /// Bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The text of the next element; `None` after the last.
    pub(super) fn next_row(&mut self) -> Result<Option<&[u8]>, RowsError> {
        if !self.begun {
            self.begun = true;
            for byte_order_mark in [0xEF, 0xBB, 0xBF] {
                if self.peek()? == Some(byte_order_mark) {
                    self.skip(1);
                }
            }
            self.skip_while(|byte| byte.is_ascii_whitespace())?;
            if self.peek()? != Some(b'[') {
                return Err(RowsError::NotAnArray);
            }
            self.skip(1);
        }
        self.skip_while(|byte| byte.is_ascii_whitespace() || byte == b',')?;
        match self.peek()? {
            None => Err(RowsError::Cut),
            Some(b']') => Ok(None),
            Some(_) => self.read_row().map(|()| Some(self.row.as_slice())),
        }
    }

    fn read_row(&mut self) -> Result<(), RowsError> {
        self.row.clear();
        let (mut depth, mut in_string, mut escaped, mut done) = (0u32, false, false, false);
        while !done {
            let buffer = self.reader.fill_buf().map_err(RowsError::Io)?;
            if buffer.is_empty() || self.row.len() > LONGEST_ROW {
                return Err(RowsError::Cut);
            }
            let mut used = 0;
            for &byte in buffer {
                if in_string {
                    in_string = escaped || byte != b'"';
                    escaped = !escaped && byte == b'\\';
                } else {
                    match byte {
                        b'"' => in_string = true,
                        b'{' | b'[' => depth += 1,
                        // Ends a number or a word that stands where a row should.
                        b',' | b']' if depth == 0 => done = true,
                        b'}' | b']' => {
                            depth = depth.saturating_sub(1);
                            if depth == 0 {
                                used += 1;
                                done = true;
                            }
                        }
                        _ => {}
                    }
                }
                if done {
                    break;
                }
                used += 1;
            }
            self.row.extend_from_slice(&buffer[..used]);
            self.skip(used);
        }
        Ok(())
    }

    fn peek(&mut self) -> Result<Option<u8>, RowsError> {
        self.reader.fill_buf().map(|buffer| buffer.first().copied()).map_err(RowsError::Io)
    }

    fn skip(&mut self, count: usize) {
        self.reader.consume(count);
        self.bytes += count as u64;
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) -> Result<(), RowsError> {
        while self.peek()?.is_some_and(&wanted) {
            self.skip(1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    /// Rows read through a buffer of `capacity` bytes, and how the reading ended.
    fn rows(text: &str, capacity: usize) -> (Vec<String>, Result<(), RowsError>) {
        let mut rows = JsonRows::new(BufReader::with_capacity(capacity, text.as_bytes()));
        let mut read = Vec::new();
        loop {
            match rows.next_row() {
                Ok(Some(row)) => read.push(String::from_utf8(row.to_vec()).unwrap()),
                Ok(None) => return (read, Ok(())),
                Err(error) => return (read, Err(error)),
            }
        }
    }

    #[test]
    fn rows_are_split_at_any_buffer_size() {
        let text = "\u{feff} [ {\"a\": \"}]\\\"{\"}, 12 , [1, [2]],\n{\"b\": {\"c\": []}} , \"x,]\" ]  ";
        for capacity in 1..text.len() {
            let (read, end) = rows(text, capacity);
            assert!(end.is_ok());
            let read: Vec<&str> = read.iter().map(|row| row.trim()).collect();
            assert_eq!(read, ["{\"a\": \"}]\\\"{\"}", "12", "[1, [2]]", "{\"b\": {\"c\": []}}", "\"x,]\""]);
        }
    }

    #[test]
    fn a_cut_file_gives_the_rows_before_the_cut() {
        let text = "[{\"a\": 1}, {\"a\": 2}]";
        for length in 1..text.len() {
            let (read, end) = rows(&text[..length], 7);
            assert!(matches!(end, Err(RowsError::Cut)), "{length}");
            assert_eq!(read.len(), usize::from(length >= 9) + usize::from(length >= 19));
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in ["", "{}", "PK", "\u{feff}"] {
            assert!(matches!(rows(text, 8).1, Err(RowsError::NotAnArray)), "{text}");
        }
        assert_eq!(rows("[]", 8).0.len(), 0);
    }

    #[test]
    fn a_row_without_end_does_not_fill_the_memory() {
        let text = format!("[{{\"a\": \"{}", "x".repeat(3 * LONGEST_ROW));
        assert!(matches!(rows(&text, 1 << 13).1, Err(RowsError::Cut)));
    }
}
