//! Lines of 30Music: tab-separated, with JSON in the last fields.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::importers::percent_encoding::decoded;
use crate::importers::row_problem::{RowProblem, shown};
use crate::importers::text_lines::line_text;

/// `event.session <id> <timestamp> {"numtracks":..} {"subjects":[..],"objects":[..]}`; before the second object stands
/// a blank in the published file, and a tab in those of other relations.
#[derive(Debug, PartialEq)]
pub(super) struct SessionLine<'a> {
    /// Start of the session, in seconds since 1970.
    pub(super) seconds: u32,
    pub(super) user: u64,
    pub(super) plays: Vec<SessionPlay<'a>>,
}

/// One track of a session.
#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct SessionPlay<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    pub(super) id: u64,
    /// Seconds from the start of the session.
    #[serde(default)]
    pub(super) playstart: Option<f64>,
    /// Seconds played; below 0 where it is not known.
    #[serde(default)]
    pub(super) playtime: Option<f64>,
    /// Share of the duration that was played.
    #[serde(default)]
    pub(super) playratio: Option<f64>,
    #[serde(borrow, default)]
    pub(super) action: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Links<'a> {
    subjects: Vec<Subject<'a>>,
    #[serde(borrow)]
    objects: Vec<SessionPlay<'a>>,
}

#[derive(Deserialize)]
struct Subject<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    id: u64,
}

impl<'a> SessionLine<'a> {
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, RowProblem> {
        let (_, timestamp, json) = fields(line, "event.session")?;
        let seconds = timestamp.parse().ok().filter(|&seconds| seconds > 0);
        let Some(seconds) = seconds else {
            return Err(RowProblem::new("timestamp", "seconds since 1970", shown(timestamp)));
        };
        let json_problem = |e: serde_json::Error| RowProblem::new("(JSON)", "two JSON objects", e.to_string());
        let mut objects = serde_json::Deserializer::from_str(json).into_iter::<IgnoredAny>();
        objects.next().transpose().map_err(json_problem)?;
        let links: Links<'a> = serde_json::from_str(&json[objects.byte_offset()..]).map_err(json_problem)?;
        let Some(user) = links.subjects.iter().find(|subject| subject.kind == "user") else {
            return Err(RowProblem::new("subjects", "a user", format!("{} others", links.subjects.len())));
        };
        if let Some(other) = links.objects.iter().find(|object| object.kind != "track") {
            return Err(RowProblem::new("objects", "tracks", shown(&other.kind)));
        }
        Ok(Self { seconds, user: user.id, plays: links.objects })
    }
}

/// `track <id> <timestamp> {"duration":..,"name":"Artist/_/Title",..} {..}`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TrackLine {
    pub(super) id: u64,
    pub(super) artist: String,
    pub(super) title: String,
    pub(super) duration_ms: Option<u32>,
}

#[derive(Deserialize)]
struct TrackFields<'a> {
    #[serde(default)]
    duration: Option<f64>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
}

impl TrackLine {
    pub(super) fn parse(line: &[u8]) -> Result<Self, RowProblem> {
        let (id, _, json) = fields(line, "track")?;
        let mut objects = serde_json::Deserializer::from_str(json).into_iter::<TrackFields<'_>>();
        let track = match objects.next() {
            Some(Ok(track)) => track,
            other => {
                let found = other.and_then(Result::err).map_or("nothing".to_owned(), |e| e.to_string());
                return Err(RowProblem::new("(JSON)", "a JSON object", found));
            }
        };
        let name = track.name.unwrap_or_default();
        let (artist, title) = name.split_once("/_/").unwrap_or(("", &name));
        // Milliseconds; -1 where Last.fm does not know.
        let duration_ms = track.duration.filter(|ms| (1.0..=f64::from(i32::MAX)).contains(ms)).map(|ms| ms as u32);
        Ok(Self { id, artist: decoded(artist), title: decoded(title), duration_ms })
    }
}

/// Identifier, timestamp and the JSON of a line that begins with `kind`.
fn fields<'a>(line: &'a [u8], kind: &'static str) -> Result<(u64, &'a str, &'a str), RowProblem> {
    let line = line_text(line)?;
    let mut fields = line.splitn(4, '\t');
    let mut next = || fields.next().unwrap_or_default();
    let (found, id, timestamp, json) = (next(), next(), next(), next());
    if found != kind {
        return Err(RowProblem::new("type", kind, shown(found)));
    }
    let id = id.parse().map_err(|_| RowProblem::new("id", "a whole number", shown(id)))?;
    Ok((id, timestamp, json))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = concat!(
        "event.session\t287144\t1390231051\t{\"numtracks\":2,\"playtime\":469} ",
        "{\"subjects\":[{\"type\":\"user\",\"id\":44361}],\"objects\":[{\"type\":\"track\",\"id\":4698874,\"playstart\":0,",
        "\"playtime\":287,\"playratio\":1.0,\"action\":\"play\"},{\"type\":\"track\",\"id\":838286,\"playstart\":287,",
        "\"playtime\":182,\"playratio\":null,\"action\":\"play\"}]}\n"
    );

    #[test]
    fn a_session_is_read_with_a_blank_or_a_tab_before_its_links() {
        let line = SessionLine::parse(SESSION.as_bytes()).unwrap();
        assert_eq!((line.seconds, line.user, line.plays.len()), (1_390_231_051, 44_361, 2));
        assert_eq!((line.plays[0].id, line.plays[0].playratio), (4_698_874, Some(1.0)));
        assert_eq!((line.plays[1].playstart, line.plays[1].playratio), (Some(287.0), None));
        assert_eq!(SessionLine::parse(SESSION.replace("} {", "}\t{").as_bytes()).unwrap(), line);
    }

    #[test]
    fn problems_name_field_expectation_and_finding() {
        for (from, to, field, found) in [
            ("event.session", "event.play", "type", "\"event.play\""),
            ("287144", "x", "id", "\"x\""),
            ("1390231051", "-1", "timestamp", "\"-1\""),
            ("\"user\"", "\"band\"", "subjects", "1 others"),
            ("\"track\"", "\"album\"", "objects", "\"album\""),
            ("\"numtracks\":2", "\"numtracks\":", "(JSON)", "expected value at line 1 column 14"),
        ] {
            let text = SESSION.replace(from, to);
            let problem = SessionLine::parse(text.as_bytes()).unwrap_err();
            assert_eq!((&*problem.field, problem.found.as_str()), (field, found), "{text}");
        }
        let half = SESSION.split(" {\"subj").next().unwrap();
        assert_eq!(SessionLine::parse(half.as_bytes()).unwrap_err().field, "(JSON)");
        assert_eq!(TrackLine::parse(b"track\t1\t-1").unwrap_err().field, "(JSON)");
    }

    #[test]
    fn names_and_durations_of_tracks() {
        let track = |name: &str, duration: &str| {
            let text = format!(
                "track\t7\t-1\t{{\"duration\":{duration},\"MBID\":null,\"name\":{name}}}\t{{\"artists\":[]}}\n"
            );
            let line = TrackLine::parse(text.as_bytes()).unwrap();
            (line.artist, line.title, line.duration_ms)
        };
        let text = |artist: &str, title: &str| (artist.to_owned(), title.to_owned());
        let (artist, title) = text("Music Instructor", "Dj's Rock/Café");
        assert_eq!(track("\"Music+Instructor/_/Dj%27s+Rock%2FCaf%C3%A9\"", "272000"), (artist, title, Some(272_000)));
        assert_eq!(track("\"Alone\"", "-1"), (String::new(), "Alone".to_owned(), None));
        assert_eq!(track("null", "1e99"), (String::new(), String::new(), None));
    }
}
