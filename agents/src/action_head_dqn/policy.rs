//! The trained agent as a policy: greedy by Q, without exploration.

use std::path::Path;
use std::sync::Arc;

use listening_models::network::Precision;
use listening_models::{TensorFile, save_tensors};
use playlist_envs::{SessionBatch, SessionView, World};
use tch::{Device, Tensor};

use super::architecture::Architecture;
use super::network::{QNetwork, Shape};
use super::scorer::{Scorer, ScoringNetwork};
use crate::{AgentSettings, Policy, Result};

/// The network of a trained agent.
pub struct AgentModel {
    architecture: Architecture,
    weights: Vec<Tensor>,
}

impl AgentModel {
    /// An agent of these settings with these weights.
    pub(crate) fn new(settings: &AgentSettings, weights: Vec<Tensor>) -> Self {
        Self { architecture: Architecture::new(settings), weights }
    }

    /// An agent of these settings for use in `world`, with initial weights.
    pub fn initial(world: &World, settings: &AgentSettings, seed: u64) -> Result<Self> {
        let architecture = Architecture::new(settings);
        let network = QNetwork::new(&Shape::new(world, &architecture), seed, Device::Cpu)?;
        Ok(Self { architecture, weights: network.parameters.snapshot() })
    }

    /// Writes the agent for use in `world` to a safetensors file: weights, and what the network is made of.
    pub fn save(&self, world: &World, path: &Path) -> Result<()> {
        let network = self.network(world, Device::Cpu)?;
        let mut tensors = network.parameters.saved("online.")?;
        tensors.extend(self.architecture.saved());
        Ok(save_tensors(path, &tensors)?)
    }

    /// Reads what [`Self::save`] wrote.
    ///
    /// # Errors
    /// A file that does not say what its network is made of, as earlier versions wrote it, or one for another world.
    pub fn load(world: &World, path: &Path, device: Device) -> Result<Self> {
        let file = TensorFile::open(path)?;
        let architecture = Architecture::load(&file, path)?;
        let mut network = QNetwork::new(&Shape::new(world, &architecture), 0, device)?;
        network.load(&file, "online.")?;
        Ok(Self { architecture, weights: network.parameters.snapshot() })
    }

    fn network(&self, world: &World, device: Device) -> Result<QNetwork> {
        let mut network = QNetwork::new(&Shape::new(world, &self.architecture), 0, device)?;
        network.parameters.restore(&self.weights)?;
        Ok(network)
    }
}

/// Plays the remaining candidate of highest Q.
pub struct DqnPolicy {
    world: Arc<World>,
    network: ScoringNetwork,
    scorer: Scorer,
}

impl DqnPolicy {
    /// The policy of an agent in a world, which values candidates in this precision where it does so on the CPU.
    pub fn new(world: Arc<World>, model: AgentModel, precision: Precision, device: Device) -> Result<Self> {
        let network = model.network(&world, device)?;
        let scorer = Scorer::new(device).with_precision(precision);
        // The weights do not change any more: the tracks' part always pays.
        let network = scorer.ready(&world, &network.layers, usize::MAX)?;
        Ok(Self { world, network, scorer })
    }

    /// The Q values of the remaining candidates of one session: places in the pool with their values.
    pub fn values(&mut self, view: SessionView<'_>) -> Result<Vec<(u16, f32)>> {
        let mut scored = Vec::new();
        let sessions = std::iter::once((0, view));
        self.scorer.score_remaining(&self.network, &self.world, sessions, |_, places, values| {
            scored.extend(places.iter().copied().zip(values.iter().copied()));
        })?;
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
        Ok(self.scorer.best_remaining(&self.network, world, views, |index, best| actions[index] = best)?)
    }

    fn fork(&self) -> Result<Box<dyn Policy>> {
        let (network, scorer) = (self.network.shallow_clone(), self.scorer.another());
        Ok(Box::new(Self { world: Arc::clone(&self.world), network, scorer }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use listening_models::SavedTensor;
    use playlist_envs::{FinishedSession, WorldSettings, small_world};

    #[test]
    fn a_file_says_what_its_network_is_made_of() {
        let folder = tempfile::tempdir().unwrap();
        let (world, _) = small_world(folder.path(), 30, WorldSettings::default(), 1).unwrap();
        let world = Arc::new(world);
        let session = FinishedSession {
            number: 0,
            start: 0,
            pool: (0..20).collect(),
            played: Vec::new(),
            responses: Vec::new(),
            rewards: Vec::new(),
            states: Vec::new(),
            terminated: false,
            returned: false,
        };
        let path = folder.path().join("agent.safetensors");
        let values = |model: AgentModel| {
            DqnPolicy::new(Arc::clone(&world), model, Precision::Single, Device::Cpu)
                .unwrap()
                .values(session.view())
                .unwrap()
        };
        let plain = AgentSettings { hidden: vec![9], ..AgentSettings::default() };
        let all =
            AgentSettings { layer_norm: true, dueling: true, quantiles: 5, hidden: vec![8, 6, 4], ..plain.clone() };
        for settings in [plain, all] {
            let shape = Shape::new(&world, &Architecture::new(&settings));
            let network = QNetwork::new(&shape, 4, Device::Cpu).unwrap();
            let model = AgentModel::new(&settings, network.parameters.snapshot());
            model.save(&world, &path).unwrap();
            let loaded = AgentModel::load(&world, &path, Device::Cpu).unwrap();
            assert_eq!(loaded.architecture, Architecture::new(&settings));
            assert_eq!(values(loaded), values(model));
        }
        // As earlier versions wrote it.
        save_tensors(&path, &[("hidden_widths".to_owned(), SavedTensor::integers(&[1], &[9]))]).unwrap();
        let message = AgentModel::load(&world, &path, Device::Cpu).err().unwrap().to_string();
        assert!(
            message.contains("says nothing of `layer_norm`") && message.contains("train the agent again"),
            "{message}"
        );
    }
}
