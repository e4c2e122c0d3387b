//! Off-policy evaluation: what a policy would return, from sessions that another policy chose with known propensities.
//!
//! Formulas and sources: `docs/agents/off-policy-evaluation.md`.

mod estimators;
mod logged_steps;
mod recorded_logs;
mod simulated_logs;

pub use recorded_logs::{OffPolicyEvaluation, PolicyEstimates, RecordedLog};
pub use simulated_logs::{EstimatorQuality, EstimatorTrial, LogTrial};

use serde::{Deserialize, Serialize};

use crate::{AgentError, Estimate, Result};

/// One play of a logged session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LoggedStep {
    /// The reward.
    pub reward: f64,
    /// Probability with which the logged track was chosen, given what came before.
    pub propensity: f64,
    /// Probability with which the evaluated policy would choose it there.
    pub probability: f64,
    /// What a model says the evaluated policy returns from here on after this track; 0 where there is no model.
    pub action_value: f64,
    /// What the model says it returns from here on, before a track is chosen; 0 where there is no model.
    pub state_value: f64,
}

impl LoggedStep {
    /// How much likelier the evaluated policy is to choose the track.
    fn ratio(&self) -> f64 {
        self.probability / self.propensity
    }
}

/// How a return is estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OffPolicyEstimator {
    /// Inverse propensity scoring: each session weighs by the ratio of its probabilities.
    Ips,
    /// Self-normalised: the same, divided by the mean weight.
    Snips,
    /// Per decision: each reward weighs by the ratio up to its own play.
    PerDecisionIps,
    /// Reward interaction: per decision, and self-normalised at each position.
    Rips,
    /// Doubly robust for sequences: per decision, around a model's values.
    DoublyRobust,
}

impl OffPolicyEstimator {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Ips, Self::Snips, Self::PerDecisionIps, Self::Rips, Self::DoublyRobust];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ips => "ips",
            Self::Snips => "snips",
            Self::PerDecisionIps => "per-decision-ips",
            Self::Rips => "rips",
            Self::DoublyRobust => "doubly-robust",
        }
    }
}

/// An estimated return.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OffPolicyEstimate {
    /// How it was estimated.
    pub estimator: OffPolicyEstimator,
    /// The return per session, with a normal interval of 95 %.
    #[serde(rename = "return")]
    pub total_reward: Estimate,
    /// Sessions of equal weight that would tell as much as the weighted ones (Kish 1965): (sum w)^2 / sum w^2 of the
    /// sessions' whole weights.
    pub effective_sessions: f64,
}

/// Effective sessions below which an estimate is not to be trusted: its interval supposes a normal law, which some few
/// sessions of large weight do not have. Ours.
const ENOUGH_SESSIONS: f64 = 100.0;

impl OffPolicyEstimate {
    /// Why the estimate is not to be trusted, if so.
    pub fn warning(&self) -> Option<String> {
        (self.effective_sessions < ENOUGH_SESSIONS).then(|| {
            format!(
                "the weighted sessions tell as much as {:.1} sessions of the evaluated policy would; below \
                 {ENOUGH_SESSIONS:.0} the estimate and its interval are not to be trusted: log more sessions, or evaluate a \
                 policy nearer to the one that was logged",
                self.effective_sessions
            )
        })
    }
}

/// Estimates the return of the policy whose probabilities the sessions hold. Each session is one that the logging policy
/// played to its end; the sessions are independent. `gamma` discounts per play, from 0 to 1.
///
/// # Errors
/// Where there is no session, or a play has a propensity or probability that none can be.
pub fn estimate_off_policy(
    estimator: OffPolicyEstimator,
    sessions: &[Vec<LoggedStep>],
    gamma: f64,
) -> Result<OffPolicyEstimate> {
    check(sessions, gamma)?;
    let total_reward = Estimate::of(session_values(estimator, sessions, gamma).into_iter());
    Ok(OffPolicyEstimate { estimator, total_reward, effective_sessions: effective_sessions(sessions) })
}

/// One value per session, whose mean is the estimate.
fn session_values(estimator: OffPolicyEstimator, sessions: &[Vec<LoggedStep>], gamma: f64) -> Vec<f64> {
    match estimator {
        OffPolicyEstimator::Ips => estimators::ips(sessions, gamma),
        OffPolicyEstimator::Snips => estimators::snips(sessions, gamma),
        OffPolicyEstimator::PerDecisionIps => estimators::per_decision_ips(sessions, gamma),
        OffPolicyEstimator::Rips => estimators::rips(sessions, gamma),
        OffPolicyEstimator::DoublyRobust => estimators::doubly_robust(sessions, gamma),
    }
}

fn effective_sessions(sessions: &[Vec<LoggedStep>]) -> f64 {
    let weights = sessions.iter().map(|session| session.iter().map(LoggedStep::ratio).product::<f64>());
    let (sum, squares) = weights.fold((0.0, 0.0), |(sum, squares), weight| (sum + weight, squares + weight * weight));
    if squares > 0.0 { sum * sum / squares } else { 0.0 }
}

fn check(sessions: &[Vec<LoggedStep>], gamma: f64) -> Result<()> {
    let refuse = |problem: String| Err(AgentError::OffPolicy(problem));
    if sessions.is_empty() {
        return refuse("there is no logged session with known propensities".into());
    }
    if !(0.0..=1.0).contains(&gamma) {
        return refuse(format!("gamma must be between 0 and 1, found {gamma}"));
    }
    for (session, steps) in sessions.iter().enumerate() {
        for (play, step) in steps.iter().enumerate() {
            let place = format!("session {session}, play {play}");
            if !(step.propensity > 0.0 && step.propensity <= 1.0) {
                return refuse(format!("{place}: a propensity is above 0 and at most 1, found {}", step.propensity));
            }
            if !(0.0..=1.0).contains(&step.probability) {
                return refuse(format!("{place}: a probability is between 0 and 1, found {}", step.probability));
            }
            let values = [step.reward, step.action_value, step.state_value];
            if !values.iter().all(|value| value.is_finite()) {
                return refuse(format!("{place}: reward and values must be finite numbers, found {values:?}"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
