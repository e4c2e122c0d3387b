//! Listeners who answer by a learnt user-response model.

use std::sync::Arc;

use listening_data::{CounterRng, Stream};
use listening_models::user_response::{Predictions, ResponseModel, Rows, mean_prediction};
use listening_models::user_return::{ReturnModel, SessionSummary};

use super::{Answer, Listeners};
use crate::{EnvError, ModelledSessions, Result, SessionBatch, World, consistent_probabilities, sample_responses};

/// Listeners who answer by a user-response model.
pub struct ModelledListeners {
    sessions: ModelledSessions,
    /// Whether they come back; needed where episodes have several sessions.
    returns: Option<Arc<ReturnModel>>,
    rows: Rows,
    predictions: Vec<Predictions>,
}

impl ModelledListeners {
    /// Listeners of this model.
    pub fn new(user_model: Box<dyn ResponseModel>) -> Self {
        Self {
            sessions: ModelledSessions::new(user_model),
            returns: None,
            rows: Rows::default(),
            predictions: Vec::new(),
        }
    }

    /// The same listeners, who come back by this model.
    pub fn with_returns(mut self, returns: Option<Arc<ReturnModel>>) -> Self {
        self.returns = returns;
        self
    }
}

impl Listeners for ModelledListeners {
    fn begin(&mut self, _world: &World, _sessions: &SessionBatch, index: usize) -> Result<()> {
        self.sessions.begin(index);
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
            self.sessions.push_row(world, &sessions.view(index), index, action as u16, &mut self.rows);
        }
        self.sessions.play(0..actions.len(), &self.rows, &mut self.predictions)?;
        let members = self.sessions.user_model().members();
        for (index, (&action, apart)) in actions.iter().zip(self.predictions.chunks_exact(members)).enumerate() {
            let view = sessions.view(index);
            let longer = world.catalog.longer_than_threshold[view.track(world, action as u16) as usize];
            let predicted = mean_prediction(apart);
            let probabilities = consistent_probabilities(&predicted, longer);
            let expected = |predicted| world.settings.reward.of(consistent_probabilities(predicted, longer));
            let disagreement = standard_deviation(apart.iter().map(expected));
            let mut rng = CounterRng::new(world.seed, Stream::Response, view.number, view.position() as u32);
            let responses = sample_responses(probabilities, longer, &mut rng);
            let reward = world.settings.reward.of_play(responses, || probabilities);
            answers.push(Answer { responses, reward, disagreement, left: rng.uniform() < predicted[3] });
        }
        Ok(())
    }

    fn recall(&mut self, world: &World, sessions: &SessionBatch, index: usize, action: u32) -> Result<()> {
        self.rows.clear();
        self.predictions.clear();
        self.sessions.push_row(world, &sessions.view(index), index, action as u16, &mut self.rows);
        self.sessions.play(index..index + 1, &self.rows, &mut self.predictions)
    }

    fn return_probability(&mut self, world: &World, sessions: &SessionBatch, index: usize) -> Result<f64> {
        let (model, view) = (self.returns.as_ref().ok_or(EnvError::NoReturns)?, sessions.view(index));
        let mut session = SessionSummary::default();
        view.responses.iter().for_each(|r| session.add([r.complete, r.skip, r.past_threshold]));
        Ok(f64::from(model.probability(world.starts.slow_features(view.start), &session)))
    }

    fn another(&self) -> Box<dyn Listeners> {
        Box::new(Self::new(self.sessions.user_model().another()).with_returns(self.returns.clone()))
    }
}

/// Of all the values, not of a sample of them; 0 of one.
fn standard_deviation(values: impl ExactSizeIterator<Item = f32> + Clone) -> f32 {
    let count = values.len() as f32;
    let mean = values.clone().sum::<f32>() / count;
    (values.map(|value| (value - mean).powi(2)).sum::<f32>() / count).sqrt()
}
