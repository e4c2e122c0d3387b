//! The parsers of the importers as functions of bytes, for the fuzzer in `data/fuzz` and for its seeds as tests.

use crate::importers::{generic, item_lists, lastfm_1k, mpd, mssd, spotify_account, spotify_extended, yambda};
use crate::marginals;

/// A parser: takes any bytes, must not panic.
pub type Target = fn(&[u8]);

/// All parsers by name.
pub const TARGETS: &[(&str, Target)] = &[
    ("spotify_extended", spotify_extended::fuzz),
    ("spotify_account", spotify_account::fuzz),
    ("mssd_log", mssd::fuzz_log),
    ("mssd_track_features", mssd::fuzz_track_features),
    ("yambda", yambda::fuzz),
    ("lastfm_1k", lastfm_1k::fuzz),
    ("mpd", mpd::fuzz),
    ("item_lists", item_lists::fuzz_item_lists),
    ("thirty_music", item_lists::fuzz_thirty_music),
    ("published_counts", marginals::fuzz),
    ("generic_csv", generic::fuzz_csv),
    ("generic_mapping", generic::fuzz_mapping),
];
