//! Plays policies in a simulated world, each on the same sessions.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use listening_data::Progress;
use playlist_envs::{FinishedSession, Listeners, PlayResponses, SimulatedEnv, StepBatch, VecEnv, World, episode_of};
use serde::{Deserialize, Serialize};

use crate::{Policy, Result};

/// Session numbers played by one environment. A constant, so that results do not depend on the number of threads.
const SESSIONS_PER_PART: u64 = 256;
/// Parallel sessions of such an environment: fewer than its numbers, so that early endings leave little idle.
const PARALLEL_SESSIONS: usize = 128;

/// How one session went; or an episode of several, all sessions together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionOutcome {
    /// The user.
    pub user: u32,
    /// Sum of rewards.
    pub total_reward: f64,
    /// Sessions.
    pub sessions: u32,
    /// Tracks played.
    pub length: u32,
    /// Complete plays.
    pub completions: u32,
    /// Skips.
    pub skips: u32,
    /// Plays past the threshold.
    pub past_threshold: u32,
    /// Sessions that the listener left.
    pub terminated: u32,
}

impl SessionOutcome {
    /// The outcome of the sessions of an episode, of which there is one at least.
    pub fn of(world: &World, sessions: &[FinishedSession]) -> Self {
        let mut outcome = Self { sessions: sessions.len() as u32, ..Self::default() };
        for session in sessions {
            let count =
                |given: fn(&PlayResponses) -> bool| session.responses.iter().filter(|r| given(r)).count() as u32;
            outcome.user = world.starts.user(session.start as usize);
            outcome.total_reward += session.total_reward();
            outcome.length += session.played.len() as u32;
            outcome.completions += count(|r| r.complete);
            outcome.skips += count(|r| r.skip);
            outcome.past_threshold += count(|r| r.past_threshold);
            outcome.terminated += u32::from(session.terminated);
        }
        outcome
    }
}

/// A world, its listeners, and the sessions to play in it.
pub struct Simulation {
    /// The world.
    pub world: Arc<World>,
    /// The listeners.
    pub listeners: Box<dyn Listeners>,
    /// Sessions to play: numbers 0 to this; episodes where these have several.
    pub sessions: u64,
    /// Threads; they change the time taken, not the result.
    pub threads: usize,
}

/// Plays every session of the simulation with a policy. The outcomes stand in order of the session numbers.
pub fn simulate(policy: &dyn Policy, simulation: &Simulation, progress: &dyn Progress) -> Result<Vec<SessionOutcome>> {
    simulate_each(policy, simulation, progress, &SessionOutcome::of)
}

/// Plays every session of the simulation with a policy, and keeps of each what `keep` makes of it, in order of the session
/// numbers. Where episodes have several sessions, it makes it of all of an episode.
pub fn simulate_each<T: Send>(
    policy: &dyn Policy,
    simulation: &Simulation,
    progress: &dyn Progress,
    keep: &(dyn Fn(&World, &[FinishedSession]) -> T + Sync),
) -> Result<Vec<T>> {
    let parts = simulation.sessions.div_ceil(SESSIONS_PER_PART) as usize;
    let workers = simulation.threads.clamp(1, parts.max(1));
    progress.begin(&format!("evaluating {}", policy.name()), simulation.sessions, "sessions");
    let results = Mutex::new(Vec::with_capacity(parts));
    let (next, done) = (AtomicUsize::new(0), AtomicU64::new(0));
    let (world, numbers) = (&simulation.world, simulation.sessions);
    let work = |mut policy: Box<dyn Policy>, listeners: Box<dyn Listeners>| -> Result<()> {
        tch::set_num_threads(1);
        loop {
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= parts {
                return Ok(());
            }
            let first = part as u64 * SESSIONS_PER_PART;
            let count = SESSIONS_PER_PART.min(numbers - first);
            let sessions = play_part(policy.as_mut(), world, listeners.another(), first..first + count, keep)?;
            progress.advance(done.fetch_add(count, Ordering::Relaxed) + count);
            results.lock().unwrap_or_else(PoisonError::into_inner).push((part, sessions));
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
    Ok(results.into_iter().flat_map(|(_, sessions)| sessions).collect())
}

/// Plays the sessions of these numbers.
fn play_part<T>(
    policy: &mut dyn Policy,
    world: &Arc<World>,
    listeners: Box<dyn Listeners>,
    numbers: Range<u64>,
    keep: &(dyn Fn(&World, &[FinishedSession]) -> T + Sync),
) -> Result<Vec<T>> {
    let count = (numbers.end - numbers.start) as usize;
    let parallel = PARALLEL_SESSIONS.min(count);
    let mut env = SimulatedEnv::new(Arc::clone(world), listeners, parallel, numbers.start, 1)?;
    let mut kept: Vec<Option<T>> = (0..count).map(|_| None).collect();
    let mut episodes: Vec<Vec<FinishedSession>> = vec![Vec::new(); count];
    let (mut open, mut actions, mut step) = (count, Vec::new(), StepBatch::default());
    while open > 0 {
        policy.choose(world, env.sessions(), &mut actions)?;
        env.step(&actions, &mut step)?;
        for session in step.finished.drain(..) {
            let place = (episode_of(session.number) - numbers.start) as usize;
            // Sessions begun to keep the batch full belong to another part.
            let Some(episode) = episodes.get_mut(place) else { continue };
            let goes_on = world.goes_on(&session);
            episode.push(session);
            if !goes_on {
                kept[place] = Some(keep(world, &std::mem::take(episode)));
                open -= 1;
            }
        }
    }
    Ok(kept.into_iter().flatten().collect())
}
