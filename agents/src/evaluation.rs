//! Plays policies in a simulated world and compares them on the same sessions.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use listening_data::Progress;
use playlist_envs::{Listeners, SimulatedEnv, StepBatch, VecEnv, World};
use serde::{Deserialize, Serialize};

use crate::{Estimate, Policy, Result};

/// Session numbers played by one environment. A constant, so that results do not depend on the number of threads.
const SESSIONS_PER_PART: u64 = 256;
/// Parallel sessions of such an environment: fewer than its numbers, so that early endings leave little idle.
const PARALLEL_SESSIONS: usize = 128;

/// How one session went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionOutcome {
    /// The user.
    pub user: u32,
    /// Sum of rewards.
    pub total_reward: f64,
    /// Tracks played.
    pub length: u32,
    /// Complete plays.
    pub completions: u32,
    /// Skips.
    pub skips: u32,
    /// Plays past the threshold.
    pub past_threshold: u32,
    /// Whether the listener left.
    pub terminated: bool,
}

/// A world, its listeners, and the sessions to play in it.
pub struct Simulation {
    /// The world.
    pub world: Arc<World>,
    /// The listeners.
    pub listeners: Box<dyn Listeners>,
    /// Sessions to play: numbers 0 to this.
    pub sessions: u64,
    /// Threads; they change the time taken, not the result.
    pub threads: usize,
}

/// Plays every session of the simulation with a policy. The outcomes stand in order of the session numbers.
pub fn simulate(policy: &dyn Policy, simulation: &Simulation, progress: &dyn Progress) -> Result<Vec<SessionOutcome>> {
    let parts = simulation.sessions.div_ceil(SESSIONS_PER_PART) as usize;
    let workers = simulation.threads.clamp(1, parts.max(1));
    progress.begin(&format!("evaluating {}", policy.name()), simulation.sessions, "sessions");
    let results = Mutex::new(Vec::with_capacity(parts));
    let (next, done) = (AtomicUsize::new(0), AtomicU64::new(0));
    let (world, sessions) = (&simulation.world, simulation.sessions);
    let work = |mut policy: Box<dyn Policy>, listeners: Box<dyn Listeners>| -> Result<()> {
        tch::set_num_threads(1);
        loop {
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= parts {
                return Ok(());
            }
            let first = part as u64 * SESSIONS_PER_PART;
            let count = SESSIONS_PER_PART.min(sessions - first);
            let outcomes = play_part(policy.as_mut(), world, listeners.another(), first, count)?;
            progress.advance(done.fetch_add(count, Ordering::Relaxed) + count);
            results.lock().unwrap_or_else(PoisonError::into_inner).push((part, outcomes));
        }
    };
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|_| {
                let (policy, listeners) = (policy.fork()?, simulation.listeners.another());
                Ok(scope.spawn(move || work(policy, listeners)))
            })
            .collect::<Result<_>>()?;
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    progress.end();
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|(part, _)| *part);
    Ok(results.into_iter().flat_map(|(_, outcomes)| outcomes).collect())
}

/// Plays the sessions `first..first + count`.
fn play_part(
    policy: &mut dyn Policy,
    world: &Arc<World>,
    listeners: Box<dyn Listeners>,
    first: u64,
    count: u64,
) -> Result<Vec<SessionOutcome>> {
    let parallel = PARALLEL_SESSIONS.min(count as usize);
    let mut env = SimulatedEnv::new(Arc::clone(world), listeners, parallel, first, 1)?;
    let mut outcomes = vec![SessionOutcome::default(); count as usize];
    let (mut open, mut actions, mut step) = (count, Vec::new(), StepBatch::default());
    while open > 0 {
        policy.choose(world, env.sessions(), &mut actions)?;
        env.step(&actions, &mut step)?;
        for session in &step.finished {
            // Sessions begun to keep the batch full belong to another part.
            if let Some(outcome) = outcomes.get_mut((session.number - first) as usize) {
                let share = |get: fn(&playlist_envs::PlayResponses) -> bool| {
                    session.responses.iter().filter(|responses| get(responses)).count() as u32
                };
                *outcome = SessionOutcome {
                    user: world.starts.user(session.start as usize),
                    total_reward: session.total_reward(),
                    length: session.played.len() as u32,
                    completions: share(|r| r.complete),
                    skips: share(|r| r.skip),
                    past_threshold: share(|r| r.past_threshold),
                    terminated: session.terminated,
                };
                open -= 1;
            }
        }
    }
    Ok(outcomes)
}

/// A policy's results over all sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicySummary {
    /// The policy's name.
    pub policy: String,
    /// Sum of rewards per session.
    #[serde(rename = "return")]
    pub total_reward: Estimate,
    /// Complete plays per play, over sessions of equal weight.
    pub completion_rate: Estimate,
    /// Skips per play, over sessions of equal weight.
    pub skip_rate: Estimate,
    /// Tracks per session.
    pub session_length: Estimate,
    /// Share of sessions that the listener ended.
    pub terminated: f64,
    /// Return minus the random policy's on the same sessions.
    pub return_minus_random: Estimate,
}

/// Policies compared on the same sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Sessions per policy.
    pub sessions: u64,
    /// Per policy, in the order given.
    pub policies: Vec<PolicySummary>,
}

/// Summarises outcomes of several policies on the same sessions. `random` is the outcome of the random policy.
pub fn compare(outcomes: &[(String, Vec<SessionOutcome>)], random: &[SessionOutcome]) -> Comparison {
    let policies = outcomes.iter().map(|(policy, outcomes)| {
        let rate = |count: fn(&SessionOutcome) -> u32| {
            Estimate::of(outcomes.iter().map(move |o| f64::from(count(o)) / f64::from(o.length.max(1))))
        };
        let paired = outcomes.iter().zip(random).map(|(outcome, random)| outcome.total_reward - random.total_reward);
        PolicySummary {
            policy: policy.clone(),
            total_reward: Estimate::of(outcomes.iter().map(|o| o.total_reward)),
            completion_rate: rate(|o| o.completions),
            skip_rate: rate(|o| o.skips),
            session_length: Estimate::of(outcomes.iter().map(|o| f64::from(o.length))),
            terminated: outcomes.iter().filter(|o| o.terminated).count() as f64 / outcomes.len().max(1) as f64,
            return_minus_random: Estimate::of(paired),
        }
    });
    Comparison { sessions: random.len() as u64, policies: policies.collect() }
}
