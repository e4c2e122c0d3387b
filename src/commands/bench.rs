//! `sim bench`.

mod growth;
mod measure;
mod operations;
mod rows;
mod scene;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use listening_data::{Progress, write_atomically};
use playlist_pictures::{LineChart, Page, Series};
use serde::Serialize;

use self::growth::{Growth, Size, growth};
use self::measure::{Repeats, Spread};
use self::rows::{Row, environment_steps, gradient_steps, training};
use self::scene::{Answering, Choosing, Scene};
use super::train_user_state::CommonOptions;
use crate::config::Config;
use crate::failure::UsageError;
use crate::output;
use crate::pipeline::threads;
use crate::tables::{Columns, count, number, optional_share, section};

/// Measure how fast environment, agent and training are, beside what the machine can do
///
/// Environment steps by world, policy, number of parallel sessions and candidates; gradient steps by batch; whole training. Each
/// is the median of several times, with the machine's rate of matrix products (libtorch's sgemm, on as many threads) measured
/// right before each: the limit is the networks' operations over that rate, reached where nothing else took time. The oracle has
/// no network, and so no limit.
///
/// Networks have the config's sizes and initial weights, and one member each; sessions go on to their length (world.session_end and
/// world.skips_in_a_row are off). Everything runs on the processor. Data, track vectors and session starts are made where they are
/// not there yet. bench.json and bench.html, with pictures of how speed grows, go to --out.
///
/// With --catalogs and --users the cost of a step is measured on synthetic data of each of these sizes too, which it should not
/// depend on. A catalog of a million tracks takes some minutes to make.
#[derive(Args)]
#[command(after_help = "Example:
  sim bench --config configs/bench.toml
  sim bench --config configs/bench.toml --threads 1 --worlds oracle --sessions 1024 --seconds 2
  sim bench --config configs/bench.toml --set user_model.sequential.lstm=[500,200,200]
  sim bench --config configs/bench.toml --catalogs 10000,100000,1000000 --users 500,5000")]
pub struct Options {
    /// Who answers: the worlds to measure, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Answering::Oracle, Answering::Cwm, Answering::Swm, Answering::Transformer])]
    worlds: Vec<Answering>,
    /// Who chooses: the policies to measure, separated by commas, in the first of the worlds that has a network
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Choosing::Random, Choosing::Greedy, Choosing::ActionHeadDqn])]
    policies: Vec<Choosing>,
    /// Numbers of parallel sessions, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 256, 4096], value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    sessions: Vec<u32>,
    /// Numbers of candidates, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = [10, 100, 1000], value_parser = clap::value_parser!(u16).range(2..=10_000))]
    candidates: Vec<u16>,
    /// Transitions per gradient step, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = [64, 256, 1024, 4096], value_parser = clap::value_parser!(u32).range(1..=1 << 16))]
    batches: Vec<u32>,
    /// Catalogs on which growth is measured: numbers of tracks, separated by commas
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1000..=10_000_000))]
    catalogs: Vec<u32>,
    /// Logs on which growth is measured: numbers of users, separated by commas
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    users: Vec<u32>,
    /// How often each is measured; the median is shown
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    repeats: u16,
    /// How long each is measured at least, in seconds; whole trainings take what they take
    #[arg(long, default_value_t = 0.5, value_parser = seconds)]
    seconds: f64,
    /// Folder for the results
    #[arg(long, value_name = "FOLDER", default_value = "results/bench")]
    out: PathBuf,
    #[command(flatten)]
    common: CommonOptions,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.001..=3600.0).contains(seconds));
    seconds.ok_or_else(|| "expected a number of seconds in 0.001..=3600".to_owned())
}

/// Candidates where their number is not what is looked at.
const CANDIDATES: usize = 100;

/// Parallel sessions where their number is not what is looked at.
const SESSIONS: usize = 256;

/// All measurements.
#[derive(Default, Serialize)]
struct Results {
    environment: Vec<Row>,
    choosing: Vec<Row>,
    learning: Vec<Row>,
    training: Vec<Row>,
    /// By what grows.
    growth: Vec<(Size, Vec<Growth>)>,
}

/// Measures, and prints the tables.
pub fn run(options: &Options, progress: &dyn Progress) -> anyhow::Result<()> {
    let mut config = options.common.load()?;
    let largest = options.candidates.iter().map(|&count| usize::from(count)).max().unwrap_or(0).max(CANDIDATES);
    // Pools are drawn from three sources, whose tracks may be the same.
    config.features.candidates_per_source = config.features.candidates_per_source.max(largest);
    let threads = threads(&config);
    let cores = std::thread::available_parallelism().map_or(1, |count| count.get());
    if threads > cores {
        let problem =
            format!("--threads: {threads} threads cannot work side by side on {cores} cores; ask for {cores}");
        return Err(UsageError(problem).into());
    }
    // What cannot be made is refused before anything is measured.
    let catalogs = growth::configs(&config, Size::Tracks, &options.catalogs)?;
    let users = growth::configs(&config, Size::Users, &options.users)?;
    let scene = Scene::new(&config, progress)?;
    let mut results = measured(options, &scene, threads, progress)?;
    for (size, configs) in [(Size::Tracks, &catalogs), (Size::Users, &users)] {
        if !configs.is_empty() {
            results.growth.push((size, growth(configs, options.world(), options.repeats(), progress)?));
        }
    }
    std::fs::create_dir_all(&options.out).with_context(|| format!("cannot create {}", options.out.display()))?;
    write_atomically(options.out.join("bench.json"), serde_json::to_string_pretty(&results)?.as_bytes())?;
    write_atomically(options.out.join("bench.html"), page(&results, &config).html().as_bytes())?;
    output::print(&format!(
        "{}{}{}{}{}Medians of {} times of at least {} s, lowest and highest beside them; shares are of the limit by sgemm.\nThe results lie in {}.",
        section(&format!("Environment steps a second, {CANDIDATES} candidates, random policy"), by_sessions(&results)),
        section(&format!("Environment steps a second by policy, {SESSIONS} sessions, one thread"), by_policy(&results)),
        section("Gradient steps a second, one thread", by_batch(&results)),
        section("Training as configured: environment steps a second", of_training(&results)),
        results
            .growth
            .iter()
            .map(|(size, growth)| section("Growth of the cost", growth::table(*size, growth)))
            .collect::<String>(),
        options.repeats,
        options.seconds,
        options.out.display()
    ))
}

impl Options {
    fn repeats(&self) -> Repeats {
        Repeats { count: usize::from(self.repeats), seconds: self.seconds }
    }

    /// The first of the worlds that has a network.
    fn world(&self) -> Answering {
        let with_network = self.worlds.iter().copied().find(|&world| world != Answering::Oracle);
        with_network.or(self.worlds.first().copied()).unwrap_or(Answering::Cwm)
    }
}

fn measured(options: &Options, scene: &Scene, threads: usize, progress: &dyn Progress) -> anyhow::Result<Results> {
    let repeats = options.repeats();
    let thread_counts = if threads > 1 { vec![1, threads] } else { vec![1] };
    let world = options.world();
    let with_threads = options
        .sessions
        .iter()
        .map(|&sessions| thread_counts.iter().filter(|&&count| count <= sessions as usize).count());
    let rows = options.worlds.len() * with_threads.sum::<usize>()
        + options.policies.len() * options.candidates.len()
        + options.batches.len()
        + options.worlds.len() * thread_counts.len();
    progress.begin("measurements", rows as u64, "measurements");
    let mut results = Results::default();
    let mut done = 0;
    let mut take = |rows: &mut Vec<Row>, row: anyhow::Result<Row>| {
        rows.push(row?);
        done += 1;
        progress.advance(done);
        anyhow::Ok(())
    };
    for &world in &options.worlds {
        for &sessions in &options.sessions {
            // A thread has at least one session.
            for &threads in thread_counts.iter().filter(|&&threads| threads <= sessions as usize) {
                let pair = (world, Choosing::Random);
                let row = environment_steps(scene, pair, (sessions as usize, CANDIDATES), threads, repeats);
                take(&mut results.environment, row)?;
            }
        }
    }
    for &policy in &options.policies {
        for &candidates in &options.candidates {
            let sizes = (SESSIONS, usize::from(candidates));
            take(&mut results.choosing, environment_steps(scene, (world, policy), sizes, 1, repeats))?;
        }
    }
    for &batch in &options.batches {
        take(&mut results.learning, gradient_steps(scene, batch as usize, CANDIDATES, repeats))?;
    }
    for &world in &options.worlds {
        for &threads in &thread_counts {
            // Its checkpoints and logs are nothing that one looks for here.
            let folder = options.out.join(format!(".training-{}", std::process::id()));
            let row = training(scene, world, CANDIDATES, threads, repeats.count, &folder);
            let removed = std::fs::remove_dir_all(&folder);
            take(&mut results.training, row)?;
            removed.with_context(|| format!("cannot remove {}", folder.display()))?;
        }
    }
    progress.end();
    Ok(results)
}

/// The name of a world or policy, where there is one.
fn name(value: &Option<impl clap::ValueEnum>) -> String {
    let named = value.as_ref().and_then(clap::ValueEnum::to_possible_value);
    named.map_or_else(String::new, |value| value.get_name().to_owned())
}

fn range(rate: Spread) -> String {
    format!("{} to {}", number(rate.lowest), number(rate.highest))
}

fn share(row: &Row) -> String {
    optional_share(row.share.map(|share| share.median))
}

fn by_sessions(results: &Results) -> Columns {
    let mut table =
        Columns::new(["world", "sessions", "threads", "steps/s", "range", "MFLOP a step", "share of the limit"]);
    for row in &results.environment {
        table.add([
            name(&row.world),
            row.sessions.map_or_else(String::new, |sessions| count(sessions as u64)),
            row.threads.to_string(),
            number(row.rates.per_second.median),
            range(row.rates.per_second),
            if row.operations > 0.0 { number(row.operations / 1e6) } else { "-".to_owned() },
            share(row),
        ]);
    }
    table
}

fn by_policy(results: &Results) -> Columns {
    let mut table = Columns::new([
        "policy",
        "world",
        "candidates",
        "steps/s",
        "range",
        "valued/s",
        "playlists/s",
        "share of the limit",
    ]);
    for row in &results.choosing {
        let rate = row.rates.per_second.median;
        table.add([
            name(&row.policy),
            name(&row.world),
            count(row.candidates as u64),
            number(rate),
            range(row.rates.per_second),
            if row.valued > 0.0 { number(rate * row.valued) } else { "-".to_owned() },
            number(rate / row.playlist as f64),
            share(row),
        ]);
    }
    table
}

fn by_batch(results: &Results) -> Columns {
    let mut table = Columns::new(["batch", "steps/s", "range", "transitions/s", "share of the limit"]);
    for row in &results.learning {
        let (rate, batch) = (row.rates.per_second.median, row.batch.unwrap_or(0));
        let transitions = number(rate * batch as f64);
        table.add([count(batch as u64), number(rate), range(row.rates.per_second), transitions, share(row)]);
    }
    table
}

fn of_training(results: &Results) -> Columns {
    let mut table = Columns::new(["world", "threads", "steps/s", "range", "share of the limit"]);
    for row in &results.training {
        table.add([
            name(&row.world),
            row.threads.to_string(),
            number(row.rates.per_second.median),
            range(row.rates.per_second),
            share(row),
        ]);
    }
    table
}

fn page(results: &Results, config: &Config) -> Page {
    // A picture per number of threads: their legends hold no more lines.
    let mut by_sessions: BTreeMap<usize, BTreeMap<String, Series>> = BTreeMap::new();
    for row in &results.environment {
        let world = name(&row.world);
        let series = by_sessions.entry(row.threads).or_default();
        push(series, world, row.sessions.unwrap_or(0) as f64, row.rates.per_second);
    }
    let mut by_candidates: BTreeMap<String, Series> = BTreeMap::new();
    for row in &results.choosing {
        let policy = name(&row.policy);
        push(&mut by_candidates, policy, row.candidates as f64, row.rates.per_second);
    }
    let chart = |title: &str, x_label: &str, series: BTreeMap<String, Series>| LineChart {
        title: title.into(),
        x_label: format!("{x_label} (power of ten)"),
        y_label: "steps a second (power of ten)".into(),
        series: series.into_values().collect(),
    };
    let mut page = Page::new(&format!("Speed of {}", config.name));
    for (threads, series) in by_sessions {
        let title =
            format!("Environment, random policy, {threads} {}", if threads == 1 { "thread" } else { "threads" });
        page = page.picture(&chart(&title, "parallel sessions", series).svg(), "");
    }
    page = page.picture(&chart("Policies", "candidates", by_candidates).svg(), "");
    results.growth.iter().fold(page, |page, (size, growth)| page.picture(&growth::picture(*size, growth), ""))
}

/// Adds a point and its range, by powers of ten.
fn push(series: &mut BTreeMap<String, Series>, name: String, x: f64, rate: Spread) {
    let empty = Series { name: name.clone(), points: Vec::new(), band: Vec::new() };
    let series = series.entry(name).or_insert(empty);
    series.points.push((x.log10(), rate.median.log10()));
    series.band.push((rate.lowest.log10(), rate.highest.log10()));
}
