//! Listeners who leave after some tracks at the latest.

use super::{Answer, Listeners};
use crate::{Result, SessionBatch, World};

/// Other listeners, who all leave after `length` tracks: so that the first tracks of sessions can be looked at by themselves,
/// while a policy sees the world that it knows, whose sessions are longer.
pub struct LeavingListeners {
    inner: Box<dyn Listeners>,
    length: usize,
    leaves_before: bool,
}

impl LeavingListeners {
    /// `leaves_before`: whether they may leave earlier, as the others do. For worlds in which listeners may leave.
    pub fn new(inner: Box<dyn Listeners>, length: usize, leaves_before: bool) -> Self {
        Self { inner, length, leaves_before }
    }
}

impl Listeners for LeavingListeners {
    fn begin(&mut self, world: &World, sessions: &SessionBatch, index: usize) -> Result<()> {
        self.inner.begin(world, sessions, index)
    }

    fn answer(
        &mut self,
        world: &World,
        sessions: &SessionBatch,
        actions: &[u32],
        answers: &mut Vec<Answer>,
    ) -> Result<()> {
        self.inner.answer(world, sessions, actions, answers)?;
        for (index, answer) in answers.iter_mut().enumerate() {
            answer.left &= self.leaves_before;
            answer.left |= sessions.view(index).position() + 1 >= self.length;
        }
        Ok(())
    }

    fn recall(&mut self, world: &World, sessions: &SessionBatch, index: usize, action: u32) -> Result<()> {
        self.inner.recall(world, sessions, index, action)
    }

    fn return_probability(&mut self, world: &World, sessions: &SessionBatch, index: usize) -> Result<f64> {
        self.inner.return_probability(world, sessions, index)
    }

    fn another(&self) -> Box<dyn Listeners> {
        let &Self { length, leaves_before, .. } = self;
        Box::new(Self { inner: self.inner.another(), length, leaves_before })
    }
}
