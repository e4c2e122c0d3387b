//! Learns Q from the replay.
//!
//! Target of a transition at position t with n steps of reward (n_step, or fewer where the session ends before):
//! y = sum_{k<n} gamma^k r_{t+k} + gamma^n (1 - terminated) Q'(s_{t+n}, argmax_a Q(s_{t+n}, a)), where a runs over the
//! candidates that remain at t + n and Q' is the target network (double DQN). A session that was truncated bootstraps
//! from its final state; only the listener's leaving stops it. Where nothing remains, the future is worth 0.

use listening_models::network::{Adam, AdamSettings};
use listening_models::{SavedTensor, TensorFile};
use playlist_envs::{SessionView, World};
use tch::{Device, Kind, Reduction, Tensor};

use super::network::{QLayers, QNetwork, Shape};
use super::replay::{Replay, Transition};
use super::scorer::{Scorer, TrackParts};
use crate::policy::best_remaining;
use crate::{AgentSettings, Result};

/// Parts of a batch whose next candidates may be scored at the same time. A constant: the pieces that go through the
/// network, and so the result, do not depend on the number of threads.
const PARTS: usize = 2;

/// Networks, optimiser and counters.
pub(crate) struct Learner {
    settings: AgentSettings,
    seed: u64,
    online: QNetwork,
    target: QNetwork,
    adam: Adam,
    scorer: Scorer,
    /// One scorer per part of a batch.
    part_scorers: Vec<Scorer>,
    threads: usize,
    gradient_steps: u64,
}

/// Means over some gradient steps.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LearnerReport {
    pub(crate) steps: u64,
    pub(crate) td_loss: f64,
    pub(crate) q_mean: f64,
    pub(crate) target_mean: f64,
    pub(crate) gradient_norm: f64,
}

impl Learner {
    pub(crate) fn new(
        world: &World,
        settings: &AgentSettings,
        seed: u64,
        device: Device,
        threads: usize,
    ) -> Result<Self> {
        let shape = Shape::new(world, &settings.hidden);
        let online = QNetwork::new(&shape, seed, device)?;
        let target = QNetwork::new(&shape, seed, device)?;
        let adam = AdamSettings {
            learning_rate: settings.learning_rate,
            weight_decay: 0.0,
            gradient_norm: settings.gradient_norm,
        };
        let adam = Adam::new(&online.parameters, adam);
        let scorer = Scorer::new(world, device)?;
        let part_scorers = (0..PARTS).map(|_| scorer.another()).collect();
        let settings = settings.clone();
        Ok(Self { settings, seed, online, target, adam, scorer, part_scorers, threads, gradient_steps: 0 })
    }

    pub(crate) fn gradient_steps(&self) -> u64 {
        self.gradient_steps
    }

    /// A copy of the online weights, for actors.
    pub(crate) fn weights(&self) -> Vec<Tensor> {
        self.online.parameters.snapshot()
    }

    /// Takes `steps` gradient steps. `progress` is the share of the training done: it sets the step size.
    pub(crate) fn learn(
        &mut self,
        world: &World,
        replay: &Replay,
        steps: usize,
        progress: f64,
    ) -> Result<LearnerReport> {
        let settings = &self.settings;
        let share = 1.0 - (1.0 - settings.final_learning_rate) * progress.clamp(0.0, 1.0);
        self.adam.set_learning_rate(settings.learning_rate * share);
        let mut report = LearnerReport::default();
        for _ in 0..steps {
            let batch = replay.sample(self.settings.batch, self.seed, self.gradient_steps);
            let targets = self.targets(world, &batch)?;
            let chosen = batch.iter().map(|t| (t.session.view().at(t.position), t.session.played[t.position]));
            let values = self.scorer.score_chosen(&self.online.layers, world, chosen)?;
            let target_tensor = Tensor::f_from_slice(&targets)?.f_to_device(self.online.parameters.device())?;
            let loss = values.f_smooth_l1_loss(&target_tensor, Reduction::Mean, 1.0)?;
            let norm = self.adam.step(&mut self.online.parameters, &loss)?;
            self.gradient_steps += 1;
            if self.gradient_steps.is_multiple_of(self.settings.target_update_period) {
                self.target.parameters.move_towards(&self.online.parameters, self.settings.target_update_tau)?;
            }
            let mean = 1.0 / steps as f64;
            report.steps += 1;
            report.td_loss += mean * loss.f_double_value(&[])?;
            report.q_mean += mean * values.f_mean(Kind::Float)?.f_double_value(&[])?;
            report.target_mean += mean * targets.iter().map(|&y| f64::from(y)).sum::<f64>() / targets.len() as f64;
            report.gradient_norm += mean * norm;
        }
        Ok(report)
    }

    fn targets(&mut self, world: &World, batch: &[Transition<'_>]) -> Result<Vec<f32>> {
        let gamma = self.settings.gamma;
        let mut targets = Vec::with_capacity(batch.len());
        let mut bootstraps = Vec::with_capacity(batch.len());
        for (index, transition) in batch.iter().enumerate() {
            let (reward, after) = n_step_reward(transition, self.settings.n_step, gamma);
            targets.push(reward);
            let left = transition.session.terminated && after == transition.session.played.len();
            if !left && after < transition.session.pool.len() {
                bootstraps.push((index, transition.session.view().at(after)));
            }
        }
        if bootstraps.is_empty() {
            return Ok(targets);
        }
        let best = self.best_next(world, &bootstraps)?;
        let chosen = bootstraps.iter().zip(best).map(|(&(_, view), best)| (view, best));
        let values = tch::no_grad(|| self.scorer.score_chosen(&self.target.layers, world, chosen))?;
        for (&(index, view), value) in bootstraps.iter().zip(Vec::<f32>::try_from(values)?) {
            let steps = view.position() - batch[index].position;
            targets[index] += gamma.powi(steps as i32) * value;
        }
        Ok(targets)
    }

    /// The remaining candidate of highest online Q in each of these states.
    fn best_next(&mut self, world: &World, states: &[(usize, SessionView<'_>)]) -> Result<Vec<u16>> {
        let rows = states.iter().map(|(_, view)| view.pool.len() - view.position()).sum();
        let parts = self.scorer.track_parts(&self.online.layers, rows)?;
        let mut best = vec![0; states.len()];
        let size = states.len().div_ceil(PARTS);
        let score = |scorer: &mut Scorer,
                     layers: QLayers,
                     parts: TrackParts,
                     states: &[(usize, SessionView<'_>)],
                     best: &mut [u16]| {
            let views = states.iter().enumerate().map(|(place, &(_, view))| (place, view));
            scorer.score_remaining(&layers, &parts, world, views, |place, places, values| {
                best[place] = best_remaining(places.iter().copied().zip(values.iter().copied())) as u16;
            })
        };
        let work: Vec<_> = self.part_scorers.iter_mut().zip(states.chunks(size)).zip(best.chunks_mut(size)).collect();
        let handles = || (self.online.layers.shallow_clone(), parts.shallow_clone());
        if self.threads > 1 {
            std::thread::scope(|scope| {
                let score = &score;
                let running: Vec<_> = work
                    .into_iter()
                    .map(|((scorer, states), best)| {
                        let (layers, parts) = handles();
                        scope.spawn(move || {
                            tch::set_num_threads(1);
                            score(scorer, layers, parts, states, best)
                        })
                    })
                    .collect();
                running
                    .into_iter()
                    .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            })?;
        } else {
            for ((scorer, states), best) in work {
                let (layers, parts) = handles();
                score(scorer, layers, parts, states, best)?;
            }
        }
        Ok(best)
    }

    /// Networks and optimiser for a file.
    pub(crate) fn saved(&self) -> Result<Vec<(String, SavedTensor<'static>)>> {
        let mut saved = self.online.parameters.saved("online.")?;
        saved.extend(self.target.parameters.saved("target.")?);
        saved.extend(self.adam.saved("adam.")?);
        Ok(saved)
    }

    /// Reads what [`Self::saved`] gave.
    pub(crate) fn load(&mut self, file: &TensorFile, gradient_steps: u64) -> Result<()> {
        self.online.load(file, "online.")?;
        self.target.load(file, "target.")?;
        self.adam.load(file, "adam.")?;
        self.gradient_steps = gradient_steps;
        Ok(())
    }
}

/// Discounted reward of up to `n` steps from a transition, and the position after them.
fn n_step_reward(transition: &Transition<'_>, n: usize, gamma: f32) -> (f32, usize) {
    let after = transition.session.played.len().min(transition.position + n);
    let rewards = &transition.session.rewards[transition.position..after];
    (rewards.iter().rev().fold(0.0, |sum, reward| reward + gamma * sum), after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use playlist_envs::{FinishedSession, PlayResponses};

    #[test]
    fn n_step_rewards_are_discounted_and_end_with_the_session() {
        let session = FinishedSession {
            number: 0,
            start: 0,
            pool: (0..9).collect(),
            played: vec![0, 1, 2],
            responses: vec![PlayResponses::default(); 3],
            rewards: vec![1.0, 2.0, 4.0],
            states: Vec::new(),
            terminated: true,
        };
        let reward = |position, n| n_step_reward(&Transition { session: &session, position }, n, 0.5);
        assert_eq!(reward(0, 1), (1.0, 1));
        assert_eq!(reward(0, 2), (2.0, 2));
        assert_eq!(reward(0, 9), (3.0, 3));
        assert_eq!(reward(2, 2), (4.0, 3));
    }

    /// A fault of a peer: truncation stored as termination. With a network that says 2 everywhere the targets are known:
    /// the reward alone where the listener left, reward + gamma 2 where the session was cut, reward where nothing is left.
    #[test]
    fn only_termination_and_an_empty_pool_stop_the_bootstrap() {
        let folder = tempfile::tempdir().unwrap();
        let settings = playlist_envs::WorldSettings::default();
        let (world, _) = playlist_envs::small_world(folder.path(), 30, settings, 1).unwrap();
        let settings = AgentSettings { gamma: 0.5, n_step: 2, ..AgentSettings::default() };
        let mut learner = Learner::new(&world, &settings, 1, Device::Cpu, 1).unwrap();
        let mut weights = learner.weights();
        for tensor in &mut weights {
            let _ = tch::no_grad(|| tensor.zero_());
        }
        // The last parameter is the bias of the value.
        let _ = tch::no_grad(|| weights.last_mut().unwrap().fill_(2.0));
        learner.online.parameters.restore(&weights).unwrap();
        learner.target.parameters.restore(&weights).unwrap();
        let session = |pool: u16, terminated| FinishedSession {
            number: 0,
            start: 0,
            pool: (0..pool).collect(),
            played: vec![0, 1, 2],
            responses: vec![PlayResponses::default(); 3],
            rewards: vec![1.0, 2.0, 4.0],
            states: Vec::new(),
            terminated,
        };
        let mut targets = |session: &FinishedSession| {
            let batch: Vec<Transition<'_>> = (0..3).map(|position| Transition { session, position }).collect();
            learner.targets(&world, &batch).unwrap()
        };
        // Two steps of reward, then 0.25 times 2; from the end only what is left of the rewards counts.
        assert_eq!(targets(&session(9, false)), [1.0 + 1.0 + 0.5, 2.0 + 2.0 + 0.5, 4.0 + 1.0], "cut");
        assert_eq!(targets(&session(9, true)), [1.0 + 1.0 + 0.5, 2.0 + 2.0, 4.0], "left");
        assert_eq!(targets(&session(3, false)), [1.0 + 1.0 + 0.5, 2.0 + 2.0, 4.0], "pool exhausted");
    }
}
