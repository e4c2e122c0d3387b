//! One numbering for the tracks of several datasets, so that embeddings learn from all of them.

use std::collections::HashMap;

use listening_data::Track;

/// Numbers tracks by their ids: those of the first catalog as it does, those that only others know after them.
#[derive(Clone, Debug, Default)]
pub struct JointCatalog {
    numbers: HashMap<String, u32>,
}

impl JointCatalog {
    /// Begins with a catalog, whose numbers stay.
    pub fn new(catalog: &[Track]) -> Self {
        let mut joint = Self::default();
        joint.numbers_of(catalog);
        joint
    }

    /// Takes in a catalog; answers the number of each of its tracks.
    pub fn numbers_of(&mut self, catalog: &[Track]) -> Vec<u32> {
        let mut number = |track: &Track| {
            let next = self.numbers.len() as u32;
            *self.numbers.entry(track.id.clone()).or_insert(next)
        };
        catalog.iter().map(&mut number).collect()
    }

    /// Tracks so far.
    pub fn tracks(&self) -> usize {
        self.numbers.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track_embeddings::Corpus;
    use listening_data::{Content, Context, Dataset, DatasetWriter, Play, SourceInfo, User};

    fn catalog(ids: &[&str]) -> Vec<Track> {
        ids.iter().map(|id| Track { id: (*id).to_owned(), ..Track::default() }).collect()
    }

    #[test]
    fn tracks_with_one_id_have_one_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("playlists");
        let mut writer = DatasetWriter::create_with(&path, Content::Playlists).unwrap();
        let plays = [0, 1, 2, 0].map(|track| Play { track, ..Play::default() });
        writer.write_plays(0, 0, Context::default(), &plays).unwrap();
        let playlists = catalog(&["b", "x", "a"]);
        writer.finish(&playlists, &[User { id: "p".into() }], &SourceInfo::new("test")).unwrap();

        let mut joint = JointCatalog::new(&catalog(&["a", "b", "c"]));
        let numbers = joint.numbers_of(&playlists);
        assert_eq!((numbers.as_slice(), joint.tracks()), ([1, 3, 0].as_slice(), 4));
        let dataset = Dataset::open(&path).unwrap();
        let corpus = Corpus::of_renumbered(&dataset, &numbers, &folder.path().join("corpus")).unwrap();
        assert_eq!(corpus.tokens(), [1, 3, 0, 1]);
    }
}
