//! The tasks that go on with responses of the model's own: roll-outs and the skip challenge.

use listening_models::user_response::{ChallengeReport, RolloutReport};

use super::{Measured, OBSERVED, Options, finish, mean};
use crate::tables::{Columns, count, section};

/// Prints how roll-outs went.
pub fn roll_outs(options: &Options, measured: Vec<Measured<RolloutReport>>) -> anyhow::Result<()> {
    let sessions = measured.first().map_or(0, |first| first.report.sessions);
    let title = format!("Share of skips in sessions continued after {OBSERVED} plays");
    let table = section(&title, rates(options, &measured));
    finish(options, "roll-outs.json", &measured, &format!("{table}{} test sessions", count(sessions)))
}

/// Prints how the skip challenge went.
pub fn challenge(options: &Options, measured: Vec<Measured<ChallengeReport>>) -> anyhow::Result<()> {
    let sessions = measured.first().map_or(0, |first| first.report.sessions);
    let table = section("Skips in the second half of sessions, given the first", scores(options, &measured));
    finish(options, "skip-challenge.json", &measured, &format!("{table}{} test sessions", count(sessions)))
}

fn scores(options: &Options, measured: &[Measured<ChallengeReport>]) -> Columns {
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

fn rates(options: &Options, measured: &[Measured<RolloutReport>]) -> Columns {
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
