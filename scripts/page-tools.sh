#!/usr/bin/env bash
# Installs the programs that the pages for users call, where they are missing.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
# PROGRAM:PACKAGE
for pair in curl:curl jq:jq openssl:openssl age-keygen:age pkcs11-tool:opensc softhsm2-util:softhsm2; do
    command -v "${pair%:*}" >/dev/null || missing+=("${pair#*:}")
done
[ ${#missing[@]} -eq 0 ] || scripts/apt-install.sh "${missing[@]}"
