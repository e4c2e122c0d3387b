//! Entry points for fuzzing: each feeds arbitrary bytes to the parser of its name.

#![allow(missing_docs, reason = "the names say it")]

pub fn mssd_log(bytes: &[u8]) {
    crate::importers::mssd::fuzz_log(bytes);
}

pub fn mssd_track_features(bytes: &[u8]) {
    crate::importers::mssd::fuzz_track_features(bytes);
}
