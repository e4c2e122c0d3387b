//! The measurements.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use listening_data::{Progress, Silent};
use playlist_agents::{AgentSettings, Simulation, TrainSettings, Trainer, TrainerSetup};
use playlist_envs::{SimulatedEnv, StepBatch, VecEnv};
use serde::Serialize;
use tch::Device;

use super::measure::{Rates, Repeats, Spread, Worker, measure};
use super::scene::{Answering, Choosing, Scene};
use crate::failure::UsageError;

/// One measurement.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Who answers, in environment steps and training.
    pub world: Option<Answering>,
    /// Who chooses, in environment steps.
    pub policy: Option<Choosing>,
    /// Parallel sessions, in environment steps.
    pub sessions: Option<usize>,
    /// Candidates per session.
    pub candidates: usize,
    /// Tracks per session.
    pub playlist: usize,
    /// Candidates that a network values per step, in environment steps; 0 where none does.
    pub valued: f64,
    /// Transitions per gradient step, in learning.
    pub batch: Option<usize>,
    /// Threads.
    pub threads: usize,
    /// Floating-point operations of the networks per unit; 0 where there is no network.
    pub operations: f64,
    /// Units per second, and the machine's rate beside them.
    pub rates: Rates,
    /// Share of the limit reached: `operations` times units per second, over sgemm's rate.
    pub share: Option<Spread>,
}

impl Row {
    fn new((candidates, playlist): (usize, usize), threads: usize, operations: f64, rates: Rates) -> Self {
        let per = rates.units_per_operation;
        let of_limit = |per_operation| operations * per_operation;
        let [median, lowest, highest] = [per.median, per.lowest, per.highest].map(of_limit);
        let share = (operations > 0.0).then_some(Spread { median, lowest, highest });
        let (world, policy, sessions, batch) = (None, None, None, None);
        Self { world, policy, sessions, candidates, playlist, valued: 0.0, batch, threads, operations, rates, share }
    }
}

/// Steps of the environment, a track in one session each: choosing, answering, keeping the sessions. The sessions are divided
/// among the threads.
pub fn environment_steps(
    scene: &Scene,
    (answering, choosing): (Answering, Choosing),
    (sessions, candidates): (usize, usize),
    threads: usize,
    repeats: Repeats,
) -> anyhow::Result<Row> {
    let mut workers: Vec<Worker<'_>> = Vec::new();
    for thread in 0..threads {
        let count = sessions * (thread + 1) / threads - sessions * thread / threads;
        let world = scene.world(candidates)?;
        let listeners = scene.listeners(answering);
        let mut policy = scene.policy(choosing, &world)?;
        let first = (thread * sessions) as u64;
        let mut env = SimulatedEnv::new(Arc::clone(&world), listeners, count, first, 1)?;
        if let Some(found) = (0..count).map(|index| env.sessions().view(index).pool.len()).find(|&len| len < candidates)
        {
            return Err(UsageError(format!(
                "--candidates: a session start offers only {found} different tracks where {candidates} are asked for; ask for \
                 fewer, or raise data.synthetic.catalog.tracks"
            ))
            .into());
        }
        let (mut actions, mut step) = (Vec::new(), StepBatch::default());
        // Whole sessions: what is done once per session, as the pool is drawn, would else be left out or counted twice.
        let length = scene.length(candidates);
        workers.push(Box::new(move || {
            for _ in 0..length {
                policy.choose(&world, env.sessions(), &mut actions)?;
                env.step(&actions, &mut step)?;
            }
            Ok((length * count) as u64)
        }));
    }
    let rates = measure(&mut workers, threads, repeats)?;
    let operations = scene.of_answer(answering) + scene.of_choice(choosing, candidates);
    let row = Row::new((candidates, scene.length(candidates)), threads, operations, rates);
    let valued = scene.valued(choosing, candidates);
    Ok(Row { world: Some(answering), policy: Some(choosing), sessions: Some(sessions), valued, ..row })
}

/// Operations of a gradient step.
fn of_gradient_step(scene: &Scene, batch: usize, candidates: usize) -> f64 {
    let (batch, sizes) = (batch as f64, scene.agent_sizes());
    // The state after the played track has one candidate less.
    let next = scene.remaining(candidates) - 1.0;
    batch * sizes.transition(next) + sizes.tracks(batch * next, scene.tracks())
}

/// Gradient steps on one thread.
pub fn gradient_steps(scene: &Scene, batch: usize, candidates: usize, repeats: Repeats) -> anyhow::Result<Row> {
    let agent = AgentSettings { batch, ..scene.config().agent.clone() };
    let mut learning = scene.learning(&agent, candidates, (4 * batch).max(10_000))?;
    let mut workers: [Worker<'_>; 1] = [Box::new(|| {
        learning.learn(1)?;
        Ok(1)
    })];
    let rates = measure(&mut workers, 1, repeats)?;
    let operations = of_gradient_step(scene, batch, candidates);
    Ok(Row { batch: Some(batch), ..Row::new((candidates, scene.length(candidates)), 1, operations, rates) })
}

/// Rounds of a measured training.
const ROUNDS: usize = 24;

/// Steps of the environment in a training as configured, with its gradient steps; each time a training of its own in `folder`. What
/// is special at the beginning is left out: exploration is that of the end, and the rounds before the first gradient step are
/// played before.
pub fn training(
    scene: &Scene,
    answering: Answering,
    candidates: usize,
    threads: usize,
    count: usize,
    folder: &Path,
) -> anyhow::Result<Row> {
    let (agent, train) = (&scene.config().agent, &scene.config().train);
    let per_round = train.actors * train.sessions * train.steps_per_round;
    // The first sessions end after as many rounds, and are learnt from in the next.
    let before = scene.length(candidates).div_ceil(train.steps_per_round) * per_round;
    let steps = ROUNDS * per_round;
    let sizes = scene.agent_sizes();
    let learnt = train.updates_per_round as f64 * of_gradient_step(scene, agent.batch, candidates) / per_round as f64;
    // Actors have new weights every round.
    let tracks = sizes.tracks(per_round as f64 * scene.remaining(candidates), scene.tracks()) / per_round as f64;
    let acting = scene.of_answer(answering) + scene.of_choice(Choosing::ActionHeadDqn, candidates);
    let operations = acting + tracks + learnt;
    let trainer = |number: usize| {
        let folder = folder.join(number.to_string());
        let mut trainer = trainer(scene, answering, candidates, threads, (before + steps) as u64, &folder)?;
        let stop = StopAfter { steps: before as u64, stop: AtomicBool::new(false) };
        trainer.run(&stop.stop, &stop)?;
        anyhow::Ok(trainer)
    };
    // One to warm up, and one each time.
    let mut trainers = (0..=count).map(trainer).collect::<anyhow::Result<Vec<_>>>()?;
    let mut worker: [Worker<'_>; 1] = [Box::new(|| {
        let Some(mut trainer) = trainers.pop() else { return Ok(0) };
        trainer.run(&AtomicBool::new(false), &Silent)?;
        Ok(steps as u64)
    })];
    // A training is measured whole: its length is given in steps.
    let rates = measure(&mut worker, threads, Repeats { count, seconds: 0.0 })?;
    let row = Row::new((candidates, scene.length(candidates)), threads, operations, rates);
    Ok(Row { world: Some(answering), batch: Some(agent.batch), ..row })
}

/// Stops a training once so many steps are done.
struct StopAfter {
    steps: u64,
    stop: AtomicBool,
}

impl Progress for StopAfter {
    fn begin(&self, _what: &str, _total: u64, _unit: &'static str) {}

    fn advance(&self, done: u64) {
        if done >= self.steps {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    fn remark(&self, _text: &str) {}

    fn end(&self) {}
}

fn trainer(
    scene: &Scene,
    answering: Answering,
    candidates: usize,
    threads: usize,
    env_steps: u64,
    folder: &Path,
) -> anyhow::Result<Trainer> {
    let config = scene.config();
    let world = scene.world(candidates)?;
    let listeners = || scene.listeners(answering);
    let evaluation = Simulation { world: Arc::clone(&world), listeners: listeners(), sessions: 2, threads: 1 };
    let train = TrainSettings { env_steps, evaluate_every: 0, checkpoint_every: u64::MAX, ..config.train.clone() };
    let agent = &config.agent;
    let (epsilon_start, learning_starts) = (agent.epsilon_end, 1);
    let agent = AgentSettings { epsilon_start, learning_starts, ..agent.clone() };
    Ok(Trainer::new(TrainerSetup {
        world,
        listeners: listeners(),
        greedy: scene.contextual().shallow_clone(),
        evaluation,
        agent,
        train,
        seed: config.seed,
        device: Device::Cpu,
        threads,
        folder: folder.to_owned(),
        config_text: String::new(),
        fingerprint: "bench".into(),
    })?)
}
