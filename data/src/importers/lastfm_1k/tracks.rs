//! The tracks of the log. Last.fm knows a track by its artist's and its own name; MBIDs are a second name for some.

use super::super::ids::Ids;
use super::super::percent_encoding::decoded;
use crate::Track;

const NONE: u32 = u32::MAX;

/// Tracks by number, in the order in which they are first met.
#[derive(Default)]
pub(super) struct Tracks {
    /// `artist \t title`.
    names: Ids,
    mbids: Ids,
    /// The MBID that identifies each track.
    mbid_of_track: Vec<u32>,
    /// The track that each MBID was first met with.
    track_of_mbid: Vec<u32>,
    /// MBIDs first met with a track that had another.
    pub(super) further_mbids: u64,
}

impl Tracks {
    /// The number of a track; `name` is `artist \t title`.
    pub(super) fn number(&mut self, name: &[u8], mbid: &[u8]) -> u32 {
        let track = self.names.number(name);
        if track as usize == self.mbid_of_track.len() {
            self.mbid_of_track.push(NONE);
        }
        if !mbid.is_empty() && !self.has_mbid(track, mbid) {
            let mbid = self.mbids.number(mbid);
            if mbid as usize == self.track_of_mbid.len() {
                self.track_of_mbid.push(track);
                if self.mbid_of_track[track as usize] == NONE {
                    self.mbid_of_track[track as usize] = mbid;
                } else {
                    self.further_mbids += 1;
                }
            }
        }
        track
    }

    fn has_mbid(&self, track: u32, mbid: &[u8]) -> bool {
        let known = self.mbid_of_track[track as usize];
        known != NONE && self.mbids.id(known) == mbid
    }

    /// The track that has this identifier, or met this MBID first.
    pub(super) fn find(&self, id: &str) -> Option<u32> {
        match self.mbids.find(id.as_bytes()) {
            Some(mbid) => Some(self.track_of_mbid[mbid as usize]),
            None => self.names.find(&name_of(id)?),
        }
    }

    /// All tracks as the catalog shows them.
    pub(super) fn catalog(&self) -> Vec<Track> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let track = |number: u32| {
            let name = self.names.id(number);
            let (artist, title) = name.split_at(memchr::memchr(b'\t', name).unwrap_or(name.len()));
            let title = title.get(1..).unwrap_or_default();
            let id = match self.mbid_of_track[number as usize] {
                NONE => id_of(&text(artist), &text(title)),
                mbid => text(self.mbids.id(mbid)),
            };
            Track { id, name: text(title), artist: text(artist), ..Track::default() }
        };
        (0..self.names.len() as u32).map(track).collect()
    }
}

/// The identifier of a track without MBID, in the form of Last.fm's addresses: `The+Dogs+D'Amour/_/Fall+in+Love`.
fn id_of(artist: &str, title: &str) -> String {
    let mut id = String::with_capacity(artist.len() + title.len() + 3);
    for (place, name) in [artist, title].into_iter().enumerate() {
        if place > 0 {
            id.push_str("/_/");
        }
        for letter in name.chars() {
            match letter {
                ' ' => id.push('+'),
                '+' | '%' | '/' => id.push_str(&format!("%{:02X}", u32::from(letter))),
                _ => id.push(letter),
            }
        }
    }
    id
}

/// `artist \t title` of such an identifier.
fn name_of(id: &str) -> Option<Vec<u8>> {
    let (artist, title) = id.split_once("/_/")?;
    Some(format!("{}\t{}", decoded(artist), decoded(title)).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_is_known_by_its_names_and_found_by_all_its_ids() {
        let mut tracks = Tracks::default();
        let mut number = |name: &str, mbid: &str| tracks.number(name.as_bytes(), mbid.as_bytes());
        assert_eq!(number("A\tOne", ""), 0);
        assert_eq!(number("A\tTwo", "m2"), 1);
        assert_eq!(number("A\tOne", "m1"), 0);
        // A second MBID of the same track, and an MBID that belongs to another.
        assert_eq!(number("A\tOne", "m3"), 0);
        assert_eq!(number("B+C/D\t100% E", "m1"), 2);
        let ids: Vec<String> = tracks.catalog().into_iter().map(|track| track.id).collect();
        assert_eq!(ids, ["m1", "m2", "B%2BC%2FD/_/100%25+E"]);
        let found = ["m1", "m2", "m3", "B%2BC%2FD/_/100%25+E", "A/_/Two", "m4", "A"].map(|id| tracks.find(id));
        assert_eq!(found, [Some(0), Some(1), Some(0), Some(2), Some(1), None, None]);
        assert_eq!(tracks.further_mbids, 1);
        assert_eq!(tracks.catalog()[2].artist, "B+C/D");
        assert_eq!(tracks.catalog()[2].name, "100% E");
    }
}
