//! Listening data: one columnar dataset for real logs and synthetic listeners alike.
//!
//! A dataset is a folder of Parquet files (catalog, users, sessions, plays) with a manifest; its schema is
//! documented in `docs/dataset.md`. [`Dataset`] reads it in streams, [`DatasetWriter`] writes it atomically, and
//! the importers and the synthetic listeners feed the writer.
//!
//! ```
//! use listening_data::{Context, Dataset, DatasetWriter, Play, Responses, Session, SourceInfo, Track, User};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("tiny");
//! let mut writer = DatasetWriter::create(&path)?;
//! let play = Play {
//!     track: 0,
//!     start_ms: 1_000,
//!     ms_played: Some(180_000),
//!     responses: Responses { complete: Some(true), skip: Some(false), past_threshold: Some(true) },
//!     ..Play::default()
//! };
//! writer.write_session(&Session { user: 0, start_ms: 1_000, context: Context::default(), plays: vec![play] })?;
//! let track = Track { id: "t:1".into(), name: "One".into(), artist: "A".into(), ..Track::default() };
//! let user = User { id: "u".into() };
//! writer.finish(&[track], &[user], &SourceInfo::new("example"))?;
//!
//! let dataset = Dataset::open(&path)?;
//! assert_eq!(dataset.manifest().plays, 1);
//! for session in dataset.sessions()? {
//!     assert_eq!(session?.session.plays[0].ms_played, Some(180_000));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod dataset;
mod error;
mod external_sort;
mod files;
#[doc(hidden)]
pub mod fuzzing;
mod importers;
mod inspect;
mod marginals;
mod new_folder;
mod parallel;
mod play;
mod prefetch;
mod progress;
mod response_shares;
mod rng;
mod sessions;
mod synthetic;
mod table;
mod time;
mod track_hashes;

pub use dataset::{
    Content, Dataset, DatasetWriter, FORMAT_VERSION, Feedback, FeedbackKind, LoggedSession, Manifest, RecordedPool,
    Sessions, SourceInfo,
};
pub use error::{DataError, Result};
pub use external_sort::ExternalSort;
pub use files::{fingerprint_of_file, fingerprint_of_text, write_atomically};
pub use importers::{
    DroppedRows, GenericOptions, ImportCounts, ImportOptions, ImportReport, ItemSeparator, Remark, SessionsOptions,
    SpotifyAccountOptions, import_generic, import_lastfm_1k, import_mpd, import_mssd, import_sessions,
    import_spotify_account, import_spotify_extended, import_yambda,
};
pub use inspect::{
    ContextGroup, ContextShares, DatasetSummary, HistogramBucket, Popularity, PositionShares, Quantiles, RankedPlays,
    SkipStreaks, TopShare, inspect,
};
pub use marginals::{
    Figure, Marginal, MarginalProtocol, Marginals, kolmogorov_smirnov, measure_marginals, published_mssd_marginals,
};
pub use play::{
    AUDIO_FEATURES, AudioFeatures, BehaviourPolicy, Context, Device, Play, Responses, Session, Source, Track, User,
    artist_numbers,
};
pub use prefetch::prefetch;
pub use progress::{Progress, Silent};
pub use response_shares::{ResponseShare, ResponseShares};
pub use rng::{BulkRng, CounterRng, Stream};
pub use sessions::SessionRules;
pub use synthetic::{
    Alternatives, AlternativesOf, BehaviourConfig, Calendar, Calibration, CalibrationSettings, CalibrationTarget,
    CatalogConfig, FittedParameter, Heard, LeavingConfig, Listener, ListenerConfig, ListenerParameter, LoggedStart,
    MindConfig, OtherTrack, ResponseConfig, ResponseProbabilities, SessionState, SizeConfig, SkipHazard,
    SyntheticConfig, SyntheticFormat, SyntheticLog, SyntheticSource, SyntheticWorld, calibrate_listeners, mood_classes,
    synthesize, synthesize_log, synthetic_marginals,
};
pub use track_hashes::{TrackHasher, TrackHashes};
