//! Spotify's account data: one zip per listener.

use std::path::Path;

use serde::Serialize;

use super::{LogWriter, listener_zips};
use crate::synthetic::SyntheticWorld;
use crate::time::utc_text;
use crate::{Play, Result};

/// A row as exports have it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    end_time: String,
    artist_name: &'a str,
    track_name: &'a str,
    ms_played: u32,
}

pub(super) fn writer<'a>(out: &Path, world: &'a SyntheticWorld) -> Result<Box<dyn LogWriter + 'a>> {
    listener_zips::writer(out, |sessions| {
        let plays = sessions.iter().flat_map(|session| &session.plays);
        let row = |play: &Play| {
            let track = &world.tracks()[play.track as usize];
            Row {
                // "2024-01-01T10:20:30Z" to the minute.
                end_time: utc_text(play.end_ms())[..16].replace('T', " "),
                artist_name: &track.artist,
                track_name: &track.name,
                ms_played: play.ms_played.unwrap_or(0),
            }
        };
        ("Spotify Account Data/StreamingHistory_music_".to_owned(), plays.map(row).collect())
    })
}

#[cfg(test)]
mod tests {
    use crate::synthetic::formats::round_trip::{RoundTrip, small};
    use crate::{ImportOptions, Play, Silent, SpotifyAccountOptions, SyntheticFormat, import_spotify_account};

    /// Sessions may differ where a pause is within a minute of the gap; plays, their order and what durations tell of
    /// them may not.
    #[test]
    fn an_import_gives_back_plays_and_what_durations_tell() {
        let round = RoundTrip::new(&small(12), 4);
        let log = round.write(SyntheticFormat::SpotifyAccount);
        let (options, alone) = (ImportOptions::default(), SpotifyAccountOptions::default());
        let report = import_spotify_account(&[log], &round.path("imported"), &options, &alone, &Silent).unwrap();
        assert_eq!(report.counts.rows_bad, 0);
        let (imported, catalog) = round.imported();
        let tracks = round.world.tracks();
        let plays = |sessions: &[crate::Session]| -> Vec<(u32, Play)> {
            sessions.iter().flat_map(|s| s.plays.iter().map(|play| (s.user, *play))).collect()
        };
        let written: Vec<_> = plays(&round.sessions).into_iter().filter(|(_, p)| p.ms_played != Some(0)).collect();
        let found = plays(&imported);
        assert_eq!(found.len(), written.len());
        let (mut told, mut skips) = (0, 0);
        for ((user, play), (writer, expected)) in found.iter().zip(&written) {
            let (track, written) = (&catalog[play.track as usize], &tracks[expected.track as usize]);
            assert_eq!((user, &track.name, &track.artist), (writer, &written.name, &written.artist));
            // Ends are cut to the minute, and starts that fall are moved to the start before.
            assert!((play.start_ms - expected.start_ms).abs() < 60_000);
            assert_eq!(play.ms_played, expected.ms_played);
            if track.duration_ms == written.duration_ms {
                told += 1;
                assert_eq!(play.responses.complete, expected.responses.complete);
                // What was followed at once by another track was left, be it by a skip or by an interruption.
                skips += usize::from(play.responses.skip == Some(true) && expected.responses.skip == Some(true));
            }
        }
        assert!(told * 3 > found.len() && skips * 10 > told, "{told} of {} plays, {skips} skips", found.len());
        assert!(imported.len().abs_diff(round.sessions.len()) * 20 < round.sessions.len());
    }
}
