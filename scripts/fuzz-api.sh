#!/usr/bin/env bash
# Drives the whole API by schemathesis, as each role and as nobody: makes the Python that this needs, then
# hands over to fuzz_api.py with all arguments (`--help` lists them).
set -euo pipefail
cd "$(dirname "$0")/.."

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "schemathesis needs Python 3.11 or newer; python3 here is $(python3 --version)" >&2
    exit 1
fi
venv="${CARGO_TARGET_DIR:-target}/fuzz-api/venv"
scripts/python-env.sh scripts/fuzz-api.requirements.txt "$venv"
exec "$venv/bin/python" scripts/fuzz_api.py "$@"
