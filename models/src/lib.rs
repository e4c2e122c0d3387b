//! Models learnt from listening logs: track embeddings, user states and user-response models, with their baselines
//! and their evaluation on held-out sessions.

mod by_user;
mod columns;
mod device;
mod error;
pub mod features;
mod metrics;
pub mod network;
mod permutation;
mod prepared;
mod shards;
mod simd;
mod splits;
mod tensors;
#[cfg(test)]
mod test_values;
pub mod track_embeddings;
pub mod user_response;
pub mod user_return;
pub mod user_state;

pub use columns::{Column, ColumnWriter};
pub use device::{device_name, find_device};
pub use error::{ModelError, Result};
pub use metrics::{BinaryMetrics, ReliabilityBin, log_loss, reliability};
pub use prepared::{
    EncodedStates, Examples, MeanStates, PrepareSettings, PreparedData, RecordedCounts, RecordedPlay, RecordedSessions,
    SOURCES, SessionStart, SessionStarts, SessionStates, StartBuilder, StartDraw, StateAtStart, prepare,
    prepare_recorded, start_after_log,
};
pub use splits::{Split, SplitShares, TimeSplit};
pub use tensors::{SavedTensor, TensorFile, save_tensors};
