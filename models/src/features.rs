//! What models and agents see of users, contexts and tracks.
//!
//! Three groups, so that each part of a network's first layer can be computed once per session, once per track and
//! once per candidate:
//!
//! - **session features** `[session]`: user state, slow features of the user, context; fixed during a session;
//! - **track features** `[track]`: embedding, duration, release year, audio features; fixed per catalog;
//! - **relation features** `[relation]` of a user and a track at the start of a session: familiarity with track and
//!   artist, how often others play the track and how they respond to it, cosine to the user state.
//!
//! And for models that see the session as it goes: the plays **so far** and how a track stands to them ([`SessionSoFar`]).
//!
//! Beside these, for user states: the **slow features** (aggregates of a history) and **fast features** (the last plays
//! in order) of a user at any moment, within sessions too ([`MomentFeatures`]).
//!
//! But for these, nothing looks past the start of the session: histories take in a session only when it has ended, and the totals of
//! other users' responses come from their training sessions alone, without the user's own.

mod context;
mod fast_features;
mod moments;
mod session_so_far;
mod slow_features;
mod tally;
mod timeline;
mod tracks;
mod user_history;

pub use context::{CONTEXT_FEATURES, hour_and_device, write_context};
pub use fast_features::{FAST_EXTRAS, FastFeatures};
pub use moments::MomentFeatures;
pub use session_so_far::{SO_FAR_FEATURES, SessionSoFar};
pub use slow_features::{SLOW_FEATURE_NAMES, SlowFeatures};
pub(crate) use tally::response_array;
pub use tally::{RESPONSES, Tally, TrackTotals};
pub use timeline::{Event, UserTimeline, for_each_user};
pub use tracks::{TRACK_EXTRAS, track_features};
pub use user_history::{RELATION_FEATURES, Relations, SLOW_FEATURES, UserHistory};
