//! How good user states are: on rankings, overall, by context, and in pairs.

mod bootstrap;
mod contexts;
mod placement;
mod session_ranking;
mod session_scores;
mod track_ranking;

pub use bootstrap::{Interval, bootstrap};
pub use contexts::{ContextRarity, HourClass, context_rarity};
pub use placement::Placement;
pub use session_scores::{MeanOverSessions, SessionScores, relative_gain, score_sessions, session_measures};
