//! Feeds arbitrary bytes to one parser of the importers, named by the variable `FUZZ_TARGET`. Run by `scripts/fuzz.sh`.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use listening_data::fuzzing::{TARGETS, Target};

static CHOSEN: OnceLock<Target> = OnceLock::new();

fn choose() -> Target {
    // libFuzzer's own hook ends the process at any panic. The Parquet library panics on some damaged files, which the
    // importers catch and turn into errors; a panic that nobody catches still ends the process, where it leaves the target.
    std::panic::set_hook(Box::new(|_| {}));
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
