//! What is measured: worlds with pools of any size over the same session starts, their listeners and policies. Networks have
//! initial weights: how fast they are does not depend on what they have learnt.

use std::sync::Arc;

use listening_data::{Progress, SyntheticSource};
use listening_models::features::SO_FAR_FEATURES;
use listening_models::user_response::{
    ContextualModel, ContextualSettings, ResponseModel, SequentialModel, TransformerModel, TransformerShape,
};
use playlist_agents::{
    AgentModel, AgentSettings, DqnPolicy, GreedyPolicy, LearningLoop, Policy, RandomPolicy, observation_lengths,
};
use playlist_envs::{EpisodeSettings, Listeners, ModelledListeners, OracleListeners, World, WorldSettings};
use serde::Serialize;
use tch::Device;

use super::operations::{self, AgentSizes};
use crate::config::Config;
use crate::failure::UsageError;
use crate::pipeline::PreparedLogs;

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Answering {
    /// The synthetic listeners themselves
    Oracle,
    /// CWM
    Cwm,
    /// SWM
    Swm,
    /// The Transformer
    Transformer,
}

/// Who chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Choosing {
    /// By chance
    Random,
    /// Greedy by CWM
    Greedy,
    /// The agent
    ActionHeadDqn,
}

/// Session starts, listeners and networks.
pub struct Scene {
    config: Config,
    logs: PreparedLogs,
    oracle: OracleListeners,
    contextual: ContextualModel,
    sequential: Box<dyn ResponseModel>,
    transformer: TransformerModel,
    inputs: usize,
    agent: AgentSizes,
}

impl Scene {
    /// Made from the config's data, which must be synthetic: the oracle is its listeners.
    pub fn new(config: &Config, progress: &dyn Progress) -> anyhow::Result<Self> {
        let logs = PreparedLogs::open(config, &mut Vec::new(), progress)?;
        if logs.device != Device::Cpu {
            return Err(UsageError("sim bench measures the processor alone: add --device cpu".into()).into());
        }
        let source = SyntheticSource::of(logs.dataset.manifest()).ok_or_else(|| {
            UsageError("sim bench measures the synthetic listeners too: leave --dataset out, and set data.source = \"synthetic\"".into())
        })?;
        let oracle = OracleListeners::new(&source, &logs.data.training_starts, progress)?;
        let inputs = logs.user_models(config).inputs();
        let model = &config.user_model;
        let contextual = ContextualSettings::from(model);
        let (contextual, _) = ContextualModel::new(&contextual.hidden, inputs, config.seed, Device::Cpu)?;
        let (lstm, hidden) = (&model.sequential.lstm, &model.sequential.hidden);
        let (sequential, _) = SequentialModel::new(lstm, hidden, inputs + SO_FAR_FEATURES, config.seed, Device::Cpu)?;
        let shape = TransformerShape::from(&model.transformer);
        let (transformer, _) = TransformerModel::new(&shape, inputs + SO_FAR_FEATURES, config.seed, Device::Cpu)?;
        let sequential = sequential.for_simulation(model.precision)?;
        let starts = Arc::clone(&logs.data.training_starts);
        let [state, track, candidate] = observation_lengths(&*logs.world(config.world.clone(), starts, config.seed)?);
        let (hidden, outputs) = (config.agent.hidden.clone(), config.agent.quantiles.max(1));
        let agent = AgentSizes { state, track, candidate, hidden, outputs };
        Ok(Self { config: config.clone(), logs, oracle, contextual, sequential, transformer, inputs, agent })
    }

    /// The world with pools of `candidates`, whose sessions go on to their length.
    pub fn world(&self, candidates: usize) -> anyhow::Result<Arc<World>> {
        let mut settings = WorldSettings {
            session_end: false,
            skips_in_a_row: 0,
            episode: EpisodeSettings::default(),
            ..self.config.world.clone()
        };
        (settings.pool.min_size, settings.pool.max_size) = (candidates, candidates);
        self.logs.world(settings, Arc::clone(&self.logs.data.training_starts), self.config.seed)
    }

    /// Tracks of the catalog.
    pub fn tracks(&self) -> usize {
        self.logs.catalog.tracks()
    }

    /// Tracks per session in such a world.
    pub fn length(&self, candidates: usize) -> usize {
        self.config.world.max_length.min(candidates)
    }

    /// Candidates that remain, in the mean over a session.
    pub fn remaining(&self, candidates: usize) -> f64 {
        candidates as f64 - (self.length(candidates) - 1) as f64 / 2.0
    }

    /// Those who answer.
    pub fn listeners(&self, answering: Answering) -> Box<dyn Listeners> {
        let modelled = |model: Box<dyn ResponseModel>| Box::new(ModelledListeners::new(model));
        match answering {
            Answering::Oracle => Box::new(self.oracle.shallow_clone()),
            Answering::Cwm => modelled(self.contextual.another()),
            Answering::Swm => modelled(self.sequential.another()),
            Answering::Transformer => modelled(self.transformer.another()),
        }
    }

    /// The operations that an answer takes; none where no network answers.
    pub fn of_answer(&self, answering: Answering) -> f64 {
        let with_session = self.inputs + SO_FAR_FEATURES;
        let model = &self.config.user_model;
        match answering {
            Answering::Oracle => 0.0,
            Answering::Cwm => self.of_cwm(),
            Answering::Swm => operations::swm(with_session, &model.sequential.lstm, &model.sequential.hidden),
            Answering::Transformer => {
                operations::transformer(with_session, &TransformerShape::from(&model.transformer))
            }
        }
    }

    fn of_cwm(&self) -> f64 {
        operations::cwm(self.inputs, &ContextualSettings::from(&self.config.user_model).hidden)
    }

    /// A learner with a replay of so many transitions.
    pub fn learning(
        &self,
        agent: &AgentSettings,
        candidates: usize,
        transitions: usize,
    ) -> anyhow::Result<LearningLoop> {
        let listeners = self.listeners(Answering::Oracle);
        Ok(LearningLoop::new(self.world(candidates)?, listeners, agent, transitions, Device::Cpu, 1)?)
    }

    /// Sizes of the agent's network.
    pub fn agent_sizes(&self) -> &AgentSizes {
        &self.agent
    }

    /// One who chooses.
    pub fn policy(&self, choosing: Choosing, world: &Arc<World>) -> anyhow::Result<Box<dyn Policy>> {
        Ok(match choosing {
            Choosing::Random => Box::new(RandomPolicy),
            Choosing::Greedy => Box::new(GreedyPolicy::new(self.contextual.shallow_clone())),
            Choosing::ActionHeadDqn => {
                let agent = AgentModel::initial(world, &self.config.agent, self.config.seed)?;
                Box::new(DqnPolicy::new(Arc::clone(world), agent, self.config.agent.precision, Device::Cpu)?)
            }
        })
    }

    /// Candidates that a network values per choice, in the mean over a session.
    pub fn valued(&self, choosing: Choosing, candidates: usize) -> f64 {
        match choosing {
            Choosing::Random => 0.0,
            // CWM is asked for all candidates once per session.
            Choosing::Greedy => candidates as f64 / self.length(candidates) as f64,
            Choosing::ActionHeadDqn => self.remaining(candidates),
        }
    }

    /// The operations that a choice takes.
    pub fn of_choice(&self, choosing: Choosing, candidates: usize) -> f64 {
        let valued = self.valued(choosing, candidates);
        match choosing {
            Choosing::Random => 0.0,
            Choosing::Greedy => valued * self.of_cwm(),
            Choosing::ActionHeadDqn => self.agent.choice(valued),
        }
    }

    /// The config.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// CWM.
    pub fn contextual(&self) -> &ContextualModel {
        &self.contextual
    }
}
