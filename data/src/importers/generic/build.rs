//! From rows in any order to sessions.

use std::cmp::Ordering;
use std::path::Path;

use bytemuck::{Pod, Zeroable};

use super::pools::Pools;
use super::row::{Row, Rows};
use crate::importers::ids::Ids;
use crate::importers::session_builder::SessionBuilder;
use crate::{
    BehaviourPolicy, Context, DatasetWriter, Device, ExternalSort, Play, Progress, Responses, Result, SessionRules,
    Source, Track,
};

/// Stands for a time played that is not known.
const UNKNOWN_MS: u32 = u32::MAX;
/// Stands for a word that is not known.
const UNKNOWN_CODE: u8 = u8::MAX;

/// A play, ordered by user, then time, then its place in the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
struct Record {
    user: u32,
    track: u32,
    time_ms: i64,
    sequence: u64,
    session: u64,
    ms_played: u32,
    /// The bits of a probability; 0 where unknown.
    propensity: u32,
    /// Complete, skip, premium, shuffle, two bits each: known, and yes.
    flags: u8,
    device: u8,
    source: u8,
    policy: u8,
    unused: u32,
}

impl Ord for Record {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |record: &Self| (record.user, record.time_ms, record.sequence);
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Record {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Gathers rows; tracks and users stay in memory, plays are sorted outside of it.
pub(super) struct Gathering {
    plays: ExternalSort<Record>,
    pub(super) users: Ids,
    pub(super) track_ids: Ids,
    pub(super) tracks: Vec<Track>,
    kept: u64,
}

impl Gathering {
    pub(super) fn new(folder: &Path, run_records: usize) -> Self {
        let plays = ExternalSort::with_run_records(folder, run_records);
        Self { plays, users: Ids::default(), track_ids: Ids::default(), tracks: Vec::new(), kept: 0 }
    }

    pub(super) fn kept(&self) -> u64 {
        self.kept
    }

    /// Adds the rows of a piece. A track keeps the names of its first row and the first duration that is given.
    pub(super) fn add(&mut self, rows: &Rows) -> Result<()> {
        for (_, row) in &rows.rows {
            let user = self.users.number(rows.text_of(row.user).as_bytes());
            let track = self.track_ids.number(rows.text_of(row.track).as_bytes());
            if track as usize == self.tracks.len() {
                self.tracks.push(Track {
                    id: rows.text_of(row.track).to_owned(),
                    name: rows.text_of(row.name).to_owned(),
                    artist: rows.text_of(row.artist).to_owned(),
                    album: rows.text_of(row.album).to_owned(),
                    ..Track::default()
                });
            }
            let known = &mut self.tracks[track as usize];
            known.duration_ms = known.duration_ms.or(row.duration_ms);
            self.plays.push(record(user, track, self.kept, row))?;
            self.kept += 1;
        }
        Ok(())
    }

    /// Writes users and sessions; answers the catalog.
    pub(super) fn write(
        self,
        writer: &mut DatasetWriter,
        rules: &SessionRules,
        end_times: bool,
        mut pools: Option<&mut Pools>,
        progress: &dyn Progress,
    ) -> Result<Vec<Track>> {
        for user in 0..self.users.len() as u32 {
            writer.write_user(&String::from_utf8_lossy(self.users.id(user)))?;
        }
        let mut builder = SessionBuilder::new(rules, writer);
        let (mut last, mut sessions) = (None, 0);
        self.plays.take_sorted("writing sessions", "plays", progress, |record| {
            let play = play(&record, self.tracks[record.track as usize].duration_ms, rules, end_times);
            let context = context(&record);
            if record.session == 0 {
                builder.push(record.user, context, play)?;
            } else {
                let opens = last != Some((record.user, record.session));
                if let Some(pools) = pools.as_deref_mut().filter(|_| opens) {
                    pools.session_written(record.session, sessions)?;
                }
                sessions += u64::from(opens);
                builder.push_as(record.user, context, play, opens)?;
            }
            last = Some((record.user, record.session));
            Ok(())
        })?;
        builder.finish()?;
        Ok(self.tracks)
    }
}

fn record(user: u32, track: u32, sequence: u64, row: &Row) -> Record {
    let flags = [row.complete, row.skip, row.premium, row.shuffle];
    let code = |code: Option<usize>| code.map_or(UNKNOWN_CODE, |code| code as u8);
    Record {
        user,
        track,
        time_ms: row.time_ms,
        sequence,
        session: row.session,
        ms_played: row.ms_played.unwrap_or(UNKNOWN_MS),
        propensity: row.propensity.map_or(0, f32::to_bits),
        flags: flags.iter().rev().fold(0, |bits, flag| bits << 2 | flag.map_or(0, |yes| 1 | u8::from(yes) << 1)),
        device: code(row.device.map(Device::code)),
        source: code(row.source.map(Source::code)),
        policy: code(row.policy.map(BehaviourPolicy::code)),
        unused: 0,
    }
}

fn flag(record: &Record, place: u8) -> Option<bool> {
    let bits = record.flags >> (2 * place);
    (bits & 1 != 0).then_some(bits & 2 != 0)
}

fn play(record: &Record, duration_ms: Option<u32>, rules: &SessionRules, end_times: bool) -> Play {
    let ms_played = (record.ms_played != UNKNOWN_MS).then_some(record.ms_played);
    let played_before = if end_times { i64::from(ms_played.unwrap_or(0)) } else { 0 };
    Play {
        track: record.track,
        start_ms: record.time_ms - played_before,
        ms_played,
        responses: responses(rules, ms_played, duration_ms, flag(record, 0), flag(record, 1)),
        propensity: (record.propensity != 0).then(|| f32::from_bits(record.propensity)),
        ..Play::default()
    }
}

/// The responses of a play: as the log has them, completed by the time played. What was skipped was not complete,
/// unless it played 95 % of the duration.
fn responses(
    rules: &SessionRules,
    ms_played: Option<u32>,
    duration_ms: Option<u32>,
    complete: Option<bool>,
    skip: Option<bool>,
) -> Responses {
    let finished = complete.or((skip == Some(true)).then_some(false));
    match ms_played {
        Some(ms_played) => rules.responses(ms_played, duration_ms, finished, skip),
        None => {
            let skip = if finished == Some(true) { Some(false) } else { skip };
            let long = duration_ms.is_some_and(|ms| f64::from(ms) >= rules.threshold_seconds * 1000.0);
            let past_threshold = (finished == Some(true) && long).then_some(true);
            Responses { complete: finished, skip, past_threshold }
        }
    }
}

fn context(record: &Record) -> Context {
    Context {
        device: Device::ALL.get(usize::from(record.device)).copied(),
        source: Source::ALL.get(usize::from(record.source)).copied(),
        behaviour_policy: BehaviourPolicy::ALL.get(usize::from(record.policy)).copied(),
        premium: flag(record, 2),
        shuffle: flag(record, 3),
        ..Context::default()
    }
}
