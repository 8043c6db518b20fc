#!/usr/bin/env bash
# Checks the alerts of docs/prometheus by promtool, and plays its scenes: which alert fires when, and which does not.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/promtool.sh check rules docs/prometheus/custodian.rules.yml
scripts/promtool.sh test rules docs/prometheus/custodian.rules.test.yml
