//! How a user responds to a track: models learnt from logs, their baselines, and their evaluation.

mod baselines;
mod contextual;
mod evaluation;
mod training;

pub use baselines::{ConstantBaseline, RateBaseline};
pub use contextual::{ContextualModel, ContextualSettings, Predictions, Rows};
pub use evaluation::{Evaluation, HeadReport, evaluate};
pub use training::{TrackTable, TrainingReport, train};

/// The heads of a user-response model: three responses and the end of the session.
pub const HEADS: [&str; 4] = ["complete", "skip", "past_threshold", "session_end"];
