//! The task `horizon`: precision of taste vectors over the next plays, near and far.

use std::path::Path;

use listening_data::Progress;
use listening_models::Split;
use listening_models::user_state::{HorizonPrecision, HorizonSettings, Part, horizon_precision};
use serde::Serialize;

use super::{over_seeds, write_json};
use crate::config::{Config, UserStateModel};
use crate::pipeline::{ListeningHistories, threads};
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
pub fn run(
    config: &Config,
    histories: &ListeningHistories,
    models: &[UserStateModel],
    seeds: &[u64],
    out: &Path,
    progress: &dyn Progress,
) -> anyhow::Result<String> {
    let settings = HorizonSettings::default();
    let part = Part::all(Split::Test);
    let mut notes = Vec::new();
    let mut measured = Vec::new();
    for &model in models {
        let mut horizons = Vec::new();
        for &seed in seeds {
            let found = histories.with_foreteller(config, model, seed, &mut notes, progress, |foreteller| {
                let (plays, nearest) = (&histories.histories, &histories.nearest);
                Ok(horizon_precision(foreteller, plays, nearest, part, &settings, threads(config))?)
            })?;
            horizons.push(found);
        }
        measured.push(Measured { model, horizons });
    }
    write_json(out, "horizon.json", &measured)?;
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
