//! What Q is learnt towards.
//!
//! Target of a transition at position t with n steps of reward (n_step, or fewer where the session ends before):
//! y = sum_{k<n} gamma^k r_{t+k} + gamma^n (1 - terminated) Q'(s_{t+n}, argmax_a Q(s_{t+n}, a)), where a runs over the
//! candidates that remain at t + n and Q' is the target network (double DQN; where that is off, Q' chooses too). A session that
//! was truncated bootstraps from its final state; only the listener's leaving stops it. Where nothing remains, the future is
//! worth 0. Where the network gives quantiles, so many targets are made of those of Q', each as above.
//!
//! In episodes of several sessions the state after the end of a session, however it ended, is the beginning of the listener's
//! next one, and the future is worth 0 where the listener does not come back. The next session is discounted as if this one had
//! had its full length: gamma^(length - t) in place of gamma^n. Else a session that ends early would bring the next one
//! nearer, and to lose a listener would seem to cost little.

use playlist_envs::{FinishedSession, SessionView, World, next_in_episode};

use super::network::QLayers;
use super::replay::Transition;
use super::scorer::{Scorer, ScoringNetwork};
use crate::{AgentSettings, Result};

/// Parts of a batch whose next candidates may be scored at the same time. A constant: the pieces that go through the
/// network, and so the result, do not depend on the number of threads.
const PARTS: usize = 2;

/// Computes targets.
pub(super) struct Targets {
    gamma: f32,
    n_step: usize,
    double: bool,
    /// Targets per transition.
    outputs: usize,
    threads: usize,
    scorer: Scorer,
    /// One scorer per part of a batch.
    part_scorers: Vec<Scorer>,
}

impl Targets {
    /// Targets by these settings, `outputs` per transition; `scorer` names catalog and device.
    pub(super) fn new(settings: &AgentSettings, outputs: usize, scorer: &Scorer, threads: usize) -> Self {
        // For the choice: what the chosen are worth is of single precision always.
        let scorer = scorer.another().with_precision(settings.precision);
        let part_scorers = (0..PARTS).map(|_| scorer.another()).collect();
        let AgentSettings { gamma, n_step, double, .. } = *settings;
        Self { gamma, n_step, double, outputs, threads, scorer, part_scorers }
    }

    /// The targets of a batch, transition by transition.
    pub(super) fn compute(
        &mut self,
        world: &World,
        online: &QLayers,
        target: &QLayers,
        batch: &[Transition<'_>],
    ) -> Result<Vec<f32>> {
        let mut targets = Vec::with_capacity(batch.len() * self.outputs);
        let next_sessions = next_sessions(world, batch, self.n_step);
        let mut bootstraps = Vec::with_capacity(batch.len());
        let mut discounts = Vec::with_capacity(batch.len());
        for (index, (transition, next)) in batch.iter().zip(&next_sessions).enumerate() {
            let Transition { session, position } = *transition;
            let (reward, after) = n_step_reward(transition, self.n_step, self.gamma);
            targets.extend(std::iter::repeat_n(reward, self.outputs));
            let ended = after == session.played.len();
            let (future, steps) = match next {
                Some(next) if ended => (Some(next.view(world)), full_length(world, session) - position),
                None if ended && (session.terminated || world.settings.episode.sessions > 1) => (None, 0),
                _ => (Some(session.view().at(after)), after - position),
            };
            discounts.push(self.gamma.powi(steps as i32));
            bootstraps.extend(future.filter(|view| view.position() < view.pool.len()).map(|view| (index, view)));
        }
        if bootstraps.is_empty() {
            return Ok(targets);
        }
        let best = self.best_next(world, if self.double { online } else { target }, &bootstraps)?;
        let chosen = bootstraps.iter().zip(best).map(|(&(_, view), best)| (view, best));
        let returns = tch::no_grad(|| self.scorer.score_chosen(target, world, chosen))?;
        let returns = Vec::<f32>::try_from(returns.f_reshape([-1])?)?;
        for (&(index, _), returns) in bootstraps.iter().zip(returns.chunks_exact(self.outputs)) {
            let discount = discounts[index];
            let targets = &mut targets[index * self.outputs..][..self.outputs];
            targets.iter_mut().zip(returns).for_each(|(target, future)| *target += discount * future);
        }
        Ok(targets)
    }

    /// The remaining candidate of highest Q by a network in each of these states.
    fn best_next(&mut self, world: &World, layers: &QLayers, states: &[(usize, SessionView<'_>)]) -> Result<Vec<u16>> {
        let rows = states.iter().map(|(_, view)| view.pool.len() - view.position()).sum();
        let network = self.scorer.ready(world, layers, rows)?;
        let mut best = vec![0; states.len()];
        let size = states.len().div_ceil(PARTS);
        let choose =
            |scorer: &mut Scorer, network: &ScoringNetwork, states: &[(usize, SessionView<'_>)], best: &mut [u16]| {
                let views = states.iter().enumerate().map(|(place, &(_, view))| (place, view));
                scorer.best_remaining(network, world, views, |place, chosen| best[place] = chosen as u16)
            };
        let work: Vec<_> = self.part_scorers.iter_mut().zip(states.chunks(size)).zip(best.chunks_mut(size)).collect();
        if self.threads > 1 {
            std::thread::scope(|scope| {
                let choose = &choose;
                let running: Vec<_> = work
                    .into_iter()
                    .map(|((scorer, states), best)| {
                        let network = network.shallow_clone();
                        scope.spawn(move || {
                            tch::set_num_threads(1);
                            choose(scorer, &network, states, best)
                        })
                    })
                    .collect();
                running
                    .into_iter()
                    .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            })?;
        } else {
            for ((scorer, states), best) in work {
                choose(scorer, &network, states, best)?;
            }
        }
        Ok(best)
    }
}

/// Tracks that a session has where its listener does not leave.
fn full_length(world: &World, session: &FinishedSession) -> usize {
    world.settings.max_length.min(session.pool.len())
}

/// The beginning of a session that follows another.
struct NextSession {
    number: u64,
    start: usize,
    pool: Vec<u16>,
}

impl NextSession {
    fn view<'a>(&'a self, world: &'a World) -> SessionView<'a> {
        let &Self { number, start, ref pool } = self;
        SessionView { number, start, pool, played: &[], responses: &[], states: world.first_state(start) }
    }
}

/// For each transition whose reward reaches the end of its session, what came next where the listener came back: of the last
/// session of an episode too, after which the simulation stops and the listener would not.
fn next_sessions(world: &World, batch: &[Transition<'_>], n_step: usize) -> Vec<Option<NextSession>> {
    let of = |transition: &Transition<'_>| {
        let ends = transition.position + n_step >= transition.session.played.len();
        (ends && transition.session.returned).then(|| {
            let number = next_in_episode(transition.session.number);
            let (start, pool) = world.session_of(number);
            NextSession { number, start, pool }
        })
    };
    batch.iter().map(of).collect()
}

/// Discounted reward of up to `n` steps from a transition, and the position after them.
fn n_step_reward(transition: &Transition<'_>, n: usize, gamma: f32) -> (f32, usize) {
    let after = transition.session.played.len().min(transition.position + n);
    let rewards = &transition.session.rewards[transition.position..after];
    (rewards.iter().rev().fold(0.0, |sum, reward| reward + gamma * sum), after)
}

#[cfg(test)]
mod tests;
