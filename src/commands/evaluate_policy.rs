//! `sim evaluate-policy`.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};
use listening_data::{Progress, SyntheticSource, write_atomically};
use playlist_agents::{
    AgentModel, BeamPolicy, Comparison, CosinePolicy, DqnPolicy, EvaluateSettings, GreedyPolicy, Policy,
    PopularityPolicy, RandomPolicy, SessionOutcome, Simulation, compare, simulate,
};
use playlist_envs::{Listeners, ModelledListeners, ModelledSessions, OracleListeners, World};

use super::train_agent::{agent_file, open_run, open_upstream};
use crate::config::{Config, UserModelConfig, UserModelKind};
use crate::failure::UsageError;
use crate::output;
use crate::pipeline::{Upstream, threads};
use crate::tables::{Columns, count, estimate};

/// Names of the policies, in the order of the table.
const POLICIES: [&str; 9] =
    ["random", "popularity", "cosine", "greedy", GREEDY_SWM, BEAM, "action-head-dqn", ORACLE_GREEDY, ORACLE_BEAM];
/// Greedy by the sequential model.
const GREEDY_SWM: &str = "greedy-swm";
/// Planning through the sequential model.
const BEAM: &str = "beam";
/// The policy that knows the synthetic listeners' minds.
const ORACLE_GREEDY: &str = "oracle-greedy";
/// Planning with this knowledge.
const ORACLE_BEAM: &str = "oracle-beam";

/// Who answers the policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ListenersKind {
    /// Listeners who answer by the run's user model
    Simulated,
    /// Listeners who answer by a model of the same kind, trained on the other users with another seed
    Independent,
    /// The synthetic listeners themselves, of whose log the run was made: "online"
    Oracle,
}

impl ListenersKind {
    /// Where in the run's folder the results lie.
    fn folder(self) -> &'static str {
        match self {
            Self::Simulated => "evaluation",
            Self::Independent => "evaluation-independent",
            Self::Oracle => "evaluation-oracle",
        }
    }
}

/// Compare policies on the same simulated sessions
///
/// Plays every policy in the run's world, on session starts held out from training, with the same session numbers and
/// so the same users, contexts, pools and luck. The table shows means with 95 % confidence intervals over sessions,
/// and each policy's return minus the random policy's, paired by session. The intervals speak of sessions in this
/// simulated world; they say nothing of how far the world is from real listeners.
///
/// With --listeners independent those answer who were no part of the agent's world: the same kind of user model, trained on
/// the users that the run's model was not trained on (key `user_model.users` of the run), with another seed. What an agent
/// gains there too is no fault of its own world that it has found and used.
///
/// With --listeners oracle the synthetic listeners themselves answer, where the run was made from their log: what the
/// policies would do "online". oracle-greedy is then among the policies: it knows how each listener will answer, and
/// plays the best next track; and oracle-beam, which plans some tracks ahead with that knowledge.
///
/// beam plans through the sequential model (keys `evaluate.beam_width`, `evaluate.beam_depth`); it takes long, and must be
/// named.
///
/// policies.json, policies.csv and sessions.csv go to evaluation/ in the run's folder (evaluation-independent/ and
/// evaluation-oracle/ for other listeners), or to --out.
#[derive(Args)]
#[command(after_help = "Example:
  sim evaluate-policy --run runs/demo
  sim evaluate-policy --run runs/demo --policies random,greedy,action-head-dqn --sessions 10000
  sim evaluate-policy --run runs/demo --listeners independent
  sim evaluate-policy --run runs/demo --listeners oracle")]
pub struct Options {
    /// The run's folder
    #[arg(long, value_name = "RUN")]
    run: PathBuf,
    /// Policies to compare; random is always among them [default: all]
    #[arg(long, value_delimiter = ',')]
    policies: Vec<String>,
    /// Who answers the policies
    #[arg(long, value_enum, default_value = "simulated")]
    listeners: ListenersKind,
    /// Sessions per policy (key `evaluate.sessions`)
    #[arg(long)]
    sessions: Option<u64>,
    /// Seed of the sessions (key `evaluate.seed`)
    #[arg(long)]
    seed: Option<u64>,
    /// Folder for the results, instead of RUN/evaluation
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Where networks run: auto, cpu, cuda or cuda:NUMBER (key `device`)
    #[arg(long)]
    device: Option<String>,
    /// Threads; 0 for as many as there are cores (key `threads`)
    #[arg(long)]
    threads: Option<usize>,
}

/// Plays the policies and prints the comparison.
pub fn run(options: &Options, progress: &dyn Progress) -> anyhow::Result<()> {
    for name in &options.policies {
        if !POLICIES.contains(&name.as_str()) {
            let problem = format!("--policies: there is no policy `{name}`; there are {}", POLICIES.join(", "));
            return Err(UsageError(problem).into());
        }
    }
    let in_oracle = options.listeners == ListenersKind::Oracle;
    let knowing = |name: &&String| [ORACLE_GREEDY, ORACLE_BEAM].contains(&name.as_str());
    if let Some(name) = options.policies.iter().find(knowing).filter(|_| !in_oracle) {
        let problem = format!("--policies: `{name}` knows the oracle's listeners alone; add --listeners oracle");
        return Err(UsageError(problem).into());
    }
    let (folder, mut config) = open_run(&options.run)?;
    let trained = config.clone();
    config.evaluate.sessions = options.sessions.unwrap_or(config.evaluate.sessions);
    config.evaluate.seed = options.seed.unwrap_or(config.evaluate.seed);
    config.device = options.device.clone().unwrap_or(config.device);
    config.threads = options.threads.unwrap_or(config.threads);
    let upstream = open_upstream(&folder, &trained, &config, progress)?;
    let world = upstream.held_out_world(&config)?;
    let oracle = if in_oracle { Some(oracle(&upstream, &world, progress)?) } else { None };
    let listeners: Box<dyn Listeners> = match (&oracle, options.listeners) {
        (Some(oracle), _) => oracle.another(),
        (None, ListenersKind::Independent) => independent(&config, &upstream, progress)?,
        (None, _) => upstream.listeners(),
    };
    let simulation = Simulation {
        world: Arc::clone(&world),
        listeners,
        sessions: config.evaluate.sessions,
        threads: threads(&config),
    };
    let mut outcomes: Vec<(String, Vec<SessionOutcome>)> = Vec::new();
    // Random comes first: the others are paired with it.
    let asked = |name: &str| match options.policies.as_slice() {
        // The sequential model is not trained for this alone, and to plan by it takes long.
        [] => name != BEAM && (name != GREEDY_SWM || config.user_model.kind == UserModelKind::Swm),
        names => name == "random" || names.iter().any(|asked| asked == name),
    };
    for name in POLICIES.iter().filter(|name| asked(name)) {
        let policy: Box<dyn Policy> = match (&oracle, *name) {
            (Some(oracle), ORACLE_GREEDY) => Box::new(BeamPolicy::greedy(ORACLE_GREEDY, oracle.shallow_clone())),
            (Some(oracle), ORACLE_BEAM) => {
                let EvaluateSettings { beam_width, beam_depth, .. } = config.evaluate;
                Box::new(BeamPolicy::new(ORACLE_BEAM, oracle.shallow_clone(), beam_width, beam_depth))
            }
            (None, ORACLE_GREEDY | ORACLE_BEAM) => continue,
            (_, BEAM) => {
                let EvaluateSettings { beam_width, beam_depth, .. } = config.evaluate;
                let model = sequential(&config, &upstream, progress)?;
                Box::new(BeamPolicy::new(BEAM, model, beam_width, beam_depth))
            }
            (_, GREEDY_SWM) => Box::new(greedy_swm(&config, &upstream, progress)?),
            _ => policy(name, &upstream, &world, &folder)?,
        };
        outcomes.push(((*name).to_owned(), simulate(policy.as_ref(), &simulation, progress)?));
    }
    let random = outcomes.first().map(|(_, outcomes)| outcomes.clone()).unwrap_or_default();
    let comparison = compare(&outcomes, &random);
    let out = options.out.clone().unwrap_or_else(|| folder.join(options.listeners.folder()));
    write_results(&out, &comparison, &outcomes)?;
    output::print(&format!(
        "{}\nmeans over {} sessions with 95 % confidence intervals; completed and skipped are shares of the tracks \
         played\n\nThe results lie in {}.",
        table(&comparison),
        count(comparison.sessions),
        out.display()
    ))
}

/// Greedy by the sequential model of the run's users.
pub fn greedy_swm(
    config: &Config,
    upstream: &Upstream,
    progress: &dyn Progress,
) -> anyhow::Result<BeamPolicy<ModelledSessions>> {
    Ok(BeamPolicy::greedy(GREEDY_SWM, sequential(config, upstream, progress)?))
}

/// The sequential model of the run's users.
fn sequential(config: &Config, upstream: &Upstream, progress: &dyn Progress) -> anyhow::Result<ModelledSessions> {
    let models = upstream.logs.user_models(config);
    let (users, seed) = (config.user_model.users, config.seed);
    let trained = models.train(UserModelKind::Swm, users, seed, &mut Vec::new(), progress)?;
    Ok(ModelledSessions::new(trained.model))
}

/// Listeners by a model of the users that the run's own model was not trained on.
fn independent(config: &Config, upstream: &Upstream, progress: &dyn Progress) -> anyhow::Result<Box<dyn Listeners>> {
    let UserModelConfig { kind, users, .. } = config.user_model;
    let Some(others) = users.others() else {
        let problem = "--listeners independent: the run's user model was trained on all users, so none are left; train a \
                       run with user_model.users = \"even\"";
        return Err(UsageError(problem.into()).into());
    };
    let models = upstream.logs.user_models(config);
    let trained = models.train(kind, others, config.seed + 1, &mut Vec::new(), progress)?;
    Ok(Box::new(ModelledListeners::new(trained.model)))
}

/// The synthetic listeners at the starts of a world.
pub fn oracle(upstream: &Upstream, world: &World, progress: &dyn Progress) -> anyhow::Result<OracleListeners> {
    let source = SyntheticSource::of(upstream.logs.dataset.manifest()).ok_or_else(|| {
        UsageError(
            "the oracle is the synthetic listeners themselves: only they can be asked again, and this run was made from \
             another log"
                .into(),
        )
    })?;
    Ok(OracleListeners::new(&source, &world.starts, progress)?)
}

/// A policy by its name.
pub fn policy(name: &str, upstream: &Upstream, world: &Arc<World>, folder: &Path) -> anyhow::Result<Box<dyn Policy>> {
    Ok(match name {
        "popularity" => Box::new(PopularityPolicy),
        "cosine" => Box::new(CosinePolicy),
        "greedy" => Box::new(GreedyPolicy::new(upstream.contextual.shallow_clone())),
        "action-head-dqn" => {
            let model = AgentModel::load(world, &agent_file(folder)?, upstream.logs.device)?;
            Box::new(DqnPolicy::new(Arc::clone(world), model, upstream.logs.device)?)
        }
        _ => Box::new(RandomPolicy),
    })
}

fn table(comparison: &Comparison) -> Columns {
    let mut table = Columns::new(["policy", "return", "completed", "skipped", "length", "return minus random"]);
    for policy in &comparison.policies {
        let minus_random = match policy.policy.as_str() {
            "random" => "-".to_owned(),
            _ => estimate(&policy.return_minus_random),
        };
        table.add([
            policy.policy.clone(),
            estimate(&policy.total_reward),
            estimate(&policy.completion_rate),
            estimate(&policy.skip_rate),
            estimate(&policy.session_length),
            minus_random,
        ]);
    }
    table
}

fn write_results(
    folder: &Path,
    comparison: &Comparison,
    outcomes: &[(String, Vec<SessionOutcome>)],
) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    write_atomically(folder.join("policies.json"), serde_json::to_string_pretty(comparison)?.as_bytes())?;
    let mut policies = String::from("policy,measure,mean,low,high\n");
    for policy in &comparison.policies {
        let measures = [
            ("return", policy.total_reward),
            ("completion_rate", policy.completion_rate),
            ("skip_rate", policy.skip_rate),
            ("session_length", policy.session_length),
            ("return_minus_random", policy.return_minus_random),
        ];
        for (measure, estimate) in measures {
            writeln!(policies, "{},{measure},{},{},{}", policy.policy, estimate.mean, estimate.low, estimate.high)?;
        }
    }
    write_atomically(folder.join("policies.csv"), policies.as_bytes())?;
    let mut sessions = String::from("policy,session,return,length,completions,skips,past_threshold,terminated\n");
    for (policy, outcomes) in outcomes {
        for (session, o) in outcomes.iter().enumerate() {
            let (complete, skips, past) = (o.completions, o.skips, o.past_threshold);
            writeln!(
                sessions,
                "{policy},{session},{},{},{complete},{skips},{past},{}",
                o.total_reward, o.length, o.terminated
            )?;
        }
    }
    Ok(write_atomically(folder.join("sessions.csv"), sessions.as_bytes())?)
}
