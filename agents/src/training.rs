//! Trains the Action-Head DQN: rounds of playing and learning, logs, evaluations, checkpoints.

mod checkpoint;
mod learning_loop;
mod metrics;
mod trainer;

pub use checkpoint::Checkpoints;
pub use learning_loop::LearningLoop;
pub use metrics::TrainingMetrics;
pub use trainer::{Trainer, TrainerSetup, TrainerStop};
