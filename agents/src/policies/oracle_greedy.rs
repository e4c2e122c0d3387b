//! Greedy by the oracle: what one would play who knew the listeners' minds, and looked one track ahead.

use playlist_envs::{OracleListeners, SessionBatch, World};

use crate::policy::best_remaining;
use crate::{Policy, Result};

/// Plays the remaining candidate of highest expected reward, by the probabilities with which the synthetic listener will
/// answer. It knows what no other policy may know: an upper bound for all that look one track ahead, in the oracle alone.
pub struct OracleGreedyPolicy {
    oracle: OracleListeners,
}

impl OracleGreedyPolicy {
    /// Greedy by these listeners, who must be those of the environment.
    pub fn new(oracle: OracleListeners) -> Self {
        Self { oracle }
    }
}

impl Policy for OracleGreedyPolicy {
    fn name(&self) -> &str {
        "oracle-greedy"
    }

    fn choose(&mut self, world: &World, sessions: &SessionBatch, actions: &mut Vec<u32>) -> Result<()> {
        actions.clear();
        for index in 0..sessions.len() {
            let probabilities = self.oracle.probabilities(world, sessions, index)?;
            let expected = |place: u16| world.settings.reward.of(probabilities[usize::from(place)]);
            let remaining = sessions.view(index).remaining();
            actions.push(best_remaining(remaining.map(|place| (place, expected(place)))));
        }
        Ok(())
    }

    fn fork(&self) -> Result<Box<dyn Policy>> {
        Ok(Box::new(Self::new(self.oracle.shallow_clone())))
    }
}
