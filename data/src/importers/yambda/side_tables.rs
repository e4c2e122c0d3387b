//! What the set knows of tracks: artists, albums and embeddings of their sound.

use std::path::PathBuf;

use super::items::Items;
use crate::importers::parquet_columns::{Column, ColumnKind, ParquetFile, Wanted};
use crate::{DataError, DatasetWriter, Progress, Result};

/// Values per column that are read together.
const RANGE_VALUES: usize = 1 << 18;

/// The smallest identifier of an artist or album of each track, by the track's number. A track may have several, and
/// the set does not tell which is the first.
pub(super) fn read_mapping(
    paths: &[PathBuf],
    name: &str,
    items: &Items,
    lenient: bool,
    bad: &mut u64,
) -> Result<Vec<Option<u32>>> {
    let mut smallest = vec![None; items.count()];
    for path in paths {
        map_items(&ParquetFile::open(path)?, name, lenient, bad, |item, id| {
            if let Some(track) = items.find(item) {
                let known = &mut smallest[track as usize];
                *known = Some(known.map_or(id, |known: u32| known.min(id)));
            }
        })?;
    }
    Ok(smallest)
}

fn map_items(
    file: &ParquetFile,
    name: &str,
    lenient: bool,
    bad: &mut u64,
    mut take: impl FnMut(u32, u32),
) -> Result<()> {
    let int = |name| Wanted { name, kind: ColumnKind::Int, list: false };
    let selection = file.select(&[int("item_id"), int(name)])?;
    for range in selection.ranges(RANGE_VALUES) {
        let columns = selection.read(range)?;
        for row in 0..range.rows {
            match (id(&columns[0], row), id(&columns[1], row)) {
                (Some(item), Some(id)) => take(item, id),
                _ if lenient => *bad += 1,
                (item, _) => {
                    let (field, column) = if item.is_none() { ("item_id", 0) } else { (name, 1) };
                    return Err(bad_id(file, range.first_row + row as u64, field, &columns[column], row));
                }
            }
        }
    }
    Ok(())
}

fn id(column: &Column, row: usize) -> Option<u32> {
    u32::try_from(column.ints()[row]).ok().filter(|_| !column.is_missing(row))
}

fn bad_id(file: &ParquetFile, row: u64, field: &str, column: &Column, place: usize) -> DataError {
    let found = if column.is_missing(place) { "nothing".to_owned() } else { column.ints()[place].to_string() };
    bad_row(file, row, field, "a whole number of 32 bits without sign".into(), found)
}

fn bad_row(file: &ParquetFile, row: u64, field: &str, expected: String, found: String) -> DataError {
    DataError::BadRow { file: file.label().to_owned(), row: row + 1, field: field.to_owned(), expected, found }
}

/// Copies the embeddings of the tracks that have a number.
pub(super) struct Embeddings<'a> {
    pub(super) items: &'a Items,
    pub(super) writer: &'a mut DatasetWriter,
    pub(super) lenient: bool,
    pub(super) bad: &'a mut u64,
}

impl Embeddings<'_> {
    /// Answers how many there are.
    pub(super) fn read(self, paths: &[PathBuf], progress: &dyn Progress) -> Result<u64> {
        let mut written = vec![false; self.items.count()];
        let mut count = 0;
        for path in paths {
            let file = ParquetFile::open(path)?;
            progress.begin("reading embeddings", file.rows(), "rows");
            read_vectors(&file, self.lenient, self.bad, progress, |item, vector| match self.items.find(item) {
                Some(track) if !std::mem::replace(&mut written[track as usize], true) => {
                    count += 1;
                    self.writer.write_audio_vector(track, vector)
                }
                _ => Ok(()),
            })?;
            progress.end();
        }
        Ok(count)
    }
}

fn read_vectors(
    file: &ParquetFile,
    lenient: bool,
    bad: &mut u64,
    progress: &dyn Progress,
    mut take: impl FnMut(u32, &[f32]) -> Result<()>,
) -> Result<()> {
    let wanted = [
        Wanted { name: "item_id", kind: ColumnKind::Int, list: false },
        Wanted { name: "embed", kind: ColumnKind::Float, list: true },
    ];
    let selection = file.select(&wanted)?;
    let mut dimension = None;
    let mut vector = Vec::new();
    for range in selection.ranges(RANGE_VALUES) {
        let columns = selection.read(range)?;
        for row in 0..range.rows {
            let places = columns[1].places(row);
            let length = places.len();
            let missing = places.clone().any(|place| columns[1].is_missing(place));
            vector.clear();
            vector.extend(columns[1].floats()[places].iter().map(|&value| value as f32));
            let whole = !missing && length > 0 && vector.iter().all(|value| value.is_finite());
            match id(&columns[0], row) {
                Some(item) if whole && dimension.is_none_or(|dimension| dimension == length) => {
                    dimension = Some(length);
                    take(item, &vector)?;
                }
                _ if lenient => *bad += 1,
                None => return Err(bad_id(file, range.first_row + row as u64, "item_id", &columns[0], row)),
                Some(_) => {
                    let count = dimension.map_or("at least one".to_owned(), |dimension| dimension.to_string());
                    let found = if whole { format!("{length} of them") } else { format!("{vector:?}") };
                    let expected = format!("{count} finite numbers");
                    return Err(bad_row(file, range.first_row + row as u64, "embed", expected, found));
                }
            }
        }
        progress.advance(range.first_row + range.rows as u64);
    }
    Ok(())
}

/// Feeds a file to all that reads side tables.
pub(super) fn fuzz(file: &ParquetFile) {
    for lenient in [false, true] {
        let mut bad = 0;
        // Both outcomes are right; what matters is that there is one.
        let _ = map_items(file, "artist_id", lenient, &mut bad, |_, _| {});
        let _ = read_vectors(file, lenient, &mut bad, &crate::Silent, |_, _| Ok(()));
    }
}
