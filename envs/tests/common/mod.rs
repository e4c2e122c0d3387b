//! What tests of several files share.

use std::path::Path;

use listening_data::{Dataset, Silent, SyntheticSource};
use listening_models::features::{RELATION_FEATURES, SO_FAR_FEATURES};
use listening_models::network::Precision;
use listening_models::user_response::{Calibration, ResponseModel, SequentialModel};
use playlist_envs::{OracleListeners, World};
use tch::Device;

/// The synthetic listeners of a small world that was made in `folder`.
pub fn oracle(folder: &Path, world: &World) -> OracleListeners {
    let dataset = Dataset::open(folder.join("dataset")).unwrap();
    OracleListeners::new(&SyntheticSource::of(dataset.manifest()).unwrap(), &world.starts, &Silent).unwrap()
}

/// A sequential user model of a world, with initial weights. These say next to nothing of a track: they are made louder, and plays
/// are completed more often than not.
#[allow(dead_code, reason = "not every file of tests needs it")]
pub fn sequential_model(world: &World, seed: u64) -> Box<dyn ResponseModel> {
    let features = world.starts.session_length() + world.catalog.feature_width() + RELATION_FEATURES + SO_FAR_FEATURES;
    let (model, _) = SequentialModel::new(&[20, 12], &[16], features, seed, Device::Cpu).unwrap();
    let calibration = |slope, offset| Calibration { slope, offset };
    let heads = [calibration(5.0, 0.5), calibration(5.0, -1.0), calibration(5.0, 0.0), calibration(1.0, 0.0)];
    model.with_calibrations(heads).for_simulation(Precision::Single).unwrap()
}
