//! Listeners of recorded sessions, who answer what they answered when they were logged.

use std::sync::Arc;

use listening_models::RecordedSessions;

use super::{Answer, Listeners};
use crate::{EnvError, PlayResponses, Result, SessionBatch, World};

/// Answers as logged, to the logged tracks alone; a listener leaves with the last logged play. For worlds of
/// [`World::of_recorded`].
pub struct LoggedListeners(Arc<RecordedSessions>);

impl LoggedListeners {
    /// The listeners of these sessions.
    pub fn new(recorded: Arc<RecordedSessions>) -> Self {
        Self(recorded)
    }
}

impl Listeners for LoggedListeners {
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
        answers.clear();
        for (index, &action) in actions.iter().enumerate() {
            let view = sessions.view(index);
            let logged = self.0.play(view.start, view.position()).filter(|play| u32::from(play.place) == action);
            let not_logged = EnvError::NotLogged { session: view.number, play: view.position() };
            let play = logged.ok_or(not_logged)?;
            let [complete, skip, past_threshold] = play.responses;
            let responses = PlayResponses { complete, skip, past_threshold };
            answers.push(Answer {
                responses,
                reward: world.settings.reward.of(responses.as_floats()),
                disagreement: 0.0,
                left: view.position() + 1 == self.0.plays(view.start),
            });
        }
        Ok(())
    }

    fn recall(&mut self, _world: &World, _sessions: &SessionBatch, _index: usize, _action: u32) -> Result<()> {
        Ok(())
    }

    /// Each logged session stands alone.
    fn return_probability(&mut self, _world: &World, _sessions: &SessionBatch, _index: usize) -> Result<f64> {
        Err(EnvError::NoReturns)
    }

    fn another(&self) -> Box<dyn Listeners> {
        Box::new(Self(Arc::clone(&self.0)))
    }
}
