#!/usr/bin/env bash
# Builds the service with every set of its features and shows that each does what it says: lints in all of them, the
# tests of refusals in the smallest ones, and one database in two builds. Installs cargo-hack first where it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.6.46
tools=${AEGIS_TOOLS_DIR:-$PWD/target/tools}
built=${CARGO_TARGET_DIR:-$PWD/target}

find_tool() {
    local candidate
    for candidate in "$tools/bin/cargo-hack" "$(command -v cargo-hack || true)"; do
        [ -x "$candidate" ] || continue
        [ "$("$candidate" hack --version 2>/dev/null)" = "cargo-hack $version" ] || continue
        echo "$candidate"
        return
    done
}

# Built without optimisation and debug information: it only starts cargo.
install_tool() {
    echo "cargo-hack $version is missing; building it in $tools (half a minute, once)" >&2
    CARGO_TARGET_DIR="$tools/build" CARGO_PROFILE_DEV_DEBUG=0 \
        cargo install --quiet --locked --debug --version "$version" --root "$tools" cargo-hack >&2
    rm -rf "$tools/build"
}

tool=$(find_tool)
if [ -z "$tool" ]; then
    install_tool
    tool=$(find_tool)
fi

"$tool" hack clippy --locked --feature-powerset --exclude-features default \
    --lib --bins --test features --test upgrade -- -D warnings
# The default build runs these too, in `make test`.
"$tool" hack test --locked --each-feature --exclude-features default --exclude-all-features --test features

# Not `cargo build`: without the dependencies of tests most of the others would be built once more.
cargo test --locked --no-default-features --test upgrade --no-run
mkdir -p "$built/reduced"
cp "$built/debug/custodian" "$built/reduced/custodian"
AEGIS_REDUCED="$built/reduced/custodian" cargo test --locked --test upgrade
