//! 30Music (Turrin et al. 2015): sessions of Last.fm listeners in time, with the share of each track that was played.
//!
//! Lines are parsed on all cores (`line`) into records that are sorted outside the memory, by listener and time.

mod line;

use std::path::{Path, PathBuf};

use bytemuck::{Pod, Zeroable};

use self::line::{SessionLine, SessionPlay, TrackLine};
use super::super::ids::Ids;
use super::super::inputs::file_name;
use super::super::options::ImportOptions;
use super::super::renumbering::Renumbering;
use super::super::report::{ImportCounts, ImportReport, Remark};
use super::super::text_lines::{FilesRead, numbered_lines, read_lines};
use super::super::track_features::add_track_features;
use super::REMEDY;
use crate::parallel::LineBlock;
use crate::{
    Context, DataError, DatasetWriter, ExternalSort, Play, Progress, Responses, Result, SessionRules, SourceInfo, Track,
};

/// Stands for a number that is not known.
const UNKNOWN: u32 = u32::MAX;
/// A share played above this holds a pause: the time until the next play was counted as played.
const MOST_THOUSANDTHS: u32 = 1_050;

/// Whether a file holds 30Music or a part of it that is read, by its lower-case name.
pub(super) fn is_part(name: &str) -> bool {
    is_sessions(name) || is_tracks(name) || is_archive(name)
}

fn is_sessions(name: &str) -> bool {
    name.starts_with("sessions.idomaar")
}

fn is_tracks(name: &str) -> bool {
    name.starts_with("tracks.idomaar")
}

fn is_archive(name: &str) -> bool {
    (name.starts_with("thirtymusic") || name.starts_with("30music"))
        && [".tar.gz", ".tgz", ".tar", ".zip"].iter().any(|end| name.ends_with(end))
}

pub(super) fn import(
    files: &[PathBuf],
    out: &Path,
    options: &ImportOptions,
    progress: &dyn Progress,
) -> Result<ImportReport> {
    let files_of = |wanted: fn(&str) -> bool| -> Vec<PathBuf> {
        let holds =
            |file: &&PathBuf| wanted(&file_name(file).to_lowercase()) || is_archive(&file_name(file).to_lowercase());
        files.iter().filter(holds).cloned().collect()
    };
    let mut writer = DatasetWriter::create(out)?;
    let mut records = ExternalSort::new(writer.temporary_folder());
    let (mut counts, mut users, mut tracks) = (ImportCounts::default(), Ids::default(), Ids::default());
    let (mut sessions, mut without_tracks) = (0, 0);
    let lenient = options.lenient;
    let work = |label: &str, block: &LineBlock| ParsedSessions::parse(label, block, lenient);
    let mut take = |block: ParsedSessions| -> Result<()> {
        counts.rows_bad += block.rows_bad;
        counts.rows_read += block.rows_bad + block.plays.len() as u64;
        counts.rows_kept += block.plays.len() as u64;
        without_tracks += block.without_tracks;
        for play in &block.plays {
            sessions += u32::from(play.record.position == 0);
            let user = users.number(&play.user.to_le_bytes());
            let track = tracks.number(&play.track.to_le_bytes());
            records.push(Record { user, session: sessions, track, ..play.record })?;
        }
        Ok(())
    };
    let mut read = read_lines(&files_of(is_sessions), &is_sessions, lenient, progress, work, &mut take)?;
    if counts.rows_kept == 0 {
        return Err(DataError::bad_file(&files[0], "holds no sessions with tracks", REMEDY));
    }
    let mut catalog: Vec<Track> = (0..tracks.len() as u32)
        .map(|track| Track { id: number_of(tracks.id(track)).to_string(), ..Track::default() })
        .collect();
    let (names, track_lines_bad) = add_names(&files_of(is_tracks), &tracks, &mut catalog, lenient, progress)?;
    read.files += names.files;
    read.cut += names.cut;
    let find = |id: &str| tracks.find(&id.parse::<u64>().ok()?.to_le_bytes());
    let feature_rows_bad = add_track_features(&mut catalog, find, options)?;

    progress.begin("writing sessions", counts.rows_kept, "plays");
    let mut builder = Builder::new(options, &mut writer, users.len(), tracks.len());
    for (done, record) in records.sorted()?.enumerate() {
        builder.push(record?)?;
        if done % 65_536 == 0 {
            progress.advance(done as u64);
        }
    }
    let (user_numbers, track_numbers) = builder.finish()?;
    progress.advance(counts.rows_kept);
    progress.end();
    for &user in &user_numbers.old {
        writer.write_user(&number_of(users.id(user)).to_string())?;
    }
    let catalog: Vec<Track> =
        track_numbers.old.iter().map(|&track| std::mem::take(&mut catalog[track as usize])).collect();
    counts.files = read.files;
    counts.remarks = vec![
        Remark::new("files that end too early, read up to there", read.cut),
        Remark::new("bad lines of track features", feature_rows_bad),
        Remark::new("bad lines of tracks", track_lines_bad),
        Remark::new("sessions without tracks", without_tracks),
        Remark::new("tracks without a name", catalog.iter().filter(|track| track.name.is_empty()).count() as u64),
    ];
    counts.count_tracks(&catalog);
    let details = serde_json::json!({ "settings": options, "counts": counts });
    let manifest = writer.finish(&catalog, &[], &SourceInfo { format: "sessions".to_owned(), details })?;
    Ok(ImportReport { manifest, counts })
}

/// Names and durations of the tracks that were played.
fn add_names(
    files: &[PathBuf],
    tracks: &Ids,
    catalog: &mut [Track],
    lenient: bool,
    progress: &dyn Progress,
) -> Result<(FilesRead, u64)> {
    let mut bad = 0;
    let work = |label: &str, block: &LineBlock| {
        let (mut known, mut bad) = (Vec::new(), 0);
        for (number, line) in numbered_lines(block) {
            match TrackLine::parse(line) {
                Ok(line) => known.extend(tracks.find(&line.id.to_le_bytes()).map(|track| (track, line))),
                Err(_) if lenient => bad += 1,
                Err(problem) => return Err(problem.at(label, number)),
            }
        }
        Ok((known, bad))
    };
    let read = read_lines(files, &is_tracks, lenient, progress, work, |(known, more_bad)| {
        bad += more_bad;
        for (track, line) in known {
            let track = &mut catalog[track as usize];
            (track.name, track.artist, track.duration_ms) = (line.title, line.artist, line.duration_ms);
        }
        Ok(())
    })?;
    Ok((read, bad))
}

/// The number whose bytes are an identifier.
fn number_of(id: &[u8]) -> u64 {
    id.try_into().map_or(0, u64::from_le_bytes)
}

/// A play, as it is sorted.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
struct Record {
    user: u32,
    /// Start of the session, in seconds since 1970.
    seconds: u32,
    /// The session's number, and the place in it.
    session: u32,
    position: u32,
    track: u32,
    /// Seconds from the start of the session.
    start_s: u32,
    playtime_s: u32,
    ratio_thousandths: u32,
    /// Whether it was skipped.
    skipped: u32,
}

/// A play with the identifiers of its listener and track.
struct ParsedPlay {
    user: u64,
    track: u64,
    record: Record,
}

#[derive(Default)]
struct ParsedSessions {
    plays: Vec<ParsedPlay>,
    rows_bad: u64,
    without_tracks: u64,
}

impl ParsedSessions {
    fn parse(label: &str, block: &LineBlock, lenient: bool) -> Result<Self> {
        let mut parsed = Self::default();
        for (number, line) in numbered_lines(block) {
            match SessionLine::parse(line) {
                Ok(session) => parsed.push(&session),
                Err(_) if lenient => parsed.rows_bad += 1,
                Err(problem) => return Err(problem.at(label, number)),
            }
        }
        Ok(parsed)
    }

    fn push(&mut self, session: &SessionLine<'_>) {
        self.without_tracks += u64::from(session.plays.is_empty());
        for (position, play) in (0..).zip(&session.plays) {
            let record = Record { seconds: session.seconds, position, ..Record::of(play) };
            self.plays.push(ParsedPlay { user: session.user, track: play.id, record });
        }
    }
}

impl Record {
    fn of(play: &SessionPlay<'_>) -> Self {
        // Below 0 is how the files write what is not known.
        let known = |value: Option<f64>, scale: f64| {
            let value = value.map(|value| value * scale).filter(|value| (0.0..1e9).contains(value));
            value.map_or(UNKNOWN, |value| value as u32)
        };
        Self {
            start_s: known(play.playstart, 1.0),
            playtime_s: known(play.playtime, 1.0),
            ratio_thousandths: known(play.playratio, 1000.0),
            skipped: u32::from(play.action.as_deref() == Some("skip")),
            ..Self::default()
        }
    }
}

/// Writes the sessions of records in order.
struct Builder<'a> {
    rules: &'a SessionRules,
    offset_ms: i64,
    writer: &'a mut DatasetWriter,
    users: Renumbering,
    tracks: Renumbering,
    session: Vec<Record>,
    plays: Vec<Play>,
}

impl<'a> Builder<'a> {
    fn new(options: &'a ImportOptions, writer: &'a mut DatasetWriter, users: usize, tracks: usize) -> Self {
        Self {
            rules: &options.rules,
            offset_ms: i64::from(options.utc_offset_minutes) * 60_000,
            writer,
            users: Renumbering::new(users),
            tracks: Renumbering::new(tracks),
            session: Vec::new(),
            plays: Vec::new(),
        }
    }

    fn push(&mut self, record: Record) -> Result<()> {
        if self.session.first().is_some_and(|first| first.session != record.session) {
            self.end_session()?;
        }
        self.session.push(record);
        Ok(())
    }

    fn end_session(&mut self) -> Result<()> {
        let Some(first) = self.session.first() else { return Ok(()) };
        let user = self.users.number(first.user);
        let start_ms = i64::from(first.seconds) * 1000 + self.offset_ms;
        self.plays.clear();
        let mut earliest_ms = start_ms;
        for (place, record) in self.session.iter().enumerate() {
            if record.start_s != UNKNOWN {
                earliest_ms = earliest_ms.max(start_ms + i64::from(record.start_s) * 1000);
            }
            let is_last = place + 1 == self.session.len();
            let (ms_played, responses) = told(self.rules, record, is_last);
            let track = self.tracks.number(record.track);
            self.plays.push(Play { track, start_ms: earliest_ms, ms_played, responses, ..Play::default() });
        }
        self.session.clear();
        self.writer.write_plays(user, start_ms, Context::default().at(start_ms), &self.plays)
    }

    fn finish(mut self) -> Result<(Renumbering, Renumbering)> {
        self.end_session()?;
        Ok((self.users, self.tracks))
    }
}

/// How long a track played and how the listener responded. The time played is that until the next play, so a share well
/// above 1 tells of a pause, of which it is not known when it began.
fn told(rules: &SessionRules, record: &Record, is_last: bool) -> (Option<u32>, Responses) {
    let ratio = Some(record.ratio_thousandths).filter(|&ratio| ratio != UNKNOWN);
    if ratio.is_some_and(|ratio| ratio > MOST_THOUSANDTHS) {
        return (None, Responses::default());
    }
    let complete = ratio.map(|ratio| f64::from(ratio) >= rules.complete_share * 1000.0);
    let skip = match complete {
        Some(true) => Some(false),
        _ if record.skipped != 0 => Some(true),
        // The next play began before this one was over.
        Some(false) if !is_last => Some(true),
        _ => None,
    };
    let ms_played = Some(record.playtime_s).filter(|&seconds| seconds != UNKNOWN).and_then(|s| s.checked_mul(1000));
    let ms_played = ms_played.filter(|&ms| i32::try_from(ms).is_ok());
    let past_threshold = ms_played.map(|ms| f64::from(ms) >= rules.threshold_seconds * 1000.0);
    (ms_played, Responses { complete, skip, past_threshold })
}

/// Feeds bytes to all that parses.
pub(crate) fn fuzz(bytes: &[u8]) {
    let block = LineBlock { text: bytes.to_vec(), first_line: 1 };
    for lenient in [false, true] {
        let Ok(parsed) = ParsedSessions::parse("fuzz", &block, lenient) else { continue };
        for play in &parsed.plays {
            told(&SessionRules::default(), &play.record, false);
        }
    }
    for (_, line) in numbered_lines(&block) {
        let _ = TrackLine::parse(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_played_tells_the_responses() {
        let (yes, no) = (Some(true), Some(false));
        let of = |playtime_s, ratio_thousandths, skipped, is_last| {
            let record = Record { playtime_s, ratio_thousandths, skipped, ..Record::default() };
            let (ms, responses) = told(&SessionRules::default(), &record, is_last);
            (ms, responses.complete, responses.skip, responses.past_threshold)
        };
        assert_eq!(of(287, 1000, 0, false), (Some(287_000), yes, no, yes));
        assert_eq!(of(287, 950, 1, true), (Some(287_000), yes, no, yes));
        assert_eq!(of(287, 949, 0, false), (Some(287_000), no, yes, yes));
        assert_eq!(of(20, 100, 0, true), (Some(20_000), no, None, no));
        assert_eq!(of(20, 100, 1, true), (Some(20_000), no, yes, no));
        assert_eq!(of(600, 2100, 0, false), (None, None, None, None));
        assert_eq!(of(182, UNKNOWN, 0, false), (Some(182_000), None, None, yes));
        assert_eq!(of(UNKNOWN, UNKNOWN, 1, false), (None, None, yes, None));
    }
}
