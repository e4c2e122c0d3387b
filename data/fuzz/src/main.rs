//! Feeds arbitrary bytes to one parser of the importers, named by the variable `FUZZ_TARGET`. Run by `scripts/fuzz.sh`.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use listening_data::fuzzing::{TARGETS, Target};

static CHOSEN: OnceLock<Target> = OnceLock::new();

fn choose() -> Target {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    match TARGETS.iter().find(|(target, _)| *target == name) {
        Some((_, target)) => *target,
        None => {
            eprintln!("FUZZ_TARGET must be one of: {}", names.join(", "));
            std::process::exit(2)
        }
    }
}

fuzz_target!(|bytes: &[u8]| CHOSEN.get_or_init(choose)(bytes));
