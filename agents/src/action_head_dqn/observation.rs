//! What the agent sees: features of the state, and of each candidate relative to it.

use listening_models::features::{RELATION_FEATURES, SO_FAR_FEATURES, SessionSoFar};
use playlist_envs::{SessionView, World};

/// Features of the session so far beside the two vectors: position (2), last responses (3), response rates (3).
const PROGRESS_FEATURES: usize = 8;

/// Features of a candidate beside its track features: relation to the user at the start of the session, and to the session so
/// far, as the sequential user model sees it.
pub(super) const CANDIDATE_FEATURES: usize = RELATION_FEATURES + SO_FAR_FEATURES;

/// Length of the state features in a world.
pub(super) fn state_length(world: &World) -> usize {
    world.starts.session_length() + PROGRESS_FEATURES + 2 * world.catalog.vectors.dimension()
}

/// Lengths of what the agent sees in a world: of a state, of a track, and of a candidate beside its track.
pub fn observation_lengths(world: &World) -> [usize; 3] {
    [state_length(world), world.catalog.feature_width(), CANDIDATE_FEATURES]
}

/// Computes the features of one session at one position.
#[derive(Default)]
pub(super) struct Observer {
    mean: Vec<f32>,
    last: Vec<f32>,
    so_far: SessionSoFar,
}

impl Observer {
    /// Takes in the session; the writers below then speak of it.
    pub(super) fn observe(&mut self, world: &World, view: &SessionView<'_>) {
        let vectors = &world.catalog.vectors;
        self.mean.clear();
        self.mean.resize(vectors.dimension(), 0.0);
        self.last.clone_from(&self.mean);
        self.so_far.clear();
        for (&place, responses) in view.played.iter().zip(view.responses) {
            let track = view.track(world, place);
            let vector = vectors.vector(track);
            self.mean.iter_mut().zip(vector).for_each(|(mean, x)| *mean += x / view.position() as f32);
            self.last.copy_from_slice(vector);
            let given = [responses.complete, responses.skip, responses.past_threshold].map(Some);
            self.so_far.push(vectors, &world.catalog.artists, track, given);
        }
    }

    /// Appends the state features: session features with the user state as it stands, progress, mean vector of the tracks
    /// so far, vector of the last.
    pub(super) fn write_state(&self, world: &World, view: &SessionView<'_>, features: &mut Vec<f32>) {
        features.extend_from_slice(view.user_state(world));
        features.extend_from_slice(&world.starts.session_features(view.start)[world.starts.state_length()..]);
        // The final state of a truncated session is only ever bootstrapped from, never acted in, so nothing would
        // train its value: it is shown as the last state that is.
        let position = view.position().min(world.settings.max_length - 1) as f32;
        features.extend_from_slice(&[position / world.settings.max_length as f32, 1.0 / (1.0 + position)]);
        features.extend_from_slice(&view.responses.last().map_or([0.0; 3], |last| last.as_floats()));
        let mut rates = [0.0; 3];
        for responses in view.responses {
            let share = 1.0 / view.position() as f32;
            rates.iter_mut().zip(responses.as_floats()).for_each(|(rate, given)| *rate += share * given);
        }
        features.extend_from_slice(&rates);
        features.extend_from_slice(&self.mean);
        features.extend_from_slice(&self.last);
    }

    /// Appends the candidate features of the track at a place of the pool.
    pub(super) fn write_candidate(&self, world: &World, view: &SessionView<'_>, place: u16, features: &mut Vec<f32>) {
        let track = view.track(world, place);
        let mut row = [0.0; CANDIDATE_FEATURES];
        let (relation, so_far) = row.split_at_mut(RELATION_FEATURES);
        relation.copy_from_slice(world.starts.relation(view.start, usize::from(view.pool[usize::from(place)])));
        so_far.copy_from_slice(&self.so_far.features(&world.catalog.vectors, &world.catalog.artists, track));
        features.extend_from_slice(&row);
    }
}
