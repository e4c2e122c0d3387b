//! A dataset of extended exports that the account data join: its listeners come first, its tracks are known.

use std::path::Path;

use super::track_id::{artist_and_name, normalised, write_track_id};
use crate::importers::ids::Ids;
use crate::importers::spotify_archive::Owner;
use crate::{DataError, Dataset, DatasetWriter, ImportOptions, Progress, Result, Track, User};

/// The dataset that is joined.
pub(super) struct Joined {
    dataset: Dataset,
    pub(super) users: Vec<User>,
}

/// What was copied from it.
pub(super) struct Copied {
    pub(super) catalog: Vec<Track>,
    /// Plays by track.
    pub(super) plays: Vec<u64>,
}

/// Tracks of the account data that are in the joined catalog.
#[derive(Debug, Default)]
pub(super) struct Matches {
    /// The place in the catalog by track of the account data.
    pub(super) places: Vec<Option<u32>>,
    /// Played tracks that are in the catalog.
    pub(super) shared: u64,
    /// Played tracks that are not.
    pub(super) not_shared: u64,
    /// Shared tracks that only normalised names have found.
    pub(super) by_normalised_names: u64,
    /// Shared tracks of whose names the catalog has several recordings.
    pub(super) ambiguous: u64,
}

impl Joined {
    /// Opens the dataset; its sessions and responses must have the same definitions, and its listeners other names.
    pub(super) fn open(path: &Path, options: &ImportOptions, owners: &[Owner]) -> Result<Self> {
        let dataset = Dataset::open(path)?;
        let source = &dataset.manifest().source;
        if source.format != "spotify-extended" {
            let problem = format!("was made by `{}`, not by `sim import spotify-extended`", source.format);
            return Err(DataError::bad_file(path, problem, "join a dataset of extended exports"));
        }
        let settings = |rules: &serde_json::Value| rules.as_object().cloned().unwrap_or_default();
        let ours = serde_json::to_value(options.rules)
            .map_err(|e| DataError::bad_file(path, e.to_string(), "this is a fault of the importer: report it"))?;
        let theirs = settings(&source.details["settings"]["rules"]);
        for (setting, value) in settings(&ours) {
            if theirs.get(&setting) != Some(&value) {
                let found = theirs.get(&setting).map_or("none".to_owned(), ToString::to_string);
                let problem = format!("was imported with {setting} = {found}, this import has {value}");
                return Err(DataError::bad_file(path, problem, "import both with the same settings"));
            }
        }
        let users = dataset.users()?;
        for owner in owners {
            if users.iter().any(|user| user.id == owner.user) {
                let problem = format!("holds a listener `{}` already, like {}", owner.user, owner.origin.display());
                let remedy = "if they are one person, leave out the account data, whose plays the extended export \
                              holds too; if they are two, rename one of the two";
                return Err(DataError::bad_file(path, problem, remedy));
            }
        }
        Ok(Self { dataset, users })
    }

    pub(super) fn fingerprint(&self) -> &str {
        &self.dataset.manifest().fingerprint
    }

    /// Streams listeners and sessions over to a new dataset.
    pub(super) fn copy(&self, writer: &mut DatasetWriter, progress: &dyn Progress) -> Result<Copied> {
        let catalog = self.dataset.catalog()?;
        let mut plays = vec![0; catalog.len()];
        for user in &self.users {
            writer.write_user(&user.id)?;
        }
        progress.begin("copying the joined dataset", self.dataset.manifest().sessions, "sessions");
        for logged in self.dataset.sessions()? {
            let logged = logged?;
            logged.session.plays.iter().for_each(|play| plays[play.track as usize] += 1);
            writer.write_session(&logged.session)?;
            if logged.number % 4096 == 0 {
                progress.advance(logged.number);
            }
        }
        progress.advance(self.dataset.manifest().sessions);
        progress.end();
        Ok(Copied { catalog, plays })
    }
}

impl Copied {
    /// Finds the tracks that are `played` in the catalog: by exact names, and those that are not found by normalised
    /// names. Of several recordings of one name the most played is taken, then the one that was met first.
    pub(super) fn matches(&self, tracks: &Ids, played: &[bool]) -> Matches {
        let mut matches = Matches { places: vec![None; tracks.len()], ..Matches::default() };
        let mut id = String::new();
        let exact = self.candidates(tracks.len(), |track| {
            write_track_id(&track.artist, &track.name, &mut id);
            tracks.find(id.as_bytes()).filter(|&track| played[track as usize])
        });
        matches.shared = matches.take(&exact);

        let mut key = String::new();
        let mut normal = |artist: &str, name: &str, key: &mut String| {
            write_track_id(&normalised(artist), &normalised(name), &mut id);
            key.clone_from(&id);
        };
        let mut keys = Ids::default();
        let key_of_track: Vec<Option<u32>> = (0..tracks.len() as u32)
            .map(|track| {
                let missed = played[track as usize] && matches.places[track as usize].is_none();
                missed.then(|| {
                    let (artist, name) = artist_and_name(&String::from_utf8_lossy(tracks.id(track)));
                    normal(&artist, &name, &mut key);
                    keys.number(key.as_bytes())
                })
            })
            .collect();
        let by_key = self.candidates(keys.len(), |track| {
            normal(&track.artist, &track.name, &mut key);
            keys.find(key.as_bytes())
        });
        let by_track: Vec<_> =
            key_of_track.iter().map(|key| key.map_or((None, 0), |key| by_key[key as usize])).collect();
        matches.by_normalised_names = matches.take(&by_track);
        matches.shared += matches.by_normalised_names;
        matches.not_shared = played.iter().filter(|&&played| played).count() as u64 - matches.shared;
        matches
    }

    /// The best place and the number of candidates, for each number that `number` gives to tracks of the catalog.
    fn candidates(&self, count: usize, mut number: impl FnMut(&Track) -> Option<u32>) -> Vec<(Option<u32>, u32)> {
        let mut best: Vec<(Option<u32>, u32)> = vec![(None, 0); count];
        for (place, track) in self.catalog.iter().enumerate() {
            if let Some(number) = number(track) {
                let (taken, candidates) = &mut best[number as usize];
                *candidates += 1;
                if taken.is_none_or(|taken| self.plays[place] > self.plays[taken as usize]) {
                    *taken = Some(place as u32);
                }
            }
        }
        best
    }
}

impl Matches {
    /// Takes the candidates of tracks that have no place yet; answers how many were found.
    fn take(&mut self, candidates: &[(Option<u32>, u32)]) -> u64 {
        let mut found = 0;
        for (place, &(candidate, count)) in self.places.iter_mut().zip(candidates) {
            if place.is_none() && candidate.is_some() {
                *place = candidate;
                found += 1;
                self.ambiguous += u64::from(count > 1);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_find_their_most_played_recording() {
        let track = |artist: &str, name: &str| Track { artist: artist.into(), name: name.into(), ..Track::default() };
        let catalog = vec![
            track("A", "One"),
            track("A", "One"),
            track("B", "Don\u{2019}t"),
            track("B", "two"),
            track("B", "Two"),
            track("C", "Two"),
        ];
        let copied = Copied { catalog, plays: vec![2, 3, 1, 5, 5, 9] };
        let mut tracks = Ids::default();
        for (artist, name) in [("A", "One"), ("b", "Don't"), ("B", "Two"), ("B", "TWO"), ("D", "Two"), ("A", "one")] {
            let mut id = String::new();
            write_track_id(artist, name, &mut id);
            tracks.number(id.as_bytes());
        }
        // The last has no play that is kept.
        tracks.number(b"spotify-account:C:Two");
        let matches = copied.matches(&tracks, &[true, true, true, true, true, true, false]);
        // B - Two has its exact name; TWO could be both, equally played: the first is taken.
        assert_eq!(matches.places, [Some(1), Some(2), Some(4), Some(3), None, Some(1), None]);
        assert_eq!((matches.shared, matches.not_shared), (5, 1));
        assert_eq!((matches.by_normalised_names, matches.ambiguous), (3, 3));
    }
}
