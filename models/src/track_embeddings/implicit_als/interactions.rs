//! Who played what how often: a sparse matrix of users and tracks, by user and by track.

use listening_data::Dataset;

use super::kernels::SparseRow;
use crate::splits::{Split, TimeSplit};
use crate::{ModelError, Result};

/// Plays per user and track.
///
/// Memory grows with the number of distinct (user, track) pairs, 16 bytes each, and with users and tracks, 8 bytes
/// each; not with the number of plays.
#[derive(Clone, Debug, PartialEq)]
pub struct Interactions {
    by_user: SparseRows,
    by_track: SparseRows,
}

impl Interactions {
    /// Counts the plays of one part of a time split, in one pass over the dataset.
    pub fn count_plays(dataset: &Dataset, split: &TimeSplit, part: Split) -> Result<Self> {
        let (users, tracks) = (dataset.manifest().users as usize, dataset.manifest().tracks as usize);
        let mut by_user = SparseRows::empty(tracks);
        // Sessions come in order of user: one row of counts is enough, and `played` lists its entries above 0.
        let mut counts = vec![0u32; tracks];
        let mut played: Vec<u32> = Vec::new();
        for item in split.sessions(dataset)? {
            let (logged, of) = item?;
            if logged.session.user as usize != by_user.rows() {
                by_user.take_counts(&mut counts, &mut played);
                by_user.close_rows_before(logged.session.user as usize);
            }
            if of == part {
                for play in &logged.session.plays {
                    if counts[play.track as usize] == 0 {
                        played.push(play.track);
                    }
                    counts[play.track as usize] += 1;
                }
            }
        }
        by_user.take_counts(&mut counts, &mut played);
        by_user.close_rows_before(users);
        Ok(Self::new(by_user))
    }

    /// Takes (user, track, plays) in any order; plays of the same pair are added up.
    ///
    /// Memory grows with the number of triples.
    pub fn from_triples(users: usize, tracks: usize, triples: &[(u32, u32, f32)]) -> Result<Self> {
        for (place, &(user, track, plays)) in triples.iter().enumerate() {
            if user as usize >= users || track as usize >= tracks || !(plays > 0.0 && plays.is_finite()) {
                let problem = format!(
                    "triple {place} is user {user}, track {track}, plays {plays}; expected a user below {users}, a \
                     track below {tracks} and plays above 0"
                );
                return Err(ModelError::setting("interactions", problem));
            }
        }
        let mut sorted = triples.to_vec();
        sorted.sort_by_key(|&(user, track, _)| (user, track));
        let mut by_user = SparseRows::empty(tracks);
        for pairs in sorted.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let (user, track, _) = pairs[0];
            by_user.close_rows_before(user as usize);
            by_user.columns.push(track);
            by_user.values.push(pairs.iter().map(|pair| pair.2).sum());
        }
        by_user.close_rows_before(users);
        Ok(Self::new(by_user))
    }

    fn new(by_user: SparseRows) -> Self {
        let by_track = by_user.transposed();
        Self { by_user, by_track }
    }

    /// Number of users, with and without plays.
    pub fn users(&self) -> usize {
        self.by_user.rows()
    }

    /// Number of tracks, with and without plays.
    pub fn tracks(&self) -> usize {
        self.by_track.rows()
    }

    /// Number of distinct (user, track) pairs.
    pub fn pairs(&self) -> usize {
        self.by_user.columns.len()
    }

    /// The tracks that a user played, ascending.
    pub fn tracks_of(&self, user: u32) -> &[u32] {
        self.by_user.columns_of(user as usize)
    }

    /// The users that played a track, ascending.
    pub fn users_of(&self, track: u32) -> &[u32] {
        self.by_track.columns_of(track as usize)
    }

    pub(super) fn by_user(&self) -> &SparseRows {
        &self.by_user
    }

    pub(super) fn by_track(&self) -> &SparseRows {
        &self.by_track
    }
}

/// A sparse matrix in compressed rows; columns ascend within a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SparseRows {
    /// Number of columns of the matrix.
    width: usize,
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

impl SparseRows {
    fn empty(width: usize) -> Self {
        Self { width, starts: vec![0], columns: Vec::new(), values: Vec::new() }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// The columns of a row.
    fn columns_of(&self, row: usize) -> &[u32] {
        &self.columns[self.starts[row]..self.starts[row + 1]]
    }

    /// Appends counts to the open row and clears them.
    fn take_counts(&mut self, counts: &mut [u32], played: &mut Vec<u32>) {
        played.sort_unstable();
        for track in played.drain(..) {
            self.columns.push(track);
            self.values.push(counts[track as usize] as f32);
            counts[track as usize] = 0;
        }
    }

    /// Ends the open row, and adds empty ones until `row` is the open one.
    fn close_rows_before(&mut self, row: usize) {
        while self.rows() < row {
            self.starts.push(self.columns.len());
        }
    }

    /// Counting sort by column; rows ascend within each column since they are read in order.
    fn transposed(&self) -> Self {
        let mut starts = vec![0; self.width + 1];
        for &column in &self.columns {
            starts[column as usize + 1] += 1;
        }
        for column in 0..self.width {
            starts[column + 1] += starts[column];
        }
        let mut next = starts.clone();
        let mut columns = vec![0; self.columns.len()];
        let mut values = vec![0.0; self.columns.len()];
        for row in 0..self.rows() {
            for place in self.starts[row]..self.starts[row + 1] {
                let target = &mut next[self.columns[place] as usize];
                columns[*target] = row as u32;
                values[*target] = self.values[place];
                *target += 1;
            }
        }
        Self { width: self.rows(), starts, columns, values }
    }
}

/// Interactions with confidences in the place of plays.
pub(super) struct Confidences<'a> {
    rows: &'a SparseRows,
    /// c - 1 of each pair.
    weights: Vec<f32>,
}

impl<'a> Confidences<'a> {
    /// `weight` gives c - 1 for a number of plays.
    pub fn new(rows: &'a SparseRows, weight: impl Fn(f32) -> f32) -> Self {
        Self { rows, weights: rows.values.iter().map(|&plays| weight(plays)).collect() }
    }

    pub fn rows(&self) -> usize {
        self.rows.rows()
    }

    pub fn row(&self, row: usize) -> SparseRow<'_> {
        let range = self.rows.starts[row]..self.rows.starts[row + 1];
        SparseRow { columns: &self.rows.columns[range.clone()], weights: &self.weights[range] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splits::SplitShares;
    use listening_data::{Context, DatasetWriter, Play, Session, SourceInfo, Track, User};

    #[test]
    fn triples_become_rows_both_ways() {
        let triples = [(2, 1, 3.0), (0, 3, 1.0), (2, 0, 1.0), (0, 3, 0.5)];
        let interactions = Interactions::from_triples(4, 5, &triples).unwrap();
        assert_eq!((interactions.users(), interactions.tracks(), interactions.pairs()), (4, 5, 3));
        assert_eq!(interactions.tracks_of(2), [0, 1]);
        assert!(interactions.tracks_of(1).is_empty());
        assert_eq!(interactions.users_of(3), [0]);
        assert_eq!(interactions.by_track.values, [1.0, 3.0, 1.5], "plays of one pair add up");
        assert_eq!(interactions.by_track.transposed(), interactions.by_user);
        assert!(Interactions::from_triples(2, 5, &triples).unwrap_err().to_string().contains("triple 0"));
        assert!(Interactions::from_triples(4, 5, &[(0, 0, 0.0)]).is_err());
    }

    #[test]
    fn plays_of_each_part_are_counted_and_users_without_sessions_have_empty_rows() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = DatasetWriter::create(folder.path().join("d")).unwrap();
        let play = |track| Play { track, start_ms: 0, ..Play::default() };
        // User 0 has no session, user 1 four of them, user 2 one, user 3 none.
        for (user, start_ms, tracks) in
            [(1, 0, vec![4, 0, 4]), (1, 1, vec![4]), (1, 2, vec![1]), (1, 3, vec![2, 2]), (2, 0, vec![3])]
        {
            let plays = tracks.into_iter().map(play).collect();
            writer.write_session(&Session { user, start_ms, context: Context::default(), plays }).unwrap();
        }
        let users: Vec<User> = (0..4).map(|user| User { id: user.to_string() }).collect();
        writer.finish(&vec![Track::default(); 6], &users, &SourceInfo::new("test")).unwrap();
        let dataset = Dataset::open(folder.path().join("d")).unwrap();
        let split = TimeSplit::new(&dataset, SplitShares { validation: 0.25, test: 0.25 }).unwrap();
        let of = |part| Interactions::count_plays(&dataset, &split, part).unwrap();
        let expected = |triples: &[(u32, u32, f32)]| Interactions::from_triples(4, 6, triples).unwrap();
        assert_eq!(of(Split::Train), expected(&[(1, 0, 1.0), (1, 4, 3.0), (2, 3, 1.0)]));
        assert_eq!(of(Split::Validation), expected(&[(1, 1, 1.0)]));
        assert_eq!(of(Split::Test), expected(&[(1, 2, 2.0)]));
    }
}
