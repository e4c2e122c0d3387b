//! Readers of listening logs: each turns one source's files into a dataset and counts what it did with every row.

mod ids;
mod inputs;
mod item_lists;
mod json_rows;
mod lastfm_1k;
mod mpd;
mod options;
mod percent_encoding;
mod renumbering;
mod report;
mod session_builder;
mod spotify_extended;
#[cfg(test)]
mod test_bench;
mod text_lines;
mod track_features;

pub use item_lists::{ItemSeparator, SessionsOptions, import_sessions};
pub use lastfm_1k::import_lastfm_1k;
pub use mpd::import_mpd;
pub use options::ImportOptions;
pub use report::{DroppedRows, ImportCounts, ImportReport, Remark};
pub use spotify_extended::import_spotify_extended;

/// Entry points of the fuzzer: all that parses, in memory.
pub(crate) mod fuzzing {
    pub(crate) use super::item_lists::{fuzz_item_lists, fuzz_thirty_music};
    pub(crate) use super::lastfm_1k::fuzz as fuzz_lastfm_1k;
    pub(crate) use super::mpd::fuzz as fuzz_mpd;
}
