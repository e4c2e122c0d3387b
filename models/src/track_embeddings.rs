//! Track vectors learnt from sessions, and the nearest neighbours among them.

mod cbow;
mod implicit_als;
mod vectors;

pub use cbow::{CbowSettings, train_cbow};
pub use implicit_als::{
    AlsSettings, AlsTraining, Confidence, ImplicitAls, Interactions, RankingMetrics, RankingSettings, Recommender,
    ScoredTrack, SimilarTracks, Solver, evaluate_ranking, train_implicit_als,
};
pub use vectors::{TrackVectors, dot};
