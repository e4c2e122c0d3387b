//! Looking ahead: what would follow, if this track were played next?

use crate::{Result, SessionBatch, SessionView, World};

/// What is expected of a track that may be played next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// The expected reward.
    pub reward: f32,
    /// The probability that the session goes on after it.
    pub stays: f32,
}

/// A model of sessions by which one can look ahead. After a track the session goes on from its most probable responses.
pub trait PlanningModel: Send {
    /// Where a session stands, or would stand.
    type State: Clone;

    /// Where the sessions of a batch stand, in order.
    fn stand(&mut self, world: &World, sessions: &SessionBatch) -> Result<Vec<Self::State>>;

    /// The outlook of each of `places` in the pool of a session, if it were played next.
    fn outlook(
        &mut self,
        world: &World,
        view: &SessionView<'_>,
        state: &Self::State,
        places: &[u16],
    ) -> Result<Vec<Outlook>>;

    /// Where the session would stand after the track at a place.
    fn after(&mut self, world: &World, view: &SessionView<'_>, state: &Self::State, place: u16) -> Result<Self::State>;

    /// The same model, for use on another thread.
    fn another(&self) -> Self
    where
        Self: Sized;
}
