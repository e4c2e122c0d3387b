//! How good the estimators are, where the truth can be asked: logs of the random policy, whose propensities are known, and the
//! evaluated policy played to the same listeners.

use std::sync::Arc;

use listening_data::Progress;
use playlist_envs::{SimulatedEnv, VecEnv};
use serde::{Deserialize, Serialize};

use super::logged_steps::{Evaluated, Logged, PARALLEL_SESSIONS, logged_steps};
use super::{LoggedStep, OffPolicyEstimator, estimate_off_policy};
use crate::policies::{GreedyPolicy, MixedPolicy, RandomPolicy};
use crate::{Estimate, Policy, Result, SessionOutcome, Simulation, simulate};

/// How logs are made, and what is estimated from them.
pub struct LogTrial<'a> {
    /// World and listeners; its number of sessions is that of the truth.
    pub simulation: &'a Simulation,
    /// The evaluated policy, but for its share of random tracks.
    pub policy: &'a dyn Policy,
    /// Tracks per session at most: those after which the listeners leave.
    pub length: usize,
    /// That share, above 0: the estimators need a chance of each track that was logged.
    pub random_share: f32,
    /// Gives the doubly robust estimator its values: what CWM expects of each track.
    pub model: GreedyPolicy,
    /// Sessions per log.
    pub sessions: u64,
    /// Logs.
    pub logs: u64,
}

/// How an estimator did over many logs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EstimatorQuality {
    /// The estimator.
    pub estimator: OffPolicyEstimator,
    /// Mean of its estimates.
    pub mean: f64,
    /// Mean error, with its interval of 95 % over the logs.
    pub bias: Estimate,
    /// Root of the mean squared error.
    pub root_mean_squared_error: f64,
    /// Share of the logs whose interval holds the truth.
    pub coverage: f64,
    /// Mean of the effective sessions.
    pub effective_sessions: f64,
}

/// The estimators beside the truth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EstimatorTrial {
    /// The evaluated policy.
    pub policy: String,
    /// Its return, played.
    pub truth: Estimate,
    /// The logged random policy's return.
    pub logged: Estimate,
    /// Per estimator.
    pub estimators: Vec<EstimatorQuality>,
}

impl LogTrial<'_> {
    /// Makes the logs, estimates from each, and plays the policy.
    pub fn run(&mut self, progress: &dyn Progress) -> Result<EstimatorTrial> {
        let mixed = MixedPolicy::new(self.policy.fork()?, self.random_share);
        let returns = |outcomes: Vec<SessionOutcome>| Estimate::of(outcomes.iter().map(|outcome| outcome.total_reward));
        let truth = returns(simulate(&mixed, self.simulation, progress)?);
        let logged = returns(simulate(&RandomPolicy, self.simulation, progress)?);
        let mut policy = self.policy.fork()?;
        let mut estimates: Vec<Vec<(f64, bool, f64)>> = vec![Vec::new(); OffPolicyEstimator::ALL.len()];
        progress.begin("logs", self.logs, "logs");
        for log in 0..self.logs {
            // Other sessions than those of the truth.
            let first = self.simulation.sessions + log * self.sessions;
            let sessions = self.log(policy.as_mut(), first)?;
            for (estimator, found) in OffPolicyEstimator::ALL.into_iter().zip(&mut estimates) {
                let estimate = estimate_off_policy(estimator, &sessions, 1.0)?;
                let Estimate { mean, low, high } = estimate.total_reward;
                found.push((mean, low <= truth.mean && truth.mean <= high, estimate.effective_sessions));
            }
            progress.advance(log + 1);
        }
        progress.end();
        let quality = |(estimator, found): (OffPolicyEstimator, &Vec<(f64, bool, f64)>)| {
            let mean = |of: &dyn Fn(&(f64, bool, f64)) -> f64| found.iter().map(of).sum::<f64>() / found.len() as f64;
            EstimatorQuality {
                estimator,
                mean: mean(&|estimate| estimate.0),
                bias: Estimate::of(found.iter().map(|estimate| estimate.0 - truth.mean)),
                root_mean_squared_error: mean(&|estimate| (estimate.0 - truth.mean).powi(2)).sqrt(),
                coverage: mean(&|estimate| f64::from(u8::from(estimate.1))),
                effective_sessions: mean(&|estimate| estimate.2),
            }
        };
        let estimators = OffPolicyEstimator::ALL.into_iter().zip(&estimates).map(quality).collect();
        Ok(EstimatorTrial { policy: mixed.name().to_owned(), truth, logged, estimators })
    }

    /// One log: the sessions from number `first` on, played at random.
    fn log(&mut self, policy: &mut dyn Policy, first: u64) -> Result<Vec<Vec<LoggedStep>>> {
        let world = &self.simulation.world;
        let parallel = PARALLEL_SESSIONS.min(self.sessions as usize);
        let listeners = self.simulation.listeners.another();
        let mut env = SimulatedEnv::new(Arc::clone(world), listeners, parallel, first, 1)?;
        let (random_share, model) = (self.random_share, &mut self.model);
        let mut evaluated = Evaluated { policy, random_share, model, length: self.length };
        logged_steps(&mut env, &mut AtRandom, &mut evaluated, first, self.sessions as usize)
    }
}

/// Tracks chosen evenly from those that remain.
struct AtRandom;

impl Logged for AtRandom {
    fn next(&mut self, env: &SimulatedEnv, played: &mut Vec<u32>, propensities: &mut Vec<f64>) -> Result<()> {
        let sessions = env.sessions();
        RandomPolicy.choose(env.world(), sessions, played)?;
        let views = (0..sessions.len()).map(|index| sessions.view(index));
        propensities.clear();
        propensities.extend(views.map(|view| 1.0 / (view.pool.len() - view.position()) as f64));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use listening_data::Silent;
    use playlist_envs::{ModelledListeners, PoolSettings, WorldSettings, small_world};

    use super::*;

    /// Pools of four tracks, of which two are played: little is left to chance, and the estimators find the truth.
    #[test]
    fn estimators_find_what_the_policy_returns() {
        let folder = tempfile::tempdir().unwrap();
        let settings = WorldSettings {
            max_length: 2,
            pool: PoolSettings { min_size: 4, max_size: 4, ..PoolSettings::default() },
            ..WorldSettings::default()
        };
        let (world, user_model) = small_world(folder.path(), 40, settings, 7).unwrap();
        let greedy = GreedyPolicy::new(user_model.shallow_clone());
        let simulation = Simulation {
            world: Arc::new(world),
            listeners: Box::new(ModelledListeners::new(Box::new(user_model))),
            sessions: 20_000,
            threads: 2,
        };
        let (model, sessions, logs) = (greedy.copy(), 500, 30);
        let mut trial =
            LogTrial { simulation: &simulation, policy: &greedy, length: 2, random_share: 0.4, model, sessions, logs };
        let found = trial.run(&Silent).unwrap();
        assert_eq!(found.policy, "greedy+random-40");
        assert!((found.truth.high - found.truth.low) < 0.03);
        assert!(found.truth.low > found.logged.high, "{found:?}");
        for quality in &found.estimators {
            // Three standard errors of the mean of thirty, and of the truth.
            let allowed = 1.6 * (quality.bias.high - quality.bias.low) / 2.0 + 0.015;
            assert!(quality.bias.mean.abs() < allowed, "{quality:?}");
            assert!(quality.coverage >= 0.8 && quality.effective_sessions < 500.0, "{quality:?}");
        }
        let error = |place: usize| found.estimators[place].root_mean_squared_error;
        assert!(error(4) < error(0), "a model helps: {found:?}");
    }
}
