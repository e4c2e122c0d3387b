//! What tests of several files share.

use std::path::Path;

use listening_data::{Dataset, Silent, SyntheticSource};
use playlist_envs::{OracleListeners, World};

/// The synthetic listeners of a small world that was made in `folder`.
pub fn oracle(folder: &Path, world: &World) -> OracleListeners {
    let dataset = Dataset::open(folder.join("dataset")).unwrap();
    OracleListeners::new(&SyntheticSource::of(dataset.manifest()).unwrap(), &world.starts, &Silent).unwrap()
}
