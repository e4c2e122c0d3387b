//! Spotify's extended streaming history: one zip per listener.

use std::path::Path;

use serde::Serialize;

use super::{LogWriter, listener_zips};
use crate::synthetic::SyntheticWorld;
use crate::time::{date_of, utc_text};
use crate::{Device, Play, Result, Session, Track};

/// A row as exports since 2022 have it.
#[derive(Serialize)]
struct Row<'a> {
    ts: String,
    platform: &'static str,
    ms_played: u32,
    conn_country: &'static str,
    master_metadata_track_name: &'a str,
    master_metadata_album_artist_name: &'a str,
    master_metadata_album_album_name: &'a str,
    spotify_track_uri: String,
    episode_name: Option<&'static str>,
    episode_show_name: Option<&'static str>,
    spotify_episode_uri: Option<&'static str>,
    reason_start: &'static str,
    reason_end: &'static str,
    shuffle: Option<bool>,
    skipped: bool,
    offline: bool,
    offline_timestamp: Option<i64>,
    incognito_mode: bool,
}

pub(super) fn writer<'a>(out: &Path, world: &'a SyntheticWorld) -> Result<Box<dyn LogWriter + 'a>> {
    listener_zips::writer(out, |sessions| {
        let mut rows = Vec::new();
        for session in sessions {
            let mut reason_start = "clickrow";
            for play in &session.plays {
                let track = &world.tracks()[play.track as usize];
                let reason_end = reason_end(play, track);
                rows.push(row(session, play, track, reason_start, reason_end));
                reason_start = reason_end;
            }
        }
        let year = |session: &Session| date_of(session.start_ms)[..4].to_owned();
        let years = match (sessions.first().map(year), sessions.last().map(year)) {
            (Some(first), Some(last)) if first == last => format!("{first}_"),
            (Some(first), Some(last)) => format!("{first}-{last}_"),
            _ => String::new(),
        };
        (format!("Spotify Extended Streaming History/Streaming_History_Audio_{years}"), rows)
    })
}

/// Why a play ended: what is neither skipped nor heard out is interrupted, and ends its session. A skip in the last
/// seconds is one here, too, though the track counts as complete by its share.
fn reason_end(play: &Play, track: &Track) -> &'static str {
    let responses = play.responses;
    if play.ms_played >= track.duration_ms {
        "trackdone"
    } else if responses.complete == Some(true) || responses.skip == Some(true) {
        "fwdbtn"
    } else {
        "logout"
    }
}

fn row<'a>(
    session: &Session,
    play: &Play,
    track: &'a Track,
    reason_start: &'static str,
    reason_end: &'static str,
) -> Row<'a> {
    Row {
        ts: utc_text(play.end_ms()),
        platform: platform(session.context.device),
        ms_played: play.ms_played.unwrap_or(0),
        conn_country: "ZZ",
        master_metadata_track_name: &track.name,
        master_metadata_album_artist_name: &track.artist,
        master_metadata_album_album_name: &track.album,
        spotify_track_uri: track_uri(play.track),
        episode_name: None,
        episode_show_name: None,
        spotify_episode_uri: None,
        reason_start,
        reason_end,
        shuffle: session.context.shuffle,
        skipped: reason_end == "fwdbtn",
        offline: false,
        offline_timestamp: None,
        incognito_mode: false,
    }
}

/// A uri of 22 letters and digits, as real ones have.
fn track_uri(track: u32) -> String {
    format!("spotify:track:synthetic{track:013}")
}

fn platform(device: Option<Device>) -> &'static str {
    match device {
        None => "not_applicable",
        Some(Device::Phone) => "android",
        Some(Device::Tablet) => "ipad",
        Some(Device::Computer) => "windows",
        Some(Device::Web) => "web_player",
        Some(Device::Speaker) => "cast",
        Some(Device::Television) => "Partner android_tv Sony;BRAVIA 4K",
        Some(Device::Car) => "Partner spotify Car Thing",
    }
}

#[cfg(test)]
mod tests {
    use crate::synthetic::formats::round_trip::{RoundTrip, small};
    use crate::{ImportOptions, Silent, SyntheticFormat, import_spotify_extended};

    #[test]
    fn an_import_gives_back_sessions_tracks_and_responses() {
        let round = RoundTrip::new(&small(12), 4);
        let log = round.write(SyntheticFormat::SpotifyExtended);
        let options = ImportOptions::default();
        let report = import_spotify_extended(&[log], &round.path("imported"), &options, &Silent).unwrap();
        assert_eq!(report.counts.rows_read, report.counts.rows_kept, "{:?}", report.counts);
        let (imported, catalog) = round.imported();
        let tracks = round.world.tracks();
        let mut without_duration = 0;
        assert_eq!(imported.len(), round.sessions.len());
        for (found, written) in imported.iter().zip(&round.sessions) {
            assert_eq!((found.user, found.plays.len()), (written.user, written.plays.len()));
            let (context, expected) = (found.context, written.context);
            assert_eq!((context.device, context.shuffle), (expected.device, expected.shuffle));
            // Ends are whole seconds: of plays that end in one, the longest is taken for the first.
            let mut written = written.plays.clone();
            written.sort_by_key(|play| (play.end_ms() / 1_000, std::cmp::Reverse(play.ms_played)));
            for (play, expected) in found.plays.iter().zip(&written) {
                let (track, written) = (&catalog[play.track as usize], &tracks[expected.track as usize]);
                assert_eq!(track.id, super::track_uri(expected.track));
                assert_eq!(
                    (&track.name, &track.artist, &track.album),
                    (&written.name, &written.artist, &written.album)
                );
                // Ends are cut to the second, and starts moved to the end of the play before.
                assert!((play.start_ms - expected.start_ms).abs() <= 2_000);
                assert_eq!(play.ms_played, expected.ms_played);
                if track.duration_ms == written.duration_ms {
                    assert_eq!(play.responses, expected.responses);
                } else {
                    // Never heard out: a skip in the last seconds cannot be told from others.
                    assert_eq!(track.duration_ms, None);
                    without_duration += 1;
                }
            }
        }
        let plays: usize = imported.iter().map(|session| session.plays.len()).sum();
        assert!(plays > 500 && without_duration * 2 < plays, "{without_duration} of {plays}");
    }
}
