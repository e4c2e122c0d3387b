//! A look at metadata before the library reads it. A list in a footer may claim billions of elements that take no byte, and
//! the library counts through them; a page may claim billions of bytes, and the library makes room for them.

use parquet::errors::{ParquetError, Result};

/// Levels of values within values: more than the library follows, which gives up at 64 below the few that it knows.
const DEPTH: u32 = 128;

/// Why the walk ended early.
enum Stop {
    /// The library will say what is wrong.
    Malformed,
    /// A list of so many elements, or a number of more bytes than numbers have.
    TooLong(u64),
}

/// Refuses metadata whose lists claim more elements than it has bytes.
///
/// The metadata is one structure in Thrift's compact protocol. It is walked through as the library walks through fields
/// that it does not know; what cannot be walked through is left to the library.
pub(super) fn check_lists(metadata: &[u8]) -> Result<()> {
    let mut walk = Walk { rest: metadata, elements_left: metadata.len() as u64 };
    match walk.structure(DEPTH) {
        Err(Stop::TooLong(elements)) => {
            Err(ParquetError::General(format!("a list of {elements} elements in metadata of {} bytes", metadata.len())))
        }
        Ok(()) | Err(Stop::Malformed) => Ok(()),
    }
}

/// The largest size unpacked that a page's header claims (field 2 of parquet.thrift's `PageHeader`), as far as the header
/// can be walked through.
pub(super) fn claimed_page_size(header: &[u8]) -> u64 {
    let mut walk = Walk { rest: header, elements_left: header.len() as u64 };
    let mut largest = 0;
    match walk.page_header(&mut largest) {
        Err(Stop::TooLong(claimed)) => claimed,
        // It ends where the bytes do, or with what is no header.
        Ok(()) | Err(Stop::Malformed) => largest,
    }
}

struct Walk<'a> {
    rest: &'a [u8],
    /// Elements of lists that may still come.
    elements_left: u64,
}

impl Walk<'_> {
    fn skip(&mut self, bytes: u64) -> std::result::Result<(), Stop> {
        let bytes = usize::try_from(bytes).map_err(|_| Stop::Malformed)?;
        self.rest = self.rest.get(bytes..).ok_or(Stop::Malformed)?;
        Ok(())
    }

    fn byte(&mut self) -> std::result::Result<u8, Stop> {
        let byte = *self.rest.first().ok_or(Stop::Malformed)?;
        self.skip(1)?;
        Ok(byte)
    }

    /// A number of seven bits to the byte, the lowest first.
    fn number(&mut self) -> std::result::Result<u64, Stop> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        // The library reads on, round and round the bits of its number.
        Err(Stop::TooLong(u64::MAX))
    }

    fn elements(&mut self, count: u64) -> std::result::Result<(), Stop> {
        self.elements_left = self.elements_left.checked_sub(count).ok_or(Stop::TooLong(count))?;
        Ok(())
    }

    fn page_header(&mut self, largest: &mut u64) -> std::result::Result<(), Stop> {
        const UNPACKED_SIZE: u64 = 2;
        let mut field = 0u64;
        loop {
            let header = self.byte()?;
            if header & 0x0f == 0 {
                return Ok(());
            }
            // The field's number is told by its distance from the one before, or whole; numbers with a sign are folded.
            field = if header >> 4 == 0 { self.number()? >> 1 } else { field + u64::from(header >> 4) };
            match field {
                UNPACKED_SIZE => *largest = (*largest).max(self.number()? >> 1),
                // The kind, the size packed and the checksum are numbers too, whatever the header says of them.
                1..=4 => drop(self.number()?),
                _ => self.value(header & 0x0f, DEPTH)?,
            }
        }
    }

    fn structure(&mut self, depth: u32) -> std::result::Result<(), Stop> {
        loop {
            let header = self.byte()?;
            let kind = header & 0x0f;
            if kind == 0 {
                return Ok(());
            }
            if header >> 4 == 0 {
                self.number()?;
            }
            self.value(kind, depth)?;
        }
    }

    /// A value of one of the protocol's kinds.
    fn value(&mut self, kind: u8, depth: u32) -> std::result::Result<(), Stop> {
        let below = depth.checked_sub(1).ok_or(Stop::Malformed)?;
        match kind {
            // Truth is told by the kind.
            1 | 2 => Ok(()),
            3 => self.skip(1),
            4..=6 => self.number().map(drop),
            7 => self.skip(8),
            8 => {
                let bytes = self.number()?;
                self.skip(bytes)
            }
            9 | 10 => {
                let header = self.byte()?;
                let count = if header >> 4 == 15 { self.number()? } else { u64::from(header >> 4) };
                self.elements(count)?;
                (0..count).try_for_each(|_| self.value(header & 0x0f, below))
            }
            11 => {
                let count = self.number()?;
                self.elements(count)?;
                if count == 0 {
                    return Ok(());
                }
                let kinds = self.byte()?;
                (0..count).try_for_each(|_| {
                    self.value(kinds >> 4, below)?;
                    self.value(kinds & 0x0f, below)
                })
            }
            12 => self.structure(below),
            13 => self.skip(16),
            _ => Err(Stop::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_claim_more_than_there_are_bytes_are_refused() {
        // Field 1, a list of three bytes; field 2, a structure with field 1, a text of two bytes.
        let whole = [0x19, 0x33, 7, 8, 9, 0x1c, 0x18, 2, b'a', b'b', 0, 0];
        assert!(check_lists(&whole).is_ok());
        // Field 1, a list of 2^31 times "true", which take no byte.
        let endless = [0x19, 0xf1, 0x80, 0x80, 0x80, 0x80, 0x08, 0];
        assert!(check_lists(&endless).unwrap_err().to_string().contains("2147483648 elements in metadata of 8 bytes"));
        // The same as a map, and lists that are too long only together.
        assert!(check_lists(&[0x1b, 0x80, 0x80, 0x80, 0x80, 0x08, 0x11, 0]).is_err());
        assert!(check_lists(&[0x19, 0x39, 0x31, 0x31, 0x31, 0]).is_err());
        // As deep as the library follows.
        let deep = [&[0x1c; 60][..], &endless[..]].concat();
        assert!(check_lists(&deep).is_err());
        // What ends early, or nests without end, is left to the library.
        for other in [&[][..], &[0x19], &[0x18, 200, 1], &[0x1c; 1000], &[0x1e]] {
            assert!(check_lists(other).is_ok(), "{other:?}");
        }
    }
}
