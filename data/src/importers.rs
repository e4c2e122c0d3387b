//! Readers of listening logs: each turns one source's files into a dataset and counts what it did with every row.

pub(crate) mod generic;
mod ids;
mod inputs;
pub(crate) mod item_lists;
mod json_field;
mod json_rows;
pub(crate) mod lastfm_1k;
pub(crate) mod mpd;
pub(crate) mod mssd;
mod options;
mod parquet_columns;
mod percent_encoding;
mod renumbering;
mod report;
mod row_problem;
mod session_builder;
pub(crate) mod spotify_account;
mod spotify_archive;
pub(crate) mod spotify_extended;
mod spotify_rows;
mod spotify_users;
#[cfg(test)]
mod test_bench;
mod text_lines;
mod track_features;
pub(crate) mod yambda;

pub use generic::{GenericOptions, import_generic};
pub use item_lists::{ItemSeparator, SessionsOptions, import_sessions};
pub use lastfm_1k::import_lastfm_1k;
pub use mpd::import_mpd;
pub use mssd::import_mssd;
pub use options::ImportOptions;
pub use report::{DroppedRows, ImportCounts, ImportReport, Remark};
pub use spotify_account::{SpotifyAccountOptions, import_spotify_account};
pub use spotify_extended::import_spotify_extended;
pub use yambda::import_yambda;
