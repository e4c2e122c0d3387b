//! Learns Q from the replay: Adam on the Huber loss, or the quantile Huber loss, against the targets.

use listening_models::network::{Adam, AdamSettings};
use listening_models::{SavedTensor, TensorFile};
use playlist_envs::World;
use tch::{Device, Kind, Reduction, Tensor};

use super::architecture::Architecture;
use super::network::{QNetwork, Shape, means};
use super::quantiles::quantile_huber_loss;
use super::replay::{Batch, Replay};
use super::scorer::Scorer;
use super::targets::Targets;
use crate::{AgentSettings, Result};

/// Networks, optimiser and counters.
pub(crate) struct Learner {
    settings: AgentSettings,
    seed: u64,
    online: QNetwork,
    target: QNetwork,
    adam: Adam,
    scorer: Scorer,
    targets: Targets,
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
        let architecture = Architecture::new(settings);
        let shape = Shape::new(world, &architecture);
        let online = QNetwork::new(&shape, seed, device)?;
        let target = QNetwork::new(&shape, seed, device)?;
        let adam = AdamSettings {
            learning_rate: settings.learning_rate,
            weight_decay: 0.0,
            gradient_norm: settings.gradient_norm,
        };
        let adam = Adam::new(&online.parameters, adam);
        let scorer = Scorer::new(device).with_table(world)?;
        let targets = Targets::new(settings, architecture.outputs(), &scorer, threads);
        let settings = settings.clone();
        Ok(Self { settings, seed, online, target, adam, scorer, targets, gradient_steps: 0 })
    }

    pub(crate) fn gradient_steps(&self) -> u64 {
        self.gradient_steps
    }

    /// A copy of the online weights, for actors.
    pub(crate) fn weights(&self) -> Vec<Tensor> {
        self.online.parameters.snapshot()
    }

    /// Takes `steps` gradient steps. `progress` is the share of the training done: it sets the step size and how far
    /// importance weights reach.
    pub(crate) fn learn(
        &mut self,
        world: &World,
        replay: &mut Replay,
        steps: usize,
        progress: f64,
    ) -> Result<LearnerReport> {
        self.adam.set_learning_rate(learning_rate(&self.settings, progress));
        let mut report = LearnerReport::default();
        for _ in 0..steps {
            let batch = replay.sample(self.settings.batch, self.seed, self.gradient_steps, progress);
            let step = self.step(world, &batch)?;
            let numbers = batch.numbers;
            replay.learnt(&numbers, &step.errors);
            let mean = 1.0 / steps as f64;
            report.steps += 1;
            report.td_loss += mean * step.loss;
            report.q_mean += mean * step.q_mean;
            report.target_mean += mean * step.target_mean;
            report.gradient_norm += mean * step.gradient_norm;
        }
        Ok(report)
    }

    fn step(&mut self, world: &World, batch: &Batch<'_>) -> Result<Step> {
        let transitions = &batch.transitions;
        let targets = self.targets.compute(world, &self.online.layers, &self.target.layers, transitions)?;
        let target_mean = targets.iter().map(|&y| f64::from(y)).sum::<f64>() / targets.len() as f64;
        let chosen = transitions.iter().map(|t| (t.session.view().at(t.position), t.session.played[t.position]));
        let returns = self.scorer.score_chosen(&self.online.layers, world, chosen)?;
        let on_device = |values: &[f32]| Tensor::f_from_slice(values)?.f_to_device(self.online.parameters.device());
        let targets = on_device(&targets)?.f_reshape(returns.size())?;
        let q = means(&returns)?;
        let losses = match self.settings.quantiles {
            0 => q.f_smooth_l1_loss(&targets.f_squeeze_dim(1)?, Reduction::None, 1.0)?,
            _ => quantile_huber_loss(&returns, &targets)?,
        };
        let loss = losses.f_mul(&on_device(&batch.weights)?)?.f_mean(Kind::Float)?;
        let errors = means(&targets)?.f_sub(&q.f_detach()?)?.f_abs()?;
        let gradient_norm = self.adam.step(&mut self.online.parameters, &loss)?;
        self.gradient_steps += 1;
        if self.gradient_steps.is_multiple_of(self.settings.target_update_period) {
            self.target.parameters.move_towards(&self.online.parameters, self.settings.target_update_tau)?;
        }
        Ok(Step {
            loss: loss.f_double_value(&[])?,
            q_mean: q.f_mean(Kind::Float)?.f_double_value(&[])?,
            target_mean,
            gradient_norm,
            errors: Vec::try_from(errors)?,
        })
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

/// What a gradient step has measured.
struct Step {
    loss: f64,
    q_mean: f64,
    target_mean: f64,
    gradient_norm: f64,
    /// Per transition, the absolute difference of target and Q, both means of their quantiles where there are any.
    errors: Vec<f32>,
}

/// The step size falls linearly from `learning_rate` to the share `final_learning_rate` of it.
fn learning_rate(settings: &AgentSettings, progress: f64) -> f64 {
    settings.learning_rate * (1.0 - (1.0 - settings.final_learning_rate) * progress.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action_head_dqn::replay::Transition;
    use playlist_envs::{FinishedSession, PlayResponses, WorldSettings, small_world};

    fn world() -> World {
        let folder = tempfile::tempdir().unwrap();
        small_world(folder.path(), 30, WorldSettings::default(), 1).unwrap().0
    }

    fn session(start: u32) -> FinishedSession {
        FinishedSession {
            number: u64::from(start),
            start,
            pool: (0..30).collect(),
            played: vec![3, 1, 2],
            responses: vec![PlayResponses::default(); 3],
            rewards: vec![5.0, 0.2, 0.9],
            states: Vec::new(),
            terminated: false,
            returned: false,
        }
    }

    #[test]
    fn the_step_size_falls_linearly_to_its_last_share() {
        let settings = AgentSettings { learning_rate: 0.01, final_learning_rate: 0.2, ..AgentSettings::default() };
        for (progress, expected) in [(0.0, 0.01), (0.25, 0.008), (0.5, 0.006), (1.0, 0.002), (1.1, 0.002)] {
            assert!((learning_rate(&settings, progress) - expected).abs() < 1e-12, "{progress}");
        }
        let constant = AgentSettings { final_learning_rate: 1.0, ..settings };
        assert_eq!(learning_rate(&constant, 0.7), 0.01);
    }

    /// Every third step the target network moves a quarter of the way to the online one, and else stands still.
    #[test]
    fn the_target_network_moves_by_tau_once_in_a_period() {
        let world = world();
        let settings =
            AgentSettings { batch: 4, target_update_period: 3, target_update_tau: 0.25, ..AgentSettings::default() };
        let mut learner = Learner::new(&world, &settings, 1, Device::Cpu, 1).unwrap();
        let mut replay = Replay::new(100, None);
        replay.push(session(0));
        for step in 1..=6 {
            let before = learner.target.parameters.snapshot();
            learner.learn(&world, &mut replay, 1, 0.0).unwrap();
            let online = learner.weights();
            for ((before, online), after) in before.iter().zip(&online).zip(learner.target.parameters.tensors()) {
                let expected = if step % 3 == 0 { before * 0.75 + online * 0.25 } else { before.copy() };
                assert!(expected.allclose(after, 1e-5, 1e-7, false), "step {step}");
            }
            assert!(before[0].ne_tensor(&online[0]).any().int64_value(&[]) == 1, "the online network moves");
        }
    }

    /// The loss by hand from the errors, and a transition of weight 0 gives no gradient.
    #[test]
    fn importance_weights_stand_before_the_losses() {
        let world = world();
        for quantiles in [0, 4] {
            let settings = AgentSettings { dueling: true, layer_norm: true, quantiles, ..AgentSettings::default() };
            let sessions = [session(0), session(1)];
            let step = |chosen: &[(usize, f32)]| {
                let mut learner = Learner::new(&world, &settings, 1, Device::Cpu, 1).unwrap();
                let transitions = chosen
                    .iter()
                    .map(|&(place, _)| Transition { session: &sessions[place], position: place })
                    .collect();
                let weights = chosen.iter().map(|&(_, weight)| weight).collect();
                learner.step(&world, &Batch { transitions, numbers: Vec::new(), weights }).unwrap()
            };
            let (first, second) = (step(&[(0, 1.0)]), step(&[(1, 1.0)]));
            let both = step(&[(0, 0.5), (1, 1.0)]);
            assert!((both.loss - (0.5 * first.loss + second.loss) / 2.0).abs() < 1e-5);
            assert!(
                (both.errors[0] - first.errors[0]).abs() < 1e-5 && (both.errors[1] - second.errors[0]).abs() < 1e-5
            );
            let alone = step(&[(0, 0.0), (1, 1.0)]);
            assert!((alone.gradient_norm - second.gradient_norm / 2.0).abs() < 1e-4 * second.gradient_norm);
            if quantiles == 0 {
                let huber = |error: f64| if error <= 1.0 { 0.5 * error * error } else { error - 0.5 };
                assert!((first.loss - huber(f64::from(first.errors[0]))).abs() < 1e-5);
            }
        }
    }

    /// From one session again and again, all that it holds is learnt: Q of what was played becomes its return. Each
    /// switch alone, and all together.
    #[test]
    fn with_every_switch_returns_are_learnt() {
        let world = world();
        let plain = AgentSettings {
            hidden: vec![32, 16],
            batch: 12,
            gamma: 0.5,
            n_step: 3,
            learning_rate: 3e-3,
            quantiles: 0,
            ..AgentSettings::default()
        };
        let all = AgentSettings { dueling: true, layer_norm: true, prioritized: true, quantiles: 8, ..plain.clone() };
        let switches = [
            plain.clone(),
            AgentSettings { dueling: true, ..plain.clone() },
            AgentSettings { layer_norm: true, ..plain.clone() },
            AgentSettings { prioritized: true, ..plain.clone() },
            AgentSettings { quantiles: 8, ..plain },
            all,
        ];
        for settings in switches {
            let mut learner = Learner::new(&world, &settings, 1, Device::Cpu, 1).unwrap();
            let mut replay = Replay::new(100, crate::action_head_dqn::Exponents::new(&settings));
            // The listener left: 5 + 0.1 + 0.225, 0.2 + 0.45 and 0.9 are the returns.
            replay.push(FinishedSession { terminated: true, ..session(0) });
            learner.learn(&world, &mut replay, 400, 0.5).unwrap();
            let session = FinishedSession { terminated: true, ..session(0) };
            let chosen = (0..3).map(|position| (session.view().at(position), session.played[position]));
            let q = means(&learner.scorer.score_chosen(&learner.online.layers, &world, chosen).unwrap()).unwrap();
            let q = Vec::<f32>::try_from(q.detach()).unwrap();
            for (q, expected) in q.iter().zip([5.325, 0.65, 0.9]) {
                assert!((q - expected).abs() < 0.1, "{q} {expected} with {settings:?}");
            }
        }
    }
}
