//! The Parquet message types of the tables, and how their columns are laid out.

use std::sync::Arc;

use crate::table::TableLayout;

pub(super) const CATALOG_FILE: &str = "catalog.parquet";
pub(super) const USERS_FILE: &str = "users.parquet";
pub(super) const SESSIONS_FILE: &str = "sessions.parquet";
pub(super) const PLAYS_FILE: &str = "plays.parquet";
pub(super) const FEEDBACK_FILE: &str = "feedback.parquet";
pub(super) const POOLS_FILE: &str = "pools.parquet";
pub(super) const AUDIO_VECTORS_FILE: &str = "audio_vectors.parquet";
pub(super) const MANIFEST_FILE: &str = "dataset.json";

pub(super) const CATALOG: &str = "message catalog {
    required int32 track (integer(32, false));
    required binary track_id (utf8);
    required binary name (utf8);
    required binary artist (utf8);
    required binary album (utf8);
    optional int32 duration_ms (integer(32, false));
    required boolean duration_estimated;
    optional int32 release_year;
    optional float danceability;
    optional float energy;
    optional float loudness;
    optional float speechiness;
    optional float acousticness;
    optional float instrumentalness;
    optional float liveness;
    optional float valence;
    optional float tempo;
}";

pub(super) const USERS: &str = "message users {
    required int32 user (integer(32, false));
    required binary user_id (utf8);
}";

pub(super) const SESSIONS: &str = "message sessions {
    required int64 session;
    required int32 user (integer(32, false));
    required int64 start (timestamp(millis, false));
    required int32 plays (integer(32, false));
    optional int32 hour;
    optional int32 weekday;
    optional binary device (utf8);
    optional binary source (utf8);
    optional boolean premium;
    optional boolean shuffle;
    optional binary behaviour_policy (utf8);
}";

pub(super) const PLAYS: &str = "message plays {
    required int64 session;
    required int32 user (integer(32, false));
    required int32 position (integer(32, false));
    required int32 track (integer(32, false));
    required int64 start (timestamp(millis, false));
    optional int32 ms_played (integer(32, false));
    optional boolean complete;
    optional boolean skip;
    optional boolean past_threshold;
    optional int32 skip_step;
    optional float propensity;
}";

pub(super) const FEEDBACK: &str = "message feedback {
    required int32 user (integer(32, false));
    required int64 at (timestamp(millis, false));
    required int32 track (integer(32, false));
    required binary kind (utf8);
}";

pub(super) const POOLS: &str = "message pools {
    required int64 session;
    required int32 track (integer(32, false));
}";

/// One column per element of the vectors.
pub(super) fn audio_vectors_schema(dimension: usize) -> String {
    let elements: String = (0..dimension).map(|element| format!("required float value_{element}; ")).collect();
    format!("message audio_vectors {{ required int32 track (integer(32, false)); {elements}}}")
}

/// The layout of a table: numbers by differences, which also cuts those in no order to the bits that they need. Hardly an
/// identifier repeats.
pub(super) fn layout(schema: &str) -> parquet::errors::Result<Arc<TableLayout>> {
    let ascending: &[&str] = match schema {
        PLAYS | SESSIONS => &["user", "start"],
        FEEDBACK => &["user", "at"],
        _ => &["track", "user"],
    };
    let differences: &[&str] = match schema {
        PLAYS => &["session", "position", "track", "ms_played", "skip_step"],
        SESSIONS => &["session", "plays", "hour", "weekday"],
        POOLS => &["session", "track"],
        CATALOG => &["duration_ms"],
        _ => &[],
    };
    let distinct: &[&str] = match schema {
        CATALOG => &["track_id"],
        USERS => &["user_id"],
        _ => &[],
    };
    TableLayout::new(schema, ascending, differences, distinct)
}
