#!/usr/bin/env bash
# Makes a Python environment from a file of requirements: `python-env.sh [FILE DIRECTORY]`, by default what the
# tests need in .venv. Does nothing where there is no such file or nothing in it has changed.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=${1:-tests/requirements.txt}
place=${2:-.venv}
made=$place/requirements.txt
[ -e "$wanted" ] || exit 0
cmp -s "$wanted" "$made" && exit 0

python3 -c 'import ensurepip, venv' 2>/dev/null || scripts/apt-install.sh python3-venv
python3 -m venv "$place"
"$place/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
cp "$wanted" "$made"
