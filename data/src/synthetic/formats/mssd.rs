//! Writes the log of synthetic listeners as the Music Streaming Sessions Dataset publishes its mini set:
//! `training_set/log_mini.csv` and `track_features/tf_mini.csv`.
//!
//! The set has sessions of 10 to 20 plays, whose lengths are known; so a listener's plays are strung together and cut
//! anew into sessions of such lengths. Tracks and responses stay as they are.

mod calibrated;
mod features;
mod marginals;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use self::calibrated::Calibrated;
use self::features::track_id;
use self::marginals::*;
use super::LogWriter;
use crate::new_folder::NewFolder;
use crate::synthetic::SyntheticWorld;
use crate::synthetic::draws::weighted;
use crate::synthetic::mind::{DAY_MS, FIRST_DAY_MS};
use crate::time::date_of;
use crate::{Context, CounterRng, DataError, Play, Result, Session, Source, Stream};

const LOG_HEADER: &str = "session_id,session_position,session_length,track_id_clean,skip_1,skip_2,skip_3,not_skipped,\
    context_switch,no_pause_before_play,short_pause_before_play,long_pause_before_play,hist_user_behavior_n_seekfwd,\
    hist_user_behavior_n_seekback,hist_user_behavior_is_shuffle,hour_of_day,date,premium,context_type,\
    hist_user_behavior_reason_start,hist_user_behavior_reason_end\n";

/// Before this, a track was played "very briefly" (`skip_1`), and before this "briefly" (`skip_2`). The publication
/// gives no seconds; 30 s is what streaming services count as a stream.
const VERY_BRIEFLY_MS: u32 = 10_000;
const BRIEFLY_MS: u32 = 30_000;
/// Share of the track up to which a skip still counts as `skip_3`; the publication gives none. The other incomplete
/// plays carry no skip mark.
const MOSTLY: f64 = 0.9;

pub(super) fn writer<'a>(out: &Path, world: &'a SyntheticWorld) -> Result<Box<dyn LogWriter + 'a>> {
    Ok(Box::new(MssdWriter::create(out, world)?))
}

/// One play with the circumstances of the session it comes from.
struct LoggedPlay {
    play: Play,
    context: Context,
    context_type: &'static str,
    opens_session: bool,
}

struct MssdWriter<'a> {
    world: &'a SyntheticWorld,
    folder: NewFolder,
    log: BufWriter<File>,
    track_ids: Vec<String>,
    /// Length of the next session.
    length: usize,
    plays: Vec<LoggedPlay>,
    line: Vec<u8>,
    /// The day met last, and its date.
    day: (i64, String),
}

impl<'a> MssdWriter<'a> {
    fn create(out: &Path, world: &'a SyntheticWorld) -> Result<Self> {
        let folder = NewFolder::create(out)?;
        for part in ["training_set", "track_features"] {
            let part = folder.path(part);
            fs::create_dir_all(&part).map_err(|e| DataError::file("create", &part, e))?;
        }
        let path = folder.path("training_set/log_mini.csv");
        let log = File::create(&path).map_err(|e| DataError::file("create", &path, e))?;
        let mut log = BufWriter::with_capacity(1 << 20, log);
        log.write_all(LOG_HEADER.as_bytes()).map_err(|e| DataError::file("write", &path, e))?;
        let mut rng = CounterRng::new(world.seed, Stream::Listening, 0, 1);
        Ok(Self {
            world,
            folder,
            log,
            track_ids: (0..world.tracks().len() as u32).map(track_id).collect(),
            length: draw_length(&mut rng),
            plays: Vec::new(),
            line: Vec::new(),
            day: (i64::MIN, String::new()),
        })
    }

    fn write_session(&mut self, listener: u32, first: usize, piece: u32, rng: &mut CounterRng) -> std::io::Result<()> {
        let plays = &self.plays[first..first + self.length];
        let day = (plays[0].play.start_ms - FIRST_DAY_MS).div_euclid(DAY_MS);
        // The id tells listener and piece, for who compares the log with the world.
        let id = format!("{day}_{listener:08x}-{:04x}-4000-8000-{piece:012x},", piece & 0xFFFF);
        let length = format!(",{},", self.length);
        let mut reason_start = draw(&STARTS, rng);
        for (place, logged) in plays.iter().enumerate() {
            let LoggedPlay { play, context, context_type, opens_session } = logged;
            let line = &mut self.line;
            line.clear();
            line.extend_from_slice(id.as_bytes());
            push_number(place + 1, line);
            line.extend_from_slice(length.as_bytes());
            line.extend_from_slice(self.track_ids[play.track as usize].as_bytes());
            let duration_ms = self.world.tracks()[play.track as usize].duration_ms.unwrap_or(0);
            push_skips(play, duration_ms, line);
            let switched = place > 0 && plays[place - 1].context_type != *context_type;
            line.extend_from_slice(if switched { b",1" } else { b",0" });
            // The first row of a session has no pause before it; sessions of the world lie at least 20 minutes apart.
            line.extend_from_slice(match (place, opens_session) {
                (0, _) => b",0,0,0,0,0,",
                (_, true) => b",0,1,1,0,0,",
                (_, false) => b",1,0,0,0,0,",
            });
            line.extend_from_slice(truth(context.shuffle == Some(true)));
            line.push(b',');
            push_number(play.start_ms.div_euclid(DAY_MS / 24).rem_euclid(24) as usize, line);
            line.push(b',');
            let day = play.start_ms.div_euclid(DAY_MS);
            if self.day.0 != day {
                self.day = (day, date_of(play.start_ms));
            }
            line.extend_from_slice(self.day.1.as_bytes());
            line.push(b',');
            line.extend_from_slice(truth(context.premium == Some(true)));
            let reason_end = match (play.responses.complete, play.responses.skip) {
                (Some(true), _) => "trackdone",
                (_, Some(true)) => draw(&SKIP_ENDS, rng),
                _ => draw(&INTERRUPTION_ENDS, rng),
            };
            for text in [*context_type, reason_start, reason_end] {
                line.push(b',');
                line.extend_from_slice(text.as_bytes());
            }
            line.push(b'\n');
            reason_start = match reason_end {
                "endplay" | "logout" => draw(&RESTARTS, rng),
                same => same,
            };
            self.log.write_all(line)?;
        }
        Ok(())
    }
}

impl LogWriter for MssdWriter<'_> {
    fn write(&mut self, listener: u32, sessions: &[Session]) -> Result<()> {
        let place = |piece: u32| u64::from(listener) << 32 | u64::from(piece);
        let mut rng = CounterRng::new(self.world.seed, Stream::Listening, place(0), 2);
        self.plays.clear();
        for session in sessions {
            let context_type = match session.context.source {
                Some(Source::Collection | Source::Playlist) => "user_collection",
                Some(Source::Editorial) => draw(&EDITORIAL, &mut rng),
                Some(Source::Radio) => "radio",
                Some(Source::Personalised) => "personalized_playlist",
                Some(Source::Catalog) | None => "catalog",
            };
            let context = session.context;
            self.plays.extend(session.plays.iter().enumerate().map(|(number, &play)| LoggedPlay {
                play,
                context,
                context_type,
                opens_session: number == 0,
            }));
        }
        let (mut first, mut piece) = (0, 0);
        // A rest that is shorter than the next session is left out; the length that was drawn waits for the next
        // listener, for else long sessions would be left out more often than short ones.
        while first + self.length <= self.plays.len() {
            piece += 1;
            let mut rng = CounterRng::new(self.world.seed, Stream::Listening, place(piece), 1);
            self.write_session(listener, first, piece, &mut rng)
                .map_err(|e| DataError::file("write in", self.folder.partial(), e))?;
            first += self.length;
            self.length = draw_length(&mut rng);
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.log.flush().map_err(|e| DataError::file("write in", self.folder.partial(), e))?;
        let path = self.folder.path("track_features/tf_mini.csv");
        self.write_features(&path).map_err(|e| DataError::file("write", &path, e))?;
        self.folder.finish()
    }
}

impl MssdWriter<'_> {
    fn write_features(&self, path: &Path) -> std::io::Result<()> {
        let mut table = BufWriter::new(File::create(path)?);
        table.write_all(features::HEADER.as_bytes())?;
        let calibrated = Calibrated::new(self.world);
        let mut text = String::new();
        for track in 0..self.track_ids.len() as u32 {
            text.clear();
            features::push_line(self.world, &calibrated, track, &mut text).map_err(std::io::Error::other)?;
            table.write_all(text.as_bytes())?;
        }
        table.flush()
    }
}

fn draw_length(rng: &mut CounterRng) -> usize {
    SHORTEST + weighted(&SESSION_LENGTHS, rng)
}

fn draw<const N: usize>(shares: &[(&'static str, f64); N], rng: &mut CounterRng) -> &'static str {
    shares[weighted(&shares.map(|(_, share)| share), rng)].0
}

/// `skip_1`, `skip_2`, `skip_3` and `not_skipped`, with a comma before each.
fn push_skips(play: &Play, duration_ms: u32, line: &mut Vec<u8>) {
    let complete = play.responses.complete == Some(true);
    let ms = play.ms_played.unwrap_or(0);
    let skipped_before = |limit_ms: u32| !complete && ms < limit_ms;
    let mostly_ms = (MOSTLY * f64::from(duration_ms)) as u32;
    let (first, second) = (skipped_before(VERY_BRIEFLY_MS), skipped_before(BRIEFLY_MS));
    for mark in [first, second, second || skipped_before(mostly_ms), complete] {
        line.push(b',');
        line.extend_from_slice(truth(mark));
    }
}

fn truth(value: bool) -> &'static [u8] {
    if value { b"true" } else { b"false" }
}

/// A number below 100.
fn push_number(number: usize, line: &mut Vec<u8>) {
    if number >= 10 {
        line.push(b'0' + (number / 10) as u8);
    }
    line.push(b'0' + (number % 10) as u8);
}

#[cfg(test)]
mod tests;
