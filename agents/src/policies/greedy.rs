//! CWM-GMPC: the track of highest expected reward under the contextual user model (Tomasi et al., KDD 2023).

use listening_models::user_response::{ContextualModel, Predictions, Rows};
use playlist_envs::{SessionBatch, SessionView, World, consistent_probabilities};

use crate::policy::best_remaining;
use crate::{Policy, Result};

/// Plays the remaining candidate of highest expected reward. In a world whose listeners follow the same contextual
/// model and never leave early, this is optimal.
pub struct GreedyPolicy {
    user_model: ContextualModel,
    /// Per place in the batch: the session's number and the expected reward of each candidate. The contextual model
    /// gives the same rewards at every position, so they are computed once per session.
    expected: Vec<(u64, Vec<f32>)>,
    rows: Rows,
    predictions: Vec<Predictions>,
}

impl GreedyPolicy {
    /// Greedy by this user model.
    pub fn new(user_model: ContextualModel) -> Self {
        Self { user_model, expected: Vec::new(), rows: Rows::default(), predictions: Vec::new() }
    }

    /// The predictions for every candidate of a session, at its start.
    pub fn predictions(&mut self, world: &World, view: &SessionView<'_>) -> Result<&[Predictions]> {
        self.rows.clear();
        let session = world.starts.session_features(view.start);
        for place in 0..view.pool.len() as u16 {
            let relation = world.starts.relation(view.start, usize::from(view.pool[usize::from(place)]));
            self.rows.push(session, world.catalog.row(view.track(world, place)), relation, &[], 0);
        }
        self.predictions.clear();
        self.user_model.predict(&self.rows, &mut self.predictions)?;
        Ok(&self.predictions)
    }

    /// The same policy, for use on another thread.
    pub(crate) fn copy(&self) -> Self {
        Self::new(self.user_model.shallow_clone())
    }

    /// The expected reward of every candidate of a session of the batch, computed when it has begun.
    pub(crate) fn expected_of(&mut self, world: &World, sessions: &SessionBatch, index: usize) -> Result<&[f32]> {
        self.expected.resize(sessions.len(), (u64::MAX, Vec::new()));
        let view = sessions.view(index);
        if self.expected[index].0 != view.number {
            self.expected[index] = (view.number, self.expected_rewards(world, &view)?);
        }
        Ok(&self.expected[index].1)
    }

    /// The expected reward of every candidate of a session.
    pub fn expected_rewards(&mut self, world: &World, view: &SessionView<'_>) -> Result<Vec<f32>> {
        let reward = world.settings.reward;
        let longer: Vec<bool> = (0..view.pool.len() as u16)
            .map(|place| world.catalog.longer_than_threshold[view.track(world, place) as usize])
            .collect();
        let predictions = self.predictions(world, view)?;
        Ok(predictions.iter().zip(longer).map(|(p, longer)| reward.of(consistent_probabilities(p, longer))).collect())
    }
}

impl Policy for GreedyPolicy {
    fn name(&self) -> &str {
        "greedy"
    }

    fn choose(&mut self, world: &World, sessions: &SessionBatch, actions: &mut Vec<u32>) -> Result<()> {
        actions.clear();
        for index in 0..sessions.len() {
            let view = sessions.view(index);
            let expected = self.expected_of(world, sessions, index)?;
            actions.push(best_remaining(view.remaining().map(|place| (place, expected[usize::from(place)]))));
        }
        Ok(())
    }

    fn fork(&self) -> Result<Box<dyn Policy>> {
        Ok(Box::new(self.copy()))
    }
}
