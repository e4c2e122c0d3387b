//! Writes synthetic listeners as the Last.fm dataset of 1,000 listeners (`docs/formats/lastfm-1k.md`).

use std::fmt::Write;
use std::path::Path;

use super::LogWriter;
use super::log_folder::{LogFile, LogFolder};
use crate::synthetic::SyntheticWorld;
use crate::time::date_of;
use crate::{DataError, Result, Session};

/// The synthetic log begins on Monday 1 January 2024, the published one is of 2005 to 2009: 939 whole weeks earlier is
/// Monday 2 January 2006.
const EARLIER_MS: i64 = 939 * 7 * 86_400_000;
/// So that no play is later than May 2010.
const MOST_DAYS: u32 = 1_600;

pub(super) fn writer<'a>(out: &Path, world: &'a SyntheticWorld) -> Result<Box<dyn LogWriter + 'a>> {
    if world.config().size.days > MOST_DAYS {
        let problem = format!("must be at most {MOST_DAYS} for lastfm-1k, whose times end in May 2010");
        return Err(DataError::Setting { setting: "size.days", problem });
    }
    let folder = LogFolder::create(out)?;
    let log = folder.file("userid-timestamp-artid-artname-traid-traname.tsv")?;
    let mut profile = folder.file("userid-profile.tsv")?;
    profile.write("#id\tgender\tage\tcountry\tregistered\n")?;
    Ok(Box::new(Lastfm1kWriter { world, folder, log, profile, lines: String::new() }))
}

struct Lastfm1kWriter<'a> {
    world: &'a SyntheticWorld,
    folder: LogFolder,
    log: LogFile,
    profile: LogFile,
    lines: String,
}

impl LogWriter for Lastfm1kWriter<'_> {
    fn write(&mut self, listener: u32, sessions: &[Session]) -> Result<()> {
        let user = format!("user_{:06}", listener + 1);
        self.lines.clear();
        // From the latest play to the earliest, as Last.fm lists them.
        for play in sessions.iter().rev().flat_map(|session| session.plays.iter().rev()) {
            let track = &self.world.tracks()[play.track as usize];
            let time_ms = play.start_ms - EARLIER_MS;
            let (date, second) = (date_of(time_ms), time_ms.div_euclid(1000).rem_euclid(86_400));
            let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
            let mbid = mbid(play.track);
            // Writing to a string cannot fail.
            let _ = writeln!(
                self.lines,
                "{user}\t{date}T{hour:02}:{minute:02}:{second:02}Z\t\t{}\t{mbid}\t{}",
                track.artist, track.name
            );
        }
        self.log.write(&self.lines)?;
        self.profile.write(&format!("{user}\t\t\t\t\n"))
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.log.finish()?;
        self.profile.finish()?;
        self.folder.finish()
    }
}

/// An MBID; every fourth track has none, as many have not in the published log.
fn mbid(track: u32) -> String {
    if track % 4 == 3 { String::new() } else { format!("{track:08x}-0000-4000-8000-000000000000") }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{direct, log, settings};
    use super::*;
    use crate::{Dataset, ImportOptions, Silent, SyntheticFormat, import_lastfm_1k};

    /// Sessions by artist and title, for two tracks of one name are one to Last.fm.
    fn plays(dataset: &Dataset) -> Vec<(u32, i64, String)> {
        let catalog = dataset.catalog().unwrap();
        let sessions = dataset.sessions().unwrap().map(|logged| logged.unwrap().session);
        let plays = sessions.flat_map(|session| session.plays.into_iter().map(move |play| (session.user, play)));
        plays
            .map(|(user, play)| {
                let track = &catalog[play.track as usize];
                (user, play.start_ms.div_euclid(1000), format!("{}/{}", track.artist, track.name))
            })
            .collect()
    }

    #[test]
    fn what_is_written_is_imported_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let written = folder.path().join("log");
        let counts = log(SyntheticFormat::Lastfm1k, &written);
        let out = folder.path().join("imported");
        let report = import_lastfm_1k(&[written], &out, &ImportOptions::default(), &Silent).unwrap();
        assert_eq!(report.counts.rows_read, counts.plays);
        let (direct, imported) = (direct(folder.path()), Dataset::open(&out).unwrap());
        // A track that is played twice within a second counts once: none is.
        let mut expected = plays(&direct);
        expected.iter_mut().for_each(|(_, seconds, _)| *seconds -= EARLIER_MS / 1000);
        assert_eq!(plays(&imported), expected);
        let users: Vec<String> = imported.users().unwrap().into_iter().map(|user| user.id).collect();
        assert_eq!((users[0].as_str(), users.len()), ("user_000001", 12));
        // The hour and weekday of the first play stay.
        let context = |dataset: &Dataset| {
            let session = dataset.sessions().unwrap().next().unwrap().unwrap().session;
            (session.context.hour, session.context.weekday)
        };
        assert_eq!(context(&imported), context(&direct));
    }

    #[test]
    fn a_log_that_would_end_after_may_2010_is_refused() {
        let mut config = settings();
        config.size.days = MOST_DAYS + 1;
        let world = SyntheticWorld::new(&config, 1).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let error = writer(&folder.path().join("x"), &world).err().unwrap().to_string();
        assert!(error.contains("size.days"), "{error}");
    }
}
