//! What happened in a session before a play, and how a track stands to it.

use std::sync::LazyLock;

use crate::track_embeddings::{TrackVectors, dot_products};

use super::RESPONSES;

/// Number of features of a track and the session before it.
pub const SO_FAR_FEATURES: usize = 19;

/// Plays whose cosines are computed at a time.
const BLOCK: usize = 32;

/// ln(1 + n) of the first n: sessions are short, and a logarithm costs more than all else here.
static LOGARITHMS: LazyLock<[f32; 64]> = LazyLock::new(|| std::array::from_fn(|n| (n as f32).ln_1p()));

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
    /// Their tracks' vectors, one after another.
    vectors: Vec<f32>,
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

/// How a track stands to the plays so far.
#[derive(Default)]
struct Standing {
    to_last: f32,
    to_nearest: f32,
    /// Sums of the cosines to the tracks not skipped and to those skipped.
    cosines: [f32; 2],
    /// Plays and skips of its artist, plays of the track.
    artist_plays: usize,
    artist_skips: usize,
    track_plays: usize,
    track_skipped_last: bool,
}

impl SessionSoFar {
    /// Back to the beginning of a session.
    pub fn clear(&mut self) {
        self.plays.clear();
        self.vectors.clear();
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
        self.vectors.extend_from_slice(vectors.vector(track));
        self.plays.push(play);
    }

    /// The features of a track that may be played next.
    pub fn features(&self, vectors: &TrackVectors, artists: &[u32], track: u32) -> [f32; SO_FAR_FEATURES] {
        let plays = self.plays.len();
        let share = |part: f32, count: usize| part / count.max(1) as f32;
        let yes = |holds: bool| if holds { 1.0 } else { 0.0 };
        let artist = artists[track as usize];
        let standing = self.standing(vectors.vector(track), track, artist);
        let last = self.plays.last();
        let [complete, skip, past_threshold] = last.map_or([0.0; RESPONSES.len()], |play| play.responses);
        let [liked, disliked] = standing.cosines;
        [
            complete,
            skip,
            past_threshold,
            yes(last.is_none()),
            logarithm(plays) / 3.0,
            1.0 / (1.0 + plays as f32),
            logarithm(self.skips_in_a_row) / 2.0,
            share(self.completed as f32, plays),
            share(self.skipped as f32, plays),
            standing.to_last,
            share(liked + disliked, plays),
            standing.to_nearest,
            share(liked, plays - self.skipped),
            share(disliked, self.skipped),
            yes(last.is_some_and(|play| play.artist == artist)),
            logarithm(standing.artist_plays),
            logarithm(standing.artist_skips),
            logarithm(standing.track_plays),
            yes(standing.track_skipped_last),
        ]
    }

    fn standing(&self, vector: &[f32], track: u32, artist: u32) -> Standing {
        if self.plays.is_empty() {
            return Standing::default();
        }
        let mut standing = Standing { to_nearest: f32::NEG_INFINITY, ..Standing::default() };
        let blocks = self.vectors.chunks(BLOCK * vector.len());
        for (vectors, plays) in blocks.zip(self.plays.chunks(BLOCK)) {
            let mut cosines = [0.0; BLOCK];
            dot_products(vectors, vector, vector.len(), &mut cosines[..plays.len()]);
            for (play, cosine) in plays.iter().zip(cosines) {
                standing.to_last = cosine;
                standing.to_nearest = standing.to_nearest.max(cosine);
                standing.cosines[usize::from(play.skipped())] += cosine;
                let (of_artist, of_track) = (play.artist == artist, play.track == track);
                standing.artist_plays += usize::from(of_artist);
                standing.artist_skips += usize::from(of_artist && play.skipped());
                standing.track_plays += usize::from(of_track);
                standing.track_skipped_last = if of_track { play.skipped() } else { standing.track_skipped_last };
            }
        }
        standing
    }
}

fn logarithm(count: usize) -> f32 {
    LOGARITHMS.get(count).copied().unwrap_or_else(|| (count as f32).ln_1p())
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
        let features = |session: &SessionSoFar, track| session.features(&vectors, &artists, track);
        let mut begun = [0.0; SO_FAR_FEATURES];
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
        // Nearest to a track that is not the last.
        assert_eq!(features(&session, 0)[9..], [0.0, 0.5, 1.0, 1.0, 0.0, 0.0, ln(2.0), 0.0, ln(2.0), 0.0]);
        session.clear();
        assert_eq!(features(&session, 2), begun);
    }
}
