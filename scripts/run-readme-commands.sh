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

# Each block becomes a file named by the line it starts on; its first line makes bash print each command as `$ command`.
awk -v blocks="$blocks" '
    /^```sh ci *$/ { start = FNR; file = sprintf("%s/%05d", blocks, start); print "PS4=\"$ \"; set -x" >file; next }
    /^``` *$/ && file { close(file); file = ""; next }
    file { print >file }
    END {
        if (file) { print FILENAME ": the block of line " start " has no end" >"/dev/stderr"; exit 1 }
        if (!start) { print FILENAME ": no block is fenced as ```sh ci" >"/dev/stderr"; exit 1 }
    }' "$readme"

for block in "$blocks"/*; do
    # No input, so that nothing waits for an answer.
    bash -euo pipefail "$block" </dev/null || {
        echo "${readme##*/}: the commands of line $((10#${block##*/})) failed" >&2
        exit 1
    }
done
