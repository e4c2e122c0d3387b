//! Readers of listening logs: each turns one source's files into a dataset and counts what it did with every row.

mod ids;
mod inputs;
mod json_rows;
pub(crate) mod mssd;
mod options;
mod parquet_columns;
mod report;
mod session_builder;
pub(crate) mod spotify_extended;
mod track_features;
pub(crate) mod yambda;

pub use mssd::import_mssd;
pub use options::ImportOptions;
pub use report::{DroppedRows, ImportCounts, ImportReport, Remark};
pub use spotify_extended::import_spotify_extended;
pub use yambda::import_yambda;
