//! Blocks of whole CSV records, for several threads: cut at line ends, but for those within quotes.

use std::io::Read;

/// A record longer than this many blocks is taken for a quote that never ends.
const LONGEST_RECORD_BLOCKS: usize = 16;

/// How a CSV text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    /// What separates cells.
    pub(super) delimiter: u8,
    /// Whether cells may stand in quotes, which may then hold delimiters and line ends.
    pub(super) quotes: bool,
}

/// Cuts a CSV text into blocks of whole records.
pub(super) struct RecordBlocks<R> {
    reader: R,
    dialect: Dialect,
    size: usize,
    rest: Vec<u8>,
    ended: bool,
}

/// Why there is no next block.
#[derive(Debug)]
pub(super) enum BlocksError {
    /// The reader failed.
    Io(std::io::Error),
    /// A record is too long to be one.
    EndlessRecord,
}

impl<R: Read> RecordBlocks<R> {
    /// Blocks of about `size` bytes.
    pub(super) fn new(reader: R, dialect: Dialect, size: usize) -> Self {
        Self { reader, dialect, size, rest: Vec::new(), ended: false }
    }

    /// The next block; `None` at the end.
    pub(super) fn next_block(&mut self) -> Result<Option<Vec<u8>>, BlocksError> {
        let mut text = std::mem::take(&mut self.rest);
        loop {
            let wanted = self.size;
            text.reserve(wanted);
            if !self.ended {
                let read = (&mut self.reader).take(wanted as u64).read_to_end(&mut text).map_err(BlocksError::Io)?;
                self.ended = read < wanted;
            }
            if self.ended {
                return Ok((!text.is_empty()).then_some(text));
            }
            if let Some(end) = last_record_end(&text, self.dialect) {
                self.rest = text.split_off(end);
                return Ok(Some(text));
            }
            if text.len() >= LONGEST_RECORD_BLOCKS * self.size {
                return Err(BlocksError::EndlessRecord);
            }
        }
    }
}

/// Where the last whole record of a text ends that begins with a record; `None` where none is known to be whole.
fn last_record_end(text: &[u8], dialect: Dialect) -> Option<usize> {
    if !dialect.quotes || memchr::memchr(b'"', text).is_none() {
        return memchr::memrchr(b'\n', text).map(|end| end + 1);
    }
    // The parser that reads the records tells which line ends stand within quotes. The last record may lack its end.
    let mut reader = reader(text, dialect);
    let mut record = csv::ByteRecord::new();
    let mut last = 0;
    while let Ok(true) = reader.read_byte_record(&mut record) {
        last = record.position().map_or(last, |position| position.byte() as usize);
    }
    (last > 0).then_some(last)
}

/// A parser of records without a header.
pub(super) fn reader(text: &[u8], dialect: Dialect) -> csv::Reader<&[u8]> {
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(dialect.delimiter).quoting(dialect.quotes).from_reader(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COMMAS: Dialect = Dialect { delimiter: b',', quotes: true };

    fn records(text: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let records = reader(text, COMMAS).into_byte_records();
        records.map(|record| record.unwrap().iter().map(<[u8]>::to_vec).collect()).collect()
    }

    proptest! {
        #[test]
        fn blocks_hold_the_records_of_the_whole(pieces in proptest::collection::vec("[ab,\"\n\r]|\"[ab,\n]{0,5}\"|a,b\n", 0..60), size in 1usize..50) {
            let text = pieces.concat().into_bytes();
            let mut blocks = RecordBlocks::new(text.as_slice(), COMMAS, size);
            let (mut found, mut bytes) = (Vec::new(), Vec::new());
            loop {
                match blocks.next_block() {
                    Ok(Some(block)) => {
                        found.extend(records(&block));
                        bytes.extend(block);
                    }
                    Ok(None) => break,
                    Err(BlocksError::EndlessRecord) => return Ok(()),
                    Err(BlocksError::Io(error)) => panic!("{error}"),
                }
            }
            prop_assert_eq!(&bytes, &text);
            prop_assert_eq!(found, records(&text));
        }
    }

    #[test]
    fn a_quote_that_never_ends_does_not_fill_the_memory() {
        let text = format!("a,b\n\"{}", "x\n".repeat(4000));
        let mut blocks = RecordBlocks::new(text.as_bytes(), COMMAS, 64);
        assert_eq!(blocks.next_block().unwrap().unwrap(), b"a,b\n");
        assert!(matches!(blocks.next_block(), Err(BlocksError::EndlessRecord)));
    }
}
