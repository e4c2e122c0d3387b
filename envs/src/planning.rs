//! Looking ahead: what would follow, if this track were played next?

use crate::{Result, SessionBatch, SessionView, World};

/// A model of sessions by which one can look ahead. After a track the session goes on from its most probable responses.
pub trait PlanningModel: Send {
    /// Where a session stands, or would stand.
    type State: Clone;

    /// Where the sessions of a batch stand, in order.
    fn stand(&mut self, world: &World, sessions: &SessionBatch) -> Result<Vec<Self::State>>;

    /// The expected reward of each of `places` in the pool of a session, if it were played next.
    fn rewards(
        &mut self,
        world: &World,
        view: &SessionView<'_>,
        state: &Self::State,
        places: &[u16],
    ) -> Result<Vec<f32>>;

    /// Where the session would stand after the track at a place, and the probability that the listener is still there.
    fn after(
        &mut self,
        world: &World,
        view: &SessionView<'_>,
        state: &Self::State,
        place: u16,
    ) -> Result<(Self::State, f32)>;

    /// The same model, for use on another thread.
    fn fork(&self) -> Self
    where
        Self: Sized;
}
