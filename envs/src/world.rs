//! All that a simulated world holds and that does not change: catalog, session starts, user-response model.

use std::sync::{Arc, Mutex, PoisonError};

use listening_data::{CounterRng, Stream, Track};
use listening_models::features::{TRACK_EXTRAS, TrackTotals, track_features};
use listening_models::track_embeddings::TrackVectors;
use listening_models::user_state::{UserState, UserStates};
use listening_models::{RecordedSessions, SessionStarts};

use crate::{EnvError, FinishedSession, Result, WorldSettings, draw_pool, episode_of, place_in_episode};

/// What is known of the tracks.
pub struct Catalog {
    /// Track vectors.
    pub vectors: Arc<TrackVectors>,
    /// Each track's artist, by number.
    pub artists: Vec<u32>,
    /// Each track's plays in the training sessions.
    pub plays: Vec<u32>,
    /// Each track's length in milliseconds, given or estimated, where known.
    pub durations_ms: Vec<Option<u32>>,
    /// Milliseconds from which a play is past the threshold.
    pub threshold_ms: u32,
    /// Whether a complete play of the track is past the threshold.
    pub longer_than_threshold: Vec<bool>,
    features: Vec<f32>,
}

impl Catalog {
    /// Gathers what is known of the tracks. `threshold_ms` is that of the response "past threshold".
    pub fn new(
        tracks: &[Track],
        artists: Vec<u32>,
        vectors: Arc<TrackVectors>,
        totals: &TrackTotals,
        threshold_ms: u32,
    ) -> Self {
        let features = track_features(tracks, &vectors);
        let plays = totals.tracks.iter().map(|tally| tally.plays).collect();
        let durations_ms: Vec<Option<u32>> = tracks.iter().map(|track| track.duration_ms).collect();
        // A track of unknown length is taken to be longer: few are not.
        let longer = durations_ms.iter().map(|duration| duration.is_none_or(|ms| ms >= threshold_ms));
        let longer_than_threshold = longer.collect();
        Self { vectors, artists, plays, durations_ms, threshold_ms, longer_than_threshold, features }
    }

    /// Number of tracks.
    pub fn tracks(&self) -> usize {
        self.artists.len()
    }

    /// Features per track.
    pub fn feature_width(&self) -> usize {
        self.vectors.dimension() + TRACK_EXTRAS
    }

    /// The feature table `[tracks, feature_width]`, row by row.
    pub fn features(&self) -> &[f32] {
        &self.features
    }

    /// The features of one track.
    pub fn row(&self, track: u32) -> &[f32] {
        &self.features[track as usize * self.feature_width()..][..self.feature_width()]
    }
}

/// The public part of a world: what a policy may look at.
pub struct World {
    /// The tracks.
    pub catalog: Arc<Catalog>,
    /// The session starts that sessions are drawn from.
    pub starts: Arc<SessionStarts>,
    /// How sessions go.
    pub settings: WorldSettings,
    /// Seed of all draws of the world.
    pub seed: u64,
    /// Where sessions begin as they were recorded, what they are.
    recorded: Option<Arc<RecordedSessions>>,
    /// The user states, where they move within sessions. The lock is for handing out handles alone.
    user_state: Option<Mutex<UserStates>>,
}

impl World {
    /// A world over these starts.
    pub fn new(catalog: Arc<Catalog>, starts: Arc<SessionStarts>, settings: WorldSettings, seed: u64) -> Result<Self> {
        settings.validate()?;
        Ok(Self { catalog, starts, settings, seed, recorded: None, user_state: None })
    }

    /// A world in which session number n is the nth of these, or begins as it did: the same start, and the pool that was
    /// recorded. Numbers beyond the last go through them again.
    pub fn of_recorded(
        catalog: Arc<Catalog>,
        recorded: Arc<RecordedSessions>,
        mut settings: WorldSettings,
        seed: u64,
    ) -> Result<Self> {
        settings.pool.max_size = recorded.largest_pool().max(1);
        settings.pool.min_size = settings.pool.max_size.min(settings.pool.min_size);
        let world = Self::new(catalog, Arc::clone(&recorded.starts), settings, seed)?;
        Ok(Self { recorded: Some(recorded), ..world })
    }

    /// Start and pool of the session of a number: functions of the world's seed and the number.
    pub fn session_of(&self, number: u64) -> (usize, Vec<u16>) {
        match &self.recorded {
            Some(recorded) => {
                let session = (number % recorded.len() as u64) as usize;
                (session, (0..recorded.pool_size(session) as u16).collect())
            }
            None => {
                let start = self.start_of(number);
                (start, draw_pool(&self.starts, start, &self.settings.pool, self.seed, number))
            }
        }
    }

    /// The same world with the user states that its starts were made with; kept where they move within sessions.
    pub fn with_user_state(mut self, states: UserStates) -> Result<Self> {
        let moves = states.moves_within_sessions();
        let expected = if moves { states.memory_length() } else { 0 };
        let found = self.starts.memory_length();
        if found != expected || states.dimension() != self.starts.state_length() {
            let problem = format!(
                "the session starts were made with other user states (memories of {found} numbers, expected {expected}); \
                 make them again"
            );
            return Err(EnvError::Setting { setting: "user_state.encoders", problem });
        }
        self.user_state = moves.then(|| Mutex::new(states));
        Ok(self)
    }

    /// The start of a session: drawn for the first one of an episode, and for those that follow the next of the same user's, in
    /// order of time; after the last the first again.
    fn start_of(&self, number: u64) -> usize {
        let first = CounterRng::new(self.seed, Stream::SessionStart, episode_of(number), 0).below(self.starts.len());
        match place_in_episode(number) {
            0 => first,
            later => {
                let of_user = self.starts.starts_of_user(first);
                of_user.start + (first - of_user.start + later) % of_user.len()
            }
        }
    }

    /// Whether an episode goes on after this session.
    pub fn goes_on(&self, session: &FinishedSession) -> bool {
        session.returned && place_in_episode(session.number) + 1 < self.settings.episode.sessions
    }

    /// The user state that a session begins with, as a session shows it: nothing where it does not move.
    pub fn first_state(&self, start: usize) -> &[f32] {
        let length = if self.user_state_moves() { self.starts.state_length() } else { 0 };
        &self.starts.session_features(start)[..length]
    }

    /// Whether the user state moves within sessions.
    pub fn user_state_moves(&self) -> bool {
        self.user_state.is_some()
    }

    /// A handle of the caller's own on the user states, where they move within sessions.
    pub fn user_state(&self) -> Option<UserStates> {
        self.user_state.as_ref().map(|states| states.lock().unwrap_or_else(PoisonError::into_inner).another())
    }
}
