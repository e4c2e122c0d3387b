//! Readers of listening logs: each turns one source's files into a dataset and counts what it did with every row.

mod json_rows;
mod report;
mod spotify_extended;
mod track_features;

pub use report::{DroppedRows, ImportReport, SpotifyCounts};
pub use spotify_extended::{ImportOptions, import_spotify_extended};
