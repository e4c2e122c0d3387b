//! `sim evaluate-policy`.

mod logged;
mod results;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use listening_data::{Progress, SyntheticSource};
use listening_models::network::Precision;
use playlist_agents::{
    AgentModel, BeamPolicy, Comparison, ComparisonSettings, CosinePolicy, DqnPolicy, EvaluateSettings, GreedyPolicy,
    GroupKind, ListenerProfiles, PlayedPolicy, Policy, PopularityPolicy, RandomPolicy, SessionGroups, SessionMeter,
    Simulation, compare, offered_tracks, simulate_each,
};
use playlist_envs::{FinishedSession, Listeners, ModelledSessions, OracleListeners, World};

use super::train_agent::{agent_file, open_run, open_upstream};
use crate::config::{Config, UserModelConfig, UserModelKind};
use crate::failure::UsageError;
use crate::output;
use crate::pipeline::{Upstream, threads};

/// Resamples of the bootstrap.
const RESAMPLES: u32 = 2000;

/// Names of the policies, in the order of the table.
const POLICIES: [&str; 9] =
    [RANDOM, "popularity", "cosine", "greedy", GREEDY_SWM, BEAM, "action-head-dqn", ORACLE_GREEDY, ORACLE_BEAM];
/// What others are compared with, unless told.
const RANDOM: &str = "random";
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
    /// Nobody: off-policy estimates from held-out sessions whose candidate pools and propensities were logged
    Logged,
}

impl ListenersKind {
    /// Where in the run's folder the results lie.
    fn folder(self) -> &'static str {
        match self {
            Self::Simulated => "evaluation",
            Self::Independent => "evaluation-independent",
            Self::Oracle => "evaluation-oracle",
            Self::Logged => "evaluation-logged",
        }
    }
}

/// What results are shown by, beside all sessions together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Grouping {
    /// Part of the day, and device
    Context,
    /// Thirds of the users by their training plays
    Segment,
}

impl Grouping {
    fn kinds(self) -> &'static [GroupKind] {
        match self {
            Self::Context => &[GroupKind::Hour, GroupKind::Device],
            Self::Segment => &[GroupKind::Activity],
        }
    }
}

/// Compare policies on the same simulated sessions
///
/// Plays every policy in the run's world, on session starts held out from training, with the same session numbers and
/// so the same users, contexts, pools and luck. The tables show means with 95 % confidence intervals by the bootstrap over
/// users, and each policy's return minus that of --compare-with, with p-values adjusted for all comparisons (Holm). The
/// intervals speak of users and sessions in this simulated world; they say nothing of how far the world is from real
/// listeners. What is measured: docs/agents/policy-evaluation.md.
///
/// With --listeners independent those answer who were no part of the agent's world: the same kind of user model, trained on
/// the users that the run's model was not trained on (key `user_model.users` of the run), with another seed. What an agent
/// gains there too is no fault of its own world that it has found and used. Where there are such users, gains there are shown
/// beside those in the run's own world in any case.
///
/// With --listeners oracle the synthetic listeners themselves answer, where the run was made from their log: what the
/// policies would do "online". oracle-greedy is then among the policies: it knows how each listener will answer, and
/// plays the best next track; and oracle-beam, which plans some tracks ahead with that knowledge.
///
/// With --listeners logged nothing is played: off-policy estimators (docs/agents/off-policy-evaluation.md) say from held-out
/// sessions of the log what the policies would have returned, where the log has their candidate pools and propensities. As
/// weights multiply from track to track, only the first tracks of each session are looked at (--length), and most of each
/// policy's tracks are random (--random-percent); a warning tells where the log holds too little for a policy.
///
/// beam plans through the sequential model (keys `evaluate.beam_width`, `evaluate.beam_depth`); it takes long, and must be
/// named.
///
/// policies.json, policies.csv, groups.csv (the same by context and by users' activity), sessions.csv and policies.html, with
/// histograms of the returns, go to evaluation/ in the run's folder (evaluation-independent/ and evaluation-oracle/ for other
/// listeners), or to --out; those beside the run's own world to independent/ therein; off-policy.json and off-policy.csv to evaluation-logged/.
#[derive(Args)]
#[command(after_help = "Example:
  sim evaluate-policy --run runs/demo
  sim evaluate-policy --run runs/demo --policies random,greedy,action-head-dqn --sessions 10000
  sim evaluate-policy --run runs/demo --compare-with greedy --by context
  sim evaluate-policy --run runs/demo --listeners independent
  sim evaluate-policy --run runs/demo --listeners oracle
  sim evaluate-policy --run runs/demo --listeners logged --length 3 --random-percent 80")]
pub struct Options {
    /// The run's folder
    #[arg(long, value_name = "RUN")]
    run: PathBuf,
    /// Policies to compare; random is always among them [default: all]
    #[arg(long, value_delimiter = ',')]
    policies: Vec<String>,
    /// The policy that the others are compared with; always among them
    #[arg(long, value_name = "POLICY", default_value = RANDOM)]
    compare_with: String,
    /// Show the results by group too
    #[arg(long, value_enum)]
    by: Option<Grouping>,
    /// Who answers the policies
    #[arg(long, value_enum, default_value = "simulated")]
    listeners: ListenersKind,
    /// Sessions per policy (key `evaluate.sessions`); with --listeners logged about so many recorded ones [default there: 20000]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    sessions: Option<u64>,
    /// Tracks per session at most; with --listeners logged alone [default: 5]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..))]
    length: Option<u8>,
    /// Share of each policy's tracks that are random, in percent; with --listeners logged alone [default: 90]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=100))]
    random_percent: Option<u8>,
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
    options.check()?;
    let in_oracle = options.listeners == ListenersKind::Oracle;
    let (folder, mut config) = open_run(&options.run)?;
    let trained = config.clone();
    config.evaluate.sessions = options.sessions.unwrap_or(config.evaluate.sessions);
    config.evaluate.seed = options.seed.unwrap_or(config.evaluate.seed);
    config.device = options.device.clone().unwrap_or(config.device);
    config.threads = options.threads.unwrap_or(config.threads);
    let upstream = open_upstream(&folder, &trained, &config, progress)?;
    if options.listeners == ListenersKind::Logged {
        return logged::run(options, &folder, &config, &upstream, progress);
    }
    let world = upstream.held_out_world(&config)?;
    let oracle = if in_oracle { Some(oracle(&upstream, &world, progress)?) } else { None };
    let policies = options.policies(&config, &upstream, &world, &folder, oracle.as_ref(), progress)?;
    let evaluation = Evaluation::new(&upstream, &config, world, &options.compare_with);
    let listeners: Box<dyn Listeners> = match (&oracle, options.listeners) {
        (Some(oracle), _) => oracle.another(),
        (None, ListenersKind::Independent) => independent(&config, &upstream, progress)?,
        (None, _) => upstream.listeners(),
    };
    let found = evaluation.play(&policies, listeners, progress)?;
    let out = options.out.clone().unwrap_or_else(|| folder.join(options.listeners.folder()));
    results::write(&out, &found.comparison, &found.played, &evaluation.groups)?;
    let kinds = options.by.map_or(&[][..], Grouping::kinds);
    output::print(&format!("{}The results lie in {}.", results::report(&found.comparison, kinds), out.display()))?;
    if options.listeners != ListenersKind::Simulated || policies.len() == 1 {
        return Ok(());
    }
    if config.user_model.users.others().is_none() {
        return output::print(NO_OTHERS);
    }
    let elsewhere = evaluation.play(&policies, independent(&config, &upstream, progress)?, progress)?;
    let out = out.join("independent");
    results::write(&out, &elsewhere.comparison, &elsewhere.played, &evaluation.groups)?;
    let gains = results::beside(&found.comparison, &elsewhere.comparison);
    output::print(&format!("\n{gains}The results there lie in {}.", out.display()))
}

/// Said where there can be no independent world.
const NO_OTHERS: &str = "Whether these gains hold before other listeners is not known: the run's user model was trained on all users. Train\n\
                         with user_model.users = \"even\" to see them beside those in an independent world.";

/// Session starts, and all that policies are measured by on them.
struct Evaluation {
    world: Arc<World>,
    meter: SessionMeter,
    groups: SessionGroups,
    sessions: u64,
    settings: ComparisonSettings,
}

/// Policies that were played to the same listeners.
struct Played {
    played: Vec<PlayedPolicy>,
    comparison: Comparison,
}

impl Evaluation {
    fn new(upstream: &Upstream, config: &Config, world: Arc<World>, reference: &str) -> Self {
        let (logs, users) = (&upstream.logs, upstream.logs.dataset.manifest().users as usize);
        let (catalog, train) = (&logs.catalog, &logs.data.train);
        let profiles = ListenerProfiles::new(train, &catalog.vectors, &catalog.plays, users, config.seed);
        let meter = SessionMeter::new(Arc::clone(catalog), profiles);
        let settings = ComparisonSettings {
            reference: reference.to_owned(),
            resamples: RESAMPLES,
            seed: config.evaluate.seed,
            threads: threads(config),
        };
        let sessions = config.evaluate.sessions;
        let groups = SessionGroups::new(&world, meter.profiles());
        Self { world, meter, groups, sessions, settings }
    }

    /// Plays the policies to these listeners, and compares them.
    fn play(
        &self,
        policies: &[Box<dyn Policy>],
        listeners: Box<dyn Listeners>,
        progress: &dyn Progress,
    ) -> anyhow::Result<Played> {
        let threads = self.settings.threads;
        let simulation = Simulation { world: Arc::clone(&self.world), listeners, sessions: self.sessions, threads };
        let measure = |world: &World, episode: &[FinishedSession]| self.meter.measure(world, episode);
        let mut played = Vec::new();
        for policy in policies {
            let sessions = simulate_each(policy.as_ref(), &simulation, progress, &measure)?;
            let offered = offered_tracks(&self.world, &sessions);
            played.push(PlayedPolicy { policy: policy.name().to_owned(), sessions, offered });
        }
        let comparison = compare(&played, &self.groups, &self.settings);
        Ok(Played { played, comparison })
    }
}

impl Options {
    /// The policies to play, in the order of the table; none that knows the synthetic listeners' minds where these are not asked.
    fn policies(
        &self,
        config: &Config,
        upstream: &Upstream,
        world: &Arc<World>,
        folder: &Path,
        oracle: Option<&OracleListeners>,
        progress: &dyn Progress,
    ) -> anyhow::Result<Vec<Box<dyn Policy>>> {
        let asked = |name: &&str| match self.policies.as_slice() {
            _ if *name == RANDOM || *name == self.compare_with => true,
            // The sequential model is not trained for this alone, and to plan by it takes long.
            [] => *name != BEAM && (*name != GREEDY_SWM || config.user_model.kind == UserModelKind::Swm),
            names => names.iter().any(|asked| asked == name),
        };
        let EvaluateSettings { beam_width: width, beam_depth: depth, .. } = config.evaluate;
        let mut policies: Vec<Box<dyn Policy>> = Vec::new();
        for name in POLICIES.into_iter().filter(asked) {
            policies.push(match (oracle, name) {
                (Some(oracle), ORACLE_GREEDY) => Box::new(BeamPolicy::greedy(name, oracle.shallow_clone())),
                (Some(oracle), ORACLE_BEAM) => Box::new(BeamPolicy::new(name, oracle.shallow_clone(), width, depth)),
                (None, ORACLE_GREEDY | ORACLE_BEAM) => continue,
                (_, BEAM) => Box::new(BeamPolicy::new(name, sequential(config, upstream, progress)?, width, depth)),
                (_, GREEDY_SWM) => Box::new(greedy_swm(config, upstream, progress)?),
                _ => policy(name, upstream, world, folder)?,
            });
        }
        Ok(policies)
    }

    /// Refuses policies that are not there, or not with these listeners.
    fn check(&self) -> anyhow::Result<()> {
        let logged = self.listeners == ListenersKind::Logged;
        let options = [
            ("--length", self.length.is_some(), true),
            ("--random-percent", self.random_percent.is_some(), true),
            ("--by", self.by.is_some(), false),
            ("--compare-with", self.compare_with != RANDOM, false),
        ];
        if let Some((option, ..)) = options.iter().find(|(_, given, of_logs)| *given && *of_logs != logged) {
            let with = if logged { "without" } else { "with" };
            return Err(UsageError(format!("{option} is for evaluation {with} --listeners logged")).into());
        }
        let named = self.policies.iter().map(|name| ("--policies", name));
        for (option, name) in named.chain([("--compare-with", &self.compare_with)]) {
            let knowing = [ORACLE_GREEDY, ORACLE_BEAM].contains(&name.as_str());
            let problem = if !POLICIES.contains(&name.as_str()) {
                format!("{option}: there is no policy `{name}`; there are {}", POLICIES.join(", "))
            } else if knowing && self.listeners != ListenersKind::Oracle {
                format!("{option}: `{name}` knows the oracle's listeners alone; add --listeners oracle")
            } else {
                continue;
            };
            return Err(UsageError(problem).into());
        }
        Ok(())
    }
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
    Ok(upstream.listeners_of(trained.model))
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
            Box::new(DqnPolicy::new(Arc::clone(world), model, Precision::Single, upstream.logs.device)?)
        }
        _ => Box::new(RandomPolicy),
    })
}
