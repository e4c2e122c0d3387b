//! One playlist of a slice, checked field by field.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use super::super::row_problem::{RowProblem, shown};

/// The last second of the year 9999: later times are no times.
const LATEST_S: i64 = 253_402_300_799;

/// A checked playlist.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Playlist<'a> {
    pub(super) pid: u64,
    /// When it was last changed, in seconds since 1970; `None` in the challenge set.
    #[serde(default)]
    pub(super) modified_at: Option<i64>,
    /// How many tracks it says to have.
    #[serde(default)]
    pub(super) num_tracks: Option<u64>,
    /// How many of them were left out, in the challenge set.
    #[serde(default)]
    pub(super) num_holdouts: Option<u64>,
    #[serde(borrow)]
    pub(super) tracks: Vec<PlaylistTrack<'a>>,
    /// Tracks that were wrong and are skipped.
    #[serde(skip)]
    pub(super) bad_tracks: u64,
}

/// A track in its place.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct PlaylistTrack<'a> {
    pub(super) pos: u64,
    #[serde(borrow)]
    pub(super) track_uri: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) track_name: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) artist_name: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) album_name: Cow<'a, str>,
    /// 0 or less where it is not known.
    #[serde(default)]
    pub(super) duration_ms: i64,
}

impl<'a> Playlist<'a> {
    /// Parses and checks the text of a playlist. Where `lenient`, wrong tracks are left out and counted.
    pub(super) fn parse(text: &'a [u8], lenient: bool) -> Result<Self, RowProblem> {
        // Nearly all playlists are as they should be: what is wrong with the others is found by a second look.
        match serde_json::from_slice::<Self>(text) {
            Ok(playlist) if playlist.is_right() => Ok(playlist),
            _ => Self::parse_slowly(text, lenient),
        }
    }

    fn is_right(&self) -> bool {
        let track_is_right =
            |track: &PlaylistTrack| track.track_uri.starts_with("spotify:") && track.duration_ms <= i64::from(i32::MAX);
        (0..=LATEST_S).contains(&self.modified_at.unwrap_or(0)) && self.tracks.iter().all(track_is_right)
    }

    fn parse_slowly(text: &[u8], lenient: bool) -> Result<Self, RowProblem> {
        let value: Value = serde_json::from_slice(text)
            .map_err(|e| RowProblem::new("(whole row)", "a JSON object", format!("{e} in {}", start_of(text))))?;
        if !value.is_object() {
            return Err(RowProblem::new("(whole row)", "a JSON object", start_of(text)));
        }
        let mut playlist = Self {
            pid: whole_number(&value, "pid", u64::MAX)?
                .ok_or_else(|| RowProblem::new("pid", "a whole number", "nothing (the field is missing)"))?,
            modified_at: whole_number(&value, "modified_at", LATEST_S as u64)?.map(|seconds| seconds as i64),
            num_tracks: whole_number(&value, "num_tracks", u64::MAX)?,
            num_holdouts: whole_number(&value, "num_holdouts", u64::MAX)?,
            ..Self::default()
        };
        let tracks = match value.get("tracks") {
            Some(Value::Array(tracks)) => tracks,
            other => return Err(RowProblem::new("tracks", "a list", found(other))),
        };
        for (place, track) in tracks.iter().enumerate() {
            match PlaylistTrack::check(track) {
                Ok(track) => playlist.tracks.push(track),
                Err(_) if lenient => playlist.bad_tracks += 1,
                Err(problem) => {
                    return Err(RowProblem { field: format!("tracks[{place}].{}", problem.field).into(), ..problem });
                }
            }
        }
        Ok(playlist)
    }
}

impl PlaylistTrack<'_> {
    fn check(value: &Value) -> Result<Self, RowProblem> {
        let pos = whole_number(value, "pos", u64::MAX)?;
        let pos = pos.ok_or_else(|| RowProblem::new("pos", "a whole number", found(value.get("pos"))))?;
        let track_uri = text(value, "track_uri")?;
        if !track_uri.starts_with("spotify:") {
            let expected = "a Spotify uri such as spotify:track:...";
            return Err(RowProblem::new("track_uri", expected, found(value.get("track_uri"))));
        }
        let duration_ms = match value.get("duration_ms") {
            None | Some(Value::Null) => 0,
            Some(Value::Number(ms)) if ms.as_f64().is_some_and(|ms| ms <= f64::from(i32::MAX)) => {
                ms.as_f64().unwrap_or_default() as i64
            }
            other => return Err(RowProblem::new("duration_ms", "milliseconds up to 2147483647", found(other))),
        };
        Ok(Self {
            pos,
            track_uri,
            track_name: text(value, "track_name")?,
            artist_name: text(value, "artist_name")?,
            album_name: text(value, "album_name")?,
            duration_ms,
        })
    }
}

/// Text; empty where null or absent.
fn text(value: &Value, field: &'static str) -> Result<Cow<'static, str>, RowProblem> {
    match value.get(field) {
        None | Some(Value::Null) => Ok(Cow::Borrowed("")),
        Some(Value::String(text)) => Ok(Cow::Owned(text.clone())),
        other => Err(RowProblem::new(field, "text or null", found(other))),
    }
}

/// A whole number up to `most`; `None` where null or absent.
fn whole_number(value: &Value, field: &'static str, most: u64) -> Result<Option<u64>, RowProblem> {
    match value.get(field) {
        None | Some(Value::Null) => Ok(None),
        // Some programs write whole numbers as 7.0.
        Some(Value::Number(number)) => {
            let whole = number.as_f64().filter(|n| n.fract() == 0.0 && (0.0..1e15).contains(n)).map(|n| n as u64);
            let number_of = number.as_u64().or(whole).filter(|&number| number <= most);
            number_of.map(Some).ok_or_else(|| RowProblem::new(field, "a whole number in its range", number.to_string()))
        }
        other => Err(RowProblem::new(field, "a whole number", found(other))),
    }
}

fn found(value: Option<&Value>) -> String {
    match value {
        None => "nothing (the field is missing)".to_owned(),
        Some(Value::String(text)) => shown(text),
        Some(Value::Array(_)) => "a list".to_owned(),
        Some(Value::Object(_)) => "an object".to_owned(),
        Some(other) => other.to_string(),
    }
}

fn start_of(text: &[u8]) -> String {
    shown(&String::from_utf8_lossy(&text[..text.len().min(240)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"pid": 7, "modified_at": 1493424000, "num_tracks": 1, "collaborative": "false", "tracks":
        [{"pos": 0, "track_uri": "spotify:track:a", "track_name": "O\u006ee", "artist_name": "A", "album_name": "B",
        "duration_ms": 226863, "artist_uri": "spotify:artist:x"}]}"#;

    #[test]
    fn both_looks_see_the_same() {
        let fast = Playlist::parse(GOOD.as_bytes(), false).unwrap();
        assert_eq!(fast, Playlist::parse_slowly(GOOD.as_bytes(), false).unwrap());
        assert_eq!((fast.pid, fast.modified_at, fast.tracks[0].track_name.as_ref()), (7, Some(1_493_424_000), "One"));
        // Nulls and numbers with a point are no fault.
        let odd = GOOD.replace("\"A\"", "null").replace("226863", "226863.0").replace("1493424000", "1493424000.0");
        let odd = Playlist::parse(odd.as_bytes(), false).unwrap();
        assert_eq!((odd.tracks[0].artist_name.as_ref(), odd.tracks[0].duration_ms), ("", 226_863));
        assert_eq!(odd.modified_at, fast.modified_at);
        let bare = Playlist::parse(br#"{"pid": 1000002, "num_holdouts": 5, "tracks": []}"#, false).unwrap();
        assert_eq!((bare.modified_at, bare.num_holdouts), (None, Some(5)));
    }

    #[test]
    fn problems_name_field_expectation_and_finding() {
        for (from, to, field, found) in [
            ("\"pid\": 7", "\"pid\": -7", "pid", "-7"),
            ("\"pid\": 7", "\"pid\": \"7\"", "pid", "\"7\""),
            ("\"pid\"", "\"id\"", "pid", "nothing (the field is missing)"),
            ("1493424000", "1e300", "modified_at", "1e+300"),
            ("1493424000", "-1", "modified_at", "-1"),
            ("\"tracks\"", "\"songs\"", "tracks", "nothing (the field is missing)"),
            ("\"pos\": 0", "\"pos\": 0.5", "tracks[0].pos", "0.5"),
            ("\"pos\": 0,", "", "tracks[0].pos", "nothing (the field is missing)"),
            ("spotify:track:a", "", "tracks[0].track_uri", "\"\""),
            ("\"A\"", "[]", "tracks[0].artist_name", "a list"),
            ("226863", "\"long\"", "tracks[0].duration_ms", "\"long\""),
            ("226863", "1e99", "tracks[0].duration_ms", "1e+99"),
        ] {
            let text = GOOD.replace(from, to);
            let problem = Playlist::parse(text.as_bytes(), false).unwrap_err();
            assert_eq!((&*problem.field, problem.found.as_str()), (field, found), "{text}");
            let lenient = Playlist::parse(text.as_bytes(), true);
            assert_eq!(lenient.is_ok_and(|playlist| playlist.bad_tracks == 1), field.starts_with("tracks["), "{text}");
        }
        assert_eq!(Playlist::parse(b"17", true).unwrap_err().field, "(whole row)");
        assert_eq!(Playlist::parse(b"{\"pid\": }", true).unwrap_err().field, "(whole row)");
    }
}
