#!/usr/bin/env bash
# Runs cargo-deny over the dependency tree; installs it first where it is missing.
#
# Checked: bans, licences and sources (deny.toml). Advisories are left out: their database is a git
# repository, not a package, and this gate has to pass where only package registries can be reached.
# With open network access, run `cargo deny check advisories` as well.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.20.2
tools=${AEGIS_TOOLS_DIR:-$PWD/target/tools}

# Only this version: another one reads deny.toml differently.
find_tool() {
    local candidate
    for candidate in "$tools/bin/cargo-deny" "$(command -v cargo-deny || true)"; do
        [ -x "$candidate" ] || continue
        [ "$("$candidate" --version)" = "cargo-deny $version" ] || continue
        echo "$candidate"
        return
    done
}

# Built without optimisation and debug information: the check takes a second either way, the build does not.
install_tool() {
    echo "cargo-deny $version is missing; building it in $tools (some minutes, once)" >&2
    CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$tools/build}" CARGO_PROFILE_DEV_DEBUG=0 \
        cargo install --quiet --locked --debug --version "$version" --root "$tools" cargo-deny >&2
    rm -rf "$tools/build"
}

tool=$(find_tool)
if [ -z "$tool" ]; then
    install_tool
    tool=$(find_tool)
fi
exec "$tool" --locked check -D unmatched-skip bans licenses sources
