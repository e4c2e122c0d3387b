//! Readers of listening logs: each turns one source's files into a dataset and counts what it did with every row.

pub(crate) mod generic;
mod ids;
mod inputs;
mod json_field;
mod json_rows;
mod options;
mod parquet_columns;
mod report;
mod session_builder;
pub(crate) mod spotify_account;
mod spotify_archive;
pub(crate) mod spotify_extended;
mod spotify_rows;
mod spotify_users;
mod track_features;

pub use generic::{GenericOptions, import_generic};
pub use options::ImportOptions;
pub use report::{DroppedRows, ImportCounts, ImportReport, Remark};
pub use spotify_account::{SpotifyAccountOptions, import_spotify_account};
pub use spotify_extended::import_spotify_extended;
