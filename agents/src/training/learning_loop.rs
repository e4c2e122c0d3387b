//! Gradient steps alone, without acting.

use std::sync::Arc;

use playlist_envs::{Listeners, SimulatedEnv, StepBatch, VecEnv, World};
use tch::Device;

use crate::action_head_dqn::{Exponents, Learner, Replay};
use crate::{AgentSettings, Policy, RandomPolicy, Result};

/// Sessions that fill the replay side by side.
const PARALLEL_SESSIONS: usize = 256;

/// A learner and a full replay: what is measured where learning is measured.
pub struct LearningLoop {
    world: Arc<World>,
    learner: Learner,
    replay: Replay,
}

impl LearningLoop {
    /// An agent with initial weights, and a replay of `transitions` transitions of the random policy.
    pub fn new(
        world: Arc<World>,
        listeners: Box<dyn Listeners>,
        settings: &AgentSettings,
        transitions: usize,
        device: Device,
        threads: usize,
    ) -> Result<Self> {
        let settings = AgentSettings { replay_capacity: transitions, ..settings.clone() };
        let learner = Learner::new(&world, &settings, world.seed, device, threads)?;
        let mut replay = Replay::new(transitions, Exponents::new(&settings));
        let mut env = SimulatedEnv::new(Arc::clone(&world), listeners, PARALLEL_SESSIONS, 0, 1)?;
        let (mut actions, mut step) = (Vec::new(), StepBatch::default());
        let mut played = 0;
        while played < transitions {
            RandomPolicy.choose(&world, env.sessions(), &mut actions)?;
            env.step(&actions, &mut step)?;
            for session in step.finished.drain(..) {
                played += session.played.len();
                replay.push(session);
            }
        }
        Ok(Self { world, learner, replay })
    }

    /// Takes gradient steps.
    pub fn learn(&mut self, steps: usize) -> Result<()> {
        self.learner.learn(&self.world, &mut self.replay, steps, 0.0)?;
        Ok(())
    }
}
