//! The task `sessions`: CoSeRNN's rankings of sessions and of tracks, overall and by context.

use std::collections::BTreeMap;

use listening_models::Split;
use listening_models::user_state::Part;
use listening_models::user_state::evaluation::{Interval, SessionScores, relative_gain, score_sessions};
use serde::Serialize;

use super::{Bench, over_seeds};
use crate::config::UserStateModel;
use crate::tables::{Columns, section};

/// CoSeRNN, its baselines and its ablations.
pub const MODELS: &[UserStateModel] = &[
    UserStateModel::Cosernn,
    UserStateModel::LastSession,
    UserStateModel::SessionAverage,
    UserStateModel::LongTerm,
    UserStateModel::PlainRnn,
    UserStateModel::SessionLatentCross,
    UserStateModel::SessionJodie,
    UserStateModel::CosernnNoContext,
    UserStateModel::CosernnNoPreviousSession,
    UserStateModel::CosernnNoNumberOfTracks,
    UserStateModel::CosernnNoStreamSource,
    UserStateModel::CosernnNoTimeSince,
    UserStateModel::CosernnNoLongTerm,
    UserStateModel::CosernnPlayed,
    UserStateModel::CosernnUnion,
];

/// The measures of the printed table; the JSON file holds all.
const SHOWN: [&str; 5] =
    ["cosine", "session-ranking-9/mrr", "session-ranking-49/mrr", "track-ranking-25/mrr", "track-ranking-100/mrr"];

/// The measures whose gains are shown.
const GAINS: [&str; 2] = ["session-ranking-9/mrr", "track-ranking-25/mrr"];

const RESAMPLES: u32 = 2000;

#[derive(Serialize)]
struct Measured {
    model: UserStateModel,
    /// Per group of sessions and measure: the mean of each seed.
    means: BTreeMap<String, BTreeMap<String, Vec<f64>>>,
}

#[derive(Serialize)]
struct Gain {
    group: String,
    measure: String,
    /// The baseline of the largest mean, and the first model's gain over it as a share of that mean; first seed.
    baseline: UserStateModel,
    gain: Interval,
}

#[derive(Serialize)]
struct Results {
    seeds: Vec<u64>,
    users: usize,
    models: Vec<Measured>,
    gains: Vec<Gain>,
}

/// Measures the models and gives the tables.
pub fn run(bench: &Bench<'_>, models: &[UserStateModel]) -> anyhow::Result<String> {
    let (histories, part) = (bench.histories, Part::all(Split::Test));
    let mut scored: Vec<(UserStateModel, Vec<SessionScores>)> = Vec::new();
    for &model in models {
        let scores = bench.measure_each_seed(model, |foreteller| {
            Ok(score_sessions(&histories.histories, histories.vectors(), foreteller, part)?)
        })?;
        scored.push((model, scores));
    }
    let measured: Vec<Measured> = scored.iter().map(|(model, scores)| measured(*model, scores)).collect();
    let gains = gains(&scored, bench.config.seed);
    let users = histories.histories.users();
    let results = Results { seeds: bench.seeds.clone(), users, models: measured, gains };
    bench.write_json("sessions.json", &results)?;
    Ok(describe(&results))
}

fn measured(model: UserStateModel, scores: &[SessionScores]) -> Measured {
    let mut means: BTreeMap<String, BTreeMap<String, Vec<f64>>> = BTreeMap::new();
    for scores in scores {
        for group in scores.groups() {
            for (measure, mean) in scores.means(group) {
                means.entry(group.to_owned()).or_default().entry(measure).or_default().push(mean.mean);
            }
        }
    }
    Measured { model, means }
}

/// The first model's gain over the best of the models that are no ablations of it, by group and measure, of the first seed.
fn gains(scored: &[(UserStateModel, Vec<SessionScores>)], seed: u64) -> Vec<Gain> {
    let Some(((first, model), others)) = scored.split_first() else { return Vec::new() };
    let Some(model) = model.first() else { return Vec::new() };
    let ablation = |other: &UserStateModel| other.name().starts_with(&format!("{}-", first.name()));
    let baselines: Vec<(UserStateModel, &SessionScores)> = others
        .iter()
        .filter(|(other, _)| !ablation(other) && !other.knows_hidden_state())
        .filter_map(|(other, scores)| Some((*other, scores.first()?)))
        .collect();
    let mut gains = Vec::new();
    for group in model.groups() {
        for measure in GAINS {
            let mean = |scores: &SessionScores| scores.means(group).get(measure).map_or(f64::MIN, |mean| mean.mean);
            let best = baselines.iter().max_by(|a, b| mean(a.1).total_cmp(&mean(b.1)));
            let found = best.and_then(|(baseline, scores)| {
                Some((*baseline, relative_gain(model, scores, group, measure, RESAMPLES, seed)?))
            });
            if let Some((baseline, gain)) = found {
                gains.push(Gain { group: group.to_owned(), measure: measure.to_owned(), baseline, gain });
            }
        }
    }
    gains
}

fn describe(results: &Results) -> String {
    let mut table = Columns::new(["model", "cosine", "session MRR of 10", "of 50", "track MRR of 26", "of 101"]);
    for model in &results.models {
        let cell = |measure: &str| match model.means.get("all").and_then(|group| group.get(measure)) {
            Some(means) => over_seeds(means.iter().copied(), 4),
            None => "-".to_owned(),
        };
        let [cosine, nine, fifty, tracks, hundred] = SHOWN.map(cell);
        table.add([model.model.name(), cosine, nine, fifty, tracks, hundred]);
    }
    let title = format!("Sessions of {} listeners (mean over seeds, standard deviation)", results.users);
    let mut text = section(&title, table);
    let Some(first) = results.models.first() else { return text };
    let mut gains = Columns::new(["sessions", "measure", "best baseline", "gain", "95 %"]);
    for gain in &results.gains {
        let percent = |share: f64| format!("{:+.1} %", 100.0 * share);
        gains.add([
            gain.group.clone(),
            gain.measure.clone(),
            gain.baseline.name(),
            percent(gain.gain.value),
            format!("{} to {}", percent(gain.gain.low), percent(gain.gain.high)),
        ]);
    }
    if !results.gains.is_empty() {
        text += &section(&format!("Gain of {} over the best baseline (first seed)", first.model.name()), gains);
    }
    text
}
