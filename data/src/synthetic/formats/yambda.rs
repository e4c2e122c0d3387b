//! Yambda in its flat layout: listens, artists and albums. What it cannot carry is lost: the clock, the device and
//! what a session was started from, beyond whether the listener or a recommendation chose.

use std::collections::HashMap;
use std::path::Path;

use super::LogWriter;
use crate::new_folder::NewFolder;
use crate::synthetic::SyntheticWorld;
use crate::synthetic::generate::FIRST_DAY_MS;
use crate::table::{ColumnValues, TableLayout, TableWriter, Values};
use crate::{BehaviourPolicy, DataError, Result, Session, Track};

/// Rows of a row group: what pyarrow writes.
const GROUP_ROWS: usize = 1 << 20;
/// Times and lengths are told in units of so many seconds.
const UNIT_S: i64 = 5;
/// The set's users are multiples of this.
const UID_STEP: u32 = 10;

const LISTENS: &str = "message schema {
    optional int32 uid (integer(32, false));
    optional int32 timestamp (integer(32, false));
    optional int32 item_id (integer(32, false));
    optional int32 is_organic (integer(8, false));
    optional int32 played_ratio_pct (integer(16, false));
    optional int32 track_length_seconds (integer(32, false));
}";

pub(super) fn writer<'a>(out: &Path, world: &'a SyntheticWorld) -> Result<Box<dyn LogWriter + 'a>> {
    let folder = NewFolder::create(out)?;
    let listens = create(&folder.path("listens.parquet"), LISTENS)?;
    let rows = std::array::from_fn(|_| Vec::new());
    Ok(Box::new(YambdaWriter { world, folder, listens, rows }))
}

struct YambdaWriter<'a> {
    world: &'a SyntheticWorld,
    folder: NewFolder,
    listens: TableWriter,
    /// The columns of the rows to be written.
    rows: [Vec<i32>; 6],
}

impl LogWriter for YambdaWriter<'_> {
    fn write(&mut self, listener: u32, sessions: &[Session]) -> Result<()> {
        for session in sessions {
            let organic = session.context.behaviour_policy == Some(BehaviourPolicy::OwnChoice);
            for play in &session.plays {
                let duration_ms = self.world.tracks()[play.track as usize].duration_ms.unwrap_or(0);
                let ms_played = u64::from(play.ms_played.unwrap_or(0));
                let ratio_pct = (100 * ms_played).checked_div(u64::from(duration_ms)).unwrap_or(0);
                let row = [
                    ((listener + 1) * UID_STEP) as i32,
                    in_units((play.start_ms - FIRST_DAY_MS) / 1000),
                    item(play.track),
                    i32::from(organic),
                    ratio_pct as i32,
                    in_units(i64::from(duration_ms) / 1000).max(UNIT_S as i32),
                ];
                self.rows.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
            }
        }
        if self.rows[0].len() >= GROUP_ROWS { write_rows(&mut self.listens, &mut self.rows) } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if !self.rows[0].is_empty() {
            write_rows(&mut self.listens, &mut self.rows)?;
        }
        self.listens.close()?;
        write_mapping(self.folder.partial(), "artist", self.world.tracks(), |track| (&track.artist, ""))?;
        write_mapping(self.folder.partial(), "album", self.world.tracks(), |track| (&track.artist, &track.album))?;
        self.folder.finish()
    }
}

/// Seconds, cut to whole units.
fn in_units(seconds: i64) -> i32 {
    (seconds - seconds.rem_euclid(UNIT_S)) as i32
}

/// The set counts its tracks from 1.
fn item(track: u32) -> i32 {
    track as i32 + 1
}

fn create(path: &Path, schema: &str) -> Result<TableWriter> {
    TableWriter::create(path, TableLayout::new(schema, &[], &[], &[]).map_err(DataError::parquet(path))?)
}

fn write_rows(table: &mut TableWriter, columns: &mut [Vec<i32>]) -> Result<()> {
    let values = |column: &mut Vec<i32>| ColumnValues::Int(Values::optional(column.drain(..).map(Some)));
    table.write(&columns.iter_mut().map(values).collect::<Vec<_>>())
}

/// A table of tracks and numbers for what they belong to.
fn write_mapping<'a>(
    folder: &Path,
    name: &str,
    tracks: &'a [Track],
    key: impl Fn(&'a Track) -> (&'a str, &'a str),
) -> Result<()> {
    let schema = format!(
        "message schema {{ optional int32 {name}_id (integer(32, false)); optional int32 item_id (integer(32, false)); }}"
    );
    let mut table = create(&folder.join(format!("{name}_item_mapping.parquet")), &schema)?;
    let mut numbers = HashMap::new();
    let number = |track| {
        let next = numbers.len() as i32 + 1;
        *numbers.entry(key(track)).or_insert(next)
    };
    let mut columns = [tracks.iter().map(number).collect(), (0..tracks.len() as u32).map(item).collect()];
    write_rows(&mut table, &mut columns)?;
    table.close().map(|_| ())
}
