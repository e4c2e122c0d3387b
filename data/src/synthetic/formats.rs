//! Writes the log of synthetic listeners in the formats that the importers read.

mod generic;
mod lastfm_1k;
mod listener_zips;
mod log_folder;
mod mpd;
mod mssd;
#[cfg(test)]
mod round_trip;
mod sessions;
mod spotify_account;
mod spotify_extended;
mod yambda;

use std::path::Path;

use super::{SyntheticConfig, SyntheticWorld};
use crate::play::named_enum;
use crate::{Progress, Result, Session, SessionRules};

named_enum! {
    /// A log format that synthetic listeners can be written in.
    SyntheticFormat {
        /// Spotify's extended streaming history.
        SpotifyExtended = "spotify-extended",
        /// Spotify's account data.
        SpotifyAccount = "spotify-account",
        /// Music Streaming Sessions Dataset.
        Mssd = "mssd",
        /// Yambda.
        Yambda = "yambda",
        /// Last.fm 1K.
        Lastfm1k = "lastfm-1k",
        /// Million Playlist Dataset.
        Mpd = "mpd",
        /// Plain lists of item ids.
        Sessions = "sessions",
        /// A CSV file with its column mapping.
        Generic = "generic",
    }
}

/// Writes one format: listener by listener, in memory that does not grow with the log.
pub(crate) trait LogWriter: Send {
    /// Writes the sessions of the next listener.
    fn write(&mut self, listener: u32, sessions: &[Session]) -> Result<()>;

    /// Writes what is left, and gives files that are not whole yet their names.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// What a synthetic log holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyntheticLog {
    /// Listeners.
    pub users: u64,
    /// Sessions.
    pub sessions: u64,
    /// Plays.
    pub plays: u64,
}

/// Writes the log of synthetic listeners to `out` in one of the formats that `sim import` reads. `out` must not exist.
pub fn synthesize_log(
    format: SyntheticFormat,
    config: &SyntheticConfig,
    rules: &SessionRules,
    seed: u64,
    out: &Path,
    progress: &dyn Progress,
) -> Result<SyntheticLog> {
    rules.validate()?;
    let world = SyntheticWorld::new(config, seed)?;
    let mut writer = log_writer(format, out, &world)?;
    let mut log = SyntheticLog { users: u64::from(config.size.users), ..SyntheticLog::default() };
    world.histories(rules, progress, |listener, sessions| {
        log.sessions += sessions.len() as u64;
        log.plays += sessions.iter().map(|session| session.plays.len() as u64).sum::<u64>();
        writer.write(listener, sessions)
    })?;
    writer.finish()?;
    Ok(log)
}

fn log_writer<'a>(format: SyntheticFormat, out: &Path, world: &'a SyntheticWorld) -> Result<Box<dyn LogWriter + 'a>> {
    match format {
        SyntheticFormat::SpotifyExtended => spotify_extended::writer(out, world),
        SyntheticFormat::SpotifyAccount => spotify_account::writer(out, world),
        SyntheticFormat::Mssd => mssd::writer(out, world),
        SyntheticFormat::Yambda => yambda::writer(out, world),
        SyntheticFormat::Lastfm1k => lastfm_1k::writer(out, world),
        SyntheticFormat::Mpd => mpd::writer(out, world),
        SyntheticFormat::Sessions => sessions::writer(out, world),
        SyntheticFormat::Generic => generic::writer(out, world),
    }
}

#[cfg(test)]
mod tests {
    //! What the tests of the formats share: the same small log in a format and as a dataset.

    use super::*;
    use crate::{CatalogConfig, Dataset, Silent, SizeConfig, synthesize};

    pub(super) fn settings() -> SyntheticConfig {
        SyntheticConfig {
            size: SizeConfig { users: 12, days: 7 },
            catalog: CatalogConfig { tracks: 300, artists: 60, ..CatalogConfig::default() },
            ..SyntheticConfig::default()
        }
    }

    /// The log in a format.
    pub(super) fn log(format: SyntheticFormat, out: &Path) -> SyntheticLog {
        synthesize_log(format, &settings(), &SessionRules::default(), 9, out, &Silent).unwrap()
    }

    /// The same listeners as a dataset in `folder`.
    pub(super) fn direct(folder: &Path) -> Dataset {
        let out = folder.join("direct");
        synthesize(&settings(), &SessionRules::default(), 9, &out, &Silent).unwrap();
        Dataset::open(&out).unwrap()
    }
}
