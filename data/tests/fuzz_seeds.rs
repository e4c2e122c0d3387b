//! Every seed of the fuzzer, among them the cases it once found, runs through its parser without a panic.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::Path;

use listening_data::fuzzing::TARGETS;

#[test]
fn every_seed_is_parsed_without_a_panic() {
    let seeds = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds"));
    for (name, target) in TARGETS {
        let folder = fs::read_dir(seeds.join(name)).unwrap_or_else(|_| panic!("no seeds for {name}"));
        let mut count = 0;
        for file in folder {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            target(&bytes);
            // Cut and damaged as well, at places that hardly repeat.
            for cut in (0..bytes.len()).step_by(bytes.len() / 16 + 1) {
                target(&bytes[..cut]);
                let mut damaged = bytes.clone();
                damaged[cut] ^= 1 << (cut % 8);
                target(&damaged);
            }
            count += 1;
        }
        assert!(count > 0, "no seeds for {name}");
    }
}
