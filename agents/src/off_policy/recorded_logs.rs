//! What policies would return, from the recorded sessions of a log: nothing is played to anybody.

use std::sync::Arc;

use listening_data::Progress;
use listening_models::RecordedSessions;
use playlist_envs::{LeavingListeners, Listeners, LoggedListeners, RewardKind, SimulatedEnv, VecEnv, World};
use serde::Serialize;

use super::logged_steps::{Evaluated, Logged, PARALLEL_SESSIONS, logged_steps};
use super::{LoggedStep, OffPolicyEstimate, OffPolicyEstimator, check, effective_sessions, session_values};
use crate::policies::{GreedyPolicy, MixedPolicy, RandomPolicy};
use crate::{AgentError, Difference, Estimate, Policy, Result, Simulation, simulate};

/// Recorded sessions, and how policies are evaluated on them.
pub struct RecordedLog {
    world: Arc<World>,
    recorded: Arc<RecordedSessions>,
    model: GreedyPolicy,
    random_share: f32,
    length: usize,
}

/// What a policy would return.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyEstimates {
    /// The policy: `<name>+random-<percent>`, or `random`.
    pub policy: String,
    /// Per estimator. Intervals are by the spread between users.
    pub estimates: Vec<OffPolicyEstimate>,
    /// Per estimator, the estimate less what was logged.
    pub minus_logged: Vec<Difference>,
}

/// The log, and what policies would have returned.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OffPolicyEvaluation {
    /// Sessions.
    pub sessions: u64,
    /// Users they are of.
    pub users: u64,
    /// The return of the sessions as they were.
    pub logged: Estimate,
    /// Per policy.
    pub policies: Vec<PolicyEstimates>,
}

/// What was played, by the log.
struct AsRecorded<'a>(&'a RecordedSessions);

impl Logged for AsRecorded<'_> {
    fn next(&mut self, env: &SimulatedEnv, played: &mut Vec<u32>, propensities: &mut Vec<f64>) -> Result<()> {
        played.clear();
        propensities.clear();
        for index in 0..env.sessions().len() {
            let view = env.sessions().view(index);
            let logged = self.0.play(view.start, view.position());
            let ended = || AgentError::OffPolicy(format!("recorded session {} goes on behind its end", view.start));
            let play = logged.ok_or_else(ended)?;
            played.push(u32::from(play.place));
            propensities.push(f64::from(play.propensity));
        }
        Ok(())
    }
}

impl RecordedLog {
    /// The recorded sessions of a world of them ([`World::of_recorded`]), whose rewards count what was logged. Part of every
    /// policy's tracks, `random_share` above 0, is random: the estimators need a chance of each track that was logged. The
    /// doubly robust one goes by `model`. The log holds the first `length` tracks of each session.
    ///
    /// # Errors
    /// Where there is no session, or the world's rewards are expected ones, which no log has.
    pub fn new(
        world: Arc<World>,
        recorded: Arc<RecordedSessions>,
        model: GreedyPolicy,
        (random_share, length): (f32, usize),
    ) -> Result<Self> {
        if recorded.is_empty() {
            return Err(AgentError::OffPolicy("there is no recorded session".into()));
        }
        if world.settings.reward.kind != RewardKind::Sampled {
            return Err(AgentError::OffPolicy("rewards of a log are those of what was sampled".into()));
        }
        Ok(Self { world, recorded, model, random_share, length })
    }

    /// Estimates what these policies would return.
    pub fn evaluate(&self, policies: &[Box<dyn Policy>], progress: &dyn Progress) -> Result<OffPolicyEvaluation> {
        let starts = &self.recorded.starts;
        let users: Vec<u32> = (0..starts.len()).map(|start| starts.user(start)).collect();
        let mut different = users.clone();
        different.sort_unstable();
        different.dedup();
        let (mut found, mut logged) = (Vec::new(), Vec::new());
        progress.begin("recorded sessions", policies.len() as u64, "policies");
        for (done, policy) in policies.iter().enumerate() {
            let sessions = self.steps(policy.as_ref())?;
            logged = sessions.iter().map(|steps| steps.iter().map(|step| step.reward).sum()).collect();
            found.push(estimates(self.played(policy.as_ref())?.name(), &sessions, &logged, &users)?);
            progress.advance(done as u64 + 1);
        }
        progress.end();
        adjust(&mut found);
        Ok(OffPolicyEvaluation {
            sessions: users.len() as u64,
            users: different.len() as u64,
            logged: Estimate::of_users(&logged, &users),
            policies: found,
        })
    }

    /// What the policies return when they are played to these listeners, from the recorded starts and pools, `times` each.
    pub fn play(
        &self,
        policies: &[Box<dyn Policy>],
        listeners: &dyn Listeners,
        times: u64,
        threads: usize,
        progress: &dyn Progress,
    ) -> Result<Vec<Estimate>> {
        let simulation = Simulation {
            world: Arc::clone(&self.world),
            listeners: Box::new(LeavingListeners::new(listeners.another(), self.length, true)),
            sessions: times * self.recorded.len() as u64,
            threads,
        };
        let play = |policy: &dyn Policy| {
            let outcomes = simulate(self.played(policy)?.as_ref(), &simulation, progress)?;
            let (returns, users): (Vec<f64>, Vec<u32>) =
                outcomes.iter().map(|outcome| (outcome.total_reward, outcome.user)).unzip();
            Ok(Estimate::of_users(&returns, &users))
        };
        policies.iter().map(|policy| play(policy.as_ref())).collect()
    }

    /// What is evaluated: the policy with its share of random tracks.
    pub fn played(&self, policy: &dyn Policy) -> Result<Box<dyn Policy>> {
        let policy = policy.fork()?;
        Ok(if is_random(policy.as_ref()) { policy } else { Box::new(MixedPolicy::new(policy, self.random_share)) })
    }

    /// The sessions with what the policy would have done.
    fn steps(&self, policy: &dyn Policy) -> Result<Vec<Vec<LoggedStep>>> {
        let listeners = Box::new(LoggedListeners::new(Arc::clone(&self.recorded)));
        let parallel = PARALLEL_SESSIONS.min(self.recorded.len());
        let mut env = SimulatedEnv::new(Arc::clone(&self.world), listeners, parallel, 0, 1)?;
        let (mut policy, mut model) = (policy.fork()?, self.model.copy());
        let random_share = if is_random(policy.as_ref()) { 1.0 } else { self.random_share };
        let mut evaluated = Evaluated { policy: policy.as_mut(), random_share, model: &mut model, length: self.length };
        logged_steps(&mut env, &mut AsRecorded(&self.recorded), &mut evaluated, 0, self.recorded.len())
    }
}

fn is_random(policy: &dyn Policy) -> bool {
    policy.name() == RandomPolicy.name()
}

/// Differences below this share of the return are those of propensities that a log holds in 32 bits.
const ROUNDING: f64 = 1e-6;

fn estimates(policy: &str, sessions: &[Vec<LoggedStep>], logged: &[f64], users: &[u32]) -> Result<PolicyEstimates> {
    check(sessions, 1.0)?;
    let effective_sessions = effective_sessions(sessions);
    let mean_logged = logged.iter().sum::<f64>() / logged.len() as f64;
    let mut found = PolicyEstimates { policy: policy.to_owned(), estimates: Vec::new(), minus_logged: Vec::new() };
    for estimator in OffPolicyEstimator::ALL {
        let values = session_values(estimator, sessions, 1.0);
        let total_reward = Estimate::of_users(&values, users);
        found.estimates.push(OffPolicyEstimate { estimator, total_reward, effective_sessions });
        let differences: Vec<f64> = values.iter().zip(logged).map(|(value, logged)| value - logged).collect();
        let difference = Estimate::of_users(&differences, users);
        let (rounding, error) = (ROUNDING * mean_logged.abs(), difference.standard_error());
        let [mean, low, high] =
            [difference.mean, difference.low, difference.high].map(|end| if end.abs() <= rounding { 0.0 } else { end });
        found.minus_logged.push(Difference::new(Estimate { mean, low, high }, error));
    }
    Ok(found)
}

/// Adjusts the p-values of each estimator for all policies.
fn adjust(policies: &mut [PolicyEstimates]) {
    for estimator in 0..OffPolicyEstimator::ALL.len() {
        let mut family: Vec<&mut Difference> =
            policies.iter_mut().map(|policy| &mut policy.minus_logged[estimator]).collect();
        Difference::adjust(&mut family);
    }
}
