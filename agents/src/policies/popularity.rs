//! The most popular track first.

use playlist_envs::{SessionBatch, World};

use crate::policy::best_remaining;
use crate::{Policy, Result};

/// Plays the remaining candidate with the most plays in the training sessions.
#[derive(Clone, Copy, Debug, Default)]
pub struct PopularityPolicy;

impl Policy for PopularityPolicy {
    fn name(&self) -> &str {
        "popularity"
    }

    fn choose(&mut self, world: &World, sessions: &SessionBatch, actions: &mut Vec<u32>) -> Result<()> {
        actions.clear();
        actions.extend((0..sessions.len()).map(|index| {
            let view = sessions.view(index);
            let plays = |place| world.catalog.plays[view.track(world, place) as usize] as f32;
            best_remaining(view.remaining().map(|place| (place, plays(place))))
        }));
        Ok(())
    }

    fn fork(&self) -> Result<Box<dyn Policy>> {
        Ok(Box::new(*self))
    }
}
