//! One row of the log: tab-separated, without quoting, checked field by field.

use std::borrow::Cow;

use super::super::row_problem::{RowProblem, shown};
use super::super::text_lines::line_text;
use crate::time::parse_utc;

/// A checked row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub(super) user: &'a str,
    /// When the track began to play, in milliseconds since 1970, UTC.
    pub(super) time_ms: i64,
    /// The artist's name; its MBID where there is no name.
    pub(super) artist: Cow<'a, str>,
    /// The track's MBID; empty where it has none.
    pub(super) mbid: &'a str,
    pub(super) title: Cow<'a, str>,
    /// Whether a name holds a tab, so that the row has more than its six fields.
    pub(super) mended: bool,
}

impl<'a> Row<'a> {
    /// Parses and checks one line.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, RowProblem> {
        let line = line_text(line)?;
        let mut fields = [""; 6];
        let mut count = 0;
        for field in line.splitn(6, '\t') {
            fields[count] = field;
            count += 1;
        }
        if count < 6 {
            let found = format!("{count} in {}", shown(line));
            return Err(RowProblem::new("(whole row)", "six fields with a tab between them", found));
        }
        let [user, time, artist_id, artist, mbid, title] = fields;
        if user.is_empty() {
            return Err(RowProblem::new("userid", "a listener such as user_000001", "nothing"));
        }
        let Some(time_ms) = parse_utc(time) else {
            return Err(RowProblem::new("timestamp", "a UTC time such as 2009-05-04T23:08:57Z", shown(time)));
        };
        if !is_mbid_or_empty(artist_id) {
            return Err(RowProblem::new("musicbrainz-artist-id", "an MBID or nothing", shown(artist_id)));
        }
        let (artist, mbid, title, mended) = if title.contains('\t') || !is_mbid_or_empty(mbid) {
            let names = &line[user.len() + time.len() + artist_id.len() + 3..];
            let (artist, mbid, title) = split_names(names)?;
            (Cow::Owned(artist), mbid, Cow::Owned(title), true)
        } else {
            (Cow::Borrowed(artist.trim()), mbid, Cow::Borrowed(title.trim()), false)
        };
        let artist = if artist.is_empty() { Cow::Borrowed(artist_id) } else { artist };
        Ok(Self { user, time_ms, artist, mbid, title, mended })
    }
}

/// Splits `artist-name \t MBID \t track-name` where a name holds tabs: the MBID between them is known by its form.
/// Without one, an empty field parts the names.
fn split_names(names: &str) -> Result<(String, &str, String), RowProblem> {
    let fields: Vec<&str> = names.split('\t').collect();
    let inner = 1..fields.len() - 1;
    let place = inner.clone().find(|&place| is_mbid(fields[place]));
    let Some(place) = place.or_else(|| inner.clone().find(|&place| fields[place].is_empty())) else {
        return Err(RowProblem::new("musicbrainz-track-id", "an MBID or nothing", shown(fields[1])));
    };
    let join = |fields: &[&str]| fields.join(" ").trim().to_owned();
    Ok((join(&fields[..place]), fields[place], join(&fields[place + 1..])))
}

fn is_mbid_or_empty(text: &str) -> bool {
    text.is_empty() || is_mbid(text)
}

/// Whether a text is a MusicBrainz identifier: a UUID, 8-4-4-4-12 hexadecimal digits.
fn is_mbid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "f1b1cf71-bd35-4e99-8624-24a6e15f133a";

    fn parse(fields: &[&str]) -> Result<(String, String, String, bool), RowProblem> {
        let line = fields.join("\t") + "\r\n";
        let row = Row::parse(line.as_bytes())?;
        Ok((row.artist.into_owned(), row.mbid.to_owned(), row.title.into_owned(), row.mended))
    }

    #[test]
    fn names_stand_as_they_are_and_tabs_in_them_are_mended() {
        let (user, time) = ("user_000001", "2009-05-04T23:08:57Z");
        for (fields, artist, mbid, title, mended) in [
            (&["", "Deep \"Dish", "", "'Fuck\" Me\\"][..], "Deep \"Dish", "", "'Fuck\" Me\\", false),
            (&[ID, " A ", ID, "B\u{a0}"], "A", ID, "B", false),
            (&[ID, "A", ID, "B", "c", "", "d"], "A", ID, "B c  d", true),
            (&[ID, "A", "b", ID, "C"], "A b", ID, "C", true),
            (&["", "A", "", "B", "c"], "A", "", "B c", true),
            (&["", "A", "b", "", "C"], "A b", "", "C", true),
            (&["", "A", "", "B", ID, "c"], "A  B", ID, "c", true),
            (&[ID, "", "", "B"], ID, "", "B", false),
            (&["", "A", "", ""], "A", "", "", false),
        ] {
            let row = parse(&[&[user, time], fields].concat()).unwrap();
            assert_eq!(row, (artist.to_owned(), mbid.to_owned(), title.to_owned(), mended), "{fields:?}");
        }
    }

    #[test]
    fn problems_name_field_expectation_and_finding() {
        let good = ["user_000001", "2009-05-04T23:08:57Z", ID, "Artist", ID, "Title"];
        assert!(parse(&good).is_ok());
        for (place, text, field, found) in [
            (0, "", "userid", "nothing"),
            (1, "2009-05-04T25:08:57Z", "timestamp", "\"2009-05-04T25:08:57Z\""),
            (2, "mbid", "musicbrainz-artist-id", "\"mbid\""),
            (
                4,
                "f1b1cf71-bd35-4e99-8624-24a6e15f133",
                "musicbrainz-track-id",
                "\"f1b1cf71-bd35-4e99-8624-24a6e15f133\"",
            ),
        ] {
            let mut fields = good;
            fields[place] = text;
            let problem = parse(&fields).unwrap_err();
            assert_eq!((&*problem.field, problem.found.as_str()), (field, found));
        }
        let problem = parse(&good[..5]).unwrap_err();
        assert_eq!(problem.expected, "six fields with a tab between them");
        assert!(problem.found.starts_with("5 in \"user_000001\\t"), "{}", problem.found);
        assert!(Row::parse(b"user\t\xff").unwrap_err().found.contains("0xff after 5 bytes"));
    }
}
