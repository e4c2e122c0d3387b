//! The dataset on disk: Parquet tables and a manifest. The schema is documented in `docs/dataset.md`.
//!
//! Plays are ordered by user, then time; a session's plays follow each other, and a user's sessions too. So one
//! pass over [`Dataset::sessions`] sees each user's history in order, in memory bounded by a row group.

mod catalog;
mod feedback;
mod manifest;
mod play_columns;
mod reader;
mod row_group;
mod schema;
mod writer;

pub use feedback::{Feedback, FeedbackKind};
pub use manifest::{Content, FORMAT_VERSION, Manifest, SourceInfo};
pub(crate) use play_columns::{PLAYS_AT_ONCE, PlayColumns};
pub use reader::{Dataset, LoggedSession, RecordedPool, Sessions};
pub(crate) use row_group::{GROUP_PLAYS, SessionRow};
pub use writer::DatasetWriter;

#[cfg(test)]
mod tests;
