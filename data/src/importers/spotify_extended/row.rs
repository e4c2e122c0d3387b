//! One row of an export, checked field by field: a wrong one is named.

use std::borrow::Cow;

use serde::Deserialize;

use crate::importers::json_field::{Field, parse_object};
use crate::importers::row_problem::RowProblem;

/// What a row plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// A track, by its uri.
    Track(Cow<'a, str>),
    /// A podcast's episode.
    Podcast,
    /// A chapter of an audiobook.
    Audiobook,
    /// The row names nothing.
    Nothing,
}

/// A checked row.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) username: Option<Cow<'a, str>>,
    pub(super) content: Content<'a>,
    pub(super) name: Cow<'a, str>,
    pub(super) artist: Cow<'a, str>,
    pub(super) album: Cow<'a, str>,
    /// End of the play, UTC.
    pub(super) end_ms: i64,
    pub(super) ms_played: u32,
    /// Start of an offline play, UTC.
    pub(super) offline_start_ms: Option<i64>,
    pub(super) platform: Cow<'a, str>,
    pub(super) reason_start: Cow<'a, str>,
    pub(super) reason_end: Cow<'a, str>,
    pub(super) shuffle: Option<bool>,
    pub(super) skipped: Option<bool>,
}

/// An offline play reaches Spotify when the device is online again, which it must be every 30 days to keep its
/// downloads; a few days more are allowed for a device that was left in a drawer.
const LONGEST_OFFLINE_MS: i64 = 40 * 24 * 3_600_000;

impl<'a> Row<'a> {
    /// Whether this is a row of the yearly account export: it has the end's time under another name.
    pub(super) fn is_of_account_export(text: &[u8]) -> bool {
        serde_json::from_slice::<serde_json::Value>(text).is_ok_and(|row| row.get("endTime").is_some())
    }

    /// Parses and checks one row.
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, RowProblem> {
        let raw: RawRow<'a> = parse_object(text)?;
        raw.check()
    }
}

/// A row as it stands in the file. A missing field is `Field::Absent`; unknown fields are ignored.
#[derive(Deserialize)]
struct RawRow<'a> {
    #[serde(borrow, default)]
    ts: Field<'a>,
    #[serde(borrow, default)]
    username: Field<'a>,
    #[serde(borrow, default)]
    platform: Field<'a>,
    #[serde(borrow, default)]
    ms_played: Field<'a>,
    #[serde(borrow, default)]
    master_metadata_track_name: Field<'a>,
    #[serde(borrow, default)]
    master_metadata_album_artist_name: Field<'a>,
    #[serde(borrow, default)]
    master_metadata_album_album_name: Field<'a>,
    #[serde(borrow, default)]
    spotify_track_uri: Field<'a>,
    #[serde(borrow, default)]
    spotify_episode_uri: Field<'a>,
    #[serde(borrow, default)]
    audiobook_uri: Field<'a>,
    #[serde(borrow, default)]
    reason_start: Field<'a>,
    #[serde(borrow, default)]
    reason_end: Field<'a>,
    #[serde(borrow, default)]
    shuffle: Field<'a>,
    #[serde(borrow, default)]
    skipped: Field<'a>,
    #[serde(borrow, default)]
    offline: Field<'a>,
    #[serde(borrow, default)]
    offline_timestamp: Field<'a>,
}

impl<'a> RawRow<'a> {
    fn check(self) -> Result<Row<'a>, RowProblem> {
        let end_ms = self.ts.moment("ts")?;
        let offline = self.offline.boolean("offline")?.unwrap_or(false);
        let offline_timestamp = self.offline_timestamp.number("offline_timestamp")?;
        let track = self.spotify_track_uri.text("spotify_track_uri")?;
        let episode = self.spotify_episode_uri.text("spotify_episode_uri")?;
        let audiobook = self.audiobook_uri.text("audiobook_uri")?;
        let content = if !episode.is_empty() || track.starts_with("spotify:episode:") {
            Content::Podcast
        } else if !audiobook.is_empty() {
            Content::Audiobook
        } else if matches!(self.spotify_track_uri, Field::Absent) {
            return Err(self.spotify_track_uri.problem("spotify_track_uri", "a Spotify uri or null"));
        } else if track.is_empty() {
            Content::Nothing
        } else if track.starts_with("spotify:") {
            Content::Track(track)
        } else {
            return Err(self.spotify_track_uri.problem("spotify_track_uri", "a Spotify uri such as spotify:track:..."));
        };
        Ok(Row {
            username: Some(self.username.text("username")?).filter(|name| !name.is_empty()),
            content,
            name: self.master_metadata_track_name.text("master_metadata_track_name")?,
            artist: self.master_metadata_album_artist_name.text("master_metadata_album_artist_name")?,
            album: self.master_metadata_album_album_name.text("master_metadata_album_album_name")?,
            end_ms,
            ms_played: self.ms_played.milliseconds("ms_played")?,
            offline_start_ms: offline_timestamp.filter(|_| offline).and_then(|stamp| offline_start(stamp, end_ms)),
            platform: self.platform.text("platform")?,
            reason_start: self.reason_start.text("reason_start")?,
            reason_end: self.reason_end.text("reason_end")?,
            shuffle: self.shuffle.boolean("shuffle")?,
            skipped: self.skipped.boolean("skipped")?,
        })
    }
}

/// The start of an offline play, from seconds or milliseconds since 1970; `None` where it cannot be: 0, after the
/// arrival, or longer before it than a device may stay offline.
fn offline_start(stamp: f64, arrival_ms: i64) -> Option<i64> {
    // Seconds stay below 1e11 until the year 5138; milliseconds have been above since 1973.
    let ms = if stamp < 1e11 { stamp * 1000.0 } else { stamp } as i64;
    (ms > 0 && (arrival_ms - LONGEST_OFFLINE_MS..=arrival_ms).contains(&ms)).then_some(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offline(stamp: &str, offline: &str) -> Option<i64> {
        let text = format!(
            "{{\"ts\": \"2021-11-15T13:41:44Z\", \"ms_played\": 1, \"spotify_track_uri\": \"spotify:track:a\", \
             \"offline\": {offline}, \"offline_timestamp\": {stamp}}}"
        );
        Row::parse(text.as_bytes()).unwrap().offline_start_ms
    }

    #[test]
    fn offline_times_are_seconds_or_milliseconds_and_plausible() {
        assert_eq!(offline("1636983621", "true"), Some(1_636_983_621_000));
        assert_eq!(offline("1636983621468", "true"), Some(1_636_983_621_468));
        for implausible in ["0", "null", "-5", "1e300", "1836983621", "1436983621"] {
            assert_eq!(offline(implausible, "true"), None, "{implausible}");
        }
        assert_eq!(offline("1636983621", "false"), None);
        assert_eq!(offline("1636983621", "null"), None);
    }

    #[test]
    fn problems_name_field_expectation_and_finding() {
        let good = r#"{"ts": "2021-11-15T13:41:44Z", "ms_played": 1, "spotify_track_uri": null}"#;
        assert_eq!(Row::parse(good.as_bytes()).unwrap().content, Content::Nothing);
        for (from, to, field, found) in [
            ("\"2021-11-15T13:41:44Z\"", "17", "ts", "17"),
            ("2021-11-15", "2021-11-31", "ts", "\"2021-11-31T13:41:44Z\""),
            ("\"ts\"", "\"time\"", "ts", "nothing (the field is missing)"),
            (": 1,", ": -1,", "ms_played", "-1"),
            (": 1,", ": 1.5,", "ms_played", "1.5"),
            (": 1,", ": \"1\",", "ms_played", "\"1\""),
            (": 1,", ": null,", "ms_played", "null"),
            (": 1,", ": 1, \"shuffle\": [{}],", "shuffle", "a list"),
            (": 1,", ": 1, \"platform\": {\"a\": 1},", "platform", "an object"),
            (": null", ": true", "spotify_track_uri", "true"),
            (": null", ": \"http://x\"", "spotify_track_uri", "\"http://x\""),
            ("\"spotify_track_uri\"", "\"uri\"", "spotify_track_uri", "nothing (the field is missing)"),
        ] {
            let text = good.replace(from, to);
            let problem = Row::parse(text.as_bytes()).unwrap_err();
            assert_eq!((&*problem.field, problem.found.as_str()), (field, found), "{text}");
        }
        assert_eq!(Row::parse(b"17").unwrap_err().expected, "a JSON object");
        assert_eq!(Row::parse(b"{\"ts\": }").unwrap_err().field, "(whole row)");
        assert!(Row::parse(b"{\"ts\": \"\xe9\"}").unwrap_err().found.contains("0xe9"));
    }
}
