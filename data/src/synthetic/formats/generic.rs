//! A log as anybody might keep it: one CSV file, with the mapping that the generic importer needs.

use std::path::Path;

use super::LogWriter;
use super::log_folder::{LogFile, LogFolder};
use crate::synthetic::SyntheticWorld;
use crate::{BehaviourPolicy, DataError, Device, Play, Result, Session, Source};

const HEADER: [&str; 17] = [
    "user_id",
    "ts",
    "item",
    "title",
    "artist",
    "album",
    "length",
    "listened_ms",
    "finished",
    "skipped",
    "session_id",
    "device",
    "origin",
    "premium",
    "shuffle",
    "chosen_by",
    "probability",
];

const MAPPING: &str = r#"# How the columns of log.csv are to be read; see docs/formats/generic.md.
[columns]
user = "user_id"
start = "ts"
track = "item"
name = "title"
artist = "artist"
album = "album"
duration_ms = "length"
ms_played = "listened_ms"
complete = "finished"
skip = "skipped"
session = "session_id"
device = "device"
source = "origin"
premium = "premium"
shuffle = "shuffle"
behaviour_policy = "chosen_by"
propensity = "probability"

[time]
unit = "milliseconds"

[values.device]
mobile = "phone"
"#;

struct Writer<'a> {
    world: &'a SyntheticWorld,
    folder: LogFolder,
    log: LogFile,
    sessions: u64,
}

pub(super) fn writer<'a>(out: &Path, world: &'a SyntheticWorld) -> Result<Box<dyn LogWriter + 'a>> {
    let folder = LogFolder::create(out)?;
    let mut mapping = folder.file("mapping.toml")?;
    mapping.write(MAPPING)?;
    mapping.finish()?;
    let mut log = folder.file("log.csv")?;
    log.write(&(HEADER.join(",") + "\n"))?;
    Ok(Box::new(Writer { world, folder, log, sessions: 0 }))
}

impl LogWriter for Writer<'_> {
    fn write(&mut self, listener: u32, sessions: &[Session]) -> Result<()> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        let fault = |error: String| DataError::bad_file("log.csv", error, "this is a fault of the writer: report it");
        for session in sessions {
            self.sessions += 1;
            for play in &session.plays {
                let cells = self.cells(listener, session, play);
                csv.write_record(cells).map_err(|e| fault(e.to_string()))?;
            }
        }
        let text = csv.into_inner().map_err(|e| fault(e.to_string()))?;
        self.log.write(&String::from_utf8_lossy(&text))
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.log.finish()?;
        self.folder.finish()
    }
}

impl Writer<'_> {
    /// The cells of a play, in the order of [`HEADER`].
    fn cells(&self, listener: u32, session: &Session, play: &Play) -> [String; HEADER.len()] {
        let track = &self.world.tracks()[play.track as usize];
        let context = &session.context;
        let flag = |flag: Option<bool>| flag.map_or(String::new(), |yes| u8::from(yes).to_string());
        let number = |number: Option<u32>| number.map_or(String::new(), |number| number.to_string());
        let device = match context.device {
            Some(Device::Phone) => "mobile",
            device => device.map_or("", Device::name),
        };
        [
            format!("synthetic:listener:{listener:06}"),
            play.start_ms.to_string(),
            track.id.clone(),
            track.name.clone(),
            track.artist.clone(),
            track.album.clone(),
            number(track.duration_ms),
            number(play.ms_played),
            flag(play.responses.complete),
            flag(play.responses.skip),
            self.sessions.to_string(),
            device.to_owned(),
            context.source.map_or("", Source::name).to_owned(),
            flag(context.premium),
            flag(context.shuffle),
            context.behaviour_policy.map_or("", BehaviourPolicy::name).to_owned(),
            play.propensity.map_or(String::new(), |propensity| propensity.to_string()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use crate::synthetic::formats::round_trip::{RoundTrip, small};
    use crate::{GenericOptions, ImportOptions, Play, Session, Silent, SyntheticFormat, Track, import_generic};

    #[test]
    fn an_import_gives_back_everything_but_the_release_year_and_audio_features() {
        let round = RoundTrip::new(&small(12), 4);
        let log = round.write(SyntheticFormat::Generic);
        let generic = GenericOptions { mapping: log.join("mapping.toml"), pools: None };
        import_generic(&[log], &round.path("imported"), &ImportOptions::default(), &generic, &Silent).unwrap();
        let (imported, catalog) = round.imported();
        let numbers = |id: &str| catalog.iter().position(|track| track.id == id).unwrap() as u32;
        let renumbered = |play: &Play| Play { track: numbers(&round.world.tracks()[play.track as usize].id), ..*play };
        let expected: Vec<Session> = round
            .sessions
            .iter()
            .map(|session| Session { plays: session.plays.iter().map(renumbered).collect(), ..session.clone() })
            .collect();
        assert_eq!(imported, expected);
        for track in &catalog {
            let written = round.world.tracks().iter().find(|written| written.id == track.id).unwrap();
            assert_eq!(*track, Track { release_year: None, audio_features: None, ..written.clone() });
        }
    }
}
