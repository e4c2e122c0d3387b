//! From a config to a world: runs the stages whose results are missing and reuses those that are there.
//!
//! Each stage's folder, `<artifacts>/<stage>-<fingerprint>`, holds its data, its config, `metrics.json` and the
//! fingerprint of what it was made from. The fingerprint covers the stage's settings and everything upstream, so a
//! change of config makes exactly the stages anew that depend on it.

mod embeddings;
mod fingerprints;
mod stage;
mod user_models;
mod user_state_source;
mod user_states;
mod world;

pub use embeddings::{EmbeddingsReport, embeddings};
pub use fingerprints::run_fingerprint;
pub use stage::read_metrics;
pub use user_models::{ModelReport, TrainedModel};
pub use user_states::ListeningHistories;
pub use world::{PreparedLogs, TrainedReturns, Upstream, dataset, threads};
