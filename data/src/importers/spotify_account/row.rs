//! One row of the account data, checked field by field: a wrong one is named.

use std::borrow::Cow;

use serde::Deserialize;

use crate::importers::json_field::{Field, parse_object};
use crate::importers::row_problem::RowProblem;
use crate::time::parse_utc;

/// What a row plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// A track, or an episode of a podcast in exports that do not tell them apart.
    Track { artist: Cow<'a, str>, name: Cow<'a, str> },
    /// A podcast's episode, in exports that tell.
    Podcast,
    /// A chapter of an audiobook.
    Audiobook,
    /// Artist or track are not named.
    Unknown,
}

/// A checked row.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) content: Content<'a>,
    /// Start of the minute in which the play ended, UTC.
    pub(super) end_ms: i64,
    pub(super) ms_played: u32,
}

impl<'a> Row<'a> {
    /// Whether this is a row of the extended export: it has the end's time under another name.
    pub(super) fn is_of_extended_export(text: &[u8]) -> bool {
        serde_json::from_slice::<serde_json::Value>(text)
            .is_ok_and(|row| row.get("ts").is_some() && row.get("endTime").is_none())
    }

    /// Parses and checks one row.
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, RowProblem> {
        parse_object::<RawRow<'a>>(text)?.check()
    }
}

/// A row as it stands in the file. A missing field is `Field::Absent`; unknown fields are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRow<'a> {
    #[serde(borrow, default)]
    end_time: Field<'a>,
    #[serde(borrow, default)]
    artist_name: Field<'a>,
    #[serde(borrow, default)]
    track_name: Field<'a>,
    #[serde(borrow, default)]
    ms_played: Field<'a>,
    #[serde(borrow, default)]
    podcast_name: Field<'a>,
    #[serde(borrow, default)]
    audiobook_name: Field<'a>,
}

impl<'a> RawRow<'a> {
    fn check(self) -> Result<Row<'a>, RowProblem> {
        let end_ms = end_of(&self.end_time)?;
        let ms_played = self.ms_played.milliseconds("msPlayed")?;
        let content = if self.podcast_name != Field::Absent {
            Content::Podcast
        } else if self.audiobook_name != Field::Absent {
            Content::Audiobook
        } else {
            for (field, name) in [(&self.artist_name, "artistName"), (&self.track_name, "trackName")] {
                if *field == Field::Absent {
                    return Err(field.problem(name, "text or null"));
                }
            }
            let (artist, name) = (self.artist_name.text("artistName")?, self.track_name.text("trackName")?);
            if artist.is_empty() || name.is_empty() || artist == "Unknown Artist" || name == "Unknown Track" {
                Content::Unknown
            } else {
                Content::Track { artist, name }
            }
        };
        Ok(Row { content, end_ms, ms_played })
    }
}

/// The moment of `2023-05-01 14:03`.
fn end_of(field: &Field<'_>) -> Result<i64, RowProblem> {
    let moment = match field {
        Field::Text(text) if text.len() == 16 => parse_utc(&format!("{text}:00Z")),
        _ => None,
    };
    moment.ok_or_else(|| field.problem("endTime", "a UTC time to the minute such as 2023-05-01 14:03"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"endTime": "2023-05-01 14:03", "artistName": "A", "trackName": "T", "msPlayed": 7}"#;

    #[test]
    fn rows_tell_what_was_played() {
        let row = Row::parse(GOOD.as_bytes()).unwrap();
        // date -u -d '2023-05-01 14:03' +%s
        assert_eq!((row.end_ms, row.ms_played), (1_682_949_780_000, 7));
        assert_eq!(row.content, Content::Track { artist: "A".into(), name: "T".into() });
        for (from, to, content) in [
            ("\"A\"", "\"Unknown Artist\"", Content::Unknown),
            ("\"T\"", "null", Content::Unknown),
            ("\"artistName\": \"A\", \"trackName\"", "\"podcastName\": \"A\", \"episodeName\"", Content::Podcast),
            ("\"artistName\": \"A\", \"trackName\"", "\"audiobookName\": \"A\", \"chapterName\"", Content::Audiobook),
        ] {
            assert_eq!(Row::parse(GOOD.replace(from, to).as_bytes()).unwrap().content, content, "{to}");
        }
    }

    #[test]
    fn problems_name_field_expectation_and_finding() {
        for (from, to, field, found) in [
            ("\"2023-05-01 14:03\"", "17", "endTime", "17"),
            ("05-01", "05-32", "endTime", "\"2023-05-32 14:03\""),
            ("14:03", "14:03:09", "endTime", "\"2023-05-01 14:03:09\""),
            ("14:03", "24:03", "endTime", "\"2023-05-01 24:03\""),
            ("endTime", "time", "endTime", "nothing (the field is missing)"),
            (": 7", ": -7", "msPlayed", "-7"),
            (": 7", ": \"7\"", "msPlayed", "\"7\""),
            (", \"msPlayed\": 7", "", "msPlayed", "nothing (the field is missing)"),
            ("\"A\"", "[1]", "artistName", "a list"),
            ("artistName", "artist", "artistName", "nothing (the field is missing)"),
            ("\"T\"", "true", "trackName", "true"),
            ("trackName", "track", "trackName", "nothing (the field is missing)"),
        ] {
            let text = GOOD.replace(from, to);
            let problem = Row::parse(text.as_bytes()).unwrap_err();
            assert_eq!((&*problem.field, problem.found.as_str()), (field, found), "{text}");
        }
    }
}
