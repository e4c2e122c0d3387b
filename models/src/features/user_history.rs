//! What a user has done up to the start of a session.

use std::collections::HashMap;

use listening_data::Session;

use super::tally::response_array;
use super::{Tally, TrackTotals};
use crate::track_embeddings::{TrackVectors, dot};

/// Number of slow features of a user.
pub const SLOW_FEATURES: usize = 15;

/// Number of relation features of a user and a track.
pub const RELATION_FEATURES: usize = 16;

/// Plays after which a play counts half in the recent rates: about five sessions.
const RECENT_HALF_LIFE: f32 = 50.0;

const DAY_MS: f32 = 86_400_000.0;

/// A user's listening so far, taken in session by session.
#[derive(Clone, Debug, Default)]
pub struct UserHistory {
    all: Tally,
    sessions: u32,
    /// Decayed sums of responses given and known.
    recent: [(f32, f32); 3],
    recent_length: f32,
    last_session: Tally,
    last_end_ms: Option<i64>,
    tracks: HashMap<u32, (Tally, i64)>,
    artists: HashMap<u32, (Tally, i64)>,
    library: Vec<u32>,
}

impl UserHistory {
    /// Takes in a finished session. `artists` gives each track's artist.
    pub fn observe(&mut self, session: &Session, artists: &[u32]) {
        let decay = (-1.0 / RECENT_HALF_LIFE).exp2();
        self.last_session = Tally::default();
        for play in &session.plays {
            self.all.add(&play.responses);
            self.last_session.add(&play.responses);
            for (recent, response) in self.recent.iter_mut().zip(response_array(&play.responses)) {
                if let Some(given) = response {
                    *recent = (recent.0 * decay + if given { 1.0 } else { 0.0 }, recent.1 * decay + 1.0);
                }
            }
            let end = play.end_ms();
            let library = &mut self.library;
            let track = self.tracks.entry(play.track).or_insert_with(|| {
                library.push(play.track);
                Default::default()
            });
            track.0.add(&play.responses);
            track.1 = end;
            let artist = self.artists.entry(artists[play.track as usize]).or_default();
            artist.0.add(&play.responses);
            artist.1 = end;
            self.last_end_ms = Some(self.last_end_ms.map_or(end, |last| last.max(end)));
        }
        let length = session.plays.len() as f32;
        self.recent_length = if self.sessions == 0 { length } else { 0.9 * self.recent_length + 0.1 * length };
        self.sessions += 1;
    }

    /// The tracks played so far, in order of their first play.
    pub fn library(&self) -> &[u32] {
        &self.library
    }

    /// Recent rate of each response, drawn towards the base rates.
    fn recent_rates(&self, base: &[f32; 3]) -> [f32; 3] {
        const WEIGHT: f32 = 5.0;
        std::array::from_fn(|i| (self.recent[i].0 + WEIGHT * base[i]) / (self.recent[i].1 + WEIGHT))
    }

    /// Writes the slow features at time `now_ms`; rates are differences from the base rates.
    pub fn write_slow_features(&self, now_ms: i64, base: &[f32; 3], features: &mut [f32]) {
        let recent = self.recent_rates(base);
        let hours = self.last_end_ms.map(|end| ((now_ms - end).max(0) as f32 / 3_600_000.0).ln_1p() / 8.0);
        // Amounts of experience that saturate: counts that grow without end would put held-out sessions, which come
        // last, outside all that a model was trained on.
        features[0] = self.all.plays as f32 / (self.all.plays as f32 + 100.0);
        features[1] = self.sessions as f32 / (self.sessions as f32 + 10.0);
        features[2] = self.recent_length.ln_1p() / 4.0;
        features[3] = (self.last_session.plays as f32).ln_1p() / 4.0;
        features[4] = if hours.is_some() { 1.0 } else { 0.0 };
        features[5] = hours.unwrap_or(0.0);
        for response in 0..3 {
            features[6 + response] = self.all.rate(response, base[response], 5.0) - base[response];
            features[9 + response] = recent[response] - base[response];
            features[12 + response] = self.last_session.rate(response, recent[response], 2.0) - base[response];
        }
    }
}

/// Computes the relation features of one user at one moment.
pub struct Relations<'a> {
    /// The user's history so far.
    pub history: &'a UserHistory,
    /// Where the user's state points in the space of the tracks.
    pub state: &'a [f32],
    /// The moment.
    pub now_ms: i64,
    /// Totals of the training sessions of all users.
    pub totals: &'a TrackTotals,
    /// The user's own part of those totals.
    pub own: &'a HashMap<u32, Tally>,
    /// Each track's artist.
    pub artists: &'a [u32],
    /// Track vectors.
    pub vectors: &'a TrackVectors,
}

impl Relations<'_> {
    /// Writes the relation features of a track.
    pub fn write(&self, track: u32, features: &mut [f32]) {
        let base = self.totals.base_rates();
        let expected = self.history.recent_rates(&base);
        let total = &self.totals.tracks[track as usize];
        let others = self.own.get(&track).map_or(*total, |own| total.without(own));
        let familiar = self.history.tracks.get(&track).copied().unwrap_or_default();
        let artist = self.history.artists.get(&self.artists[track as usize]).copied().unwrap_or_default();
        let days_since =
            |(tally, last_ms): (Tally, i64)| (tally.plays > 0).then(|| (self.now_ms - last_ms).max(0) as f32 / DAY_MS);
        let fading = |days: Option<f32>, scale: f32| days.map_or(0.0, |days| (-days / scale).exp());
        features[0] = dot(self.state, self.vectors.vector(track));
        features[1] = (others.plays as f32).ln_1p() / 6.0;
        features[2] = (familiar.0.plays as f32).ln_1p() / 3.0;
        features[3] = (artist.0.plays as f32).ln_1p() / 4.0;
        features[4] = fading(days_since(familiar), 1.0);
        features[5] = fading(days_since(familiar), 30.0);
        features[6] = fading(days_since(artist), 7.0);
        for response in 0..3 {
            features[7 + response] = others.rate(response, base[response], 10.0) - base[response];
            features[10 + response] = familiar.0.rate(response, expected[response], 2.0) - expected[response];
            features[13 + response] = artist.0.rate(response, expected[response], 3.0) - expected[response];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use listening_data::{Context, Play, Responses};

    fn session(start_ms: i64, tracks: &[(u32, bool)]) -> Session {
        let plays = tracks.iter().map(|&(track, complete)| Play {
            track,
            start_ms,
            ms_played: Some(1000),
            responses: Responses { complete: Some(complete), skip: Some(!complete), past_threshold: None },
            ..Play::default()
        });
        Session { user: 0, start_ms, context: Context::default(), plays: plays.collect() }
    }

    #[test]
    fn relations_count_track_artist_and_others_apart() {
        let artists = [0, 0, 1];
        let mut history = UserHistory::default();
        history.observe(&session(0, &[(0, true), (0, false), (1, true)]), &artists);
        let mut total = Tally::default();
        (0..4).for_each(|_| total.add(&Responses { complete: Some(true), ..Responses::default() }));
        let mut own = HashMap::new();
        own.insert(0, Tally { plays: 2, given: [1, 0, 0], known: [2, 0, 0] });
        let totals = TrackTotals {
            tracks: vec![total; 3],
            all: Tally { plays: 2, given: [1, 1, 1], known: [2; 3] },
            with_propensity: 0,
            sessions: 1,
        };
        let vectors = TrackVectors::new(2, vec![1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        let relations = Relations {
            history: &history,
            state: &[0.6, 0.8],
            now_ms: 86_400_000 + 1000,
            totals: &totals,
            own: &own,
            artists: &artists,
            vectors: &vectors,
        };
        let mut features = [0.0; RELATION_FEATURES];
        relations.write(0, &mut features);
        assert_eq!(features[0], 0.6);
        assert_eq!(features[1], 2f32.ln_1p() / 6.0, "four plays in all, two of them the user's own");
        assert_eq!(features[2], 2f32.ln_1p() / 3.0);
        assert_eq!(features[3], 3f32.ln_1p() / 4.0);
        assert!((features[4] - (-1f32).exp()).abs() < 1e-6);
        // Others: 3 of 2 known cannot be; 4 - 1 given, 4 - 2 known: (3 + 5) / (2 + 10) - 1/2.
        assert!((features[7] - (8.0 / 12.0 - 0.5)).abs() < 1e-6);
        relations.write(2, &mut features);
        assert_eq!(features[2..7], [0.0; 5], "a track and an artist never heard");
        assert_eq!(features[10], 0.0);
    }

    #[test]
    fn slow_features_of_a_new_user_are_neutral() {
        let mut features = [9.0; SLOW_FEATURES];
        UserHistory::default().write_slow_features(0, &[0.4, 0.3, 0.5], &mut features);
        assert!(features.iter().all(|x| x.abs() < 1e-6), "{features:?}");
    }
}
