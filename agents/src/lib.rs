//! Policies that choose the next track: simple ones, greedy by a user-response model, and the Action-Head DQN with its
//! trainer. And their evaluation by simulation.

mod action_head_dqn;
mod error;
mod evaluation;
mod off_policy;
mod policies;
mod policy;
mod recorder;
mod settings;
mod statistics;
mod training;
mod validation;

pub use action_head_dqn::{AgentModel, DqnPolicy, observation_lengths};
pub use error::{AgentError, Result};
pub use evaluation::{
    Comparison, ComparisonSettings, Difference, Exposure, GroupKind, GroupSummary, ListenerProfiles, Measure, Measured,
    MeasuredSession, PlayedPolicy, PolicySummary, Resampled, ReturnHistogram, SessionGroups, SessionMeter,
    SessionOutcome, Simulation, bimodality_coefficient, compare, offered_tracks, simulate, simulate_each,
};
pub use off_policy::{
    EstimatorQuality, EstimatorTrial, LogTrial, LoggedStep, OffPolicyEstimate, OffPolicyEstimator, OffPolicyEvaluation,
    PolicyEstimates, RecordedLog, estimate_off_policy,
};
pub use policies::{
    BeamPolicy, CosinePolicy, GreedyPolicy, LeastExpectedPolicy, MixedPolicy, PopularityPolicy, RandomPolicy,
};
pub use policy::Policy;
pub use recorder::Recorder;
pub use settings::{AgentSettings, EvaluateSettings, TrainSettings};
pub use statistics::{Estimate, holm_adjusted};
pub use training::{Checkpoints, LearningLoop, Trainer, TrainerSetup, TrainerStop, TrainingMetrics};
pub use validation::{PlayedTwice, PolicyReturns, SelectionRegret, SimulatorValidation, validate_simulator};
