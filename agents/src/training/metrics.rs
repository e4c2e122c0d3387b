//! What training measures. Names are listed in `docs/metrics.md`.

use playlist_envs::FinishedSession;
use serde::{Deserialize, Serialize};

use crate::Estimate;
use crate::action_head_dqn::LearnerReport;

/// Sums over the sessions that ended since the last log entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct RolloutSums {
    sessions: u64,
    plays: u64,
    total_reward: f64,
    completions: u64,
    skips: u64,
    past_threshold: u64,
    terminated: u64,
    returned: u64,
}

impl RolloutSums {
    pub(super) fn add(&mut self, session: &FinishedSession) {
        self.sessions += 1;
        self.plays += session.played.len() as u64;
        self.total_reward += session.total_reward();
        self.terminated += u64::from(session.terminated);
        self.returned += u64::from(session.returned);
        for responses in &session.responses {
            self.completions += u64::from(responses.complete);
            self.skips += u64::from(responses.skip);
            self.past_threshold += u64::from(responses.past_threshold);
        }
    }

    /// Names and values; none where no session has ended.
    pub(super) fn scalars(&self) -> Vec<(&'static str, f64)> {
        if self.sessions == 0 {
            return Vec::new();
        }
        let per_play = |count: u64| count as f64 / self.plays as f64;
        let per_session = |sum: f64| sum / self.sessions as f64;
        vec![
            ("rollout/return", per_session(self.total_reward)),
            ("rollout/completion_rate", per_play(self.completions)),
            ("rollout/skip_rate", per_play(self.skips)),
            ("rollout/past_threshold_rate", per_play(self.past_threshold)),
            ("rollout/session_length", per_session(self.plays as f64)),
            ("rollout/terminated_rate", per_session(self.terminated as f64)),
            ("rollout/returned_rate", per_session(self.returned as f64)),
        ]
    }
}

/// Sums over the gradient steps since the last log entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct LearnerSums {
    steps: u64,
    td_loss: f64,
    q_mean: f64,
    target_mean: f64,
    gradient_norm: f64,
}

impl LearnerSums {
    pub(super) fn add(&mut self, report: &LearnerReport) {
        let weight = report.steps as f64;
        self.steps += report.steps;
        self.td_loss += weight * report.td_loss;
        self.q_mean += weight * report.q_mean;
        self.target_mean += weight * report.target_mean;
        self.gradient_norm += weight * report.gradient_norm;
    }

    /// Names and values; none where no step was taken.
    pub(super) fn scalars(&self) -> Vec<(&'static str, f64)> {
        if self.steps == 0 {
            return Vec::new();
        }
        let mean = |sum: f64| sum / self.steps as f64;
        vec![
            ("train/td_loss", mean(self.td_loss)),
            ("train/q_mean", mean(self.q_mean)),
            ("train/target_mean", mean(self.target_mean)),
            ("train/gradient_norm", mean(self.gradient_norm)),
        ]
    }
}

/// The agent on held-out session starts, at one moment of the training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationPoint {
    /// Tracks played in training so far.
    pub env_steps: u64,
    /// Return of the agent.
    #[serde(rename = "return")]
    pub total_reward: Estimate,
    /// Completion rate of the agent.
    pub completion_rate: Estimate,
}

/// The contents of a run's `metrics.json`. Holds no times: the same seed and config give the same file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingMetrics {
    /// Tracks played.
    pub env_steps: u64,
    /// Gradient steps taken.
    pub gradient_steps: u64,
    /// Sessions that ended.
    pub sessions: u64,
    /// The last values of the training's metrics, by TensorBoard name.
    pub last: std::collections::BTreeMap<String, f64>,
    /// Evaluations on held-out session starts, in order.
    pub evaluations: Vec<EvaluationPoint>,
    /// Returns of the policies that the agent is compared with, on the same sessions.
    pub references: std::collections::BTreeMap<String, Estimate>,
}
