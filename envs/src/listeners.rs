//! Those who answer: the listeners of an environment.

mod leaving;
mod logged;
mod modelled;
mod oracle;

pub use leaving::LeavingListeners;
pub use logged::LoggedListeners;
pub use modelled::ModelledListeners;
pub use oracle::{OracleListeners, OracleState};

use crate::{PlayResponses, Result, SessionBatch, World};

/// How a listener took one play.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Answer {
    /// The sampled responses.
    pub responses: PlayResponses,
    /// What the play is worth, by the world's reward.
    pub reward: f32,
    /// Standard deviation of the expected reward between the members of an ensemble; 0 where one alone answers.
    pub disagreement: f32,
    /// Whether the listener leaves after the play.
    pub left: bool,
}

/// The listeners of a batch of sessions, each at its place. What they answer is a function of the world's seed, the
/// session's number and what was played in it, so that every policy meets the same luck.
pub trait Listeners: Send {
    /// A new session has begun at a place of the batch.
    fn begin(&mut self, world: &World, sessions: &SessionBatch, index: usize) -> Result<()>;

    /// Answers to `actions`, a place in the pool for each session; replaces the contents of `answers`.
    fn answer(
        &mut self,
        world: &World,
        sessions: &SessionBatch,
        actions: &[u32],
        answers: &mut Vec<Answer>,
    ) -> Result<()>;

    /// Takes a play in again that was answered before, in a session that is put back where it was.
    fn recall(&mut self, world: &World, sessions: &SessionBatch, index: usize, action: u32) -> Result<()>;

    /// Probability that the listener comes back after the session at a place of the batch, which has ended, within the hours of
    /// the world's episodes.
    ///
    /// # Errors
    /// Where nothing is known of it.
    fn return_probability(&mut self, world: &World, sessions: &SessionBatch, index: usize) -> Result<f64>;

    /// Such listeners for another batch, in which no session has begun.
    fn another(&self) -> Box<dyn Listeners>;
}
