//! Candidate pools of the log's sessions, from a table of their own: a row per session and track.

use std::fs::File;
use std::path::{Path, PathBuf};

use bytemuck::{Pod, Zeroable};

use super::field::Field;
use super::mapping::Mapping;
use super::row::session_hash;
use crate::importers::ids::Ids;
use crate::importers::inputs::total_bytes;
use crate::importers::track_features::csv_error;
use crate::{DataError, DatasetWriter, ExternalSort, Progress, Result, Track};

const REMEDY: &str =
    "pass a CSV file with a header line and the log's columns of session and track, a row per candidate";

/// A track that a session could have been given, or a session that was written: by the hash of the log's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
struct OfSession {
    session: u64,
    /// The track, or the session's number in the dataset.
    value: u64,
}

/// Pools on their way from the table to the sessions that were written. Sorted outside the memory.
pub(super) struct Pools {
    candidates: ExternalSort<OfSession>,
    written: ExternalSort<OfSession>,
    /// Candidates by the number of their session.
    numbered: ExternalSort<OfSession>,
    /// Bad lines of the table, skipped.
    pub(super) bad: u64,
}

/// Pools that came to nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PoolCounts {
    /// Of sessions that are not in the log.
    pub(super) without_session: u64,
    /// Of sessions that the log cuts into pieces, since others of the user lie between, or whose name is that of several.
    pub(super) of_pieces: u64,
}

/// The table, opened, its columns known.
pub(super) struct PoolTable {
    path: PathBuf,
    table: csv::Reader<File>,
    /// Names and places of the columns of session and track.
    columns: [(String, usize); 2],
}

impl PoolTable {
    /// Opens the table and finds its columns.
    pub(super) fn open(path: &Path, mapping: &Mapping) -> Result<Self> {
        let tabs = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("tsv"));
        let delimiter = mapping.delimiter.unwrap_or(if tabs { b'\t' } else { b',' });
        let open =
            csv::ReaderBuilder::new().flexible(true).delimiter(delimiter).quoting(mapping.quotes).from_path(path);
        let mut table = open.map_err(|e| csv_error(path, e, REMEDY))?;
        let headers = table.byte_headers().map_err(|e| csv_error(path, e, REMEDY))?.clone();
        let column = |field: Field| {
            let unmapped = format!("needs a mapping that names `columns.{}`", field.name());
            let name = mapping.columns.get(&field).ok_or_else(|| DataError::bad_file(path, unmapped, REMEDY))?;
            let place = headers.iter().position(|header| header.trim_ascii() == name.as_bytes());
            let absent = || DataError::bad_file(path, format!("has no column `{name}`"), REMEDY);
            Ok((name.clone(), place.ok_or_else(absent)?))
        };
        Ok(Self { path: path.to_owned(), columns: [column(Field::Session)?, column(Field::Track)?], table })
    }
}

impl Pools {
    /// Reads the table. Tracks that nobody played join the catalog.
    pub(super) fn read(
        PoolTable { path, mut table, columns }: PoolTable,
        lenient: bool,
        (ids, tracks): (&mut Ids, &mut Vec<Track>),
        (folder, run_records): (&Path, usize),
        progress: &dyn Progress,
    ) -> Result<Self> {
        let sort = || ExternalSort::with_run_records(folder, run_records);
        let mut pools = Self { candidates: sort(), written: sort(), numbered: sort(), bad: 0 };
        progress.begin("reading pools", total_bytes(std::slice::from_ref(&path))?, "bytes");
        let mut line = csv::ByteRecord::new();
        let mut row = 0;
        while table.read_byte_record(&mut line).map_err(|e| csv_error(&path, e, REMEDY))? {
            row += 1;
            progress.advance(table.position().byte());
            let cell = |column: usize| {
                let bytes = line.get(columns[column].1).unwrap_or(b"");
                std::str::from_utf8(bytes).map(str::trim).ok().filter(|text| !text.is_empty()).ok_or(column)
            };
            match cell(0).and_then(|session| Ok((session, cell(1)?))) {
                Ok((session, id)) => {
                    let track = ids.number(id.as_bytes());
                    if track as usize == tracks.len() {
                        tracks.push(Track { id: id.to_owned(), ..Track::default() });
                    }
                    let value = u64::from(track);
                    pools.candidates.push(OfSession { session: session_hash(session), value })?;
                }
                Err(_) if lenient => pools.bad += 1,
                Err(column) => {
                    let (name, place) = &columns[column];
                    return Err(DataError::BadRow {
                        file: path.display().to_string(),
                        row,
                        field: name.clone(),
                        expected: "some UTF-8 text".to_owned(),
                        found: format!("{:?}", String::from_utf8_lossy(line.get(*place).unwrap_or(b""))),
                    });
                }
            }
        }
        progress.end();
        Ok(pools)
    }

    /// A session, or a piece of one, was written under this number.
    pub(super) fn session_written(&mut self, session: u64, number: u64) -> Result<()> {
        self.written.push(OfSession { session, value: number })
    }

    /// Writes the pools of the sessions that were written whole.
    pub(super) fn write(mut self, writer: &mut DatasetWriter) -> Result<PoolCounts> {
        let mut counts = PoolCounts::default();
        let mut written = self.written.sorted()?.peekable();
        // Session, and its number where it has one alone.
        let mut current: Option<(u64, Option<u64>)> = None;
        for candidate in self.candidates.sorted()? {
            let OfSession { session, value } = candidate?;
            if current.is_none_or(|(of, _)| of != session) {
                let mut numbers = Vec::new();
                // An error is given on at once.
                while let Some(other) = written.next_if(|other| !matches!(other, Ok(other) if other.session > session))
                {
                    let other = other?;
                    numbers.extend((other.session == session).then_some(other.value));
                }
                counts.without_session += u64::from(numbers.is_empty());
                counts.of_pieces += u64::from(numbers.len() > 1);
                current = Some((session, numbers.first().copied().filter(|_| numbers.len() == 1)));
            }
            if let Some((_, Some(number))) = current {
                self.numbered.push(OfSession { session: number, value })?;
            }
        }
        let (mut number, mut pool) = (0, Vec::new());
        for row in self.numbered.sorted()? {
            let OfSession { session, value } = row?;
            if session != number && !pool.is_empty() {
                writer.write_pool(number, &pool)?;
                pool.clear();
            }
            number = session;
            // A track that stands twice is one candidate.
            if pool.last() != Some(&(value as u32)) {
                pool.push(value as u32);
            }
        }
        if pool.is_empty() { Ok(()) } else { writer.write_pool(number, &pool) }?;
        Ok(counts)
    }
}
