//! What happened in a session before a play, and how a track stands to it.

use crate::track_embeddings::{TrackVectors, dot};

use super::RESPONSES;

/// Number of features of a track and the session before it.
pub const SO_FAR_FEATURES: usize = 19;

/// The plays of a session so far.
///
/// The features, in order: the last play's responses (1, -1, and 0 where missing), whether this is the first play, the
/// place t as ln(1 + t) / 3 and 1 / (1 + t), skips in a row s as ln(1 + s) / 2, shares of complete and of skipped plays;
/// cosines of the track to the last track, to the mean of all, to the nearest of all, to the mean of those not skipped
/// and of those skipped; whether its artist is the last one's, ln(1 + n) of the plays and of the skips of its artist, of
/// the plays of the track itself, and whether the last of these was skipped. Places, scales and choice are ours.
#[derive(Clone, Debug, Default)]
pub struct SessionSoFar {
    plays: Vec<HeardPlay>,
    /// Sums of the unit vectors of the tracks not skipped and of those skipped.
    sums: [Vec<f32>; 2],
    skips_in_a_row: usize,
    completed: usize,
    skipped: usize,
}

#[derive(Clone, Copy, Debug)]
struct HeardPlay {
    track: u32,
    artist: u32,
    responses: [f32; RESPONSES.len()],
}

impl HeardPlay {
    fn skipped(&self) -> bool {
        self.responses[1] > 0.0
    }
}

impl SessionSoFar {
    /// Back to the beginning of a session.
    pub fn clear(&mut self) {
        self.plays.clear();
        self.sums.iter_mut().for_each(|sum| sum.fill(0.0));
        (self.skips_in_a_row, self.completed, self.skipped) = (0, 0, 0);
    }

    /// Plays so far.
    pub fn len(&self) -> usize {
        self.plays.len()
    }

    /// Whether nothing was played yet.
    pub fn is_empty(&self) -> bool {
        self.plays.is_empty()
    }

    /// Takes in a play with its responses: complete, skip, past threshold.
    pub fn push(
        &mut self,
        vectors: &TrackVectors,
        artists: &[u32],
        track: u32,
        responses: [Option<bool>; RESPONSES.len()],
    ) {
        let responses = responses.map(|known| known.map_or(0.0, |yes| if yes { 1.0 } else { -1.0 }));
        let play = HeardPlay { track, artist: artists[track as usize], responses };
        self.skips_in_a_row = if play.skipped() { self.skips_in_a_row + 1 } else { 0 };
        self.completed += usize::from(responses[0] > 0.0);
        self.skipped += usize::from(play.skipped());
        let sum = &mut self.sums[usize::from(play.skipped())];
        sum.resize(vectors.dimension(), 0.0);
        sum.iter_mut().zip(vectors.vector(track)).for_each(|(sum, x)| *sum += x);
        self.plays.push(play);
    }

    /// Appends the features of a track that may be played next.
    pub fn write(&self, vectors: &TrackVectors, artists: &[u32], track: u32, features: &mut Vec<f32>) {
        let place = self.plays.len() as f32;
        let share = |count: usize| count as f32 / place.max(1.0);
        let logarithm = |count: usize| (count as f32).ln_1p();
        let (vector, artist) = (vectors.vector(track), artists[track as usize]);
        let last = self.plays.last();
        features.extend_from_slice(&last.map_or([0.0; RESPONSES.len()], |play| play.responses));
        features.push(if last.is_none() { 1.0 } else { 0.0 });
        features.extend_from_slice(&[place.ln_1p() / 3.0, 1.0 / (1.0 + place), logarithm(self.skips_in_a_row) / 2.0]);
        features.extend_from_slice(&[share(self.completed), share(self.skipped)]);
        let to_plays = self.plays.iter().map(|play| dot(vector, vectors.vector(play.track)));
        let (mut nearest, mut to_last, mut total) = (0.0f32, 0.0, 0.0);
        for (place, cosine) in to_plays.enumerate() {
            nearest = if place == 0 { cosine } else { nearest.max(cosine) };
            to_last = cosine;
            total += cosine;
        }
        features.extend_from_slice(&[to_last, total / place.max(1.0), nearest]);
        let counts = [self.plays.len() - self.skipped, self.skipped];
        for (sum, count) in self.sums.iter().zip(counts) {
            features.push(if count == 0 { 0.0 } else { dot(vector, sum) / count as f32 });
        }
        let of_artist = || self.plays.iter().filter(|play| play.artist == artist);
        let of_track = || self.plays.iter().filter(|play| play.track == track);
        let yes = |holds: bool| if holds { 1.0 } else { 0.0 };
        features.extend_from_slice(&[
            yes(last.is_some_and(|play| play.artist == artist)),
            logarithm(of_artist().count()),
            logarithm(of_artist().filter(|play| play.skipped()).count()),
            logarithm(of_track().count()),
            yes(of_track().next_back().is_some_and(HeardPlay::skipped)),
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked by hand: three tracks of two artists.
    #[test]
    fn features_are_those_counted_by_hand() {
        let vectors = TrackVectors::new(2, vec![1.0, 0.0, 0.0, 1.0, 0.6, 0.8]);
        let artists = [4, 9, 4];
        let mut session = SessionSoFar::default();
        let features = |session: &SessionSoFar, track| {
            let mut features = Vec::new();
            session.write(&vectors, &artists, track, &mut features);
            assert_eq!(features.len(), SO_FAR_FEATURES);
            features
        };
        let mut begun = vec![0.0; SO_FAR_FEATURES];
        (begun[3], begun[5]) = (1.0, 1.0);
        assert_eq!(features(&session, 2), begun);
        session.push(&vectors, &artists, 0, [Some(true), Some(false), None]);
        session.push(&vectors, &artists, 1, [Some(false), Some(true), Some(false)]);
        let ln = |x: f32| x.ln();
        let expected = [
            [-1.0, 1.0, -1.0, 0.0, ln(3.0) / 3.0, 1.0 / 3.0, ln(2.0) / 2.0, 0.5, 0.5].as_slice(),
            &[0.8, 0.7, 0.8, 0.6, 0.8],
            &[0.0, ln(2.0), 0.0, 0.0, 0.0],
        ]
        .concat();
        for (found, expected) in features(&session, 2).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        let again = features(&session, 1);
        assert_eq!(again[14..], [1.0, ln(2.0), ln(2.0), ln(2.0), 1.0]);
        session.clear();
        assert_eq!(features(&session, 2), begun);
    }
}
