//! The task `next-track`: FS-VAE's table.

use listening_models::Split;
use listening_models::user_state::evaluation::{
    Metric, NextTrackReport, NextTrackSettings, NextTrackTask, PairedDifference, compare_per_user,
};
use serde::Serialize;

use super::{Bench, over_seeds};
use crate::config::UserStateModel;
use crate::pipeline::threads;
use crate::tables::{Columns, count, section};

/// FS-VAE, its baselines and its ablations, in the order of the paper's table.
pub const MODELS: &[UserStateModel] = &[
    UserStateModel::FsVae,
    UserStateModel::VanillaRnn,
    UserStateModel::AggregateSequence,
    UserStateModel::Average,
    UserStateModel::Popularity,
    UserStateModel::LatentCross,
    UserStateModel::Jodie,
    UserStateModel::VaeCf,
    UserStateModel::FsVaeNoFast,
    UserStateModel::FsVaeNoSlow,
    UserStateModel::FsVaeNotProbabilistic,
    UserStateModel::FsVaeShuffled,
];

#[derive(Serialize)]
struct Measured {
    model: UserStateModel,
    seeds: Vec<u64>,
    reports: Vec<NextTrackReport>,
    /// The first model's metrics less this one's, per listener; none for the first.
    first_less_this: Vec<(Metric, PairedDifference)>,
}

/// Measures the models and gives the tables.
pub fn run(bench: &Bench<'_>, models: &[UserStateModel]) -> anyhow::Result<String> {
    let task = NextTrackTask {
        histories: &bench.histories.histories,
        vectors: bench.histories.vectors(),
        index: Some(&bench.histories.nearest),
        split: Split::Test,
        settings: NextTrackSettings::default(),
        threads: threads(bench.config),
    };
    let mut measured: Vec<Measured> = Vec::new();
    for &model in models {
        let reports = bench.measure_each_seed(model, |foreteller| Ok(task.measure(foreteller)?))?;
        let first_less_this = match measured.first() {
            Some(first) => Metric::ALL
                .into_iter()
                .map(|metric| Ok((metric, compare_per_user(&first.reports, &reports, metric, bench.config.seed)?)))
                .collect::<anyhow::Result<_>>()?,
            None => Vec::new(),
        };
        measured.push(Measured { model, seeds: bench.seeds.clone(), reports, first_less_this });
    }
    bench.write_json("next-track.json", &measured)?;
    Ok(describe(&measured))
}

fn describe(measured: &[Measured]) -> String {
    let mut table =
        Columns::new(["model", "L2", "cosine distance", "hit rate at 10", "at 100", "MRR", "at 100 by index"]);
    for model in measured {
        let mean =
            |metric: Metric, digits| over_seeds(model.reports.iter().map(|report| metric.of(&report.exact)), digits);
        let indexed: Vec<f64> =
            model.reports.iter().filter_map(|report| Some(report.indexed?.hit_rate_at_100)).collect();
        table.add([
            model.model.name(),
            mean(Metric::L2, 3),
            mean(Metric::CosineDistance, 3),
            mean(Metric::HitRateAt10, 4),
            mean(Metric::HitRateAt100, 4),
            mean(Metric::Mrr, 4),
            if indexed.is_empty() { "-".to_owned() } else { over_seeds(indexed.into_iter(), 4) },
        ]);
    }
    let Some(first) = measured.first() else { return String::new() };
    let Some(report) = first.reports.first() else { return String::new() };
    let title = format!(
        "Next track ({} targets of {} listeners; mean over seeds, standard deviation)",
        count(report.targets),
        count(report.users.len() as u64)
    );
    let mut text = section(&title, table);
    let mut paired = Columns::new(["against", "L2", "95 %", "p", "cosine distance", "95 %", "p", "lower L2 for"]);
    for model in &measured[1..] {
        let of = |wanted| model.first_less_this.iter().find(|(metric, _)| *metric == wanted).map(|(_, found)| found);
        let (Some(l2), Some(cosine)) = (of(Metric::L2), of(Metric::CosineDistance)) else { continue };
        let interval = |found: &PairedDifference| format!("{:+.4} to {:+.4}", found.interval[0], found.interval[1]);
        paired.add([
            model.model.name(),
            format!("{:+.4}", l2.mean),
            interval(l2),
            format!("{:.4}", l2.p_value),
            format!("{:+.4}", cosine.mean),
            interval(cosine),
            format!("{:.4}", cosine.p_value),
            format!("{:.1} %", 100.0 * l2.share_lower),
        ]);
    }
    if measured.len() > 1 {
        let title = format!("{} less the others, paired by listener (negative: {0} is nearer)", first.model.name());
        text += &section(&title, paired);
    }
    text
}
