//! The task `horizon`: precision of taste vectors over the next plays, near and far.

use listening_models::Split;
use listening_models::user_state::{HorizonPrecision, HorizonSettings, Part, horizon_precision};
use serde::Serialize;

use super::{Bench, over_seeds};
use crate::config::UserStateModel;
use crate::pipeline::threads;
use crate::tables::{Columns, count, section};

/// The models of De Boom et al.
pub const MODELS: &[UserStateModel] = &[
    UserStateModel::Rpst,
    UserStateModel::Rplt,
    UserStateModel::Rhst,
    UserStateModel::Rhlt,
    UserStateModel::Bwst,
    UserStateModel::Bwlt,
    UserStateModel::DiscountedAverage,
];

#[derive(Serialize)]
struct Measured {
    model: UserStateModel,
    /// Per seed, per horizon.
    horizons: Vec<Vec<HorizonPrecision>>,
}

/// Measures the models and gives the table.
pub fn run(bench: &Bench<'_>, models: &[UserStateModel]) -> anyhow::Result<String> {
    let settings = HorizonSettings::default();
    let part = Part::all(Split::Test);
    let mut measured = Vec::new();
    for &model in models {
        let horizons = bench.measure_each_seed(model, |foreteller| {
            let (plays, nearest) = (&bench.histories.histories, &bench.histories.nearest);
            Ok(horizon_precision(foreteller, plays, nearest, part, &settings, threads(bench.config))?)
        })?;
        measured.push(Measured { model, horizons });
    }
    bench.write_json("horizon.json", &measured)?;
    let mut table = Columns::new(["model", "plays ahead", "precision", "reachable", "moments"]);
    for model in &measured {
        for (place, horizon) in settings.horizons.iter().enumerate() {
            let mut found = model.horizons.iter().filter_map(|horizons| horizons.get(place));
            let precision = over_seeds(found.clone().map(|horizon| horizon.precision), 4);
            let first = found.next();
            table.add([
                model.model.name(),
                format!("{} to {}", horizon[0], horizon[1]),
                precision,
                first.map_or_else(String::new, |horizon| format!("{:.4}", horizon.reachable)),
                first.map_or_else(String::new, |horizon| count(horizon.moments)),
            ]);
        }
    }
    let title = format!("Precision of the {} nearest tracks (mean over seeds, standard deviation)", settings.retrieved);
    Ok(section(&title, table))
}
