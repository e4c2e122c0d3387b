//! `sim evaluate-estimators`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use listening_data::{Progress, write_atomically};
use playlist_agents::{EstimatorTrial, GreedyPolicy, LogTrial, Simulation};
use playlist_envs::LeavingListeners;

use super::evaluate_policy::{oracle, policy};
use super::train_agent::{open_run, open_upstream};
use crate::failure::UsageError;
use crate::output;
use crate::pipeline::threads;
use crate::tables::{Columns, count, estimate, section};

/// Policies whose returns can be estimated.
const POLICIES: [&str; 4] = ["popularity", "cosine", "greedy", "action-head-dqn"];

/// Ask whether off-policy estimators can be believed: do they find what a policy returns, from logs of another?
///
/// Logs sessions in which tracks were chosen at random, so that their propensities are known, estimates from each log what
/// another policy would return (part of whose tracks are random too), and plays that policy to the same listeners: those are
/// the synthetic listeners of whose log the run was made. Prints for each estimator its mean error, its root mean squared
/// error, how often its interval of 95 % holds the truth, and to how many sessions the log's weighted ones amount.
///
/// Weights multiply from track to track: sessions here are short and pools small, or no log would be large enough.
/// estimators.json goes to estimators/ in the run's folder, or to --out.
#[derive(Args)]
#[command(after_help = "Example:
  sim evaluate-estimators --run runs/demo
  sim evaluate-estimators --run runs/demo --policy action-head-dqn --length 8 --log-sessions 5000")]
pub struct Options {
    /// The run's folder
    #[arg(long, value_name = "RUN")]
    run: PathBuf,
    /// The policy whose return is estimated: popularity, cosine, greedy or action-head-dqn
    #[arg(long, default_value = "greedy")]
    policy: String,
    /// Share of its tracks that are random, in percent
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=100))]
    random_percent: u8,
    /// Tracks per session at most
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    length: u16,
    /// Candidates per session
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pool: u16,
    /// Logs
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(2..=100_000))]
    logs: u64,
    /// Sessions per log
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(2..=10_000_000))]
    log_sessions: u64,
    /// Sessions in which the policy is played
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(2..=100_000_000))]
    sessions: u64,
    /// Folder for the results, instead of RUN/estimators
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Threads; 0 for as many as there are cores (key `threads`)
    #[arg(long)]
    threads: Option<usize>,
}

/// Logs, estimates, plays, and prints the comparison.
pub fn run(options: &Options, progress: &dyn Progress) -> anyhow::Result<()> {
    let name = options.policy.as_str();
    if !POLICIES.contains(&name) {
        let problem = format!("--policy: expected one of {}, found `{name}`", POLICIES.join(", "));
        return Err(UsageError(problem).into());
    }
    let (folder, trained) = open_run(&options.run)?;
    let mut config = trained.clone();
    config.threads = options.threads.unwrap_or(config.threads);
    let upstream = open_upstream(&folder, &trained, &config, progress)?;
    let leaves = config.world.session_end;
    config.world.session_end = true;
    config.world.episode.sessions = 1;
    config.world.pool.min_size = usize::from(options.pool);
    config.world.pool.max_size = usize::from(options.pool);
    let world = upstream.held_out_world(&config)?;
    let listeners = Box::new(oracle(&upstream, &world, progress)?);
    let simulation = Simulation {
        listeners: Box::new(LeavingListeners::new(listeners, usize::from(options.length), leaves)),
        sessions: options.sessions,
        threads: threads(&config),
        world,
    };
    let policy = policy(name, &upstream, &simulation.world, &folder)?;
    let mut trial = LogTrial {
        simulation: &simulation,
        policy: policy.as_ref(),
        random_share: f32::from(options.random_percent) / 100.0,
        length: usize::from(options.length),
        model: GreedyPolicy::new(upstream.contextual.shallow_clone()),
        sessions: options.log_sessions,
        logs: options.logs,
    };
    let found = trial.run(progress)?;
    let out = options.out.clone().unwrap_or_else(|| folder.join("estimators"));
    std::fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
    write_atomically(out.join("estimators.json"), serde_json::to_string_pretty(&found)?.as_bytes())?;
    output::print(&format!(
        "{}{} returns {} (played), random {}; {} logs of {} sessions\n\nThe results lie in {}.",
        section("Estimates from logs of random tracks", table(&found)),
        found.policy,
        estimate(&found.truth),
        estimate(&found.logged),
        count(options.logs),
        count(options.log_sessions),
        out.display()
    ))
}

fn table(found: &EstimatorTrial) -> Columns {
    let mut table =
        Columns::new(["estimator", "mean", "bias", "root mean squared error", "coverage", "effective sessions"]);
    for quality in &found.estimators {
        table.add([
            quality.estimator.name().to_owned(),
            format!("{:.3}", quality.mean),
            estimate(&quality.bias),
            format!("{:.3}", quality.root_mean_squared_error),
            format!("{:.2}", quality.coverage),
            format!("{:.0}", quality.effective_sessions),
        ]);
    }
    table
}
