//! Sessions as a logging policy plays them, and what another policy would have done at each play.

use playlist_envs::{SimulatedEnv, StepBatch, VecEnv};

use super::LoggedStep;
use crate::policies::GreedyPolicy;
use crate::{Policy, Result};

/// Parallel sessions.
pub(super) const PARALLEL_SESSIONS: usize = 128;

/// The policy whose return is estimated, and the model that the doubly robust estimator goes by.
pub(super) struct Evaluated<'a> {
    /// The policy, but for its share of random tracks.
    pub policy: &'a mut dyn Policy,
    /// That share, above 0.
    pub random_share: f32,
    /// What it expects of each track.
    pub model: &'a mut GreedyPolicy,
    /// Tracks per session at most.
    pub length: usize,
}

/// What was played next in each session: places in the pool, and the probabilities with which they were chosen.
pub(super) trait Logged {
    /// Replaces the contents of both.
    fn next(&mut self, env: &SimulatedEnv, played: &mut Vec<u32>, propensities: &mut Vec<f64>) -> Result<()>;
}

/// Goes through `count` sessions of an environment, those from number `first` on, and notes each play.
pub(super) fn logged_steps(
    env: &mut SimulatedEnv,
    logged: &mut dyn Logged,
    evaluated: &mut Evaluated<'_>,
    first: u64,
    count: usize,
) -> Result<Vec<Vec<LoggedStep>>> {
    let parallel = env.sessions().len();
    let mut under_way: Vec<Vec<LoggedStep>> = vec![Vec::new(); parallel];
    let mut done: Vec<Vec<LoggedStep>> = vec![Vec::new(); count];
    let (mut left, mut wanted, mut played, mut propensities) = (count, Vec::new(), Vec::new(), Vec::new());
    let mut step = StepBatch::default();
    while left > 0 {
        evaluated.policy.choose(env.world(), env.sessions(), &mut wanted)?;
        logged.next(env, &mut played, &mut propensities)?;
        let mut numbers = Vec::with_capacity(parallel);
        for (index, steps) in under_way.iter_mut().enumerate() {
            let plays = [wanted[index], played[index]];
            steps.push(evaluated.step(env, index, plays, propensities[index])?);
            numbers.push(env.sessions().view(index).number);
        }
        env.step(&played, &mut step)?;
        for (index, steps) in under_way.iter_mut().enumerate() {
            if let Some(last) = steps.last_mut() {
                last.reward = f64::from(step.rewards[index]);
            }
            if step.terminated[index] || step.truncated[index] {
                let steps = std::mem::take(steps);
                // Sessions begun to keep the batch full belong to another log.
                if let Some(place) = done.get_mut((numbers[index] - first) as usize) {
                    *place = steps;
                    left -= 1;
                }
            }
        }
    }
    Ok(done)
}

impl Evaluated<'_> {
    /// What the policy would do in a session of the batch, where it wants one track and another was played.
    fn step(
        &mut self,
        env: &SimulatedEnv,
        index: usize,
        [wanted, played]: [u32; 2],
        propensity: f64,
    ) -> Result<LoggedStep> {
        let world = env.world();
        let view = env.sessions().view(index);
        let expected = self.model.expected_of(world, env.sessions(), index)?;
        let value = |place: u32| f64::from(expected[place as usize]);
        let open = (view.pool.len() - view.position()) as f64;
        let share = f64::from(self.random_share);
        let mean = view.remaining().map(|place| value(u32::from(place))).sum::<f64>() / open;
        let next = (1.0 - share) * value(wanted) + share * mean;
        // The model supposes that all tracks to come are worth as much as the next.
        let later = (self.length.min(view.pool.len()) - view.position() - 1) as f64 * next;
        let is_wanted = if wanted == played { 1.0 - share } else { 0.0 };
        Ok(LoggedStep {
            reward: 0.0,
            propensity,
            probability: is_wanted + share / open,
            action_value: value(played) + later,
            state_value: next + later,
        })
    }
}
