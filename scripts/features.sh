#!/usr/bin/env bash
# Builds the service with every set of its features and shows that each does what it says: lints in all of them, the
# tests of refusals in the smallest ones, and one database in two builds. Installs cargo-hack first where it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

built=${CARGO_TARGET_DIR:-$PWD/target}
tool=$(scripts/cargo-tool.sh hack 0.6.46)

"$tool" hack clippy --locked --feature-powerset --exclude-features default \
    --lib --bins --test features --test upgrade -- -D warnings
# The default build runs these too, in `make test`.
"$tool" hack test --locked --each-feature --exclude-features default --exclude-all-features --test features

# Not `cargo build`: without the dependencies of tests most of the others would be built once more.
cargo test --locked --no-default-features --test upgrade --no-run
mkdir -p "$built/reduced"
cp "$built/debug/custodian" "$built/reduced/custodian"
AEGIS_REDUCED="$built/reduced/custodian" cargo test --locked --test upgrade
