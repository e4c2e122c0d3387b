//! Options that several formats share.

use std::path::PathBuf;

use clap::Args;
use listening_data::SessionRules;

/// What every import takes.
#[derive(Args)]
pub struct Common {
    /// Files, archives or folders of the log
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Folder of the new dataset
    #[arg(long, value_name = "DATASET")]
    pub out: PathBuf,
    /// Skip and count bad rows, and read files that end too early up to there, instead of stopping
    #[arg(long)]
    pub lenient: bool,
}

/// Definitions of session and responses, for formats that leave them to us.
#[derive(Args)]
pub struct Rules {
    /// Minutes without listening that end a session
    #[arg(long, value_name = "MINUTES", default_value_t = SessionRules::default().session_gap_minutes)]
    session_gap_minutes: f64,
    /// Seconds after which a play counts as listened past the threshold
    #[arg(long, value_name = "SECONDS", default_value_t = SessionRules::default().threshold_seconds)]
    threshold_seconds: f64,
}

impl Rules {
    pub fn settings(&self) -> SessionRules {
        SessionRules {
            session_gap_minutes: self.session_gap_minutes,
            threshold_seconds: self.threshold_seconds,
            ..SessionRules::default()
        }
    }
}

/// For formats whose times are in UTC.
#[derive(Args)]
pub struct Clock {
    /// Minutes between UTC and the listener's local time, e.g. 60 for UTC+1; the log is in UTC and tells no zone
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub utc_offset_minutes: i32,
}

/// For formats that do not tell how long a track is, or how it sounds.
#[derive(Args)]
pub struct Features {
    /// CSV file of audio features and durations, with a column `uri` that holds the log's track ids
    #[arg(long, value_name = "CSV")]
    pub track_features: Option<PathBuf>,
}
