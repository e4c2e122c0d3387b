//! Plain lists: a session per line, items by their ids.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::super::ids::Ids;
use super::super::inputs::{BytesRead, open_each};
use super::super::options::ImportOptions;
use super::super::report::{ImportCounts, ImportReport, Remark, holds_no};
use super::super::row_problem::{RowProblem, shown};
use super::super::text_lines::{line_text, numbered_lines, read_lines};
use super::super::track_features::add_track_features;
use super::{ItemSeparator, REMEDY, SessionsOptions};
use crate::parallel::LineBlock;
use crate::{Context, DataError, DatasetWriter, Play, Progress, Result, SourceInfo};

/// Bytes of the first file that are looked at to tell the separator.
const FIRST_BYTES: u64 = 1 << 16;

/// Whether a file of a folder or archive is taken for a list, by its lower-case name.
pub(super) fn is_list(name: &str) -> bool {
    let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
    let read_me = ["readme", "licence", "license"].iter().any(|word| name.starts_with(word));
    !read_me && [".txt", ".csv", ".tsv", ".dat"].iter().any(|end| name.ends_with(end))
}

pub(super) fn import(
    files: &[PathBuf],
    out: &Path,
    options: &ImportOptions,
    lists: &SessionsOptions,
    progress: &dyn Progress,
) -> Result<ImportReport> {
    let separator = match lists.separator {
        Some(separator) => separator,
        None => separator_of(&files[0])?,
    };
    let mut writer = DatasetWriter::create(out)?;
    let mut counts = ImportCounts::default();
    let (mut items, mut plays, mut sessions, mut empty_lines) = (Ids::default(), Vec::new(), 0, 0);
    let work = |label: &str, block: &LineBlock| Parsed::parse(label, block, separator, options.lenient);
    let mut take = |block: Parsed| -> Result<()> {
        counts.rows_read += block.items() + block.rows_bad;
        counts.rows_bad += block.rows_bad;
        counts.rows_kept += block.items();
        empty_lines += block.empty_lines;
        let mut begin = 0;
        let mut ends = block.item_ends.iter();
        for &length in &block.lengths {
            plays.clear();
            plays.extend(ends.by_ref().take(length as usize).map(|&end| {
                let item = &block.text[begin..end as usize];
                begin = end as usize;
                Play { track: items.number(item), ..Play::default() }
            }));
            writer.write_plays(sessions, 0, Context::default(), &plays)?;
            sessions += 1;
            writer.write_user(&format!("session:{sessions}"))?;
        }
        Ok(())
    };
    let files_read = read_lines(files, &is_list, options.lenient, progress, work, &mut take)?;
    if counts.rows_kept == 0 {
        return Err(holds_no("items", counts.rows_read, files, REMEDY));
    }
    let mut catalog = items.catalog();
    let feature_rows_bad = add_track_features(&mut catalog, |id| items.find(id.as_bytes()), options)?;
    counts.files = files_read.files;
    counts.remarks = vec![
        Remark::new("files that end too early, read up to there", files_read.cut),
        Remark::new("bad lines of track features", feature_rows_bad),
        Remark::new("empty lines", empty_lines),
    ];
    counts.count_tracks(&catalog);
    let details = serde_json::json!({ "settings": options, "lists": { "separator": separator }, "counts": counts });
    let manifest = writer.finish(&catalog, &[], &SourceInfo { format: "sessions".to_owned(), details })?;
    Ok(ImportReport { manifest, counts })
}

/// Tells the separator from the first lines of a file.
fn separator_of(file: &Path) -> Result<ItemSeparator> {
    let mut text = None;
    let read = open_each(file, &BytesRead::default(), &is_list, &mut |label, contents| {
        let mut bytes = Vec::new();
        // A file that cannot be read is refused, or read as far as it goes, when its lines are.
        let _ = contents.take(FIRST_BYTES).read_to_end(&mut bytes);
        text = Some(bytes);
        // The first file of an archive is enough: this ends the reading.
        Err(DataError::bad_file(label, "is the first", REMEDY))
    });
    match (text, read) {
        (Some(text), _) => Ok(separator_in(&text)),
        (None, Err(error)) => Err(error),
        (None, Ok(())) => Err(DataError::bad_file(file, "holds no lists", REMEDY)),
    }
}

fn separator_in(text: &[u8]) -> ItemSeparator {
    if text.contains(&b'\t') {
        ItemSeparator::Tab
    } else if text.contains(&b',') {
        ItemSeparator::Comma
    } else {
        ItemSeparator::Blank
    }
}

/// The sessions of a block: the texts of their items one after the other.
#[derive(Default)]
struct Parsed {
    text: Vec<u8>,
    item_ends: Vec<u32>,
    /// Items of each session.
    lengths: Vec<u32>,
    rows_bad: u64,
    empty_lines: u64,
}

impl Parsed {
    fn parse(label: &str, block: &LineBlock, separator: ItemSeparator, lenient: bool) -> Result<Self> {
        let mut parsed = Self::default();
        for (number, line) in numbered_lines(block) {
            match line_text(line) {
                Ok(line) => parsed.push_line(line, separator, lenient).map_err(|problem| problem.at(label, number))?,
                Err(_) if lenient => parsed.rows_bad += 1,
                Err(problem) => return Err(problem.at(label, number)),
            }
        }
        Ok(parsed)
    }

    fn push_line(
        &mut self,
        line: &str,
        separator: ItemSeparator,
        lenient: bool,
    ) -> std::result::Result<(), RowProblem> {
        // Some editors begin a file with a byte order mark.
        let line = line.trim_start_matches('\u{feff}');
        if line.trim_ascii().is_empty() {
            self.empty_lines += 1;
            return Ok(());
        }
        let before = self.item_ends.len();
        match separator {
            ItemSeparator::Blank => line.split_ascii_whitespace().for_each(|item| self.push_item(item)),
            ItemSeparator::Comma | ItemSeparator::Tab => {
                let byte = if separator == ItemSeparator::Comma { ',' } else { '\t' };
                for (place, item) in (1..).zip(line.split(byte).map(str::trim_ascii)) {
                    match item {
                        "" if lenient => self.rows_bad += 1,
                        "" => {
                            let found = format!("nothing in {}", shown(line));
                            return Err(RowProblem::new(format!("item {place}"), "an item's id", found));
                        }
                        item => self.push_item(item),
                    }
                }
            }
        }
        let length = self.item_ends.len() - before;
        if length > 0 {
            self.lengths.push(length as u32);
        }
        Ok(())
    }

    fn push_item(&mut self, item: &str) {
        self.text.extend_from_slice(item.as_bytes());
        self.item_ends.push(self.text.len() as u32);
    }

    fn items(&self) -> u64 {
        self.item_ends.len() as u64
    }
}

/// Feeds bytes to all that parses.
pub(crate) fn fuzz(bytes: &[u8]) {
    let block = LineBlock { text: bytes.to_vec(), first_line: 1 };
    for separator in [separator_in(bytes), ItemSeparator::Blank, ItemSeparator::Comma, ItemSeparator::Tab] {
        for lenient in [false, true] {
            let Ok(parsed) = Parsed::parse("fuzz", &block, separator, lenient) else { continue };
            let items: u64 = parsed.lengths.iter().map(|&length| u64::from(length)).sum();
            assert_eq!(items, parsed.items(), "every item belongs to a session");
        }
    }
}
