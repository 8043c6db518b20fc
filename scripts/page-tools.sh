#!/usr/bin/env bash
# Installs the programs that the pages for users call, where they are missing: curl and jq.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
for program in curl jq; do
    command -v "$program" >/dev/null || missing+=("$program")
done
[ ${#missing[@]} -eq 0 ] || scripts/apt-install.sh "${missing[@]}"
