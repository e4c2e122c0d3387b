//! How a user responds to a track: models learnt from logs, their baselines, and their evaluation.

mod baselines;
mod batches;
mod calibration;
mod contextual;
mod ensemble;
mod evaluation;
mod packed_sequential;
mod play_weights;
mod readout;
mod response_model;
mod rollouts;
mod rows;
mod sequential;
mod sessions;
mod standardization;
mod training;
mod transformer;
mod transformer_settings;

pub use baselines::{ConstantBaseline, RateBaseline};
pub use batches::UserShare;
pub use calibration::{Calibration, Calibrations};
pub use contextual::{ContextualModel, ContextualSettings};
pub use ensemble::{Ensemble, mean_prediction};
pub use evaluation::{Evaluation, GroupLoss, HeadReport, evaluate};
pub use packed_sequential::PackedSequentialModel;
pub use play_weights::TrainingPlays;
pub use response_model::{Predictions, ResponseModel, TrackTable};
pub use rollouts::{ChallengeReport, ChallengeScore, RateBeside, RolloutReport, roll_out, skip_challenge};
pub use rows::Rows;
pub use sequential::{SequentialModel, SequentialSettings};
pub use training::{TrainingInput, TrainingReport, train_contextual, train_sequential, train_transformer};
pub use transformer::{TransformerModel, TransformerShape};
pub use transformer_settings::TransformerSettings;

/// The heads of a user-response model: three responses and the end of the session.
pub const HEADS: [&str; 4] = ["complete", "skip", "past_threshold", "session_end"];
