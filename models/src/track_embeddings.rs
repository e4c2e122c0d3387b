//! Track vectors learnt from sessions, and the nearest neighbours among them.

mod cbow;
mod clusters;
mod cold_tracks;
mod corpus;
mod implicit_als;
mod joint_catalog;
mod nearest;
mod next_track;
mod vectors;
mod word2vec_text;

pub use cbow::{CbowSettings, fill_from_artists, train_cbow, train_on_corpora};
pub use clusters::cluster_tracks;
pub use cold_tracks::{ColdTrackQuality, ColdTrackReport, ColdTrackSettings, MethodQuality, fill_cold_tracks};
pub use corpus::{Corpus, CorpusWriter};
pub use implicit_als::{
    AlsSettings, AlsTraining, Confidence, ImplicitAls, Interactions, RankingMetrics, RankingSettings, Recommender,
    ScoredTrack, SimilarTracks, Solver, evaluate_ranking, train_implicit_als,
};
pub use joint_catalog::JointCatalog;
pub use nearest::{IndexSettings, NearestTracks, Neighbour, dot_products};
pub use next_track::{HitRates, next_track_hit_rates};
pub use vectors::{TrackVectors, dot};
pub use word2vec_text::{read_track_ids, read_word2vec_text, write_track_ids, write_word2vec_text};
