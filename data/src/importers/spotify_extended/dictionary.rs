//! Tracks by number.

use std::collections::HashMap;

use super::row::Row;
use crate::importers::options::ImportOptions;
use crate::importers::percent_encoding::decoded;
use crate::importers::track_features::add_track_features;
use crate::{Result, Track};

/// Tracks by their uri, with what the first row says of them.
#[derive(Default)]
pub(super) struct Tracks {
    numbers: HashMap<String, u32>,
    pub(super) tracks: Vec<Track>,
}

impl Tracks {
    /// The number of a row's track.
    pub(super) fn number(&mut self, uri: &str, row: &Row<'_>) -> u32 {
        if let Some(&number) = self.numbers.get(uri) {
            return number;
        }
        let number = self.tracks.len() as u32;
        let mut track = local_file(uri).unwrap_or_default();
        track.id = uri.to_owned();
        for (field, text) in
            [(&mut track.name, &row.name), (&mut track.artist, &row.artist), (&mut track.album, &row.album)]
        {
            if !text.is_empty() {
                *field = text.clone().into_owned();
            }
        }
        self.tracks.push(track);
        self.numbers.insert(uri.to_owned(), number);
        number
    }

    /// Adds the table of features, if one is given; answers its bad lines.
    pub(super) fn add_features(&mut self, options: &ImportOptions) -> Result<u64> {
        let Self { numbers, tracks } = self;
        add_track_features(tracks, |uri| numbers.get(uri).copied(), options)
    }
}

/// The track of `spotify:local:<artist>:<album>:<title>:<seconds>`: such rows have no other names.
fn local_file(uri: &str) -> Option<Track> {
    let mut parts = uri.strip_prefix("spotify:local:")?.split(':');
    let (artist, album, name) = (parts.next()?, parts.next()?, parts.next()?);
    let seconds = parts.next().and_then(|text| text.parse::<u32>().ok()).filter(|&seconds| seconds > 0);
    Some(Track {
        artist: decoded(artist),
        album: decoded(album),
        name: decoded(name),
        duration_ms: seconds.and_then(|seconds| seconds.checked_mul(1000)),
        ..Track::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_files_carry_their_names_in_the_uri() {
        let track = local_file("spotify:local:The+Band:A%26B:50%25+Caf%C3%A9:213").unwrap();
        assert_eq!((track.artist.as_str(), track.album.as_str()), ("The Band", "A&B"));
        assert_eq!((track.name.as_str(), track.duration_ms), ("50% Café", Some(213_000)));
        assert_eq!(local_file("spotify:local:::x%2:").unwrap().name, "x%2");
        assert_eq!(local_file("spotify:track:abc"), None);
    }
}
