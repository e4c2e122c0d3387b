//! Options that several formats share.

use std::path::PathBuf;

use clap::Args;
use listening_data::{ImportOptions, SessionRules};

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
    lenient: bool,
}

impl Common {
    pub fn options(&self) -> ImportOptions {
        ImportOptions { lenient: self.lenient, ..ImportOptions::default() }
    }
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

/// For formats that do not tell how long a track is, or how it sounds.
#[derive(Args)]
pub struct Features {
    /// CSV file of audio features and durations, with a column `uri` that holds the log's track ids
    #[arg(long, value_name = "CSV")]
    pub track_features: Option<PathBuf>,
}

/// What the logs of listeners take that tell neither sessions nor responses, and give times in UTC.
#[derive(Args)]
pub struct Listening {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    rules: Rules,
    /// Minutes between UTC and the listener's local time, e.g. 60 for UTC+1; the log is in UTC and tells no zone
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    utc_offset_minutes: i32,
    #[command(flatten)]
    features: Features,
}

impl Listening {
    pub fn options(&self) -> ImportOptions {
        ImportOptions {
            rules: self.rules.settings(),
            utc_offset_minutes: self.utc_offset_minutes,
            track_features: self.features.track_features.clone(),
            ..self.common.options()
        }
    }
}
