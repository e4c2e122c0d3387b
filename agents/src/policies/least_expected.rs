//! The opposite of greedy: how bad can it get?

use playlist_envs::{SessionBatch, World};

use super::GreedyPolicy;
use crate::policy::best_remaining;
use crate::{Policy, Result};

/// Plays the remaining candidate of lowest expected reward under the contextual user model: a policy that a simulator must
/// know to be bad.
pub struct LeastExpectedPolicy {
    greedy: GreedyPolicy,
}

impl LeastExpectedPolicy {
    /// The opposite of this policy.
    pub fn new(greedy: GreedyPolicy) -> Self {
        Self { greedy }
    }
}

impl Policy for LeastExpectedPolicy {
    fn name(&self) -> &str {
        "least-expected"
    }

    fn choose(&mut self, world: &World, sessions: &SessionBatch, actions: &mut Vec<u32>) -> Result<()> {
        actions.clear();
        for index in 0..sessions.len() {
            let view = sessions.view(index);
            let expected = self.greedy.expected_of(world, sessions, index)?;
            actions.push(best_remaining(view.remaining().map(|place| (place, -expected[usize::from(place)]))));
        }
        Ok(())
    }

    fn fork(&self) -> Result<Box<dyn Policy>> {
        Ok(Box::new(Self::new(self.greedy.copy())))
    }
}
