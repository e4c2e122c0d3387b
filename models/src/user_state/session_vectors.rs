//! One vector for a session: the mean of its tracks' vectors, scaled to length 1 (Hansen et al., RecSys 2020, section 3).

use super::histories::Histories;
use crate::track_embeddings::TrackVectors;

/// Which plays of a session count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionTracks {
    /// Those that were not skipped; a missing response counts as not skipped.
    Played,
    /// Those that were skipped.
    Skipped,
    /// All.
    All,
}

impl SessionTracks {
    /// Whether a play counts.
    pub fn contains(self, histories: &Histories, play: usize) -> bool {
        match self {
            Self::Played => !histories.skipped(play),
            Self::Skipped => histories.skipped(play),
            Self::All => true,
        }
    }
}

/// Writes the vector of a session and gives the number of plays that counted, those of tracks without a vector among
/// them. The vector is zero where no track has one.
pub fn session_vector(
    histories: &Histories,
    vectors: &TrackVectors,
    session: usize,
    tracks: SessionTracks,
    vector: &mut [f32],
) -> usize {
    vector.fill(0.0);
    let mut number = 0;
    for play in histories.plays_of(session).filter(|&play| tracks.contains(histories, play)) {
        number += 1;
        vector.iter_mut().zip(vectors.vector(histories.track(play))).for_each(|(sum, value)| *sum += value);
    }
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
    number
}
