//! 30Music (Turrin et al. 2015): sessions of Last.fm listeners in time, with the share of each track that was played.
//!
//! Lines are parsed on all cores (`line`) into records that are sorted outside the memory, by listener and time
//! (`record`), and become sessions (`build`).

mod build;
mod line;
mod record;

use std::path::{Path, PathBuf};

use self::build::{Builder, told};
use self::line::TrackLine;
use self::record::{ParsedSessions, Record};
use super::super::ids::Ids;
use super::super::inputs::{file_name, is_archive};
use super::super::options::ImportOptions;
use super::super::report::{ImportCounts, ImportReport, Remark};
use super::super::text_lines::{FilesRead, numbered_lines, read_lines};
use super::super::track_features::add_track_features;
use super::REMEDY;
use crate::parallel::LineBlock;
use crate::{DataError, DatasetWriter, ExternalSort, Progress, Result, SessionRules, Track};

/// Whether a file holds 30Music or a part of it that is read, by its lower-case name.
pub(super) fn is_part(name: &str) -> bool {
    is_sessions(name) || is_tracks(name) || is_set(name)
}

fn is_sessions(name: &str) -> bool {
    name.starts_with("sessions.idomaar")
}

fn is_tracks(name: &str) -> bool {
    name.starts_with("tracks.idomaar")
}

fn is_set(name: &str) -> bool {
    (name.starts_with("thirtymusic") || name.starts_with("30music")) && is_archive(name)
}

pub(super) fn import(
    files: &[PathBuf],
    out: &Path,
    options: &ImportOptions,
    progress: &dyn Progress,
) -> Result<ImportReport> {
    let files_of = |wanted: fn(&str) -> bool| -> Vec<PathBuf> {
        let holds = |name: &str| wanted(name) || is_set(name);
        files.iter().filter(|file| holds(&file_name(file).to_lowercase())).cloned().collect()
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

    let mut builder = Builder::new(options, &mut writer, users.len(), tracks.len());
    records.take_sorted("writing sessions", "plays", progress, |record| builder.push(record))?;
    let (user_numbers, track_numbers) = builder.finish()?;
    for &user in &user_numbers.old {
        writer.write_user(&number_of(users.id(user)).to_string())?;
    }
    let catalog = track_numbers.pick(&mut catalog);
    counts.files = read.files;
    counts.remarks = vec![
        Remark::new("files that end too early, read up to there", read.cut),
        Remark::new("bad lines of track features", feature_rows_bad),
        Remark::new("bad lines of tracks", track_lines_bad),
        Remark::new("sessions without tracks", without_tracks),
        Remark::new("tracks without a name", catalog.iter().filter(|track| track.name.is_empty()).count() as u64),
    ];
    ImportReport::finish("sessions", options, counts, writer, &catalog)
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
