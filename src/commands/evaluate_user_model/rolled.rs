//! The tasks that go on with responses of the model's own: roll-outs and the skip challenge.

use anyhow::Context;
use listening_data::{Progress, write_atomically};
use listening_models::user_response::{ChallengeReport, RolloutReport, roll_out, skip_challenge};
use serde::Serialize;

use super::{Options, Task, mean};
use crate::config::{Config, UserModelKind};
use crate::output;
use crate::pipeline::UserModels;
use crate::tables::{Columns, count, section};

/// Plays observed before a roll-out (Tomasi et al. 2023).
const OBSERVED: usize = 5;

#[derive(Serialize)]
struct Measured<R> {
    model: UserModelKind,
    seed: u64,
    report: R,
}

/// Measures the models on the test sessions and prints the table.
pub fn run(options: &Options, config: &Config, models: &UserModels<'_>, progress: &dyn Progress) -> anyhow::Result<()> {
    let (mut rollouts, mut challenges) = (Vec::new(), Vec::new());
    let (test, table) = (&models.data.test, models.table());
    for &model in &options.model {
        for seed in config.seed..config.seed + options.seeds {
            let trained = models.train(model, config.user_model.users, seed, &mut Vec::new(), progress)?.model;
            match options.task {
                Task::SkipChallenge => {
                    let report = skip_challenge(trained.as_ref(), model.name(), test, &table)?;
                    challenges.push(Measured { model, seed, report });
                }
                _ => {
                    let report = roll_out(trained.as_ref(), test, &table, OBSERVED, seed)?;
                    rollouts.push(Measured { model, seed, report });
                }
            }
        }
    }
    match options.task {
        Task::SkipChallenge => {
            let sessions = challenges.first().map_or(0, |first| first.report.sessions);
            let title = "Skips in the second half of sessions, given the first";
            finish(
                options,
                "skip-challenge.json",
                &challenges,
                section(title, challenge(options, &challenges)),
                sessions,
            )
        }
        _ => {
            let sessions = rollouts.first().map_or(0, |first| first.report.sessions);
            let title = format!("Share of skips in sessions continued after {OBSERVED} plays");
            finish(options, "roll-outs.json", &rollouts, section(&title, rolled(options, &rollouts)), sessions)
        }
    }
}

fn finish(
    options: &Options,
    name: &str,
    measured: &impl Serialize,
    table: String,
    sessions: u64,
) -> anyhow::Result<()> {
    let out = &options.out;
    std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    write_atomically(out.join(name), serde_json::to_string_pretty(measured)?.as_bytes())?;
    let (sessions, seeds) = (count(sessions), options.seeds);
    let path = out.join(name);
    output::print(&format!(
        "{table}{sessions} test sessions, means over {seeds} seed{}\n\nThe results lie in {}.",
        if seeds == 1 { "" } else { "s" },
        path.display()
    ))
}

fn challenge(options: &Options, measured: &[Measured<ChallengeReport>]) -> Columns {
    let mut table = Columns::new(["model", "mean average accuracy", "first prediction accuracy"]);
    let mut add = |name: &str, scores: &[(f64, f64)]| {
        let three = |value: f64| format!("{value:.4}");
        let accuracy = three(mean(scores.iter().map(|score| score.0)));
        table.add([name.to_owned(), accuracy, three(mean(scores.iter().map(|score| score.1)))]);
    };
    let score = |report: &ChallengeReport, place: usize| {
        report.scores.get(place).map(|score| (score.mean_average_accuracy, score.first_prediction_accuracy))
    };
    for &model in &options.model {
        let of_model = measured.iter().filter(|measured| measured.model == model);
        add(model.name(), &of_model.filter_map(|measured| score(&measured.report, 0)).collect::<Vec<_>>());
    }
    if let Some(repeated) = measured.first().and_then(|first| score(&first.report, 1)) {
        add("last response repeated", &[repeated]);
    }
    table
}

fn rolled(options: &Options, measured: &[Measured<RolloutReport>]) -> Columns {
    let mut table = Columns::new(["plays", "model", "count", "logged", "simulated"]);
    let Some(first) = measured.first() else { return table };
    let three = |value: f64| format!("{value:.3}");
    for (place, rate) in first.report.skip_rates.iter().enumerate() {
        for &model in &options.model {
            let simulated = measured
                .iter()
                .filter(|measured| measured.model == model)
                .filter_map(|measured| measured.report.skip_rates.get(place))
                .map(|rate| rate.simulated);
            let cells = [count(rate.count), three(rate.logged), three(mean(simulated))];
            let [plays, logged, simulated] = cells;
            table.add([rate.name.clone(), model.name().to_owned(), plays, logged, simulated]);
        }
    }
    type Error = fn(&RolloutReport) -> f64;
    let errors: [(&str, Error); 2] =
        [("mean error over places", |r| r.place_error), ("mean error over streaks", |r| r.streak_error)];
    for (name, error) in errors {
        for &model in &options.model {
            let of_model = measured.iter().filter(|measured| measured.model == model);
            let cell = three(mean(of_model.map(|measured| error(&measured.report))));
            table.add([name.to_owned(), model.name().to_owned(), String::new(), String::new(), cell]);
        }
    }
    table
}
