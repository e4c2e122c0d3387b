//! `sim validate-simulator`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use listening_data::{Progress, write_atomically};
use listening_models::user_state::evaluation::Interval;
use playlist_agents::{
    GreedyPolicy, LeastExpectedPolicy, MixedPolicy, PlayedTwice, Policy, Simulation, SimulatorValidation, simulate,
    validate_simulator,
};
use playlist_envs::{Listeners, World};
use playlist_pictures::{Page, Scatter, StraightLine};

use super::evaluate_policy::{greedy_swm, oracle, policy};
use super::train_agent::{open_run, open_upstream};
use crate::config::{Config, UserModelKind};
use crate::output;
use crate::pipeline::{Upstream, threads};
use crate::tables::{Columns, Pairs, count, section};

const RESAMPLES: u32 = 2000;

/// Policies, and the shares of random tracks with which they are mixed.
const POLICIES: [(&str, &[f32]); 5] = [
    ("random", &[]),
    ("popularity", &[0.5]),
    ("cosine", &[0.5]),
    ("greedy", &[0.25, 0.5, 0.75]),
    ("action-head-dqn", &[0.3, 0.6]),
];

/// Ask whether the simulator can be believed: does it rank policies as the listeners themselves do?
///
/// Plays a dozen policies of different quality in a run's simulated world and to the synthetic listeners of whose log the
/// run was made (the oracle), on the same session starts, held out from training. Prints the return of each in both, their
/// correlation over the policies, how far skip rates and session lengths (Kolmogorov-Smirnov) are apart, and what one loses who chooses the best policy by simulation. So it needs a run on
/// synthetic listeners; what it says of a simulator of real ones is as good as the likeness of both.
///
/// validation.json and validation.html, with a picture, go to validation/ in the run's folder, or to --out.
#[derive(Args)]
#[command(after_help = "Example:
  sim validate-simulator --run runs/demo
  sim validate-simulator --run runs/demo --sessions 10000")]
pub struct Options {
    /// The run's folder
    #[arg(long, value_name = "RUN")]
    run: PathBuf,
    /// Sessions per policy and world (key `evaluate.sessions`)
    #[arg(long)]
    sessions: Option<u64>,
    /// Folder for the results, instead of RUN/validation
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Where networks run: auto, cpu, cuda or cuda:NUMBER (key `device`)
    #[arg(long)]
    device: Option<String>,
    /// Threads; 0 for as many as there are cores (key `threads`)
    #[arg(long)]
    threads: Option<usize>,
}

/// Plays the policies in both worlds and prints the comparison.
pub fn run(options: &Options, progress: &dyn Progress) -> anyhow::Result<()> {
    let (folder, mut config) = open_run(&options.run)?;
    let trained = config.clone();
    config.evaluate.sessions = options.sessions.unwrap_or(config.evaluate.sessions);
    config.device = options.device.clone().unwrap_or(config.device);
    config.threads = options.threads.unwrap_or(config.threads);
    let upstream = open_upstream(&folder, &trained, &config, progress)?;
    let world = upstream.held_out_world(&config)?;
    let (oracle, simulated) = (oracle(&upstream, &world, progress)?, upstream.listeners());
    let worlds = [simulated.as_ref(), &oracle].map(|listeners: &dyn Listeners| Simulation {
        world: Arc::clone(&world),
        listeners: listeners.another(),
        sessions: config.evaluate.sessions,
        threads: threads(&config),
    });
    let mut played = Vec::new();
    for policy in policies(&config, &upstream, &world, &folder, progress)? {
        let [simulated, oracle] = [&worlds[0], &worlds[1]].map(|world| simulate(policy.as_ref(), world, progress));
        played.push(PlayedTwice { policy: policy.name().to_owned(), simulated: simulated?, oracle: oracle? });
    }
    let validation = validate_simulator(&played, RESAMPLES, config.seed);
    let out = options.out.clone().unwrap_or_else(|| folder.join("validation"));
    std::fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
    write_atomically(out.join("validation.json"), serde_json::to_string_pretty(&validation)?.as_bytes())?;
    write_atomically(out.join("validation.html"), page(&validation).html().as_bytes())?;
    output::print(&format!(
        "{}{}{} sessions of {} users; intervals of 95 % by the bootstrap over users\n\nThe results lie in {}.",
        section("Returns of the policies", returns(&validation)),
        section("Agreement over the policies", agreement(&validation)),
        count(validation.sessions),
        count(validation.users),
        out.display()
    ))
}

fn policies(
    config: &Config,
    upstream: &Upstream,
    world: &Arc<World>,
    folder: &std::path::Path,
    progress: &dyn Progress,
) -> anyhow::Result<Vec<Box<dyn Policy>>> {
    let mut policies: Vec<Box<dyn Policy>> = Vec::new();
    for (name, shares) in POLICIES {
        let named = policy(name, upstream, world, folder)?;
        for &share in shares {
            policies.push(Box::new(MixedPolicy::new(named.fork()?, share)));
        }
        policies.push(named);
    }
    policies.push(Box::new(LeastExpectedPolicy::new(GreedyPolicy::new(upstream.contextual.shallow_clone()))));
    if config.user_model.kind == UserModelKind::Swm {
        let greedy = greedy_swm(config, upstream, progress)?;
        policies.push(Box::new(MixedPolicy::new(greedy.fork()?, 0.5)));
        policies.push(Box::new(greedy));
    }
    Ok(policies)
}

/// `0.912 (0.88 to 0.94)`.
fn with_interval(interval: &Interval) -> String {
    format!("{:.3} ({:.3} to {:.3})", interval.value, interval.low, interval.high)
}

fn returns(validation: &SimulatorValidation) -> Columns {
    let mut table = Columns::new(["policy", "simulated", "oracle", "error", "skipped, both", "distance of lengths"]);
    let mut policies: Vec<_> = validation.policies.iter().collect();
    policies.sort_by(|a, b| b.oracle.value.total_cmp(&a.oracle.value));
    for policy in policies {
        let cells = [&policy.simulated, &policy.oracle, &policy.error].map(with_interval);
        let [simulated, oracle, error] = cells;
        let skipped = format!("{:.3} {:.3}", policy.simulated_skip_rate, policy.oracle_skip_rate);
        let lengths = format!("{:.3}", policy.length_distance);
        table.add([policy.policy.clone(), simulated, oracle, error, skipped, lengths]);
    }
    table
}

fn agreement(validation: &SimulatorValidation) -> Pairs {
    let mut pairs = Pairs::new();
    pairs.add("Pearson", with_interval(&validation.pearson));
    pairs.add("Spearman", with_interval(&validation.spearman));
    pairs.add("Kendall", with_interval(&validation.kendall));
    let selection = &validation.selection;
    pairs.add("best by simulation", selection.chosen.clone());
    pairs.add("best in the oracle", selection.best.clone());
    pairs.add("regret of the choice, share of the best return", with_interval(&selection.regret));
    pairs
}

fn page(validation: &SimulatorValidation) -> Page {
    let points = validation.policies.iter().map(|policy| (policy.simulated.value, policy.oracle.value, 1.0)).collect();
    let scatter = Scatter {
        title: "Returns of the policies".into(),
        x_label: "return in the simulated world".into(),
        y_label: "return with the oracle's listeners".into(),
        points,
        lines: vec![StraightLine { name: "as simulated".into(), slope: 1.0, intercept: 0.0 }],
    };
    let rows: Vec<Vec<String>> = validation
        .policies
        .iter()
        .map(|policy| {
            let mut cells = vec![policy.policy.clone()];
            cells.extend([&policy.simulated, &policy.oracle, &policy.error].map(with_interval));
            cells
        })
        .collect();
    let header = ["policy", "simulated", "oracle", "error"].map(str::to_owned);
    Page::new("Can the simulator be believed?")
        .text(&format!(
            "Spearman's correlation of the returns over {} policies: {}.",
            validation.policies.len(),
            with_interval(&validation.spearman)
        ))
        .picture(&scatter.svg(), "A dot is a policy; on the line the simulator foretells the return.")
        .table("Mean returns with intervals of 95 %", &header, &rows)
}
