//! The parsers of the importers as functions of bytes, for the fuzzer in `data/fuzz` and for its seeds as tests.

use crate::importers;

/// A parser: takes any bytes, must not panic.
pub type Target = fn(&[u8]);

/// All parsers by name.
pub const TARGETS: &[(&str, Target)] = &[("spotify_extended", importers::spotify_extended::fuzz)];
