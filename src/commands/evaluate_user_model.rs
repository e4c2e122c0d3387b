//! `sim evaluate-user-model`.

mod rolled;

use std::ops::Range;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use listening_data::{Progress, write_atomically};
use listening_models::device_name;
use listening_models::user_response::{HEADS, HeadReport, ResponseModel, roll_out, skip_challenge};
use playlist_pictures::{LineChart, Page, Series};
use serde::Serialize;

use super::train_user_state::CommonOptions;
use crate::config::UserModelKind;
use crate::output;
use crate::pipeline::{ModelReport, PreparedLogs, TrainedModel, threads};
use crate::tables::{Columns, count, section};

/// Plays observed before a roll-out (Tomasi et al. 2023).
const OBSERVED: usize = 5;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Task {
    /// Log loss, AUC and calibration of each response to the next play
    Responses,
    /// Sessions continued after their first tracks, beside what happened
    RollOuts,
    /// Skips in the second half of sessions, as in the WSDM Cup 2019
    SkipChallenge,
}

/// Measure how well user models foretell responses
///
/// On the test sessions, which neither training nor calibration has seen: log loss, AUC and calibration error per head,
/// beside the share of each response (constant) and smoothed rates of user and track (rates); log loss by place in the
/// session, part of the day and device. Models that are not trained yet are trained first. user-models.json and
/// user-models.html, with the reliability diagrams, go to the folder of --out.
///
/// --task roll-outs observes the first tracks of each session (five, as Tomasi et al. 2023), lets the model respond to the
/// rest of its tracks, and compares skips by place and after skips with what happened. --task skip-challenge tells the model
/// the first half of a session, and asks which tracks of the second half were skipped: mean average accuracy, as in the WSDM
/// Cup 2019 (.651 won it). Both write their own JSON file.
#[derive(Args)]
#[command(after_help = "Example:
  sim evaluate-user-model --config configs/demo.toml
  sim evaluate-user-model --dataset datasets/mine --seeds 5 --out results/user-models
  sim evaluate-user-model --dataset datasets/mine --task skip-challenge")]
pub struct Options {
    /// What is measured
    #[arg(long, value_enum, default_value = "responses")]
    task: Task,
    /// The models, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [UserModelKind::Cwm, UserModelKind::Swm])]
    model: Vec<UserModelKind>,
    /// Number of seeds, counted from --seed on
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Folder for the results
    #[arg(long, value_name = "FOLDER", default_value = "results/user-models")]
    out: PathBuf,
    #[command(flatten)]
    common: CommonOptions,
}

/// A model of one seed, and what was found of it.
#[derive(Serialize)]
struct Measured<R> {
    model: UserModelKind,
    seed: u64,
    report: R,
}

/// A trained user model, of whatever kind.
type Trained = TrainedModel<Box<dyn ResponseModel>>;

/// Trains what is missing, and prints the tables.
pub fn run(options: &Options, progress: &dyn Progress) -> anyhow::Result<()> {
    let config = options.common.load()?;
    let logs = PreparedLogs::open(&config, &mut Vec::new(), progress)?;
    eprintln!("device: {}, threads: {}", device_name(logs.device), threads(&config));
    let models = logs.user_models(&config);
    let trained = |model, seed| models.train(model, config.user_model.users, seed, &mut Vec::new(), progress);
    let seeds = config.seed..config.seed + options.seeds;
    std::fs::create_dir_all(&options.out).with_context(|| format!("cannot create {}", options.out.display()))?;
    match options.task {
        Task::Responses => {
            let measured = measure(options, seeds, trained, |trained, _, _| Ok(trained.report))?;
            let page = page(options, &measured).html();
            write_atomically(options.out.join("user-models.html"), page.as_bytes())?;
            let title = "Log loss on the test sessions, with the lowest and highest of the seeds";
            let tables =
                section(title, losses(options, &measured)) + &section("Log loss by group", groups(options, &measured));
            let plays = measured.first().map_or(0, |first| first.report.test.plays);
            finish(options, "user-models.json", &measured, &format!("{tables}{} test plays", count(plays)))
        }
        Task::RollOuts => rolled::roll_outs(
            options,
            measure(options, seeds, trained, |trained, _, seed| {
                Ok(roll_out(trained.model.as_ref(), &models.data.test, &models.table(), OBSERVED, seed)?)
            })?,
        ),
        Task::SkipChallenge => rolled::challenge(
            options,
            measure(options, seeds, trained, |trained, model, _| {
                Ok(skip_challenge(trained.model.as_ref(), model.name(), &models.data.test, &models.table())?)
            })?,
        ),
    }
}

/// Trains each model with each seed, where it is not yet, and reports on it.
fn measure<R>(
    options: &Options,
    seeds: Range<u64>,
    trained: impl Fn(UserModelKind, u64) -> anyhow::Result<Trained>,
    report: impl Fn(Trained, UserModelKind, u64) -> anyhow::Result<R>,
) -> anyhow::Result<Vec<Measured<R>>> {
    let pairs = options.model.iter().flat_map(|&model| seeds.clone().map(move |seed| (model, seed)));
    pairs
        .map(|(model, seed)| Ok(Measured { model, seed, report: report(trained(model, seed)?, model, seed)? }))
        .collect()
}

/// Writes the reports, and prints the tables.
fn finish<R: Serialize>(options: &Options, name: &str, measured: &[Measured<R>], found: &str) -> anyhow::Result<()> {
    write_atomically(options.out.join(name), serde_json::to_string_pretty(measured)?.as_bytes())?;
    let (seeds, folder) = (options.seeds, options.out.display());
    let plural = if seeds == 1 { "" } else { "s" };
    output::print(&format!("{found}, means over {seeds} seed{plural}\n\nThe results lie in {folder}."))
}

/// The reports of a model on one head, over the seeds.
fn of_head(
    measured: &[Measured<ModelReport>],
    model: UserModelKind,
    head: usize,
) -> impl Iterator<Item = &HeadReport> + Clone {
    measured.iter().filter(move |measured| measured.model == model).map(move |m| &m.report.test.heads[head])
}

fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    values.clone().sum::<f64>() / values.count().max(1) as f64
}

fn losses(options: &Options, measured: &[Measured<ModelReport>]) -> Columns {
    let mut table = Columns::new([
        "head",
        "model",
        "log loss",
        "lowest",
        "highest",
        "constant",
        "rates",
        "AUC",
        "calibration error",
    ]);
    for (head, name) in HEADS.iter().enumerate() {
        for &model in &options.model {
            let reports = of_head(measured, model, head);
            let losses = reports.clone().map(|report| report.model.log_loss);
            let four = |value: f64| format!("{value:.4}");
            table.add([
                (*name).to_owned(),
                model.name().to_owned(),
                four(mean(losses.clone())),
                four(losses.clone().fold(f64::INFINITY, f64::min)),
                four(losses.fold(0.0, f64::max)),
                four(mean(reports.clone().map(|report| report.constant_log_loss))),
                four(mean(reports.clone().map(|report| report.rates_log_loss))),
                format!("{:.3}", mean(reports.clone().map(|report| report.model.auc))),
                four(mean(reports.map(|report| report.model.calibration_error))),
            ]);
        }
    }
    table
}

fn groups(options: &Options, measured: &[Measured<ModelReport>]) -> Columns {
    let mut table = Columns::new(["group", "model", "plays", "complete", "skip", "past_threshold", "session_end"]);
    let Some(first) = measured.first() else { return table };
    for group in &first.report.test.heads[HEADS.len() - 1].groups {
        for &model in &options.model {
            let loss = |head: usize| {
                let found = of_head(measured, model, head)
                    .filter_map(|report| report.groups.iter().find(|other| other.group == group.group))
                    .map(|group| group.log_loss);
                if found.clone().next().is_none() { "-".to_owned() } else { format!("{:.4}", mean(found)) }
            };
            table.add([
                group.group.clone(),
                model.name().to_owned(),
                count(group.count),
                loss(0),
                loss(1),
                loss(2),
                loss(3),
            ]);
        }
    }
    table
}

fn page(options: &Options, measured: &[Measured<ModelReport>]) -> Page {
    let mut page = Page::new("User models on the test sessions");
    for (head, name) in HEADS.iter().enumerate() {
        let diagonal = Series { name: "perfect".into(), points: vec![(0.0, 0.0), (1.0, 1.0)], band: Vec::new() };
        let of_models = options.model.iter().filter_map(|&model| {
            let report = of_head(measured, model, head).next()?;
            let points = report.reliability.iter().map(|bin| (bin.predicted, bin.observed)).collect();
            Some(Series { name: model.name().to_owned(), points, band: Vec::new() })
        });
        let chart = LineChart {
            title: format!("Reliability: {name}"),
            x_label: "predicted probability".into(),
            y_label: "share of plays".into(),
            series: std::iter::once(diagonal).chain(of_models).collect(),
        };
        page = page.picture(&chart.svg(), "Plays of like prediction, in 15 bins; first seed.");
    }
    page
}
