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
    /// The key of the outermost object under which the array stands; `None` where it is the whole file.
    key: Option<&'static str>,
    begun: bool,
    bytes: u64,
}

impl<R: BufRead> JsonRows<R> {
    /// The elements of a file that is an array.
    pub(super) fn new(reader: R) -> Self {
        Self { reader, row: Vec::new(), key: None, begun: false, bytes: 0 }
    }

    /// The elements of the array that stands under `key` in a file that is an object.
    pub(super) fn under(reader: R, key: &'static str) -> Self {
        Self { key: Some(key), ..Self::new(reader) }
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
            if let Some(key) = self.key {
                self.find_key(key)?;
            }
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

    /// Goes to the value of a key of the outermost object.
    fn find_key(&mut self, key: &str) -> Result<(), RowsError> {
        if self.peek()? != Some(b'{') {
            return Err(RowsError::NotAnArray);
        }
        self.skip(1);
        loop {
            self.skip_while(|byte| byte.is_ascii_whitespace() || byte == b',')?;
            match self.peek()? {
                Some(b'"') => self.read_row()?,
                None => return Err(RowsError::Cut),
                Some(_) => return Err(RowsError::NotAnArray),
            }
            let found = self.row == format!("\"{key}\"").as_bytes();
            self.skip_while(|byte| byte.is_ascii_whitespace() || byte == b':')?;
            if found {
                return Ok(());
            }
            match self.peek()? {
                Some(b'{' | b'[' | b'"') => self.read_row()?,
                _ => self.skip_while(|byte| !matches!(byte, b',' | b'}'))?,
            }
        }
    }

    fn read_row(&mut self) -> Result<(), RowsError> {
        self.row.clear();
        let mut splitter = Splitter::default();
        while !splitter.done {
            let buffer = self.reader.fill_buf().map_err(RowsError::Io)?;
            if buffer.is_empty() || self.row.len() > LONGEST_ROW {
                return Err(RowsError::Cut);
            }
            let used = splitter.read(buffer);
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

/// Finds the end of a value that may lie in several buffers.
#[derive(Default)]
struct Splitter {
    depth: u32,
    in_string: bool,
    escaped: bool,
    done: bool,
}

impl Splitter {
    /// How many bytes of a buffer belong to the value; sets `done` at its end.
    fn read(&mut self, buffer: &[u8]) -> usize {
        let mut used = 0;
        while let Some(&byte) = buffer.get(used) {
            if self.escaped {
                self.escaped = false;
            } else if self.in_string {
                // Most bytes of most rows stand in strings, and few of them end one.
                match memchr::memchr2(b'"', b'\\', &buffer[used..]) {
                    None => return buffer.len(),
                    Some(offset) => {
                        used += offset;
                        self.escaped = buffer[used] == b'\\';
                        self.in_string = self.escaped;
                        self.done = self.depth == 0 && !self.in_string;
                    }
                }
            } else {
                match byte {
                    b'"' => self.in_string = true,
                    b'{' | b'[' => self.depth += 1,
                    // Ends a number or a word that stands where a row should.
                    b',' | b']' if self.depth == 0 => {
                        self.done = true;
                        return used;
                    }
                    b'}' | b']' => {
                        self.depth = self.depth.saturating_sub(1);
                        self.done = self.depth == 0;
                    }
                    // Indented files are half blanks.
                    b' ' => {
                        while buffer[used + 1..].starts_with(b"        ") {
                            used += 8;
                        }
                    }
                    _ => {}
                }
            }
            used += 1;
            if self.done {
                break;
            }
        }
        used
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
    fn the_array_under_a_key_is_found_at_any_buffer_size() {
        let text = r#" {"info": {"playlists": [7], "x": "}"}, "a\"b": "[", "n": 12 , "t": null,"playlists" : [{"a": 1}, 2], "z": [3]}"#;
        for capacity in 1..text.len() {
            let mut rows = JsonRows::under(BufReader::with_capacity(capacity, text.as_bytes()), "playlists");
            assert_eq!(rows.next_row().unwrap(), Some(&b"{\"a\": 1}"[..]));
            assert_eq!(rows.next_row().unwrap(), Some(&b"2"[..]));
            assert_eq!(rows.next_row().unwrap(), None);
        }
        for (text, cut) in [
            ("{\"playlists\": {}}", false),
            ("{\"a\": 1}", false),
            ("[1]", false),
            ("{1: []}", false),
            ("", false),
            ("{\"a\": ", true),
            ("{\"a\": [1, ", true),
            ("{", true),
        ] {
            let end = JsonRows::under(text.as_bytes(), "playlists").next_row().map(|_| ()).unwrap_err();
            assert_eq!(matches!(end, RowsError::Cut), cut, "{text}: {end:?}");
        }
    }

    #[test]
    fn indented_rows_are_split_at_any_buffer_size() {
        for indent in 0..40 {
            let blanks = " ".repeat(indent);
            let row = format!("{{{blanks}\"a{blanks}\":{blanks}[{blanks}1,{blanks}2]{blanks}}}");
            let text = format!("{blanks}[{blanks}{row},\n{blanks}{row}{blanks}]");
            for capacity in [1, 2, 7, 8, 9, 31, 4096] {
                let (read, end) = rows(&text, capacity);
                assert!(end.is_ok());
                assert_eq!(read, [row.as_str(); 2], "{indent} {capacity}");
            }
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
