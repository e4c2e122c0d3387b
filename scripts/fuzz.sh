#!/bin/sh
# Fuzzes the parsers of the importers with libFuzzer on stable Rust (x86-64 Linux).
#
#   scripts/fuzz.sh                      all parsers, 600 s each
#   scripts/fuzz.sh 60 mssd_log mpd      these parsers, 60 s each
#
# A case that panics, hangs for 10 s or takes 1 GiB stops its parser and is kept in data/fuzz/artifacts/<parser>/; move
# it to data/fuzz/seeds/<parser>/, where it seeds later runs and where `cargo test -p listening-data` runs it as a test.
set -eu
cd "$(dirname "$0")/../data/fuzz"
seconds=${1:-600}
[ $# -gt 0 ] && shift
triple=x86_64-unknown-linux-gnu
# What cargo-fuzz passes, but for the sanitizers, which want a nightly compiler.
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
cargo build --quiet --release --target "$triple"
fuzzer=${CARGO_TARGET_DIR:-target}/$triple/release/listening-data-fuzz
parsers=${*:-$(FUZZ_TARGET= "$fuzzer" seeds 2>&1 | sed -n 's/^FUZZ_TARGET must be one of: //p' | tr -d ,)}
failed=
for parser in $parsers; do
    mkdir -p "corpus/$parser" "artifacts/$parser" "seeds/$parser"
    echo "== $parser: $seconds s"
    FUZZ_TARGET=$parser "$fuzzer" "corpus/$parser" "seeds/$parser" -max_total_time="$seconds" -timeout=10 \
        -rss_limit_mb=1024 -max_len=65536 -artifact_prefix="artifacts/$parser/" -print_final_stats=1 -verbosity=0 ||
        failed="$failed $parser"
done
[ -z "$failed" ] || { echo "found faults in:$failed" >&2; exit 1; }
