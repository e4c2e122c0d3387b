//! Speed of the vectorised environment, of acting and of learning, each beside this machine's own sgemm rate measured in
//! the same run: machines differ and are shared, ratios hold.
//!
//! cargo bench --bench throughput

#![allow(clippy::expect_used, reason = "a benchmark fails by panicking")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use listening_data::Silent;
use listening_models::user_response::{ContextualModel, ResponseModel};
use playlist_agents::{
    AgentSettings, DqnPolicy, GreedyPolicy, Policy, RandomPolicy, Simulation, TrainSettings, Trainer, TrainerSetup,
};
use playlist_envs::{Listeners, ModelledListeners, SimulatedEnv, StepBatch, VecEnv, World, WorldSettings, small_world};
use tch::{Device, Kind, Tensor};

/// Repetitions of each measurement; the median is shown.
const REPEATS: usize = 5;

fn median(mut measure: impl FnMut() -> f64) -> f64 {
    let mut values: Vec<f64> = (0..REPEATS).map(|_| measure()).collect();
    values.sort_by(f64::total_cmp);
    values[REPEATS / 2]
}

/// Floating-point operations per second of one thread in libtorch's product of 1024 x 1024 matrices.
fn sgemm_rate() -> f64 {
    let size = 1024;
    let a = Tensor::ones([size, size], (Kind::Float, Device::Cpu));
    let _ = black_box(a.matmul(&a));
    median(|| {
        let begun = Instant::now();
        let _ = black_box(a.matmul(&a));
        2.0 * (size as f64).powi(3) / begun.elapsed().as_secs_f64()
    })
}

/// Operations of dense layers per row, with these widths from input to output.
fn dense_operations(widths: &[usize]) -> f64 {
    widths.windows(2).map(|pair| 2.0 * (pair[0] * pair[1]) as f64).sum()
}

struct Row {
    what: String,
    per_second: f64,
    /// Products of the networks alone, per unit of work.
    operations: f64,
}

fn modelled(user_model: &ContextualModel) -> Box<dyn Listeners> {
    Box::new(ModelledListeners::new(user_model.another()))
}

fn step_rate(world: &Arc<World>, user_model: &ContextualModel, policy: &mut dyn Policy, sessions: usize) -> f64 {
    let mut env = SimulatedEnv::new(Arc::clone(world), modelled(user_model), sessions, 0, 1).expect("an environment");
    let (mut actions, mut step) = (Vec::new(), StepBatch::default());
    let mut play = |steps: usize| {
        for _ in 0..steps {
            policy.choose(world, env.sessions(), &mut actions).expect("the policy chooses");
            env.step(&actions, &mut step).expect("the environment steps");
        }
    };
    play(2);
    let steps = (20_000 / sessions).max(4);
    median(|| {
        let begun = Instant::now();
        play(steps);
        (steps * sessions) as f64 / begun.elapsed().as_secs_f64()
    })
}

fn trainer(world: &Arc<World>, user_model: &ContextualModel, folder: &std::path::Path, threads: usize) -> Trainer {
    let evaluation = Simulation { world: Arc::clone(world), listeners: modelled(user_model), sessions: 2, threads: 1 };
    let train =
        TrainSettings { env_steps: 60_000, evaluate_every: 0, checkpoint_every: u64::MAX, ..TrainSettings::default() };
    Trainer::new(TrainerSetup {
        world: Arc::clone(world),
        listeners: modelled(user_model),
        greedy: user_model.shallow_clone(),
        evaluation,
        agent: AgentSettings::default(),
        train,
        seed: 1,
        device: Device::Cpu,
        threads,
        folder: folder.to_owned(),
        config_text: String::new(),
        fingerprint: "benchmark".into(),
    })
    .expect("a trainer")
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut settings = WorldSettings { session_end: false, ..WorldSettings::default() };
    (settings.pool.min_size, settings.pool.max_size) = (100, 100);
    let (world, _) = small_world(folder.path(), 200, settings, 1).expect("a world");
    let inputs = world.starts.session_length() + world.catalog.feature_width() + 16;
    let (user_model, _) = ContextualModel::new(&[500, 200, 200], inputs, 1, Device::Cpu).expect("a model");
    let world = Arc::new(world);
    let sgemm = sgemm_rate();
    println!("sgemm, one thread: {:.1} GFLOP/s", sgemm / 1e9);
    let cwm = dense_operations(&[inputs, 500, 200, 200, 4]);
    let mut rows = Vec::new();
    for sessions in [1, 64, 1024] {
        let per_second = step_rate(&world, &user_model, &mut RandomPolicy, sessions);
        rows.push(Row {
            what: format!("environment, random policy, {sessions} sessions"),
            per_second,
            operations: cwm,
        });
    }
    let mut greedy = GreedyPolicy::new(user_model.shallow_clone());
    let per_second = step_rate(&world, &user_model, &mut greedy, 256);
    // Greedy asks the user model for all 100 candidates once per session of 20 tracks.
    rows.push(Row { what: "environment, greedy, 256 sessions".into(), per_second, operations: cwm * 6.0 });
    for threads in [1, 2] {
        let run = folder.path().join(format!("run-{threads}"));
        let mut trainer = trainer(&world, &user_model, &run, threads);
        let begun = Instant::now();
        trainer.run(&AtomicBool::new(false), &Silent).expect("training");
        let seconds = begun.elapsed().as_secs_f64();
        trainer.write_results().expect("results");
        let metrics = trainer.metrics();
        println!(
            "training, {threads} threads: {:.0} tracks/s, {:.1} gradient steps/s (batch 256, 100 candidates)",
            metrics.env_steps as f64 / seconds,
            metrics.gradient_steps as f64 / seconds
        );
        if threads == 1 {
            let mut policy = DqnPolicy::new(Arc::clone(&world), trainer.agent(), Device::Cpu).expect("a policy");
            let per_second = step_rate(&world, &user_model, &mut policy, 256);
            // On average 90.5 candidates remain of 100 over 20 steps; the first layer's track part is cached.
            let per_candidate = dense_operations(&[19, 128]) + dense_operations(&[128, 64, 1]);
            let operations = cwm + 90.5 * per_candidate;
            rows.push(Row { what: "environment, action-head-dqn, 256 sessions".into(), per_second, operations });
        }
    }
    println!("\n{:<46} {:>12} {:>14} {:>15}", "one thread, pools of 100", "steps/s", "MFLOP a step", "share of sgemm");
    for row in rows {
        let share = row.per_second * row.operations / sgemm;
        println!("{:<46} {:>12.0} {:>14.2} {:>14.1}%", row.what, row.per_second, row.operations / 1e6, 100.0 * share);
    }
}
