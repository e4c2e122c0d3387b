//! Plays sessions with the agent's weights, exploring, and hands over those that end.

use std::sync::Arc;

use listening_data::{CounterRng, Stream};
use listening_models::network::Precision;
use listening_models::{SavedTensor, TensorFile};
use playlist_envs::{FinishedSession, Listeners, SavedSession, SimulatedEnv, StepBatch, VecEnv, World};
use tch::{Device, Tensor};

use super::architecture::Architecture;
use super::network::{QNetwork, Shape};
use super::scorer::Scorer;
use crate::{AgentError, AgentSettings, Result};

/// A group of parallel sessions and the network that plays them.
pub(crate) struct Actor {
    env: SimulatedEnv,
    world: Arc<World>,
    network: QNetwork,
    scorer: Scorer,
    actions: Vec<u32>,
    step: StepBatch,
}

/// What an actor is told to do in a round.
pub(crate) struct Orders {
    pub(crate) weights: Vec<Tensor>,
    pub(crate) epsilon: f64,
    pub(crate) steps: usize,
}

/// What an actor did in a round.
pub(crate) struct Rollout {
    pub(crate) finished: Vec<FinishedSession>,
}

impl Actor {
    /// Actor `number` of `actors`, with `sessions` parallel sessions: it plays the session numbers `number`,
    /// `number + actors`, ...
    pub(crate) fn new(
        world: Arc<World>,
        listeners: Box<dyn Listeners>,
        settings: &AgentSettings,
        sessions: usize,
        (number, actors): (usize, usize),
        device: Device,
    ) -> Result<Self> {
        if device != Device::Cpu && settings.precision != Precision::Single {
            let problem = "bfloat16 is for the CPU; choose \"single\"".to_owned();
            return Err(AgentError::Setting { setting: "agent.precision", problem });
        }
        let network = QNetwork::new(&Shape::new(&world, &Architecture::new(settings)), 0, device)?;
        let scorer = Scorer::new(device).with_precision(settings.precision);
        let env = SimulatedEnv::new(Arc::clone(&world), listeners, sessions, number as u64, actors as u64)?
            .with_uncertainty_penalty(settings.uncertainty_penalty);
        Ok(Self { env, world, network, scorer, actions: Vec::new(), step: StepBatch::default() })
    }

    /// Plays one round.
    pub(crate) fn play(&mut self, orders: &Orders) -> Result<Rollout> {
        self.network.parameters.restore(&orders.weights)?;
        let sessions = self.env.sessions().len();
        let rows = orders.steps * sessions * self.world.settings.pool.max_size;
        let network = self.scorer.ready(&self.world, &self.network.layers, rows)?;
        let mut rollout = Rollout { finished: Vec::new() };
        for _ in 0..orders.steps {
            let batch = self.env.sessions();
            self.actions.clear();
            self.actions.resize(sessions, u32::MAX);
            for (index, action) in self.actions.iter_mut().enumerate() {
                let view = batch.view(index);
                let mut rng =
                    CounterRng::new(self.world.seed, Stream::Exploration, view.number, view.position() as u32);
                if f64::from(rng.uniform()) < orders.epsilon {
                    let chosen = rng.below(view.pool.len() - view.position());
                    *action = u32::from(view.nth_remaining(chosen));
                }
            }
            let greedy: Vec<usize> = (0..sessions).filter(|&index| self.actions[index] == u32::MAX).collect();
            let views = greedy.into_iter().map(|index| (index, batch.view(index)));
            let actions = &mut self.actions;
            self.scorer.best_remaining(&network, &self.world, views, |index, best| actions[index] = best)?;
            self.env.step(&self.actions, &mut self.step)?;
            rollout.finished.append(&mut self.step.finished);
        }
        Ok(rollout)
    }

    /// The sessions for a file, their names prefixed.
    pub(crate) fn saved(&self, prefix: &str) -> Vec<(String, SavedTensor<'static>)> {
        let batch = self.env.sessions();
        let (mut numbers, mut lengths, mut played) = (Vec::new(), Vec::new(), Vec::new());
        let (mut responses, mut rewards) = (Vec::new(), Vec::new());
        for index in 0..batch.len() {
            let view = batch.view(index);
            numbers.extend([view.number as u32, (view.number >> 32) as u32]);
            lengths.push(view.position() as u32);
            played.extend(view.played.iter().map(|&place| u32::from(place)));
            responses.extend(view.responses.iter().map(|r| r.bits()));
            rewards.extend_from_slice(batch.rewards(index));
        }
        let next = self.env.next_number();
        let next = [next as u32, (next >> 32) as u32];
        let name = |name: &str| format!("{prefix}{name}");
        vec![
            (name("next"), SavedTensor::integers(&[2], &next).into_owned()),
            (name("numbers"), SavedTensor::integers(&[numbers.len()], &numbers).into_owned()),
            (name("lengths"), SavedTensor::integers(&[lengths.len()], &lengths).into_owned()),
            (name("played"), SavedTensor::integers(&[played.len()], &played).into_owned()),
            (name("responses"), SavedTensor::bytes(&responses).into_owned()),
            (name("rewards"), SavedTensor::floats(&[rewards.len()], &rewards).into_owned()),
        ]
    }

    /// Goes on with the sessions that [`Self::saved`] gave.
    pub(crate) fn load(&mut self, file: &TensorFile, prefix: &str) -> Result<()> {
        let name = |name: &str| format!("{prefix}{name}");
        let (next, numbers) = (file.integers(&name("next"))?, file.integers(&name("numbers"))?);
        let lengths = file.integers(&name("lengths"))?;
        let played: Vec<u16> = file.integers(&name("played"))?.iter().map(|&place| place as u16).collect();
        let responses = file.bytes(&name("responses"))?;
        let (_, rewards) = file.floats(&name("rewards"))?;
        let wide = |pair: &[u32]| u64::from(pair[0]) | u64::from(pair[1]) << 32;
        let mut from = 0;
        let sessions = numbers.chunks_exact(2).zip(&lengths).map(|(number, &length)| {
            let range = from..from + length as usize;
            from = range.end;
            SavedSession {
                number: wide(number),
                played: &played[range.clone()],
                responses: &responses[range.clone()],
                rewards: &rewards[range],
            }
        });
        Ok(self.env.restore(sessions, wide(&next))?)
    }
}
