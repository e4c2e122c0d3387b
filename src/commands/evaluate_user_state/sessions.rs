//! The task `sessions`: CoSeRNN's rankings of sessions and of tracks, overall and by context.

use std::collections::BTreeMap;

use listening_models::Split;
use listening_models::user_state::Part;
use listening_models::user_state::evaluation::{ALL_SESSIONS, Interval, SessionScores, relative_gain, score_sessions};
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

/// A model with its scores.
type Scored<S> = (UserStateModel, S);

#[derive(Serialize)]
struct Measured {
    model: UserStateModel,
    /// Per group of sessions and measure: the mean of each seed.
    means: BTreeMap<String, BTreeMap<String, Vec<f64>>>,
}

/// By how much the first model is better than another, as a share of the other's mean; of all seeds together.
#[derive(Serialize)]
struct Gain {
    group: String,
    measure: String,
    over: UserStateModel,
    gain: Interval,
}

#[derive(Serialize)]
struct Results {
    seeds: Vec<u64>,
    users: usize,
    models: Vec<Measured>,
    /// Over each other model, of all sessions.
    gains_over_each: Vec<Gain>,
    /// Over the best of those that are no ablations of the first model, by group.
    gains_over_best_baseline: Vec<Gain>,
}

/// Measures the models and gives the tables.
pub fn run(bench: &Bench<'_>, models: &[UserStateModel]) -> anyhow::Result<String> {
    let (histories, part) = (bench.histories, Part::all(Split::Test));
    let mut scored: Vec<Scored<Vec<SessionScores>>> = Vec::new();
    for &model in models {
        let scores = bench.measure_each_seed(model, |foreteller| {
            Ok(score_sessions(&histories.histories, histories.vectors(), foreteller, part)?)
        })?;
        scored.push((model, scores));
    }
    let measured: Vec<Measured> = scored.iter().map(|(model, scores)| measured(*model, scores)).collect();
    let of_all_seeds =
        |(model, scores): &Scored<Vec<SessionScores>>| Some((*model, SessionScores::of_all_seeds(scores)?));
    let of_all_seeds: Vec<Scored<SessionScores>> = scored.iter().filter_map(of_all_seeds).collect();
    let results = Results {
        seeds: bench.seeds.clone(),
        users: histories.histories.users(),
        models: measured,
        gains_over_each: gains_over_each(&of_all_seeds, bench.config.seed),
        gains_over_best_baseline: gains_over_best_baseline(&of_all_seeds, bench.config.seed),
    };
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

/// The first model's gains over each other model.
fn gains_over_each(scored: &[Scored<SessionScores>], seed: u64) -> Vec<Gain> {
    let Some(((_, model), others)) = scored.split_first() else { return Vec::new() };
    let each = others.iter().flat_map(|other| GAINS.map(|measure| (other, measure)));
    each.filter_map(|((over, scores), measure)| gain(model, (*over, scores), ALL_SESSIONS, measure, seed)).collect()
}

/// The first model's gain over the best of the models that are no ablations of it, by group and measure.
fn gains_over_best_baseline(scored: &[Scored<SessionScores>], seed: u64) -> Vec<Gain> {
    let Some(((first, model), others)) = scored.split_first() else { return Vec::new() };
    let ablation = |other: &UserStateModel| other.name().starts_with(&format!("{}-", first.name()));
    let baselines: Vec<&Scored<SessionScores>> =
        others.iter().filter(|(other, _)| !ablation(other) && !other.knows_hidden_state()).collect();
    let mut gains = Vec::new();
    for group in model.groups() {
        for measure in GAINS {
            let mean = |scores: &SessionScores| scores.means(group).get(measure).map_or(f64::MIN, |mean| mean.mean);
            let best = baselines.iter().max_by(|a, b| mean(&a.1).total_cmp(&mean(&b.1)));
            gains.extend(best.and_then(|(over, scores)| gain(model, (*over, scores), group, measure, seed)));
        }
    }
    gains
}

fn gain(
    model: &SessionScores,
    (over, scores): (UserStateModel, &SessionScores),
    group: &str,
    measure: &str,
    seed: u64,
) -> Option<Gain> {
    let gain = relative_gain(model, scores, group, measure, RESAMPLES, seed)?;
    Some(Gain { group: group.to_owned(), measure: measure.to_owned(), over, gain })
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
    let name = first.model.name();
    let mut each = Columns::new(["over", "session MRR of 10", "95 %", "track MRR of 26", "95 %"]);
    for model in &results.models[1..] {
        let of = |wanted: &str| {
            let found = results.gains_over_each.iter().find(|gain| gain.over == model.model && gain.measure == wanted);
            found.map_or(["-".to_owned(), "-".to_owned()], |found| percentages(&found.gain))
        };
        let ([sessions, of_sessions], [tracks, of_tracks]) = (of(GAINS[0]), of(GAINS[1]));
        each.add([model.model.name(), sessions, of_sessions, tracks, of_tracks]);
    }
    if results.models.len() > 1 {
        text += &section(&format!("Gain of {name} over each other model (all seeds)"), each);
    }
    let mut best = Columns::new(["sessions", "measure", "best baseline", "gain", "95 %"]);
    for gain in &results.gains_over_best_baseline {
        let [value, interval] = percentages(&gain.gain);
        best.add([gain.group.clone(), gain.measure.clone(), gain.over.name(), value, interval]);
    }
    if !results.gains_over_best_baseline.is_empty() {
        text += &section(&format!("Gain of {name} over the best baseline, by context (all seeds)"), best);
    }
    text
}

/// A gain and its interval.
fn percentages(gain: &Interval) -> [String; 2] {
    let percent = |share: f64| format!("{:+.1} %", 100.0 * share);
    [percent(gain.value), format!("{} to {}", percent(gain.low), percent(gain.high))]
}
