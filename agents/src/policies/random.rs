//! The random policy.

use listening_data::{CounterRng, Stream};
use playlist_envs::{SessionBatch, World};

use crate::{Policy, Result};

/// Plays a remaining candidate, each with the same probability. A function of the world's seed, the session's number
/// and its position.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomPolicy;

impl Policy for RandomPolicy {
    fn name(&self) -> &str {
        "random"
    }

    fn choose(&mut self, world: &World, sessions: &SessionBatch, actions: &mut Vec<u32>) -> Result<()> {
        actions.clear();
        actions.extend((0..sessions.len()).map(|index| {
            let view = sessions.view(index);
            let mut rng = CounterRng::new(world.seed, Stream::Policy, view.number, view.position() as u32);
            let chosen = rng.below(view.pool.len() - view.position());
            u32::from(view.nth_remaining(chosen))
        }));
        Ok(())
    }

    fn fork(&self) -> Result<Box<dyn Policy>> {
        Ok(Box::new(*self))
    }
}
