//! Settings that all imports share.

use std::path::PathBuf;

use serde::Serialize;

use crate::{DataError, Result, SessionRules};

/// Settings of an import.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ImportOptions {
    /// Definitions of session and responses.
    pub rules: SessionRules,
    /// Whether bad rows are skipped and counted, and files that end too early are read up to there.
    pub lenient: bool,
    /// Minutes between UTC and the listener's local time, e.g. 60 for UTC+1, for formats in UTC that tell no zone.
    pub utc_offset_minutes: i32,
    /// A CSV file of audio features and durations, keyed by `uri` (the track's identifier in the log).
    pub track_features: Option<PathBuf>,
}

impl ImportOptions {
    /// What is to be added to times in UTC.
    pub(super) fn utc_offset_ms(&self) -> i64 {
        i64::from(self.utc_offset_minutes) * 60_000
    }

    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        self.rules.validate()?;
        if self.utc_offset_minutes.abs() > 24 * 60 {
            let problem = "must lie within a day (-1440 to 1440)".to_owned();
            return Err(DataError::Setting { setting: "utc_offset_minutes", problem });
        }
        Ok(())
    }
}
