//! Track vectors learnt from sessions, and the nearest neighbours among them.

mod cbow;
mod cold_tracks;
mod implicit_als;
mod nearest;
mod vectors;

pub use cbow::{CbowSettings, train_cbow};
pub use cold_tracks::{ColdTrackQuality, ColdTrackReport, ColdTrackSettings, MethodQuality, fill_cold_tracks};
pub use implicit_als::{
    AlsSettings, AlsTraining, Confidence, ImplicitAls, Interactions, RankingMetrics, RankingSettings, Recommender,
    ScoredTrack, SimilarTracks, Solver, evaluate_ranking, train_implicit_als,
};
pub use nearest::{IndexSettings, NearestTracks, Neighbour};
pub use vectors::{TrackVectors, dot};
