//! The trained agent as a policy: greedy by Q, without exploration.

use std::path::Path;
use std::sync::Arc;

use listening_models::{SavedTensor, TensorFile, save_tensors};
use playlist_envs::{SessionBatch, SessionView, World};
use tch::{Device, Tensor};

use super::network::{QNetwork, Shape};
use super::scorer::{Scorer, TrackParts};
use crate::policy::best_remaining;
use crate::{AgentError, Policy, Result};

/// The weights of a trained agent.
pub struct AgentModel {
    hidden: Vec<usize>,
    weights: Vec<Tensor>,
}

impl AgentModel {
    /// An agent with hidden layers of these widths and these weights.
    pub(crate) fn new(hidden: &[usize], weights: Vec<Tensor>) -> Self {
        Self { hidden: hidden.to_vec(), weights }
    }

    fn shallow_clone(&self) -> Self {
        Self { hidden: self.hidden.clone(), weights: self.weights.iter().map(Tensor::shallow_clone).collect() }
    }

    /// Writes the agent for use in `world` to a safetensors file.
    pub fn save(&self, world: &World, path: &Path) -> Result<()> {
        let network = self.network(world, Device::Cpu)?;
        let hidden: Vec<u32> = self.hidden.iter().map(|&width| width as u32).collect();
        let mut tensors = network.parameters.saved("online.")?;
        tensors.push(("hidden_widths".into(), SavedTensor::integers(&[hidden.len()], &hidden)));
        Ok(save_tensors(path, &tensors)?)
    }

    /// Reads what [`Self::save`] wrote.
    pub fn load(world: &World, path: &Path, device: Device) -> Result<Self> {
        let file = TensorFile::open(path)?;
        let hidden: Vec<usize> = file.integers("hidden_widths")?.iter().map(|&width| width as usize).collect();
        if hidden.is_empty() {
            return Err(AgentError::checkpoint(path, "has no hidden layers; train the agent again"));
        }
        let mut network = QNetwork::new(&Shape::new(world, &hidden), 0, device)?;
        network.load(&file, "online.")?;
        Ok(Self { hidden, weights: network.parameters.snapshot() })
    }

    fn network(&self, world: &World, device: Device) -> Result<QNetwork> {
        let mut network = QNetwork::new(&Shape::new(world, &self.hidden), 0, device)?;
        network.parameters.restore(&self.weights)?;
        Ok(network)
    }
}

/// Plays the remaining candidate of highest Q.
pub struct DqnPolicy {
    world: Arc<World>,
    model: AgentModel,
    device: Device,
    network: QNetwork,
    scorer: Scorer,
    parts: TrackParts,
}

impl DqnPolicy {
    /// The policy of an agent in a world.
    pub fn new(world: Arc<World>, model: AgentModel, device: Device) -> Result<Self> {
        let network = model.network(&world, device)?;
        let scorer = Scorer::new(&world, device)?;
        // The weights do not change any more: the tracks' part always pays.
        let parts = scorer.track_parts(&network.layers, usize::MAX)?;
        Ok(Self { world, model, device, network, scorer, parts })
    }

    /// The Q values of the remaining candidates of one session: places in the pool with their values.
    pub fn values(&mut self, view: SessionView<'_>) -> Result<Vec<(u16, f32)>> {
        let mut scored = Vec::new();
        let sessions = std::iter::once((0, view));
        self.scorer.score_remaining(
            &self.network.layers,
            &self.parts,
            &self.world,
            sessions,
            |_, places, values| {
                scored.extend(places.iter().copied().zip(values.iter().copied()));
            },
        )?;
        Ok(scored)
    }
}

impl Policy for DqnPolicy {
    fn name(&self) -> &str {
        "action-head-dqn"
    }

    fn choose(&mut self, world: &World, sessions: &SessionBatch, actions: &mut Vec<u32>) -> Result<()> {
        actions.clear();
        actions.resize(sessions.len(), 0);
        let views = (0..sessions.len()).map(|index| (index, sessions.view(index)));
        Ok(self.scorer.score_remaining(&self.network.layers, &self.parts, world, views, |index, places, values| {
            actions[index] = best_remaining(places.iter().copied().zip(values.iter().copied()));
        })?)
    }

    fn fork(&self) -> Result<Box<dyn Policy>> {
        Ok(Box::new(Self::new(Arc::clone(&self.world), self.model.shallow_clone(), self.device)?))
    }
}
