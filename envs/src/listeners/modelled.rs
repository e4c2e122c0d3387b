//! Listeners who answer by a learnt user-response model.

use listening_data::{CounterRng, Stream};
use listening_models::user_response::{ContextualModel, Predictions, Rows};

use super::{Answer, Listeners};
use crate::{Result, SessionBatch, World, consistent_probabilities, sample_responses};

/// Listeners who answer by a user-response model.
pub struct ModelledListeners {
    user_model: ContextualModel,
    rows: Rows,
    predictions: Vec<Predictions>,
}

impl ModelledListeners {
    /// Listeners of this model.
    pub fn new(user_model: ContextualModel) -> Self {
        Self { user_model, rows: Rows::default(), predictions: Vec::new() }
    }
}

impl Listeners for ModelledListeners {
    /// The model's listeners carry nothing but what the session holds.
    fn begin(&mut self, _world: &World, _sessions: &SessionBatch, _index: usize) -> Result<()> {
        Ok(())
    }

    fn answer(
        &mut self,
        world: &World,
        sessions: &SessionBatch,
        actions: &[u32],
        answers: &mut Vec<Answer>,
    ) -> Result<()> {
        self.rows.clear();
        self.predictions.clear();
        answers.clear();
        for (index, &action) in actions.iter().enumerate() {
            let view = sessions.view(index);
            let slot = usize::from(view.pool[action as usize]);
            let track = world.catalog.row(world.starts.tracks(view.start)[slot]);
            let session = world.starts.session_features(view.start);
            self.rows.push(session, track, world.starts.relation(view.start, slot), view.position() as u32);
        }
        self.user_model.predict(&self.rows, &mut self.predictions)?;
        for (index, (&action, predicted)) in actions.iter().zip(&self.predictions).enumerate() {
            let view = sessions.view(index);
            let longer = world.catalog.longer_than_threshold[view.track(world, action as u16) as usize];
            let probabilities = consistent_probabilities(predicted, longer);
            let mut rng = CounterRng::new(world.seed, Stream::Response, view.number, view.position() as u32);
            let responses = sample_responses(probabilities, longer, &mut rng);
            answers.push(Answer { responses, probabilities, left: rng.uniform() < predicted[3] });
        }
        Ok(())
    }

    fn recall(&mut self, _world: &World, _sessions: &SessionBatch, _index: usize, _action: u32) -> Result<()> {
        Ok(())
    }

    fn another(&self) -> Box<dyn Listeners> {
        Box::new(Self::new(self.user_model.shallow_clone()))
    }
}
