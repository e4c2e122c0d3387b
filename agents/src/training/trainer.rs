//! The training loop.
//!
//! Training goes in rounds. In a round the actors play `steps_per_round` steps of all their sessions with the weights
//! from the round's beginning, while the learner takes its gradient steps on the transitions of earlier rounds; then
//! weights and transitions are exchanged. So the lag between acting and learning is fixed, and the result does not
//! depend on timing or on the number of threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crossbeam::channel::{Receiver, Sender, unbounded};
use listening_data::{Progress, Silent, write_atomically};
use listening_models::network::Precision;
use listening_models::user_response::ContextualModel;
use listening_models::{TensorFile, save_tensors};
use playlist_envs::{Listeners, World};
use serde::{Deserialize, Serialize};
use tch::Device;

use super::checkpoint::Checkpoints;
use super::metrics::{EvaluationPoint, LearnerSums, RolloutSums, TrainingMetrics};
use crate::action_head_dqn::{Actor, AgentModel, DqnPolicy, Exponents, Learner, Orders, Replay, Rollout};
use crate::{
    AgentError, AgentSettings, Estimate, GreedyPolicy, Policy, RandomPolicy, Recorder, Result, SessionOutcome,
    Simulation, TrainSettings, simulate,
};

const NETWORKS: &str = "networks.safetensors";
const REPLAY: &str = "replay.safetensors";
const ENVIRONMENT: &str = "environment.safetensors";
const STATE: &str = "state.json";

/// All that a training needs.
pub struct TrainerSetup {
    /// The world that the agent is trained in.
    pub world: Arc<World>,
    /// Its listeners.
    pub listeners: Box<dyn Listeners>,
    /// The contextual model that the greedy policy follows, with which the agent is compared.
    pub greedy: ContextualModel,
    /// Sessions on held-out starts, for evaluations in between.
    pub evaluation: Simulation,
    /// The agent.
    pub agent: AgentSettings,
    /// The training.
    pub train: TrainSettings,
    /// Seed of weights, exploration and replay.
    pub seed: u64,
    /// Where the networks run.
    pub device: Device,
    /// Threads; they change the time taken, not the result.
    pub threads: usize,
    /// The run's folder.
    pub folder: PathBuf,
    /// The effective config, for TensorBoard.
    pub config_text: String,
    /// Fingerprint of all that the result depends on: a checkpoint of another one is refused.
    pub fingerprint: String,
}

/// Why the training returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrainerStop {
    /// All steps are done.
    Finished,
    /// The user asked it to stop; a checkpoint was written.
    Interrupted,
}

/// What a checkpoint holds beside tensors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct State {
    rounds: u64,
    env_steps: u64,
    sessions: u64,
    gradient_steps: u64,
    rollout: RolloutSums,
    learner: LearnerSums,
    metrics: TrainingMetrics,
}

/// Trains an agent.
pub struct Trainer {
    setup: TrainerSetup,
    learner: Learner,
    actors: Vec<Option<Actor>>,
    replay: Replay,
    state: State,
    checkpoints: Checkpoints,
    /// Where a resumed training goes on; 0 where it had no whole checkpoint.
    resumed_at: Option<u64>,
}

type Task = (usize, Actor, Orders);
type Done = (usize, Actor, Result<Rollout>);

impl Trainer {
    /// A training from the start.
    pub fn new(setup: TrainerSetup) -> Result<Self> {
        setup.agent.validate()?;
        setup.train.validate()?;
        let learner = Learner::new(&setup.world, &setup.agent, setup.seed, setup.device, setup.threads)?;
        let actors = (0..setup.train.actors).map(|number| {
            let listeners = setup.listeners.another();
            let place = (number, setup.train.actors);
            let world = Arc::clone(&setup.world);
            Actor::new(world, listeners, &setup.agent, setup.train.sessions, place, setup.device).map(Some)
        });
        let actors = actors.collect::<Result<_>>()?;
        let folder = setup.folder.join("checkpoints");
        let checkpoints = Checkpoints::new(folder, setup.fingerprint.clone(), setup.train.checkpoints_kept);
        let replay = Replay::new(setup.agent.replay_capacity, Exponents::new(&setup.agent));
        Ok(Self { setup, learner, actors, replay, state: State::default(), checkpoints, resumed_at: None })
    }

    /// Goes on from the newest whole checkpoint. Returns the tracks played so far, if there is one, and warnings.
    pub fn resume(&mut self) -> Result<(Option<u64>, Vec<String>)> {
        let (newest, warnings) = self.checkpoints.newest_whole()?;
        if let Some(path) = &newest {
            self.load(path)?;
        }
        self.resumed_at = Some(self.state.env_steps);
        Ok((newest.map(|_| self.state.env_steps), warnings))
    }

    /// The agent as it stands.
    pub fn agent(&self) -> AgentModel {
        AgentModel::new(&self.setup.agent, self.learner.weights())
    }

    /// What has been measured so far.
    pub fn metrics(&self) -> &TrainingMetrics {
        &self.state.metrics
    }

    /// Trains until all steps are done or `stop` is set.
    pub fn run(&mut self, stop: &AtomicBool, progress: &dyn Progress) -> Result<TrainerStop> {
        let mut recorder = Recorder::create(&self.setup.folder, self.resumed_at)?;
        if self.state.env_steps == 0 {
            let config = self.setup.config_text.replace('\n', "\n    ");
            recorder.text("config", 0, &format!("    {config}"))?;
        }
        self.measure_references()?;
        let workers = self.setup.threads.saturating_sub(1).min(self.actors.len());
        let (send_task, tasks) = unbounded::<Task>();
        let (send_done, done) = unbounded::<Done>();
        let result = std::thread::scope(|scope| {
            for _ in 0..workers {
                let (tasks, send_done) = (tasks.clone(), send_done.clone());
                scope.spawn(move || work(&tasks, &send_done));
            }
            // The workers hold the only senders left: if they die, the receiver knows.
            drop(send_done);
            let pool = (workers > 0).then_some((&send_task, &done));
            let result = self.run_rounds(pool, stop, &mut recorder, progress);
            drop(send_task);
            result
        });
        recorder.flush()?;
        result
    }

    fn run_rounds(
        &mut self,
        pool: Option<(&Sender<Task>, &Receiver<Done>)>,
        stop: &AtomicBool,
        recorder: &mut Recorder,
        progress: &dyn Progress,
    ) -> Result<TrainerStop> {
        let train = self.setup.train.clone();
        progress.begin("training", train.env_steps, "tracks");
        progress.advance(self.state.env_steps);
        if self.state.metrics.evaluations.is_empty() {
            self.evaluate(recorder)?;
        }
        let mut clock = (Instant::now(), self.state.env_steps, self.learner.gradient_steps());
        while self.state.env_steps < train.env_steps {
            if stop.load(Ordering::Relaxed) {
                self.write_checkpoint()?;
                progress.end();
                return Ok(TrainerStop::Interrupted);
            }
            let before = self.state.env_steps;
            self.round(pool)?;
            let after = self.state.env_steps;
            progress.advance(after);
            let crossed = |every: u64| every > 0 && before / every != after / every;
            let last = after >= train.env_steps;
            if self.state.rounds.is_multiple_of(train.log_every_rounds) || last {
                self.log(recorder, &mut clock, progress)?;
            }
            if crossed(train.evaluate_every) || (last && train.evaluate_every > 0) {
                self.evaluate(recorder)?;
            }
            if crossed(train.checkpoint_every) || last {
                recorder.flush()?;
                self.write_checkpoint()?;
            }
        }
        progress.end();
        Ok(TrainerStop::Finished)
    }

    /// One round: actors play while the learner learns; then both exchange what they have.
    fn round(&mut self, pool: Option<(&Sender<Task>, &Receiver<Done>)>) -> Result<()> {
        let (agent, train) = (&self.setup.agent, &self.setup.train);
        let share = self.state.env_steps as f64 / train.env_steps as f64;
        let decayed = (share / agent.epsilon_decay.max(1e-9)).min(1.0);
        let epsilon = agent.epsilon_start + (agent.epsilon_end - agent.epsilon_start) * decayed;
        let weights = self.learner.weights();
        let orders = || {
            let weights = weights.iter().map(tch::Tensor::shallow_clone).collect();
            Orders { weights, epsilon, steps: train.steps_per_round }
        };
        let updates = if self.replay.len() < agent.learning_starts { 0 } else { train.updates_per_round };
        let mut rollouts: Vec<Option<Rollout>> = (0..self.actors.len()).map(|_| None).collect();
        let report = match pool {
            Some((tasks, done)) => {
                for (number, actor) in self.actors.iter_mut().enumerate() {
                    let actor = actor.take().ok_or(AgentError::ActorLost)?;
                    tasks.send((number, actor, orders())).map_err(|_| AgentError::ActorLost)?;
                }
                let report = self.learner.learn(&self.setup.world, &mut self.replay, updates, share);
                for _ in 0..self.actors.len() {
                    let (number, actor, rollout) = done.recv().map_err(|_| AgentError::ActorLost)?;
                    self.actors[number] = Some(actor);
                    rollouts[number] = Some(rollout?);
                }
                report?
            }
            None => {
                for (actor, rollout) in self.actors.iter_mut().zip(&mut rollouts) {
                    *rollout = Some(actor.as_mut().ok_or(AgentError::ActorLost)?.play(&orders())?);
                }
                self.learner.learn(&self.setup.world, &mut self.replay, updates, share)?
            }
        };
        for session in rollouts.into_iter().flatten().flat_map(|rollout| rollout.finished) {
            self.state.rollout.add(&session);
            self.state.sessions += 1;
            self.replay.push(session);
        }
        if !(report.td_loss.is_finite() && report.gradient_norm.is_finite()) {
            return Err(AgentError::Diverged { env_steps: self.state.env_steps, loss: report.td_loss });
        }
        self.state.learner.add(&report);
        self.state.metrics.last.insert("train/epsilon".into(), epsilon);
        self.state.rounds += 1;
        self.state.env_steps += self.setup.train.steps_in_round();
        self.state.gradient_steps = self.learner.gradient_steps();
        Ok(())
    }

    fn log(&mut self, recorder: &mut Recorder, clock: &mut (Instant, u64, u64), progress: &dyn Progress) -> Result<()> {
        let step = self.state.env_steps;
        let mut scalars = self.state.rollout.scalars();
        scalars.extend(self.state.learner.scalars());
        scalars.push(("train/replay_size", self.replay.len() as f64));
        let last = &mut self.state.metrics.last;
        last.extend(scalars.iter().map(|&(name, value)| (name.to_owned(), value)));
        for (name, value) in last.iter() {
            recorder.scalar(name, step, *value)?;
        }
        let seconds = clock.0.elapsed().as_secs_f64().max(1e-9);
        let gradient_steps = self.learner.gradient_steps();
        recorder.scalar("time/env_steps_per_s", step, (step - clock.1) as f64 / seconds)?;
        recorder.scalar("time/gradient_steps_per_s", step, (gradient_steps - clock.2) as f64 / seconds)?;
        *clock = (Instant::now(), step, gradient_steps);
        let value = |name: &str| last.get(name).copied().unwrap_or(f64::NAN);
        let evaluated = self.state.metrics.evaluations.last().map_or(f64::NAN, |point| point.total_reward.mean);
        progress.remark(&format!(
            "return {:.2}, completed {:.3}, held-out return {evaluated:.2}",
            value("rollout/return"),
            value("rollout/completion_rate")
        ));
        self.state.rollout = RolloutSums::default();
        self.state.learner = LearnerSums::default();
        Ok(())
    }

    /// Measures the policies that the agent is compared with, once: they do not learn.
    fn measure_references(&mut self) -> Result<()> {
        if self.setup.train.evaluate_every == 0 {
            return Ok(());
        }
        let greedy = GreedyPolicy::new(self.setup.greedy.shallow_clone());
        for policy in [&RandomPolicy as &dyn Policy, &greedy] {
            let outcomes = simulate(policy, &self.setup.evaluation, &Silent)?;
            self.state.metrics.references.insert(policy.name().to_owned(), mean_return(&outcomes));
        }
        Ok(())
    }

    fn evaluate(&mut self, recorder: &mut Recorder) -> Result<()> {
        if self.setup.train.evaluate_every == 0 {
            return Ok(());
        }
        let world = Arc::clone(&self.setup.evaluation.world);
        let policy = DqnPolicy::new(world, self.agent(), Precision::Single, self.setup.device)?;
        let outcomes = simulate(&policy, &self.setup.evaluation, &Silent)?;
        let rate = |o: &SessionOutcome| f64::from(o.completions) / f64::from(o.length.max(1));
        let point = EvaluationPoint {
            env_steps: self.state.env_steps,
            total_reward: mean_return(&outcomes),
            completion_rate: Estimate::of(outcomes.iter().map(rate)),
        };
        let step = point.env_steps;
        recorder.scalar(&format!("eval/{}/return", policy.name()), step, point.total_reward.mean)?;
        recorder.scalar(&format!("eval/{}/completion_rate", policy.name()), step, point.completion_rate.mean)?;
        for (name, total_reward) in &self.state.metrics.references {
            recorder.scalar(&format!("eval/{name}/return"), step, total_reward.mean)?;
        }
        self.state.metrics.evaluations.push(point);
        recorder.flush()
    }

    /// Writes `agent.safetensors` and `metrics.json` into the run's folder.
    pub fn write_results(&mut self) -> Result<()> {
        self.state.metrics.env_steps = self.state.env_steps;
        self.state.metrics.gradient_steps = self.state.gradient_steps;
        self.state.metrics.sessions = self.state.sessions;
        // The metrics come last: a run that has them has finished.
        self.agent().save(&self.setup.world, &self.setup.folder.join("agent.safetensors"))?;
        let path = self.setup.folder.join("metrics.json");
        let text = serde_json::to_string_pretty(&self.state.metrics)
            .map_err(|e| AgentError::file("write", &path, std::io::Error::other(e)))?;
        Ok(write_atomically(&path, text.as_bytes())?)
    }

    fn write_checkpoint(&self) -> Result<()> {
        self.checkpoints.write(self.state.env_steps, |folder| {
            save_tensors(&folder.join(NETWORKS), &self.learner.saved()?)?;
            save_tensors(&folder.join(REPLAY), &self.replay.saved())?;
            let mut environment = Vec::new();
            for (number, actor) in self.actors.iter().enumerate() {
                let actor = actor.as_ref().ok_or(AgentError::ActorLost)?;
                environment.extend(actor.saved(&format!("actor.{number}.")));
            }
            save_tensors(&folder.join(ENVIRONMENT), &environment)?;
            let text = serde_json::to_string_pretty(&self.state)
                .map_err(|e| AgentError::file("write", folder, std::io::Error::other(e)))?;
            Ok(write_atomically(folder.join(STATE), text.as_bytes())?)
        })
    }

    fn load(&mut self, path: &Path) -> Result<()> {
        let text = std::fs::read_to_string(path.join(STATE)).map_err(|e| AgentError::file("read", path, e))?;
        self.state = serde_json::from_str(&text).map_err(|e| AgentError::checkpoint(path, e.to_string()))?;
        self.learner.load(&TensorFile::open(path.join(NETWORKS))?, self.state.gradient_steps)?;
        let agent = &self.setup.agent;
        let replay = TensorFile::open(path.join(REPLAY))?;
        self.replay = Replay::load(agent.replay_capacity, Exponents::new(agent), &replay)?;
        let environment = TensorFile::open(path.join(ENVIRONMENT))?;
        for (number, actor) in self.actors.iter_mut().enumerate() {
            actor.as_mut().ok_or(AgentError::ActorLost)?.load(&environment, &format!("actor.{number}."))?;
        }
        Ok(())
    }
}

/// An actor thread: plays what it is given until there is no more.
fn work(tasks: &Receiver<Task>, done: &Sender<Done>) {
    tch::set_num_threads(1);
    while let Ok((number, mut actor, orders)) = tasks.recv() {
        // A panic must reach the trainer: it would wait for this rollout for ever.
        let rollout = catch_unwind(AssertUnwindSafe(|| actor.play(&orders))).unwrap_or(Err(AgentError::ActorLost));
        if done.send((number, actor, rollout)).is_err() {
            return;
        }
    }
}

fn mean_return(outcomes: &[SessionOutcome]) -> Estimate {
    Estimate::of(outcomes.iter().map(|outcome| outcome.total_reward))
}
