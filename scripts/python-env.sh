#!/usr/bin/env bash
# Makes .venv from tests/requirements.txt. Does nothing where there is no such file or nothing in it has changed.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=tests/requirements.txt
made=.venv/requirements.txt
[ -e "$wanted" ] || exit 0
cmp -s "$wanted" "$made" && exit 0

python3 -c 'import ensurepip, venv' 2>/dev/null || scripts/apt-install.sh python3-venv
python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check -r "$wanted"
cp "$wanted" "$made"
