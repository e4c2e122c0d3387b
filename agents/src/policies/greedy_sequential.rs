//! Greedy by a sequential user model: one track ahead, given what happened in the session so far.

use listening_models::user_response::{Predictions, ResponseModel, Rows};
use playlist_envs::{ModelledSessions, SessionBatch, World, consistent_probabilities};

use crate::policy::best_remaining;
use crate::{Policy, Result};

/// Plays the remaining candidate of highest expected reward under a user model that remembers the session. It looks no
/// further than the next track.
pub struct GreedySequentialPolicy {
    sessions: ModelledSessions,
    rows: Rows,
    predictions: Vec<Predictions>,
}

impl GreedySequentialPolicy {
    /// Greedy by this user model.
    pub fn new(user_model: Box<dyn ResponseModel>) -> Self {
        Self { sessions: ModelledSessions::new(user_model), rows: Rows::default(), predictions: Vec::new() }
    }
}

impl Policy for GreedySequentialPolicy {
    fn name(&self) -> &str {
        "greedy-swm"
    }

    fn choose(&mut self, world: &World, sessions: &SessionBatch, actions: &mut Vec<u32>) -> Result<()> {
        self.sessions.follow(world, sessions)?;
        actions.clear();
        for index in 0..sessions.len() {
            let view = sessions.view(index);
            self.rows.clear();
            self.predictions.clear();
            for place in view.remaining() {
                self.sessions.push_row(world, &view, index, place, &mut self.rows);
            }
            self.sessions.candidates(index, &self.rows, &mut self.predictions)?;
            let expected = view.remaining().zip(&self.predictions).map(|(place, predicted)| {
                let longer = world.catalog.longer_than_threshold[view.track(world, place) as usize];
                (place, world.settings.reward.of(consistent_probabilities(predicted, longer)))
            });
            actions.push(best_remaining(expected));
        }
        Ok(())
    }

    fn fork(&self) -> Result<Box<dyn Policy>> {
        Ok(Box::new(Self::new(self.sessions.user_model().another())))
    }
}
