//! `sim import`: one subcommand per kind of log.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use listening_data::{ImportOptions, Progress, SessionRules, import_spotify_extended};

use crate::output;

/// Make a dataset from listening logs
///
/// Example:
///   sim import spotify-extended my_spotify_data.zip --out datasets/mine
#[derive(Subcommand)]
#[command(verbatim_doc_comment)]
pub enum Source {
    SpotifyExtended(SpotifyExtended),
}

/// Import Spotify's extended streaming history
///
/// Ask for it at spotify.com/account/privacy ("Extended streaming history"); Spotify sends a zip within some weeks.
/// The zip can be given as it is: it is one listener, called by its file name. So can a folder of zips, one listener
/// each, and the JSON files themselves. The format and what is made of it: docs/formats/spotify-extended.md.
///
/// The dataset lies in the folder --out, which must not exist yet. Nothing leaves your machine.
///
/// Example:
///   sim import spotify-extended my_spotify_data.zip --out datasets/mine
///   sim import spotify-extended exports/ --out datasets/all --lenient --utc-offset-minutes 60
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct SpotifyExtended {
    /// Zips, folders or JSON files as Spotify sent them
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Folder of the new dataset
    #[arg(long, value_name = "DATASET")]
    out: PathBuf,
    /// Skip and count bad rows, and read files that end too early up to there, instead of stopping
    #[arg(long)]
    lenient: bool,
    /// Minutes between UTC and the listener's local time, e.g. 60 for UTC+1; exports are in UTC and tell no zone
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    utc_offset_minutes: i32,
    /// CSV file of audio features and durations, with a column `uri`
    #[arg(long, value_name = "CSV")]
    track_features: Option<PathBuf>,
    /// Minutes without listening that end a session
    #[arg(long, value_name = "MINUTES", default_value_t = SessionRules::default().session_gap_minutes)]
    session_gap_minutes: f64,
    /// Seconds after which a play counts as listened past the threshold
    #[arg(long, value_name = "SECONDS", default_value_t = SessionRules::default().threshold_seconds)]
    threshold_seconds: f64,
}

/// Imports, and says what became of every row.
pub fn run(source: &Source, progress: &dyn Progress) -> anyhow::Result<()> {
    let Source::SpotifyExtended(options) = source;
    let rules = SessionRules {
        session_gap_minutes: options.session_gap_minutes,
        threshold_seconds: options.threshold_seconds,
        ..SessionRules::default()
    };
    let settings = ImportOptions {
        rules,
        lenient: options.lenient,
        utc_offset_minutes: options.utc_offset_minutes,
        track_features: options.track_features.clone(),
    };
    let report = import_spotify_extended(&options.inputs, &options.out, &settings, progress)?;
    output::print(&serde_json::to_string_pretty(&report)?)
}
