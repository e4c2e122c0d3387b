//! A user-response model that goes along with a batch of sessions.

use std::ops::Range;

use listening_models::features::SessionSoFar;
use listening_models::user_response::{Predictions, ResponseModel, Rows};

use crate::{PlanningModel, PlayResponses, Result, SessionBatch, SessionView, World, consistent_probabilities};

/// A user-response model with what it remembers of each session of a batch.
///
/// Plays go in as rows; the responses to a play are taken from the session when the next row of it is made.
pub struct ModelledSessions {
    user_model: Box<dyn ResponseModel>,
    /// Per session, one after another.
    memories: Vec<f32>,
    so_far: Vec<SessionSoFar>,
    /// Per session, its number and the plays taken in by [`Self::follow`].
    followed: Vec<(u64, usize)>,
    features: Vec<f32>,
}

impl ModelledSessions {
    /// No session has begun.
    pub fn new(user_model: Box<dyn ResponseModel>) -> Self {
        Self { user_model, memories: Vec::new(), so_far: Vec::new(), followed: Vec::new(), features: Vec::new() }
    }

    /// The model.
    pub fn user_model(&self) -> &dyn ResponseModel {
        self.user_model.as_ref()
    }

    /// A new session has begun at a place of the batch.
    pub fn begin(&mut self, index: usize) {
        let length = self.user_model.memory_length();
        if self.so_far.len() <= index {
            self.so_far.resize_with(index + 1, SessionSoFar::default);
            self.memories.resize((index + 1) * length, 0.0);
            self.followed.resize(index + 1, (u64::MAX, 0));
        }
        self.so_far[index].clear();
        self.memories[index * length..][..length].fill(0.0);
    }

    /// Appends the row of a candidate that may be played next in the session at `index`.
    pub fn push_row(&mut self, world: &World, view: &SessionView<'_>, index: usize, place: u16, rows: &mut Rows) {
        self.catch_up(world, view, index);
        let features = &mut self.features;
        push_row(self.user_model.as_ref(), world, view, &self.so_far[index], place, features, rows);
    }

    /// Takes in the responses that the session at `index` has meanwhile.
    fn catch_up(&mut self, world: &World, view: &SessionView<'_>, index: usize) {
        if !self.user_model.sees_session() {
            return;
        }
        let so_far = &mut self.so_far[index];
        for position in so_far.len()..view.position() {
            push_play(world, view, so_far, view.played[position], view.responses[position]);
        }
    }

    /// Takes in a play of each of the sessions in `range`, a row each, and appends what each member of the model predicts of it,
    /// row by row.
    pub fn play(&mut self, range: Range<usize>, rows: &Rows, apart: &mut Vec<Predictions>) -> Result<()> {
        let length = self.user_model.memory_length();
        Ok(self.user_model.play_apart(rows, &mut self.memories[range.start * length..range.end * length], apart)?)
    }

    /// Brings the model to where the sessions stand: takes in the plays that it has not seen, for all sessions at once.
    pub fn follow(&mut self, world: &World, sessions: &SessionBatch) -> Result<()> {
        for index in 0..sessions.len() {
            let view = sessions.view(index);
            let known = self.followed.get(index);
            if known.is_none_or(|&(number, position)| number != view.number || position > view.position()) {
                self.begin(index);
                self.followed[index] = (view.number, 0);
            }
        }
        let length = self.user_model.memory_length();
        if length == 0 {
            return Ok(());
        }
        let (mut rows, mut memories, mut predictions) = (Rows::default(), Vec::new(), Vec::new());
        loop {
            let behind: Vec<usize> =
                (0..sessions.len()).filter(|&index| self.followed[index].1 < sessions.view(index).position()).collect();
            if behind.is_empty() {
                return Ok(());
            }
            rows.clear();
            memories.clear();
            for &index in &behind {
                let view = sessions.view(index);
                let position = self.followed[index].1;
                self.push_row(world, &view.at(position), index, view.played[position], &mut rows);
                memories.extend_from_slice(&self.memories[index * length..][..length]);
            }
            self.user_model.play(&rows, &mut memories, &mut predictions)?;
            for (&index, memory) in behind.iter().zip(memories.chunks_exact(length)) {
                self.memories[index * length..][..length].copy_from_slice(memory);
                self.followed[index].1 += 1;
            }
        }
    }

    /// Appends what is predicted of candidates of the session at `index`, a row each.
    pub fn candidates(&self, index: usize, rows: &Rows, predictions: &mut Vec<Predictions>) -> Result<()> {
        let length = self.user_model.memory_length();
        Ok(self.user_model.candidates(rows, &self.memories[index * length..][..length], predictions)?)
    }
}

fn push_play(world: &World, view: &SessionView<'_>, so_far: &mut SessionSoFar, place: u16, responses: PlayResponses) {
    let known = [responses.complete, responses.skip, responses.past_threshold].map(Some);
    so_far.push(&world.catalog.vectors, &world.catalog.artists, view.track(world, place), known);
}

/// Appends the row of a candidate after the plays of `so_far`.
fn push_row(
    user_model: &dyn ResponseModel,
    world: &World,
    view: &SessionView<'_>,
    so_far: &SessionSoFar,
    place: u16,
    features: &mut Vec<f32>,
    rows: &mut Rows,
) {
    let slot = usize::from(view.pool[usize::from(place)]);
    let track = view.track(world, place);
    features.clear();
    let mut position = view.position();
    if user_model.sees_session() {
        features.extend_from_slice(&so_far.features(&world.catalog.vectors, &world.catalog.artists, track));
        position = so_far.len();
    }
    let session = world.starts.session_features(view.start);
    let relation = world.starts.relation(view.start, slot);
    rows.push(session, world.catalog.row(track), relation, features, position as u32);
}

/// The consistent probabilities of a candidate's responses.
fn consistent(world: &World, view: &SessionView<'_>, place: u16, predicted: &Predictions) -> [f32; 3] {
    consistent_probabilities(predicted, world.catalog.longer_than_threshold[view.track(world, place) as usize])
}

/// Where a session stands for a user-response model.
#[derive(Clone)]
pub struct ModelledState {
    memory: Vec<f32>,
    so_far: SessionSoFar,
}

impl PlanningModel for ModelledSessions {
    type State = ModelledState;

    fn stand(&mut self, world: &World, sessions: &SessionBatch) -> Result<Vec<ModelledState>> {
        self.follow(world, sessions)?;
        let length = self.user_model.memory_length();
        let state = |index: usize| {
            self.catch_up(world, &sessions.view(index), index);
            let memory = self.memories[index * length..][..length].to_vec();
            ModelledState { memory, so_far: self.so_far[index].clone() }
        };
        Ok((0..sessions.len()).map(state).collect())
    }

    fn rewards(
        &mut self,
        world: &World,
        view: &SessionView<'_>,
        state: &ModelledState,
        places: &[u16],
    ) -> Result<Vec<f32>> {
        let (mut rows, mut predictions) = (Rows::default(), Vec::new());
        for &place in places {
            let features = &mut self.features;
            push_row(self.user_model.as_ref(), world, view, &state.so_far, place, features, &mut rows);
        }
        self.user_model.candidates(&rows, &state.memory, &mut predictions)?;
        let expected = |(&place, predicted)| world.settings.reward.of(consistent(world, view, place, predicted));
        Ok(places.iter().zip(&predictions).map(expected).collect())
    }

    fn after(
        &mut self,
        world: &World,
        view: &SessionView<'_>,
        state: &ModelledState,
        place: u16,
    ) -> Result<(ModelledState, f32)> {
        let (mut rows, mut predictions) = (Rows::default(), Vec::new());
        push_row(self.user_model.as_ref(), world, view, &state.so_far, place, &mut self.features, &mut rows);
        let mut after = state.clone();
        self.user_model.play(&rows, &mut after.memory, &mut predictions)?;
        let [complete, skip, past] = consistent(world, view, place, &predictions[0]);
        let heard_out = complete >= skip && complete >= 0.5;
        let longer = world.catalog.longer_than_threshold[view.track(world, place) as usize];
        let responses = PlayResponses {
            complete: heard_out,
            skip: !heard_out && skip >= 0.5,
            past_threshold: if heard_out { longer } else { past >= 0.5 },
        };
        push_play(world, view, &mut after.so_far, place, responses);
        Ok((after, if world.settings.session_end { 1.0 - predictions[0][3] } else { 1.0 }))
    }

    fn fork(&self) -> Self {
        Self::new(self.user_model.another())
    }
}
