//! Slow features: aggregates of a user's history up to a moment (DESIGN: plays, skips, restarts, likes, playlist adds,
//! listening by time of day, recency-weighted mean track vector; FS-VAE, Fazelnia et al. 2022, section 3.2).

use std::collections::HashSet;
use std::sync::Arc;

use listening_data::{Context, Feedback, FeedbackKind, Play};

use super::tally::{Tally, response_array};
use super::timeline::Event;
use crate::track_embeddings::TrackVectors;

/// Names of the slow features before the mean vector, in order.
pub const SLOW_FEATURE_NAMES: [&str; 24] = [
    "plays",
    "sessions",
    "distinct_tracks",
    "complete_rate",
    "skip_rate",
    "past_threshold_rate",
    "recent_complete_rate",
    "recent_skip_rate",
    "recent_past_threshold_rate",
    "restart_rate",
    "likes",
    "dislikes",
    "playlist_adds",
    "plays_0_to_4",
    "plays_4_to_8",
    "plays_8_to_12",
    "plays_12_to_16",
    "plays_16_to_20",
    "plays_20_to_24",
    "weekend_plays",
    "days_since_first_play",
    "days_since_last_play",
    "plays_last_day",
    "plays_last_week",
];

/// Plays after which a play counts half in recent rates and in the mean vector: about five sessions.
const HALF_LIFE_PLAYS: f32 = 50.0;
/// Plays of even odds that a rate starts from.
const PRIOR_PLAYS: f32 = 2.0;
const HOUR_MS: f64 = 3_600_000.0;
const DAY_MS: f64 = 24.0 * HOUR_MS;

/// A user's slow features, advanced event by event.
///
/// Every value lies in about -1..=2, and all but the ages and the counts of the last day and week stand still between
/// events. Needs memory in the number of distinct tracks.
#[derive(Clone, Debug)]
pub struct SlowFeatures {
    vectors: Arc<TrackVectors>,
    tally: Tally,
    sessions: u32,
    tracks: HashSet<u32>,
    recent: [(f32, f32); 3],
    restarts: u32,
    last_track: Option<u32>,
    likes: i32,
    dislikes: i32,
    playlist_adds: u32,
    /// Plays by four hours of the day, and on weekends, among those whose time of day is known.
    day_parts: [u32; 6],
    weekend: u32,
    timed: u32,
    first_ms: Option<i64>,
    last_ms: Option<i64>,
    /// Decayed counts of plays with time constants of a day and a week, as of `last_ms`.
    rates: [f64; 2],
    mean: Vec<f32>,
}

impl SlowFeatures {
    /// Those of a new user.
    pub fn new(vectors: Arc<TrackVectors>) -> Self {
        let mean = vec![0.0; vectors.dimension()];
        Self {
            vectors,
            tally: Tally::default(),
            sessions: 0,
            tracks: HashSet::new(),
            recent: [(0.0, 0.0); 3],
            restarts: 0,
            last_track: None,
            likes: 0,
            dislikes: 0,
            playlist_adds: 0,
            day_parts: [0; 6],
            weekend: 0,
            timed: 0,
            first_ms: None,
            last_ms: None,
            rates: [0.0; 2],
            mean,
        }
    }

    /// Length of the feature vector: [`SLOW_FEATURE_NAMES`], then the mean vector.
    pub fn len(&self) -> usize {
        SLOW_FEATURE_NAMES.len() + self.mean.len()
    }

    /// Whether nothing has happened yet.
    pub fn is_empty(&self) -> bool {
        self.tally.plays == 0 && self.likes == 0 && self.dislikes == 0 && self.playlist_adds == 0
    }

    /// Takes in an event that became known at `known_ms`. Events come in that order.
    pub fn observe(&mut self, known_ms: i64, event: Event<'_>) {
        match event {
            Event::Play(play, context, opens_session) => self.observe_play(known_ms, play, context, opens_session),
            Event::Feedback(feedback) => self.observe_feedback(feedback),
        }
    }

    fn observe_play(&mut self, known_ms: i64, play: &Play, context: &Context, opens_session: bool) {
        self.tally.add(&play.responses);
        self.sessions += u32::from(opens_session);
        self.tracks.insert(play.track);
        let decay = (-1.0 / HALF_LIFE_PLAYS).exp2();
        for (recent, response) in self.recent.iter_mut().zip(response_array(&play.responses)) {
            if let Some(given) = response {
                *recent = (recent.0 * decay + f32::from(u8::from(given)), recent.1 * decay + 1.0);
            }
        }
        self.restarts += u32::from(self.last_track == Some(play.track));
        self.last_track = Some(play.track);
        // Where the session's hour is missing the source has no clock, and the play's time is none of the day.
        if context.hour.is_some() {
            let clock = Context::default().at(play.start_ms);
            self.day_parts[usize::from(clock.hour.unwrap_or(0)) / 4] += 1;
            self.weekend += u32::from(clock.weekday >= Some(5));
            self.timed += 1;
        }
        self.rates = self.decayed_rates(known_ms).map(|rate| rate + 1.0);
        self.first_ms = self.first_ms.or(Some(known_ms));
        self.last_ms = Some(known_ms);
        for (sum, x) in self.mean.iter_mut().zip(self.vectors.vector(play.track)) {
            *sum = *sum * decay + x;
        }
    }

    fn observe_feedback(&mut self, feedback: &Feedback) {
        match feedback.kind {
            FeedbackKind::Like => self.likes += 1,
            FeedbackKind::Unlike => self.likes -= 1,
            FeedbackKind::Dislike => self.dislikes += 1,
            FeedbackKind::Undislike => self.dislikes -= 1,
            FeedbackKind::PlaylistAdd => self.playlist_adds += 1,
        }
    }

    fn decayed_rates(&self, now_ms: i64) -> [f64; 2] {
        let days = self.last_ms.map_or(0.0, |last| (now_ms - last).max(0) as f64 / DAY_MS);
        [self.rates[0] * (-days).exp(), self.rates[1] * (-days / 7.0).exp()]
    }

    /// Writes the features at the moment `now_ms`, not before the last event observed. `features`: [`Self::len`].
    pub fn write(&self, now_ms: i64, features: &mut [f32]) {
        let plays = self.tally.plays as f32;
        let share = |part: u32, whole: u32| part as f32 / whole.max(1) as f32;
        let saturating = |count: f32, half: f32| count / (count + half);
        let log = |count: f32, scale: f32| count.max(0.0).ln_1p() / scale;
        let days_since = |moment: Option<i64>| {
            moment.map_or(0.0, |moment| ((now_ms - moment).max(0) as f64 / DAY_MS).ln_1p() as f32 / 6.0)
        };
        let (named, mean) = features.split_at_mut(SLOW_FEATURE_NAMES.len());
        named[0] = saturating(plays, 100.0);
        named[1] = saturating(self.sessions as f32, 10.0);
        named[2] = share(self.tracks.len() as u32, self.tally.plays);
        for response in 0..3 {
            named[3 + response] = self.tally.rate(response, 0.5, PRIOR_PLAYS);
            let (given, known) = self.recent[response];
            named[6 + response] = (given + 0.5 * PRIOR_PLAYS) / (known + PRIOR_PLAYS);
        }
        named[9] = share(self.restarts, self.tally.plays);
        named[10] = log(self.likes as f32, 5.0);
        named[11] = log(self.dislikes as f32, 5.0);
        named[12] = log(self.playlist_adds as f32, 5.0);
        for (value, part) in named[13..19].iter_mut().zip(self.day_parts) {
            *value = share(part, self.timed);
        }
        named[19] = share(self.weekend, self.timed);
        named[20] = days_since(self.first_ms);
        named[21] = days_since(self.last_ms);
        let [day, week] = self.decayed_rates(now_ms);
        named[22] = log(day as f32, 6.0);
        named[23] = log(week as f32, 6.0);
        let length = self.mean.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
        mean.iter_mut().zip(&self.mean).for_each(|(value, sum)| *value = sum / length);
    }
}
