#!/usr/bin/env bash
# Prints where a cargo subcommand of exactly this version is: `cargo-tool.sh NAME VERSION`; builds it first where it is
# missing (some minutes, once). Only this version: another one reads its configuration differently.
set -euo pipefail
cd "$(dirname "$0")/.."

name=$1 version=$2
tools=${AEGIS_TOOLS_DIR:-$PWD/target/tools}

find_tool() {
    local candidate
    for candidate in "$tools/bin/cargo-$name" "$(command -v "cargo-$name" || true)"; do
        [ -x "$candidate" ] || continue
        [ "$("$candidate" "$name" --version 2>/dev/null)" = "cargo-$name $version" ] || continue
        echo "$candidate"
        return
    done
}

# Built without optimisation and debug information: it takes a second either way, its build does not.
install_tool() {
    echo "cargo-$name $version is missing; building it in $tools" >&2
    CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$tools/build}" CARGO_PROFILE_DEV_DEBUG=0 \
        cargo install --quiet --locked --debug --version "$version" --root "$tools" "cargo-$name" >&2
    rm -rf "$tools/build"
}

tool=$(find_tool)
if [ -z "$tool" ]; then
    install_tool
    tool=$(find_tool)
fi
echo "$tool"
