//! `sim import`: one subcommand per kind of log.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use listening_data::{
    ImportOptions, ImportReport, Progress, ResponseShares, SessionRules, SpotifyCounts, import_spotify_extended,
};

use crate::output;
use crate::tables::{Columns, count, optional_share, section, share};

/// Make a dataset from listening logs
#[derive(Subcommand)]
#[command(after_help = "Example:
  sim import spotify-extended my_spotify_data.zip --out datasets/mine")]
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
#[derive(Args)]
#[command(after_help = "Example:
  sim import spotify-extended my_spotify_data.zip --out datasets/mine
  sim import spotify-extended exports/ --out datasets/all --lenient --utc-offset-minutes 60")]
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
    output::print(&describe(&report, &options.out))
}

/// What became of the rows, what the dataset holds, and what to do next.
fn describe(report: &ImportReport, out: &Path) -> String {
    let counts = &report.counts;
    let mut text = section("Rows", rows(counts));
    text += &section("Dataset", contents(counts));
    text += &section("Responses", responses(&counts.responses));
    let unfamiliar: Vec<String> =
        counts.unfamiliar_reasons.iter().map(|(reason, rows)| format!("`{reason}` ({} rows)", count(*rows))).collect();
    if !unfamiliar.is_empty() {
        text += &format!("Reasons this version does not know, taken as unknown: {}\n\n", unfamiliar.join(", "));
    }
    if counts.files_cut + counts.feature_rows_bad > 0 {
        let (cut, bad) = (count(counts.files_cut), count(counts.feature_rows_bad));
        text += &format!("Read leniently: {cut} files end too early, {bad} bad lines of track features skipped\n\n");
    }
    let path = out.display();
    text + &format!("The dataset lies in {path}. Look at it: sim inspect {path}\n")
}

fn rows(counts: &SpotifyCounts) -> Columns {
    let mut table = Columns::new(["", "rows", "share"]);
    let mut add = |name: &str, rows: u64| {
        table.add([name.to_owned(), count(rows), share(rows as f64 / counts.rows_read.max(1) as f64)]);
    };
    let files = if counts.files == 1 { "file" } else { "files" };
    add(&format!("read from {} {files}", count(counts.files)), counts.rows_read);
    add("kept as plays", counts.rows_kept);
    for dropped in counts.dropped.iter().filter(|dropped| dropped.rows > 0) {
        add(&format!("dropped: {}", dropped.reason), dropped.rows);
    }
    if counts.rows_bad > 0 {
        add("dropped: bad row", counts.rows_bad);
    }
    table
}

fn contents(counts: &SpotifyCounts) -> Columns {
    let mut table = Columns::new(["", "count"]);
    let mut add = |name: &str, value: u64| table.add([name.to_owned(), count(value)]);
    add("users", counts.users);
    add("tracks", counts.tracks);
    add("  duration given", counts.durations_given);
    add("  duration estimated", counts.durations_estimated);
    add("  duration unknown", counts.durations_unknown);
    add("  with audio features", counts.audio_features_matched);
    add("sessions", counts.sessions);
    add("plays", counts.rows_kept);
    table
}

fn responses(shares: &ResponseShares) -> Columns {
    let mut table = Columns::new(["", "share of plays", "not known"]);
    let named = [("complete", shares.complete), ("skipped", shares.skip), ("past threshold", shares.past_threshold)];
    for (name, response) in named {
        table.add([name.to_owned(), optional_share(response.share), share(response.missing)]);
    }
    table
}
