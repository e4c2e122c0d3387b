//! Splits blocks of CSV lines into cells.

use std::ops::Range;

use crate::parallel::LineBlock;

/// Cells of one row.
pub(super) struct CsvRow<'a> {
    /// Line of the file, from 1: the header is line 1.
    pub(super) line: u64,
    text: &'a [u8],
    cells: &'a [Range<u32>],
}

impl<'a> CsvRow<'a> {
    /// How many cells there are.
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// A cell by its place; empty beyond the last.
    pub(super) fn cell(&self, place: usize) -> &'a [u8] {
        &self.text[self.range(place)]
    }

    /// A piece of the text that was split, such as a cell of a row before.
    pub(super) fn text_at(&self, range: Range<usize>) -> &'a [u8] {
        &self.text[range]
    }

    /// Where a cell lies in the text that was split.
    pub(super) fn range(&self, place: usize) -> Range<usize> {
        self.cells.get(place).map_or(0..0, |range| range.start as usize..range.end as usize)
    }
}

/// Hands the rows of a block to `take`, but for empty lines. Quotes are undone in place, so that all cells lie in
/// `block.text` afterwards. Stops at the first error.
pub(super) fn each_row<E>(block: &mut LineBlock, mut take: impl FnMut(&CsvRow<'_>) -> Result<(), E>) -> Result<(), E> {
    // Published files have no quotes; a tool that saved them again may have added some.
    if memchr::memchr(b'"', &block.text).is_some() {
        return each_quoted_row(block, take);
    }
    let text = &block.text;
    let mut cells = Vec::with_capacity(32);
    let mut line = block.first_line;
    let mut start = 0;
    let mut row = |cells: &mut Vec<Range<u32>>, line: u64| {
        if let Some(last) = cells.last_mut().filter(|last| last.end > last.start) {
            last.end -= u32::from(text[last.end as usize - 1] == b'\r');
        }
        let empty = cells.len() == 1 && cells[0].is_empty();
        let taken = if empty { Ok(()) } else { take(&CsvRow { line, text, cells }) };
        cells.clear();
        taken
    };
    each_separator(text, |end| {
        cells.push(start as u32..end as u32);
        start = end + 1;
        if text[end] == b'\n' {
            row(&mut cells, line)?;
            line += 1;
        }
        Ok(())
    })?;
    if start < text.len() || !cells.is_empty() {
        cells.push(start as u32..text.len() as u32);
        row(&mut cells, line)?;
    }
    Ok(())
}

/// Hands the places of commas and line ends to `take`.
///
/// Eight bytes are looked at together: cells are so short that a search by `memchr` spends its time on beginning anew
/// (a sixth of the whole import).
fn each_separator<E>(text: &[u8], mut take: impl FnMut(usize) -> Result<(), E>) -> Result<(), E> {
    let (words, rest) = text.as_chunks::<8>();
    let mut place = 0;
    for &word in words {
        let word = u64::from_le_bytes(word);
        let mut found = bytes_equal(word, b',') | bytes_equal(word, b'\n');
        while found != 0 {
            take(place + found.trailing_zeros() as usize / 8)?;
            found &= found - 1;
        }
        place += 8;
    }
    let rest = rest.iter().enumerate().filter(|(_, byte)| matches!(byte, b',' | b'\n'));
    rest.map(|(offset, _)| place + offset).try_for_each(take)
}

/// The highest bit of each byte of `word` that equals `byte`.
fn bytes_equal(word: u64, byte: u8) -> u64 {
    const LOW_BITS: u64 = 0x7F7F_7F7F_7F7F_7F7F;
    let difference = word ^ u64::from_ne_bytes([byte; 8]);
    // Adding to seven bits sets the eighth unless all are 0, and never carries into the next byte.
    !(((difference & LOW_BITS) + LOW_BITS) | difference | LOW_BITS)
}

fn each_quoted_row<E>(block: &mut LineBlock, mut take: impl FnMut(&CsvRow<'_>) -> Result<(), E>) -> Result<(), E> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(block.text.as_slice());
    let mut record = csv::ByteRecord::new();
    let mut rows = Vec::new();
    let (mut text, mut cells) = (Vec::with_capacity(block.text.len()), Vec::new());
    // Reading bytes from memory into bytes cannot fail.
    while reader.read_byte_record(&mut record).unwrap_or(false) {
        let line = block.first_line + record.position().map_or(0, |position| position.line() - 1);
        let first = cells.len();
        for cell in &record {
            let start = text.len() as u32;
            text.extend_from_slice(cell);
            cells.push(start..text.len() as u32);
        }
        rows.push((line, first..cells.len()));
    }
    block.text = text;
    rows.into_iter().try_for_each(|(line, places)| take(&CsvRow { line, text: &block.text, cells: &cells[places] }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(text: &str) -> Vec<(u64, Vec<String>)> {
        let mut block = LineBlock { text: text.as_bytes().to_vec(), first_line: 5 };
        let mut rows = Vec::new();
        let end: Result<(), ()> = each_row(&mut block, |row| {
            let cells = (0..row.len()).map(|place| String::from_utf8(row.cell(place).to_vec()).unwrap());
            rows.push((row.line, cells.collect()));
            Ok(())
        });
        end.unwrap();
        rows
    }

    fn row(line: u64, cells: &[&str]) -> (u64, Vec<String>) {
        (line, cells.iter().map(|&cell| cell.to_owned()).collect())
    }

    #[test]
    fn cells_are_split_at_commas_and_line_ends() {
        assert_eq!(split("a,b\r\nc,\n\n,d"), [row(5, &["a", "b"]), row(6, &["c", ""]), row(8, &["", "d"])]);
        assert_eq!(split("a,\"b,\"\"c\"\nd,e\n"), [row(5, &["a", "b,\"c"]), row(6, &["d", "e"])]);
        assert_eq!(split("a,"), [row(5, &["a", ""])]);
    }

    proptest! {
        #[test]
        fn cells_are_those_of_the_csv_crate(text in "[a-c,\n\u{8a}\u{ac}-\u{ad}]{0,60}") {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let expected: Vec<Vec<String>> =
                reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
            let rows: Vec<Vec<String>> = split(&text).into_iter().map(|(_, cells)| cells).collect();
            prop_assert_eq!(rows, expected);
        }
    }
}
