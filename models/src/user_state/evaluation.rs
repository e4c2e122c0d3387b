//! Measures user states on held-out listening: next-track prediction, session ranking and track ranking, overall and by
//! context, and models in pairs.

mod bootstrap;
mod contexts;
mod next_track;
mod paired;
mod placement;
mod ranks;
mod session_ranking;
mod session_scores;
mod track_ranking;

pub use bootstrap::{Interval, bootstrap, draw_users};
pub use contexts::{ContextRarity, HourClass, context_rarity};
pub use next_track::{
    IndexedMetrics, NextTrackMetrics, NextTrackReport, NextTrackSettings, NextTrackTask, UserMetrics,
};
pub use paired::{Metric, PairedDifference, compare_per_user};
pub use placement::Placement;
pub use session_scores::{
    ALL_SESSIONS, MeanOverSessions, SessionScores, relative_gain, score_sessions, session_measures,
};
