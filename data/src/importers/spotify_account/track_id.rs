//! Identifiers of tracks that have none: artist and name.

use std::borrow::Cow;

const PREFIX: &str = "spotify-account:";

/// Writes `spotify-account:<artist>:<name>` into `id`. A colon in a part is written `%3A`, a percent sign `%25`, so
/// that different pairs have different identifiers.
pub(super) fn write_track_id(artist: &str, name: &str, id: &mut String) {
    id.clear();
    id.push_str(PREFIX);
    id.push_str(&escaped(artist));
    id.push(':');
    id.push_str(&escaped(name));
}

/// Artist and name of an identifier.
pub(super) fn artist_and_name(id: &str) -> (String, String) {
    let pair = id.strip_prefix(PREFIX).unwrap_or(id);
    let (artist, name) = pair.split_once(':').unwrap_or(("", pair));
    let plain = |text: &str| text.replace("%3A", ":").replace("%25", "%");
    (plain(artist), plain(name))
}

fn escaped(text: &str) -> Cow<'_, str> {
    if text.contains(['%', ':']) { text.replace('%', "%25").replace(':', "%3A").into() } else { text.into() }
}

/// A name without what differs between spellings of one name: case, kinds of quotes, dashes and blanks, and full-width
/// letters. Suffixes such as " - Remastered 2011" stay: they tell recordings apart, often of another length.
pub(super) fn normalised(text: &str) -> String {
    let plain = text.chars().map(|letter| match letter {
        '\u{2018}' | '\u{2019}' | '\u{201B}' | '\u{02BC}' | '\u{00B4}' | '`' => '\'',
        '\u{201C}' | '\u{201D}' | '\u{201E}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        // The full-width forms of ASCII stand in its order.
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(letter as u32 - 0xFEE0).unwrap_or(letter),
        letter => letter,
    });
    let lower: String = plain.flat_map(char::to_lowercase).collect();
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn identifiers_go_both_ways(artist in "[a%:325A ]{0,8}", name in "[a%:325A ]{0,8}") {
            let mut id = String::new();
            write_track_id(&artist, &name, &mut id);
            prop_assert_eq!(artist_and_name(&id), (artist, name));
        }
    }

    #[test]
    fn spellings_of_one_name_meet_and_recordings_stay_apart() {
        for (one, other) in [
            ("Don\u{2019}t  Stop", "don't stop"),
            ("\u{FF21}BC\u{3000}x", "ABC x"),
            ("MOT\u{D6}RHEAD", "mot\u{F6}rhead"),
            ("A \u{2013} B", "A - B"),
        ] {
            assert_eq!(normalised(one), normalised(other));
        }
        assert_ne!(normalised("Song"), normalised("Song - Remastered 2011"));
        assert_ne!(normalised("Song"), normalised("Song (Live)"));
    }
}
