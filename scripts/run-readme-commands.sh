#!/usr/bin/env bash
# Runs the commands that the README shows, so that they stay true: each block fenced as ```sh ci is run from the
# repository's root, in a shell of its own, and the first that fails ends the run.
#
#   scripts/run-readme-commands.sh [README.md]
set -euo pipefail
readme=$(realpath "${1:-$(dirname "$0")/../README.md}")
cd "$(dirname "$0")/.."

blocks=$(mktemp -d)
trap 'rm -rf "$blocks"' EXIT

awk -v blocks="$blocks" '
    /^```sh ci *$/ { file = sprintf("%s/%03d.sh", blocks, ++count); line = FNR; printf "" >file; next }
    /^``` *$/ && file { close(file); file = ""; next }
    file { print >file }
    END {
        if (file) { print FILENAME ": the block of line " line " has no end" >"/dev/stderr"; exit 1 }
        if (!count) { print FILENAME ": no block is fenced as ```sh ci" >"/dev/stderr"; exit 1 }
    }' "$readme"

for block in "$blocks"/*.sh; do
    # The trace prints each command as `$ command`; no input, so that nothing waits for an answer.
    bash -euo pipefail -c "PS4='\$ '; set -x; . '$block'" </dev/null
done
