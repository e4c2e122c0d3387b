//! A policy of which part is chance.

use listening_data::{CounterRng, Stream};
use playlist_envs::{SessionBatch, World};

use super::RandomPolicy;
use crate::{Policy, Result};

/// Follows another policy, but for a share of its tracks, which are random. So one policy makes several of different quality.
pub struct MixedPolicy {
    name: String,
    inner: Box<dyn Policy>,
    random_share: f32,
    by_chance: Vec<u32>,
}

impl MixedPolicy {
    /// The mixture `<inner>+random-<percent>`; the share is in 0..=1.
    pub fn new(inner: Box<dyn Policy>, random_share: f32) -> Self {
        let name = format!("{}+random-{:.0}", inner.name(), 100.0 * random_share);
        Self { name, inner, random_share, by_chance: Vec::new() }
    }
}

impl Policy for MixedPolicy {
    fn name(&self) -> &str {
        &self.name
    }

    fn choose(&mut self, world: &World, sessions: &SessionBatch, actions: &mut Vec<u32>) -> Result<()> {
        self.inner.choose(world, sessions, actions)?;
        RandomPolicy.choose(world, sessions, &mut self.by_chance)?;
        for (index, (action, &by_chance)) in actions.iter_mut().zip(&self.by_chance).enumerate() {
            let view = sessions.view(index);
            let mut rng = CounterRng::new(world.seed, Stream::PolicyMixture, view.number, view.position() as u32);
            if rng.uniform() < self.random_share {
                *action = by_chance;
            }
        }
        Ok(())
    }

    fn fork(&self) -> Result<Box<dyn Policy>> {
        Ok(Box::new(Self::new(self.inner.fork()?, self.random_share)))
    }
}
