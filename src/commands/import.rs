//! `sim import`: one subcommand per format of log.

mod arguments;
mod report;

use std::path::PathBuf;

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use listening_data::{
    GenericOptions, ImportOptions, ItemSeparator, Progress, SessionsOptions, SpotifyAccountOptions, import_generic,
    import_lastfm_1k, import_mpd, import_mssd, import_sessions, import_spotify_account, import_spotify_extended,
    import_yambda,
};

use self::arguments::{Common, Features, Listening, Rules};
use crate::output;

/// Make a dataset from listening logs
///
/// Each format has a page in docs/formats/ that says what is made of every column. Files may be given as they come:
/// plain, gzip, Zstandard, in tar or zip archives, or the folder they lie in. The dataset lies in the folder --out, which
/// must not exist yet. Nothing leaves your machine.
#[derive(Subcommand)]
#[command(after_help = "Example:
  sim import spotify-extended my_spotify_data.zip --out datasets/mine
  sim import mssd training_set.tar.gz track_features.tar.gz --out datasets/mssd
  sim import generic log.csv.gz --mapping mapping.toml --out datasets/ours")]
pub enum Source {
    /// Import Spotify's extended streaming history
    ///
    /// Ask for it at spotify.com/account/privacy ("Extended streaming history"); Spotify sends a zip within some weeks.
    /// The zip can be given as it is: it is one listener, called by its file name. So can a folder of zips, one listener
    /// each, and the JSON files themselves. The format and what is made of it: docs/formats/spotify-extended.md.
    #[command(after_help = "Example:
  sim import spotify-extended my_spotify_data.zip --out datasets/mine
  sim import spotify-extended exports/ --out datasets/all --lenient --utc-offset-minutes 60")]
    SpotifyExtended(Listening),

    /// Import Spotify's account data (one year of history)
    ///
    /// The export that Spotify sends within days: a zip with StreamingHistory*.json. It names artist and track, and tells
    /// neither why a play ended nor how long a track is. --join brings in a dataset of extended histories: its listeners
    /// come along, and plays are matched to its tracks by artist and name. More: docs/formats/spotify-account.md.
    #[command(after_help = "Example:
  sim import spotify-account my_spotify_data.zip --out datasets/mine
  sim import spotify-account accounts/ --join datasets/extended --out datasets/all")]
    SpotifyAccount {
        #[command(flatten)]
        listening: Listening,
        /// Dataset made by `sim import spotify-extended` whose listeners and tracks are brought in
        #[arg(long, value_name = "DATASET")]
        join: Option<PathBuf>,
    },

    /// Import the Music Streaming Sessions Dataset
    ///
    /// Session logs and track features of the full set or the mini set, as CSV, gzip or tar.gz. Each session is a listener
    /// of its own: the set tells no users. More: docs/formats/mssd.md.
    #[command(after_help = "Example:
  sim import mssd data/sessions/log_mini.csv data/track_features/tf_mini.csv --out datasets/mssd-mini
  sim import mssd training_set.tar.gz track_features.tar.gz --out datasets/mssd")]
    Mssd(Common),

    /// Import Yambda
    ///
    /// Folder or Parquet files of one size of Yandex's Yambda (50M, 500M or 5B), flat or sequential: listens, likes and
    /// dislikes, artist and album mappings, audio embeddings. More: docs/formats/yambda.md.
    #[command(after_help = "Example:
  sim import yambda yambda/flat/50m yambda/artist_item_mapping.parquet --out datasets/yambda-50m")]
    Yambda {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        rules: Rules,
    },

    /// Import Last.fm 1K
    ///
    /// userid-timestamp-artid-artname-traid-traname.tsv, or the whole lastfm-dataset-1K.tar.gz. The log tells neither how
    /// long a track played nor how long it is: responses are missing unless durations are given. More:
    /// docs/formats/lastfm-1k.md.
    #[command(
        name = "lastfm-1k",
        after_help = "Example:
  sim import lastfm-1k lastfm-dataset-1K.tar.gz --out datasets/lastfm-1k"
    )]
    Lastfm1k(Listening),

    /// Import the Million Playlist Dataset
    ///
    /// Its JSON slices, in a folder or in the zip. Playlists are no listening: the dataset serves to train track embeddings
    /// (`sim train-embeddings --playlists`). More: docs/formats/mpd.md.
    #[command(after_help = "Example:
  sim import mpd spotify_million_playlist_dataset.zip --out datasets/mpd")]
    Mpd(Common),

    /// Import plain lists of item ids, or 30Music
    ///
    /// One session per line, ids parted by blanks, commas or tabs (#nowplaying), or 30Music's sessions.idomaar. More:
    /// docs/formats/sessions.md.
    #[command(after_help = "Example:
  sim import sessions train_sessions.txt test_sessions.txt --out datasets/nowplaying")]
    Sessions {
        #[command(flatten)]
        common: Common,
        /// What stands between the ids of a line; told from the first lines where it is not given
        #[arg(long, value_parser = separators())]
        separator: Option<String>,
        #[command(flatten)]
        rules: Rules,
        #[command(flatten)]
        features: Features,
    },

    /// Import any log from CSV or Parquet, by a column mapping
    ///
    /// The mapping is a TOML file that names the log's columns; docs/formats/generic.md shows one for each kind of log.
    #[command(after_help = "Example:
  sim import generic plays.parquet --mapping mapping.toml --out datasets/ours
  sim import generic logs/2026-*.csv.gz --mapping mapping.toml --out datasets/ours --lenient
  sim import generic plays.csv --pools candidates.csv --mapping mapping.toml --out datasets/ours")]
    Generic {
        #[command(flatten)]
        listening: Listening,
        /// TOML file that names the log's columns
        #[arg(long, value_name = "TOML")]
        mapping: PathBuf,
        /// CSV table of the tracks that sessions were chosen from: the log's columns of session and track, a row per candidate
        #[arg(long, value_name = "CSV")]
        pools: Option<PathBuf>,
    },
}

fn separators() -> PossibleValuesParser {
    PossibleValuesParser::new(ItemSeparator::ALL.iter().map(|separator| separator.name()))
}

/// Imports, and says what became of every row.
pub fn run(source: &Source, progress: &dyn Progress) -> anyhow::Result<()> {
    let (Common { inputs, out, .. }, options) = match source {
        Source::Mssd(common) | Source::Mpd(common) => (common, common.options()),
        Source::Yambda { common, rules } => (common, ImportOptions { rules: rules.settings(), ..common.options() }),
        Source::Sessions { common, rules, features, .. } => {
            let track_features = features.track_features.clone();
            (common, ImportOptions { rules: rules.settings(), track_features, ..common.options() })
        }
        Source::SpotifyExtended(listening)
        | Source::Lastfm1k(listening)
        | Source::SpotifyAccount { listening, .. }
        | Source::Generic { listening, .. } => (&listening.common, listening.options()),
    };
    let report = match source {
        Source::SpotifyExtended(_) => import_spotify_extended(inputs, out, &options, progress),
        Source::SpotifyAccount { join, .. } => {
            let account = SpotifyAccountOptions { join: join.clone() };
            import_spotify_account(inputs, out, &options, &account, progress)
        }
        Source::Mssd(_) => import_mssd(inputs, out, &options, progress),
        Source::Yambda { .. } => import_yambda(inputs, out, &options, progress),
        Source::Lastfm1k(_) => import_lastfm_1k(inputs, out, &options, progress),
        Source::Mpd(_) => import_mpd(inputs, out, &options, progress),
        Source::Sessions { separator, .. } => {
            let lists = SessionsOptions { separator: separator.as_deref().and_then(ItemSeparator::from_name) };
            import_sessions(inputs, out, &options, &lists, progress)
        }
        Source::Generic { mapping, pools, .. } => {
            let generic = GenericOptions { mapping: mapping.clone(), pools: pools.clone() };
            import_generic(inputs, out, &options, &generic, progress)
        }
    }?;
    output::print(&report::describe(&report, out))
}
