//! Fits the settings of synthetic listeners to the marginals of a real log: derivative-free, with the same random numbers
//! for every setting that is tried.

mod parameters;
mod pattern_search;

use std::path::Path;

use super::{SyntheticConfig, SyntheticWorld};
use crate::marginals::{MarginalProtocol, MarginalTally, Marginals, measure_marginals, published_mssd_marginals};
use crate::{DataError, Dataset, Progress, Result, SessionRules, Silent};

pub use self::parameters::ListenerParameter;
use self::parameters::PARAMETERS;

/// What synthetic listeners are to resemble.
#[derive(Clone, Debug, PartialEq)]
pub struct CalibrationTarget {
    /// The marginals that the real log tells.
    pub marginals: Marginals,
    /// How synthetic logs are measured to be comparable.
    pub protocol: MarginalProtocol,
}

impl CalibrationTarget {
    /// The marginals of a dataset.
    pub fn of_dataset(dataset: &Dataset, progress: &dyn Progress) -> Result<Self> {
        let protocol = MarginalProtocol::of(dataset.manifest());
        let target = Self { marginals: measure_marginals(dataset, protocol, progress)?, protocol };
        if target.marginals.is_empty() {
            let (problem, remedy) = ("it has no plays to resemble", "import a log with plays");
            return Err(DataError::bad_file(dataset.path(), problem, remedy));
        }
        Ok(target)
    }

    /// The published counts of the Music Streaming Sessions Dataset in a folder; see [`published_mssd_marginals`].
    pub fn of_mssd_counts(folder: impl AsRef<Path>) -> Result<Self> {
        Ok(Self { marginals: published_mssd_marginals(folder)?, protocol: MarginalProtocol::MSSD })
    }
}

/// How a fit is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CalibrationSettings {
    /// Listeners of the worlds that are tried.
    pub users: u32,
    /// Their days.
    pub days: u32,
    /// Worlds that are tried at most.
    pub evaluations: usize,
    /// Seed of these worlds.
    pub seed: u64,
}

impl Default for CalibrationSettings {
    /// 300 listeners over 14 days: some 35,000 plays. 300 worlds: about fifteen rounds over eleven parameters.
    fn default() -> Self {
        Self { users: 300, days: 14, evaluations: 300, seed: 1 }
    }
}

/// A setting that was fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FittedParameter {
    /// The setting, with its bounds.
    pub parameter: &'static ListenerParameter,
    /// Its value before.
    pub start: f64,
    /// Its value after.
    pub fitted: f64,
}

/// What a fit has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// The settings that resemble the target most; size as at the start.
    pub config: SyntheticConfig,
    /// What was fitted.
    pub parameters: Vec<FittedParameter>,
    /// The weighted sum of distances at the start, in the worlds that were tried.
    pub start_distance: f64,
    /// That of the settings found.
    pub distance: f64,
}

/// Fits those of the parameters that move a marginal of the target; the others stay as they are.
///
/// The weighted sum of distances ([`Marginals::total_distance`]) is minimised by direct search (Hooke and Jeeves
/// 1961) within the parameters' bounds. All worlds have the same seed, so
/// that they differ by their settings alone; the result is a pure function of the arguments.
pub fn calibrate_listeners(
    start: &SyntheticConfig,
    rules: &SessionRules,
    target: &CalibrationTarget,
    settings: &CalibrationSettings,
    progress: &dyn Progress,
) -> Result<Calibration> {
    start.validate()?;
    let parameters: Vec<&'static ListenerParameter> =
        PARAMETERS.iter().filter(|parameter| target.marginals.told().any(|told| parameter.moves(told))).collect();
    let config_at = |point: &[f64]| {
        let mut config = start.clone();
        parameters.iter().zip(point).for_each(|(parameter, &place)| parameter.set_at(&mut config, place));
        config
    };
    let (mut tried, mut best, mut start_distance) = (0, f64::INFINITY, f64::INFINITY);
    let mut distance = |point: &[f64]| {
        let mut config = config_at(point);
        (config.size.users, config.size.days) = (settings.users, settings.days);
        let synthetic = synthetic_marginals(&config, rules, target.protocol, settings.seed, &Silent)?;
        let distance = target.marginals.total_distance(&synthetic);
        if tried == 0 {
            start_distance = distance;
        }
        tried += 1;
        best = best.min(distance);
        progress.remark(&format!("distance {best:.3}"));
        progress.advance(tried);
        Ok(distance)
    };
    progress.begin("fitting", settings.evaluations as u64, "worlds");
    let origin = parameters.iter().map(|parameter| parameter.place(start)).collect();
    let (distance, point) = pattern_search::minimise(origin, settings.evaluations, &mut distance)?;
    progress.end();
    let config = config_at(&point);
    let fitted = |&parameter: &&'static ListenerParameter| FittedParameter {
        parameter,
        start: parameter.value(start),
        fitted: parameter.value(&config),
    };
    let parameters = parameters.iter().map(fitted).collect();
    Ok(Calibration { parameters, config, start_distance, distance })
}

/// The marginals of a world's log, which is not written: a pure function of settings, rules and seed.
pub fn synthetic_marginals(
    config: &SyntheticConfig,
    rules: &SessionRules,
    protocol: MarginalProtocol,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Marginals> {
    rules.validate()?;
    let world = SyntheticWorld::new(config, seed)?;
    let mut tally = MarginalTally::new(world.tracks().len(), protocol);
    world.histories(rules, progress, |_, sessions| {
        sessions.iter().for_each(|session| tally.add(session));
        Ok(())
    })?;
    Ok(tally.marginals())
}

#[cfg(test)]
mod tests;
