#!/usr/bin/env bash
# Runs cargo-deny over the dependency tree; installs it first where it is missing.
#
# Checked: bans, licences and sources (deny.toml). Advisories are left out: their database is a git
# repository, not a package, and this gate has to pass where only package registries can be reached.
# With open network access, run `cargo deny check advisories` as well.
set -euo pipefail
cd "$(dirname "$0")/.."

tool=$(scripts/cargo-tool.sh deny 0.20.2)
exec "$tool" --locked check -D unmatched-skip bans licenses sources
