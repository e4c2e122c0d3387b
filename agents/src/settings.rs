//! Settings of the agent, its training and its evaluation.

use listening_models::network::Precision;
use serde::{Deserialize, Serialize};

use crate::{AgentError, Result};

fn check(holds: bool, setting: &'static str, problem: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(AgentError::Setting { setting, problem: problem.to_owned() }) }
}

/// The Action-Head DQN. Defaults marked TF-Agents are those of the library that the paper's agent was built on
/// (`DqnAgent` and its examples); the paper's own numbers are unknown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentSettings {
    /// Widths of the hidden layers of Q(state, track).
    pub hidden: Vec<usize>,
    /// Whether hidden layers are normalised before their ReLU (Ba et al., arXiv 1607.06450).
    pub layer_norm: bool,
    /// Whether Q is the value of the state and the advantage of the candidate (Wang et al., ICML 2016).
    pub dueling: bool,
    /// Whether candidates are seen in relation to user and session, and not by their track features alone.
    pub candidate_features: bool,
    /// Quantiles of the return that the network learns, of which Q is the mean (QR-DQN, Dabney et al., AAAI 2018: 200); 0
    /// for the mean alone.
    pub quantiles: usize,
    /// Precision in which the agent values candidates to choose among them in training, on the CPU: where it plays, and of the
    /// state after a transition. What it learns towards and with, and its evaluation, are of single precision.
    pub precision: Precision,
    /// Discount per track. The optimum of a world without session end does not depend on it; a shorter horizon leaves
    /// less noise in the targets.
    pub gamma: f32,
    /// What a reward loses per unit of disagreement between the members of an ensemble (`user_model.members`) about it: the
    /// standard deviation of their expected rewards. In training alone; 0 for nothing.
    pub uncertainty_penalty: f32,
    /// Whether the online network chooses the next track whose value a target takes (van Hasselt et al., AAAI 2016); else the
    /// target network does.
    pub double: bool,
    /// Steps of reward before a target bootstraps (1: TF-Agents).
    pub n_step: usize,
    /// Step size of Adam at the start (TF-Agents: 1e-3).
    pub learning_rate: f64,
    /// Share of the step size that is left at the end of training; falls linearly.
    pub final_learning_rate: f64,
    /// Largest Euclidean norm of a gradient (Dueling DQN, Wang et al. 2016: 10).
    pub gradient_norm: f64,
    /// Transitions per gradient step.
    pub batch: usize,
    /// Transitions that the replay holds (TF-Agents: 100,000).
    pub replay_capacity: usize,
    /// Transitions in the replay before learning starts.
    pub learning_starts: usize,
    /// Whether transitions are drawn by their priorities (Schaul et al., ICLR 2016, proportional variant).
    pub prioritized: bool,
    /// Exponent of priorities; 0 draws evenly (Schaul et al.: 0.6).
    pub priority_alpha: f32,
    /// Exponent of the importance weights at the start; rises linearly to 1 at the end of training (Schaul et al.: 0.4).
    pub priority_beta: f64,
    /// Gradient steps between two updates of the target network (TF-Agents: 5).
    pub target_update_period: u64,
    /// Share of the online weights taken over at an update of the target network (TF-Agents: 0.05).
    pub target_update_tau: f64,
    /// Probability of a random track at the start.
    pub epsilon_start: f64,
    /// Probability of a random track after the decay.
    pub epsilon_end: f64,
    /// Share of the training steps over which epsilon falls linearly.
    pub epsilon_decay: f64,
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self {
            hidden: vec![128, 64],
            layer_norm: false,
            dueling: false,
            candidate_features: true,
            quantiles: 32,
            precision: Precision::default(),
            gamma: 0.9,
            uncertainty_penalty: 0.0,
            double: true,
            n_step: 1,
            learning_rate: 1e-3,
            final_learning_rate: 0.05,
            gradient_norm: 10.0,
            batch: 256,
            replay_capacity: 100_000,
            learning_starts: 5_000,
            prioritized: false,
            priority_alpha: 0.6,
            priority_beta: 0.4,
            target_update_period: 5,
            target_update_tau: 0.05,
            epsilon_start: 1.0,
            epsilon_end: 0.05,
            epsilon_decay: 0.5,
        }
    }
}

impl AgentSettings {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        let share = |value: f64| (0.0..=1.0).contains(&value);
        let widths = self.hidden.iter().all(|width| (1..=1 << 16).contains(width));
        check(!self.hidden.is_empty() && widths, "agent.hidden", "needs at least one width, each in 1..=65536")?;
        check(
            self.quantiles == 0 || (2..=1024).contains(&self.quantiles),
            "agent.quantiles",
            "must be 0 (off) or in 2..=1024: one quantile is the median, not the mean",
        )?;
        let packed = !self.layer_norm && !self.dueling;
        check(
            self.precision == Precision::Single || packed,
            "agent.precision",
            "bfloat16 goes without layer_norm and dueling: set it to \"single\", or these to false",
        )?;
        self.precision.check("agent.precision")?;
        check((0.0..1.0).contains(&self.gamma), "agent.gamma", "must be in 0..1")?;
        let penalty = self.uncertainty_penalty >= 0.0 && self.uncertainty_penalty.is_finite();
        check(penalty, "agent.uncertainty_penalty", "must not be negative")?;
        check((1..=255).contains(&self.n_step), "agent.n_step", "must be in 1..=255")?;
        check(self.learning_rate > 0.0 && self.learning_rate.is_finite(), "agent.learning_rate", "must be above 0")?;
        check(share(self.final_learning_rate), "agent.final_learning_rate", "must be in 0..=1")?;
        check(self.gradient_norm >= 0.0, "agent.gradient_norm", "must not be negative (0: no limit)")?;
        check(self.batch >= 1, "agent.batch", "must be at least 1")?;
        check(self.learning_starts >= 1, "agent.learning_starts", "must be at least 1")?;
        check(
            self.replay_capacity >= self.learning_starts.max(self.batch),
            "agent.replay_capacity",
            "must not be below learning_starts and batch",
        )?;
        check((0.0..=1.0).contains(&self.priority_alpha), "agent.priority_alpha", "must be in 0..=1")?;
        check(share(self.priority_beta), "agent.priority_beta", "must be in 0..=1")?;
        check(self.target_update_period >= 1, "agent.target_update_period", "must be at least 1")?;
        check(share(self.target_update_tau), "agent.target_update_tau", "must be in 0..=1")?;
        check(
            share(self.epsilon_start) && share(self.epsilon_end),
            "agent.epsilon_start, epsilon_end",
            "must be in 0..=1",
        )?;
        check(share(self.epsilon_decay), "agent.epsilon_decay", "must be in 0..=1")
    }
}

/// How training goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainSettings {
    /// Tracks played in all (environment steps).
    pub env_steps: u64,
    /// Groups of sessions that can be simulated on different threads. Part of the result, unlike the threads.
    pub actors: usize,
    /// Parallel sessions per actor.
    pub sessions: usize,
    /// Steps of every session between two exchanges of weights and transitions. Actors play with the weights from
    /// before the learner's current round: a fixed lag.
    pub steps_per_round: usize,
    /// Gradient steps per round.
    pub updates_per_round: usize,
    /// Rounds between two entries in TensorBoard.
    pub log_every_rounds: u64,
    /// Tracks played between two evaluations of the agent on held-out session starts; 0 for none.
    pub evaluate_every: u64,
    /// Sessions per such evaluation.
    pub evaluate_sessions: u64,
    /// Tracks played between two checkpoints.
    pub checkpoint_every: u64,
    /// Checkpoints kept.
    pub checkpoints_kept: usize,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            env_steps: 400_000,
            actors: 1,
            sessions: 256,
            steps_per_round: 4,
            updates_per_round: 8,
            log_every_rounds: 10,
            evaluate_every: 50_000,
            evaluate_sessions: 500,
            checkpoint_every: 100_000,
            checkpoints_kept: 3,
        }
    }
}

impl TrainSettings {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        check(self.env_steps >= 1, "train.env_steps", "must be at least 1")?;
        check((1..=1024).contains(&self.actors), "train.actors", "must be in 1..=1024")?;
        check((1..=1 << 20).contains(&self.sessions), "train.sessions", "must be in 1..=1048576")?;
        check((1..=100_000).contains(&self.steps_per_round), "train.steps_per_round", "must be in 1..=100000")?;
        check((1..=100_000).contains(&self.updates_per_round), "train.updates_per_round", "must be in 1..=100000")?;
        check(self.log_every_rounds >= 1, "train.log_every_rounds", "must be at least 1")?;
        check(
            self.evaluate_every == 0 || self.evaluate_sessions >= 2,
            "train.evaluate_sessions",
            "must be at least 2",
        )?;
        check(self.checkpoint_every >= 1, "train.checkpoint_every", "must be at least 1")?;
        check(self.checkpoints_kept >= 1, "train.checkpoints_kept", "must be at least 1")
    }

    /// Tracks played per round.
    pub fn steps_in_round(&self) -> u64 {
        (self.actors * self.sessions * self.steps_per_round) as u64
    }
}

/// How policies are compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluateSettings {
    /// Sessions per policy; the same numbers, and so the same users, contexts, pools and luck, for every policy.
    pub sessions: u64,
    /// Seed of the evaluation's draws; differs from the training's, so that no session was trained on.
    pub seed: u64,
    /// Plans that a planning policy goes on with at each step.
    pub beam_width: usize,
    /// Tracks that it looks ahead.
    pub beam_depth: usize,
}

impl Default for EvaluateSettings {
    fn default() -> Self {
        Self { sessions: 2000, seed: 1_000_003, beam_width: 4, beam_depth: 3 }
    }
}

impl EvaluateSettings {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        check(self.sessions >= 2, "evaluate.sessions", "must be at least 2")?;
        check((1..=1000).contains(&self.beam_width), "evaluate.beam_width", "must be in 1..=1000")?;
        check((1..=1000).contains(&self.beam_depth), "evaluate.beam_depth", "must be in 1..=1000")
    }
}
