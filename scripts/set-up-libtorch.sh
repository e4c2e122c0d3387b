#!/bin/sh
# Puts libtorch where the build looks for it: `.libtorch`, a link to `.torch/torch`.
#
#   scripts/set-up-libtorch.sh                     what this machine needs; does nothing where it is there already
#   TORCH_VARIANT=cpu scripts/set-up-libtorch.sh   without CUDA although there is an NVIDIA GPU (or `cuda`, the reverse)
#
# libtorch is the one inside the torch wheel. The Linux wheels are CUDA builds that also run on a machine without a
# GPU: there the wheel with the two NVIDIA libraries that its CPU part is linked against is enough, a quarter of the
# whole. A libtorch of the user's own, named by LIBTORCH or put at `.libtorch`, is checked and left alone.
set -eu
cd "$(dirname "$0")/.."

torch_version=2.11.0
# Wheels differ by Python version, the libtorch inside does not: asking for one fixed version makes any Python 3 do.
wheel_python=3.12
cuda_libraries_of_the_cpu_part="nvidia-cuda-cupti==13.0.85 nvidia-cuda-runtime==13.0.96"
# Where the installed version is recorded. Written last, so what an interrupted install leaves never counts.
stamp=.torch/installed-variant

say() { printf 'set-up: %s\n' "$*"; }
complain() { printf 'set-up: error: %s\n' "$*" >&2; }
die() {
    complain "$*"
    exit 1
}

# True where version $1 (as 1.88.0) is at least $2 (as 1.88).
version_at_least() {
    awk -v have="$1" -v want="$2" 'BEGIN {
        split(have, h, "."); split(want, w, ".")
        exit !(h[1] + 0 > w[1] + 0 || (h[1] + 0 == w[1] + 0 && h[2] + 0 >= w[2] + 0))
    }'
}

check_build_tools() {
    complete=yes
    wanted_cargo=$(sed -n 's/^rust-version *= *"\(.*\)".*/\1/p' Cargo.toml)
    if ! cargo_version=$(cargo --version 2>/dev/null); then
        complain "cargo is missing: install Rust $wanted_cargo or newer from https://rustup.rs and open a new shell."
        complete=no
    elif ! version_at_least "$(echo "$cargo_version" | cut -d ' ' -f 2)" "$wanted_cargo"; then
        complain "$cargo_version is too old, $wanted_cargo or newer is needed: run 'rustup update stable', or install from https://rustup.rs."
        complete=no
    fi
    if ! echo '#include <cstdint>' | ${CXX:-c++} -std=c++17 -fsyntax-only -x c++ - >/dev/null 2>&1; then
        complain "no C++17 compiler (tried '${CXX:-c++}'): install one; Debian, Ubuntu: 'apt install build-essential';" \
            "Fedora: 'dnf install gcc-c++'; macOS: 'xcode-select --install'."
        complete=no
    fi
    [ $complete = yes ] || exit 1
}

# Prints the version of the libtorch in folder $1, as its headers state it; nothing where there are none.
libtorch_version_in() {
    for header in "$1/include/torch/headeronly/version.h" "$1/include/torch/csrc/api/include/torch/version.h"; do
        [ -f "$header" ] || continue
        sed -nE 's/^#define TORCH_VERSION_(MAJOR|MINOR|PATCH) ([0-9]+).*/\2/p' "$header" | paste -s -d . -
        return
    done
}

has_libtorch() {
    [ "$(libtorch_version_in "$1")" = "$torch_version" ] &&
        { [ -e "$1/lib/libtorch_cpu.so" ] || [ -e "$1/lib/libtorch_cpu.dylib" ]; }
}

# Ends the set-up where the user's own libtorch, named $1, in folder $2, is not fit; $3 is the remedy.
check_users_own() {
    [ -d "$2" ] || die "$1 is no folder: $3."
    version=$(libtorch_version_in "$2")
    [ -n "$version" ] || die "$1 holds no libtorch (no include/torch/headeronly/version.h there): $3."
    [ "$version" = "$torch_version" ] || die "$1 holds libtorch $version, but $torch_version is needed: $3."
    has_libtorch "$2" || die "$1 holds libtorch's headers but no lib/libtorch_cpu: $3."
    say "using the libtorch $torch_version of $1."
}

has_nvidia_gpu() {
    [ -e /dev/nvidia0 ] || nvidia-smi -L 2>/dev/null | grep -q '^GPU '
}

check_platform() {
    system="$(uname -s) on $(uname -m)"
    remedy="build libtorch $torch_version and set LIBTORCH to its folder"
    case $system in
        "Linux on x86_64" | "Linux on aarch64" | "Darwin on arm64") ;;
        *) die "there is no ready-made libtorch $torch_version for $system: $remedy." ;;
    esac
    [ "$(uname -s)" = Linux ] || return 0
    libc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || libc="another C library"
    version_at_least "${libc#glibc }" 2.28 ||
        die "the ready-made libtorch needs glibc 2.28 or newer, this system has $libc: use a newer system, or $remedy."
}

check_disk_space() { # MEGABYTES
    free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1024) }')
    [ "$free" -ge "$1" ] ||
        die "not enough disk space: libtorch ($variant) needs $1 MB while it is installed, $free MB are free." \
            "Free some, or move the repository to a larger disk.$gpu_hint"
}

# Sets $python to a Python with a pip that knows the wheels' tags: the system's, or a temporary environment's.
find_pip() {
    python3 -c '' 2>/dev/null ||
        die "python3 is missing: install it with pip; Debian, Ubuntu: 'apt install python3 python3-pip';" \
            "Fedora: 'dnf install python3-pip'; macOS: 'xcode-select --install'."
    python=python3
    ! has_usable_pip || return 0
    say "no pip 20.3 or newer: making a temporary virtual environment that has one."
    if python3 -m venv "$work/venv" >"$work/venv.log" 2>&1; then
        python=$work/venv/bin/python
        has_usable_pip || "$python" -m pip install --quiet --upgrade pip || true
    fi
    has_usable_pip ||
        die "pip is missing, and python3 cannot make a virtual environment: install one of them; Debian, Ubuntu:" \
            "'apt install python3-pip'; Fedora: 'dnf install python3-pip'; elsewhere: 'python3 -m ensurepip --user'."
}

has_usable_pip() {
    pip_version=$("$python" -m pip --version 2>/dev/null | cut -d ' ' -f 2)
    version_at_least "${pip_version:-0}" 20.3
}

# Says what a failed install means; $1 is pip's log, whose last lines pip has just printed itself.
explain_pip_failure() {
    if grep -q 'No space left on device' "$1"; then
        die "the disk filled up while libtorch was being installed: free some space and run this again.$gpu_hint"
    elif grep -qE 'Retrying \(Retry|Connection ?(Error|broken|aborted|reset)|ReadTimeout|IncompleteRead|Could not fetch URL' "$1"; then
        die "pip could not reach its package index: check the network, the proxy (HTTPS_PROXY) and pip's own settings" \
            "('python3 -m pip config list'), and run this again.$gpu_hint"
    elif grep -q 'No matching distribution found' "$1"; then
        die "pip's package index has no torch $torch_version for this system: point pip at an index that has it" \
            "('python3 -m pip config list' shows the one in use), or set LIBTORCH to a libtorch $torch_version."
    fi
    die "pip failed; its last lines above say why. Nothing was changed; run this again once that is mended.$gpu_hint"
}

install_libtorch() {
    check_platform
    # What is needed is the folder itself and, beside it until pip ends, the wheels.
    case "$(uname -s) $variant" in
        "Darwin "*) size="80 MB to fetch, 0.4 GB on disk" room=800 packages="--no-deps torch==$torch_version" ;;
        *cpu)
            size="0.5 GB to fetch, 1.2 GB on disk" room=1900
            packages="--no-deps torch==$torch_version $cuda_libraries_of_the_cpu_part"
            ;;
        *) size="2.5 GB to fetch, 5 GB on disk" room=7500 packages="torch==$torch_version" ;;
    esac
    check_disk_space "$room"

    # Everything happens in this folder, pip's temporary files included: /tmp is often a small memory disk.
    work=$PWD/.torch-part.$$
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM HUP
    for leftover in .torch-part.*; do
        kill -0 "${leftover##*.}" 2>/dev/null || rm -rf "$leftover"
    done
    mkdir -p "$work/tmp" || die "cannot write in the repository: make it writable for this user."
    find_pip

    say "installing libtorch $torch_version ($variant) into .torch: $size."
    # shellcheck disable=SC2086 # the packages are a list of words
    TMPDIR=$work/tmp PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 \
        "$python" -m pip install --no-compile --target "$work/torch" --log "$work/pip.log" \
        --python-version "$wheel_python" --only-binary=:all: $packages || explain_pip_failure "$work/pip.log"

    has_libtorch "$work/torch/torch" || die "what pip installed as torch $torch_version is not libtorch $torch_version."
    "$python" - "$work/torch/torch/lib" <<'PYTHON' || die "libtorch was installed but cannot be loaded, for the reason above."
import ctypes, os, sys
for name in ("libtorch_cpu.so", "libtorch_cpu.dylib"):
    path = os.path.join(sys.argv[1], name)
    if os.path.exists(path):
        try:
            ctypes.CDLL(path)
        except OSError as error:
            sys.exit(str(error))
PYTHON

    echo "$torch_version $variant" >"$work/torch/${stamp##*/}"
    [ ! -e .torch ] || mv .torch "$work/replaced"
    mv "$work/torch" .torch
    ln -sfn .torch/torch .libtorch
    say "libtorch $torch_version ($variant) is ready."
}

check_build_tools

if [ -n "${LIBTORCH_USE_PYTORCH+set}" ]; then
    say "LIBTORCH_USE_PYTORCH is set: the build takes libtorch from the active Python's torch, and checks its version."
    exit 0
fi
if [ -n "${LIBTORCH+set}" ]; then
    case $LIBTORCH in
        /*) ;;
        *) die "LIBTORCH is '$LIBTORCH', but must be an absolute path: correct it, or unset it and run 'make set-up'." ;;
    esac
    check_users_own "LIBTORCH ($LIBTORCH)" "$LIBTORCH" "correct it, or unset it and run 'make set-up'"
    exit 0
fi
if [ -e .libtorch ] || [ -L .libtorch ]; then
    target=$(readlink .libtorch || echo "not a link")
else
    target=.torch/torch
fi
if [ "$target" != .torch/torch ]; then
    check_users_own ".libtorch ($target)" .libtorch "remove .libtorch and run 'make set-up'"
    exit 0
fi

gpu_hint=
case ${TORCH_VARIANT-} in
    cpu | cuda) variant=$TORCH_VARIANT ;;
    "")
        variant=cpu
        if has_nvidia_gpu; then
            variant=cuda
            gpu_hint=" (To do without the GPU, which takes a quarter of the space: TORCH_VARIANT=cpu make set-up)"
        fi
        ;;
    *) die "TORCH_VARIANT is '$TORCH_VARIANT': it must be cpu or cuda." ;;
esac

installed=$(cat $stamp 2>/dev/null) || installed=
if has_libtorch .torch/torch && case $installed in
    "$torch_version $variant" | "$torch_version cuda") ;;
    *) false ;;
esac then
    ln -sfn .torch/torch .libtorch
    say "libtorch $installed is there already."
    exit 0
fi
if [ "$installed $variant" = "$torch_version cpu cuda" ]; then
    say "this machine has an NVIDIA GPU, and the installed libtorch is for CPUs only: replacing it."
elif [ -e .torch ]; then
    say "what is in .torch is not a whole libtorch $torch_version: replacing it."
fi
install_libtorch
